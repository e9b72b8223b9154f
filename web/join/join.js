/** The patient's page. */

import { startLanguage } from "../shared/messages.js";
import { services } from "../shared/visit.js";
import { JoinApp } from "./app.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const { clinic = "", code = "", language = "" } = root.dataset;
startLanguage(language);
const app = new JoinApp(root, { clinic, services: services(code) });
if (code) app.start();
else app.showHome();
