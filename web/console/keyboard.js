/** Keyboard shortcuts of the console: single letters, never while somebody writes. */

import { panelDialog } from "../shared/dialog.js";
import { h } from "../shared/dom.js";
import { t } from "../shared/messages.js";

/** @import {MessageKey} from "../shared/messages.js" */

/** @typedef {{key: string, words: MessageKey, run: () => void}} Shortcut */

/** @param {EventTarget | null} target */
const writes = (target) =>
  target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");

/**
 * @param {Shortcut[]} shortcuts
 * @returns {() => void}  stops listening
 */
export function listenToKeys(shortcuts) {
  const listener = (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || writes(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const found = shortcuts.find(({ key }) => key === event.key.toLowerCase());
    if (!found) return;
    event.preventDefault();
    found.run();
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}

/** @param {Shortcut[]} shortcuts */
export function showShortcuts(shortcuts) {
  const rows = shortcuts.map(({ key, words }) =>
    h("li", null, h("span", { class: "grow" }, t(words)), h("kbd", null, key.toUpperCase())),
  );
  panelDialog(t("console.shortcuts"), h("ul", { class: "shortcuts" }, rows), t("app.close"));
}
