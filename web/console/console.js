/** The page of those who run the visit. */

import { startLanguage } from "../shared/messages.js";
import { services } from "../shared/visit.js";
import { ConsoleApp } from "./app.js";
import { StaffApp } from "./staff.js";
import { staffServices } from "./today.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const { clinic = "", code = "", language = "" } = root.dataset;
startLanguage(language);
if (code) new ConsoleApp(root, { clinic, services: services(code) }).start();
else new StaffApp(root, { clinic, services: staffServices() }).start();
