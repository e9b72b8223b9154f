/** When it did not work, and when it is over. */

import { button, h, icon } from "../shared/dom.js";
import { errorAdvice, errorTitle } from "../shared/error-words.js";
import { t } from "../shared/messages.js";
import { frame } from "./frame.js";

/** @import {MediaError} from "../sdk/src/errors.js" */
/** @import {JoinApp} from "./app.js" */

/** @type {Record<string, string>} */
const ICONS = {
  link_expired: "link-2-off",
  room_locked: "lock",
  room_full: "users",
  room_closed: "check",
  connection_failed: "wifi-off",
  disconnected: "wifi-off",
  unsupported: "globe",
  replaced: "smartphone",
  removed: "door-open",
};

/** Trying the same again cannot help here. */
const FINAL = new Set(["link_expired", "unsupported", "room_closed", "not_allowed"]);

/**
 * @param {string} iconName
 * @param {string} title
 * @param {string} text
 * @param {"good" | "warn" | ""} tone
 */
function hero(iconName, title, text, tone) {
  return h(
    "div",
    { class: "hero" },
    h("span", { class: `hero-icon ${tone}`, "aria-hidden": "true" }, icon(iconName)),
    h("h1", { tabIndex: -1 }, title.replace(/\.$/, "")),
    h("p", null, text),
  );
}

/** @param {JoinApp} app */
export function homeView(app) {
  const el = frame(app, {}, hero("link-2-off", t("home.title"), t("home.text"), ""));
  return { el, close: () => {} };
}

/** @param {JoinApp} app @param {MediaError} error @param {() => void} retry */
export function failedView(app, error, retry) {
  const final = FINAL.has(error.code);
  const online = () => retry();
  if (error.code === "connection_failed") addEventListener("online", online, { once: true });
  const el = frame(
    app,
    {},
    hero(
      ICONS[error.code] ?? "circle-alert",
      errorTitle(error),
      errorAdvice(error),
      error.code === "room_closed" ? "good" : "warn",
    ),
    final
      ? null
      : h(
          "div",
          { class: "col actions" },
          button({ icon: "refresh-cw", label: t("app.retry"), class: "primary big", onclick: retry }),
        ),
  );
  return { el, close: () => removeEventListener("online", online) };
}

/** @param {JoinApp} app @param {{error: MediaError | null, left: boolean, again: (() => void) | null}} end */
export function endedView(app, { error, left, again }) {
  const closed = error?.code === "room_closed" || (!error && !left);
  const top = closed
    ? hero("check", t("ended.closed.title"), t("ended.closed.text"), "good")
    : error
      ? hero(ICONS[error.code] ?? "circle-alert", errorTitle(error), errorAdvice(error), "warn")
      : hero("log-out", t("ended.left.title"), t("ended.left.text"), "good");
  const el = frame(
    app,
    {},
    top,
    again && !closed
      ? h(
          "div",
          { class: "col actions" },
          button({ label: t("ended.rejoin"), class: "primary big", onclick: again }),
        )
      : null,
  );
  return { el, close: () => {} };
}

/** Out of the waiting room. @param {JoinApp} app @param {() => void} again */
export function leftView(app, again) {
  const el = frame(
    app,
    {},
    hero("log-out", t("wait.left.title"), t("wait.left.text"), "good"),
    h(
      "div",
      { class: "col actions" },
      button({ label: t("ended.rejoin"), class: "primary big", onclick: again }),
    ),
  );
  return { el, close: () => {} };
}
