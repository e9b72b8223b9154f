/** The page of those who run the visit. */

import { codeOf, services } from "../shared/visit.js";
import { ConsoleApp } from "./app.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
new ConsoleApp(root, {
  clinic: root.dataset.clinic ?? "",
  services: services(codeOf(location.pathname) ?? ""),
}).start();
