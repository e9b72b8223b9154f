/** The patient's page. */

import { codeOf, services } from "../shared/visit.js";
import { JoinApp } from "./app.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const { clinic = "" } = root.dataset;
const code = codeOf(location.pathname);
const app = new JoinApp(root, { clinic, services: services(code ?? "") });
if (code) app.start();
else app.showHome();
