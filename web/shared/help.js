/** What to do when camera or microphone don't work, for the browser at hand. */

import { PermissionDenied } from "../sdk/src/errors.js";
import { button, h, icon } from "./dom.js";
import { errorAdvice, errorTitle } from "./error-words.js";
import { t } from "./messages.js";

/** @import {LocalSource} from "../sdk/src/local-source.js" */
/** @import {MessageKey} from "./messages.js" */

/**
 * Where this browser hides its permissions.
 * @param {string} agent  navigator.userAgent
 * @param {boolean} system  the system itself says no
 * @returns {MessageKey}
 */
export function permissionHelp(agent, system) {
  if (system) return "failed.permission.how.system";
  if (
    /iPhone|iPad/.test(agent) ||
    (/Safari\//.test(agent) && !/Chrom/.test(agent) && !/Android/.test(agent))
  ) {
    return "failed.permission.how.safari";
  }
  if (/Android/.test(agent)) return "failed.permission.how.android";
  return /Firefox\//.test(agent) ? "failed.permission.how.firefox" : "failed.permission.how.desktop";
}

/**
 * @param {LocalSource} microphone
 * @param {LocalSource} camera
 * @param {() => void} retry
 * @returns {HTMLElement | null}
 */
export function deviceHelp(microphone, camera, retry) {
  const denied = [microphone.error, camera.error].filter((error) => error instanceof PermissionDenied);
  const error = denied[0] ?? microphone.error ?? camera.error;
  if (!error) return null;
  const again = button({ icon: "refresh-cw", label: t("app.retry"), onclick: retry });
  if (!(error instanceof PermissionDenied))
    return noteOf("warn", errorTitle(error), errorAdvice(error), again);
  const both = denied.length === 2;
  const what = both
    ? "failed.permission.both"
    : error.device === "camera"
      ? "failed.permission.camera"
      : "failed.permission.microphone";
  return noteOf("bad", t(what), t(permissionHelp(navigator.userAgent, error.system)), again);
}

/** @param {string} tone @param {string} title @param {string} text @param {Element} action */
function noteOf(tone, title, text, action) {
  return h(
    "div",
    { class: `note ${tone}`, role: "alert" },
    icon(tone === "bad" ? "circle-alert" : "triangle-alert"),
    h(
      "div",
      { class: "grow col note-body" },
      h("div", null, h("b", null, title), h("p", null, text)),
      action,
    ),
  );
}
