/** The patient's page. */

import { services } from "../shared/visit.js";
import { JoinApp } from "./app.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const { clinic = "", code = "" } = root.dataset;
const app = new JoinApp(root, { clinic, services: services(code) });
if (code) app.start();
else app.showHome();
