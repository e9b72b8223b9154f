/**
 * The panels of the right-hand place. People and Messages are registered like any later plugin's panel:
 * an id, a word, an icon, and a function that makes it for a call.
 */

import { h, icon, setAttr, setText } from "../shared/dom.js";
import { t } from "../shared/messages.js";

/** @import {CallSession} from "../shared/call-session.js" */

/**
 * @typedef {object} Panel
 * @property {string} id
 * @property {string} label
 * @property {string} icon
 * @property {(call: CallSession) => {el: HTMLElement, update: () => void, focus?: () => void}} make
 * @property {(call: CallSession) => number} [count]  shown on the tab
 */

export class Panels {
  #call;
  #entries;
  #shown = "";

  /** @param {CallSession} call @param {Panel[]} panels */
  constructor(call, panels) {
    this.#call = call;
    this.#entries = panels.map((panel) => {
      const count = h("span", { class: "tab-count num", hidden: true });
      const tab = h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${panel.id}`,
          class: "tab",
          "aria-controls": `panel-${panel.id}`,
          on: { click: () => call.showPanel(panel.id) },
        },
        icon(panel.icon),
        panel.label,
        count,
      );
      const view = panel.make(call);
      const body = h(
        "div",
        {
          class: "panel-body",
          role: "tabpanel",
          id: `panel-${panel.id}`,
          "aria-labelledby": `tab-${panel.id}`,
        },
        view.el,
      );
      return { panel, tab, count, view, body };
    });
    const tabs = h(
      "div",
      {
        class: "tabs",
        role: "tablist",
        "aria-label": t("console.panel"),
        on: { keydown: (/** @type {KeyboardEvent} */ e) => this.#keys(e) },
      },
      this.#entries.map(({ tab }) => tab),
    );
    this.el = h(
      "aside",
      { class: "console-panel", "aria-label": t("console.panel") },
      tabs,
      this.#entries.map(({ body }) => body),
    );
  }

  update() {
    const open = this.#entries.find(({ panel }) => panel.id === this.#call.panel) ?? this.#entries[0];
    for (const entry of this.#entries) {
      const on = entry === open;
      setAttr(entry.tab, "aria-selected", String(on));
      entry.tab.tabIndex = on ? 0 : -1;
      entry.body.hidden = !on;
      const count = entry.panel.count?.(this.#call) ?? 0;
      entry.count.hidden = count === 0;
      setText(entry.count, String(count));
      if (on) entry.view.update();
    }
    if (open && this.#shown !== open.panel.id) {
      const first = this.#shown === "";
      this.#shown = open.panel.id;
      if (!first) open.view.focus?.();
    }
  }

  /** @param {KeyboardEvent} event */
  #keys(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = this.#entries.findIndex(({ tab }) => tab === document.activeElement);
    const forward = getComputedStyle(this.el).direction === "rtl" ? -step : step;
    const next = this.#entries[(at + forward + this.#entries.length) % this.#entries.length];
    if (!next) return;
    this.#call.showPanel(next.panel.id);
    next.tab.focus();
    event.preventDefault();
  }
}
