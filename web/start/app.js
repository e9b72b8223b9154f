/** Development's start page: an invented clinic, its people, and how to play a visit in two windows. */

import { frame } from "../join/frame.js";
import { button, h, icon, initials, setText } from "../shared/dom.js";
import { language, lookup, t } from "../shared/messages.js";
import { request } from "../shared/visit.js";

/** @import {DemoClinic} from "../shared/visit-api.js" */

export class StartApp {
  #root;
  clinic;
  /** @type {DemoClinic | null} */
  #demo = null;
  #failed = false;

  /** @param {HTMLElement} root @param {{clinic: string}} options */
  constructor(root, { clinic }) {
    this.#root = root;
    this.clinic = clinic;
  }

  async start() {
    try {
      this.#demo = await request("/api/v1/demo");
    } catch {
      this.#failed = true;
    }
    this.redraw();
  }

  redraw() {
    document.title = `${t("start.title")} · ${this.clinic}`;
    const { team = [], patients = [] } = this.#demo ?? {};
    const note = h(
      "p",
      { class: "note bad", role: "alert", hidden: !this.#failed },
      icon("circle-alert"),
      t("start.failed"),
    );
    const fail = () => {
      note.hidden = false;
    };
    this.#root.replaceChildren(
      frame(
        this,
        { wide: true },
        h(
          "div",
          { class: "start-head col" },
          h("h1", { tabIndex: -1 }, t("start.title")),
          h("p", { class: "muted" }, t("start.text")),
          h(
            "ol",
            { class: "how" },
            h("li", null, t("start.how.1")),
            h("li", null, t("start.how.2")),
            h("li", null, t("start.how.3")),
          ),
          note,
        ),
        team.length + patients.length > 0
          ? h(
              "div",
              { class: "start-lists" },
              section(
                "team",
                t("start.team"),
                team.map((one) => member(one, fail)),
              ),
              section("patients", t("start.patients"), patients.map(patient)),
            )
          : this.#failed
            ? null
            : h("p", { class: "note" }, icon("info"), t("start.none")),
      ),
    );
    /** @type {HTMLElement | null} */ (this.#root.querySelector("h1"))?.focus();
  }
}

/** @param {string} id @param {string} title @param {Element[]} rows */
function section(id, title, rows) {
  return h(
    "section",
    { class: "card start-card", "aria-labelledby": id },
    h("h2", { id }, title),
    h("ul", null, rows),
  );
}

/** @param {string} name @param {string} text @param {...Element} acts */
function row(name, text, ...acts) {
  return h(
    "li",
    { class: "start-row" },
    h("span", { class: "avatar", "aria-hidden": "true" }, initials(name)),
    h("div", { class: "grow" }, h("b", { class: "name" }, name), h("span", { class: "small muted" }, text)),
    h("div", { class: "row wrap" }, acts),
  );
}

/** @param {DemoClinic["team"][number]} one @param {() => void} fail */
function member({ id, name, role, title }, fail) {
  const go = button({
    icon: "log-in",
    label: t("start.signin"),
    onclick: async () => {
      go.disabled = true;
      try {
        await request("/api/v1/demo/session", { account: id });
        location.assign("/console");
      } catch {
        go.disabled = false;
        fail();
      }
    },
  });
  go.setAttribute("aria-label", t("start.signin.full", { name }));
  return row(name, title || lookup(`people.role.${role}`, "people.role.other"), go);
}

/** @param {DemoClinic["patients"][number]} one */
function patient({ name, link, starts_at, reason }) {
  const time = new Intl.DateTimeFormat(language(), { hour: "numeric", minute: "2-digit" }).format(starts_at);
  const open = h(
    "a",
    { class: "btn", href: link, target: "_blank", rel: "noopener" },
    icon("smartphone"),
    t("start.open"),
  );
  open.setAttribute("aria-label", t("start.open.full", { name }));
  const copy = button({
    label: t("start.copy"),
    class: "quiet",
    onclick: async () => {
      await navigator.clipboard.writeText(new URL(link, location.href).href).catch(() => {});
      setText(copy, t("start.copied"));
      setTimeout(() => setText(copy, t("start.copy")), 2000);
    },
  });
  copy.setAttribute("aria-label", t("start.copy.full", { name }));
  return row(name, [time, reason].filter(Boolean).join(" · "), open, copy);
}
