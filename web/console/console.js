/** The page of those who run the visit. */

import { startLanguage } from "../shared/messages.js";
import { services } from "../shared/visit.js";
import { ConsoleApp } from "./app.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const { clinic = "", code = "", language = "" } = root.dataset;
startLanguage(language);
new ConsoleApp(root, { clinic, services: services(code) }).start();
