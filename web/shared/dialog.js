/** Questions. The native dialog traps focus, closes on Escape and gives focus back. */

import { button, h } from "./dom.js";

/**
 * @param {{title: string, text?: string, yes: string, no: string, danger?: boolean}} question
 * @returns {Promise<boolean>}
 */
export function ask({ title, text, yes, no, danger = false }) {
  return new Promise((resolve) => {
    const answer = (/** @type {string} */ value) => () => dialog.close(value);
    const dialog = h(
      "dialog",
      { "aria-label": title },
      h("h2", null, title),
      text ? h("p", { class: "muted dialog-text" }, text) : null,
      h(
        "div",
        { class: "dialog-actions" },
        button({ label: no, onclick: answer("no") }),
        button({ label: yes, class: danger ? "danger" : "primary", onclick: answer("yes") }),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * A dialog with content of its own.
 * @param {string} title
 * @param {Element} content
 * @param {string} done
 * @param {string} [look]  of the button that closes it
 * @returns {HTMLDialogElement}
 */
export function panelDialog(title, content, done, look = "primary") {
  const dialog = h(
    "dialog",
    { "aria-label": title },
    h("h2", null, title),
    h("div", { class: "dialog-body" }, content),
    h(
      "div",
      { class: "dialog-actions" },
      button({ label: done, class: look, onclick: () => dialog.close() }),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
