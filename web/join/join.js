/** The patient's page. */

import { services } from "../shared/visit.js";
import { JoinApp } from "./app.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const { code = "", clinic = "" } = root.dataset;
new JoinApp(root, { clinic, services: services(code) }).start();
