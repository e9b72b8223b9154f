/** The page of those who run the visit. */

import { services } from "../shared/visit.js";
import { ConsoleApp } from "./app.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const { clinic = "", code = "" } = root.dataset;
new ConsoleApp(root, { clinic, services: services(code) }).start();
