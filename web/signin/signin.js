/** The page where those who work at the clinic sign in. */

import { startLanguage } from "../shared/messages.js";
import { SignInApp } from "./app.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const { clinic = "", oidc = "", next = "/console" } = root.dataset;
startLanguage();
const expired = new URLSearchParams(location.search).has("expired");
new SignInApp(root, { clinic, oidc, next, expired }).redraw();
