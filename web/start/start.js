/** Development's start page. */

import { startLanguage } from "../shared/messages.js";
import { StartApp } from "./app.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
startLanguage();
void new StartApp(root, { clinic: root.dataset.clinic ?? "" }).start();
