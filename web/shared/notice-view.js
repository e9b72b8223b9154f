/** The notice of a call and its toasts, drawn, and said to a screen reader. */

import { button, h, icon, setAttr, setChildren, setText } from "./dom.js";
import { t } from "./messages.js";

/** @import {CallSession} from "./call-session.js" */

export class NoticeView {
  #call;
  #openDevices;
  #icon = h("span", { class: "notice-icon" });
  #title = h("b");
  #text = h("span", { class: "notice-text" });
  #action = h("span", { class: "notice-action" });
  #shown = "";
  el = h("div", { class: "notice", role: "status", hidden: true });

  /** @param {CallSession} call @param {() => void} openDevices */
  constructor(call, openDevices) {
    this.#call = call;
    this.#openDevices = openDevices;
    this.el.append(
      this.#icon,
      h("span", { class: "grow notice-words" }, this.#title, this.#text),
      this.#action,
    );
  }

  update() {
    const notice = this.#call.notice;
    this.el.hidden = notice === null;
    if (!notice) {
      this.#shown = "";
      return;
    }
    const shown = JSON.stringify(notice);
    if (shown === this.#shown) return;
    this.#shown = shown;
    setAttr(this.el, "data-kind", notice.kind);
    this.#icon.replaceChildren(icon(notice.icon));
    setText(this.#title, notice.title);
    setText(this.#text, notice.text);
    this.#action.replaceChildren();
    if (notice.action === "unmute") {
      this.#action.append(
        button({ label: t("control.unmute"), onclick: () => void this.#call.toggleMicrophone() }),
      );
    } else if (notice.action === "devices") {
      this.#action.append(button({ label: t("note.lost.action"), onclick: this.#openDevices }));
    }
  }
}

export class Toasts {
  #call;
  /** @type {Map<number, HTMLElement>} */
  #elements = new Map();
  el = h("div", { class: "toasts", role: "log", "aria-live": "polite" });

  /** @param {CallSession} call */
  constructor(call) {
    this.#call = call;
  }

  update() {
    const { toasts } = this.#call;
    for (const toast of toasts) {
      if (this.#elements.has(toast.id)) continue;
      const { action } = toast;
      const run = () => {
        action?.run();
        this.#call.dismiss(toast.id);
      };
      this.#elements.set(
        toast.id,
        h(
          "div",
          { class: "toast" },
          icon(toast.icon),
          h("span", { class: "grow" }, toast.text),
          action ? button({ label: action.label, onclick: run }) : null,
        ),
      );
    }
    for (const id of [...this.#elements.keys()]) {
      if (!toasts.some((toast) => toast.id === id)) this.#elements.delete(id);
    }
    setChildren(this.el, [...this.#elements.values()]);
  }
}
