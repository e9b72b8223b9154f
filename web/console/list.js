/** The left place: today's list, who waits on top of what comes, with the way in for each. */

import { button, h, icon, initials, setAttr, setChildren, setText } from "../shared/dom.js";
import { count, language, lookup, t } from "../shared/messages.js";
import { clinicHead } from "./side.js";
import { grouped, patientOf } from "./today.js";

/** @import {StaffApp} from "./staff.js" */
/** @import {Group} from "./today.js" */
/** @import {VisitRow} from "../shared/visit-api.js" */

const GROUPS = /** @type {const} */ (["call", "waiting", "later", "done"]);
/** From here on a list is too long to look through. */
const MANY = 12;

export class VisitList {
  #app;
  #filter;
  #body = h("div", { class: "today-list" });
  #note = h("div", { class: "today-note", role: "status" });
  #sections;
  #empty;
  #none;
  #skeleton;
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #timer;

  /** @param {StaffApp} app @param {...(HTMLElement | null)} foot */
  constructor(app, ...foot) {
    this.#app = app;
    this.#filter = h("input", {
      class: "input today-filter",
      type: "search",
      placeholder: t("today.filter"),
      "aria-label": t("today.filter"),
      hidden: true,
      on: { input: () => this.update() },
    });
    this.#sections = GROUPS.map((group) => this.#section(group));
    this.#empty = h(
      "div",
      { class: "who-empty" },
      h("b", null, t("today.empty")),
      h("p", { class: "small muted" }, t("today.empty.text")),
    );
    this.#none = h("p", { class: "small muted who-empty" }, t("today.filter.none"));
    this.#skeleton = h(
      "div",
      { "aria-busy": "true" },
      h("p", { class: "sr-only" }, t("today.loading")),
      Array.from({ length: 6 }, () => h("div", { class: "skeleton skeleton-row" })),
    );
    this.#body.append(this.#skeleton, this.#empty, this.#none, ...this.#sections.map(({ el }) => el));
    this.el = h(
      "aside",
      { class: "console-who today", "aria-label": t("today.title") },
      h("h1", { class: "sr-only list-title", tabIndex: -1 }, t("today.title")),
      clinicHead(app),
      this.#note,
      this.#filter,
      this.#body,
      foot,
    );
    this.#timer = setInterval(() => this.tick(), 10_000);
    this.update();
  }

  /** @param {Group} group */
  #section(group) {
    const title = `today-${group}`;
    const number = h("span", { class: "num" });
    const list = h("ul", { class: "who-list" });
    const all =
      group === "waiting"
        ? button({
            label: t("today.admitAll"),
            class: "quiet admit-all",
            onclick: () => void this.#app.admitAll(),
          })
        : null;
    const el = h(
      "div",
      { role: "group", "aria-labelledby": title, hidden: true },
      h(
        "div",
        { class: "who-head" },
        h("h2", { id: title, class: "grow" }, t(`today.${group}`)),
        all,
        number,
      ),
      list,
    );
    return { group, el, number, list, all };
  }

  focusFilter() {
    if (!this.#filter.hidden) this.#filter.focus();
  }

  /** The rows that are shown, from top to bottom. @returns {VisitRow[]} */
  get shown() {
    const { rows } = this.#app.today;
    const wanted = plain(this.#filter.value);
    const groups = grouped(
      [...rows.values()].filter((row) => !wanted || plain(patientOf(row)?.name ?? "").includes(wanted)),
    );
    return GROUPS.flatMap((group) => groups[group]);
  }

  update() {
    const { today, selected } = this.#app;
    this.#filter.hidden = today.rows.size <= MANY;
    const shown = this.shown;
    const groups = grouped(shown);
    this.#skeleton.hidden = today.state !== "loading";
    this.#empty.hidden = today.state !== "ready" || today.rows.size > 0;
    this.#none.hidden = today.rows.size === 0 || shown.length > 0;
    for (const id of [...this.#rows.keys()]) if (!today.rows.has(id)) this.#rows.delete(id);
    for (const { group, el, number, list, all } of this.#sections) {
      const rows = groups[group];
      el.hidden = rows.length === 0;
      setText(number, String(rows.length));
      if (all) all.hidden = rows.length < 2;
      setChildren(
        list,
        rows.map((row) => this.#row(row, group, row.id === selected)),
      );
    }
    this.#drawNote();
  }

  /** @param {VisitRow} row @param {Group} group @param {boolean} chosen */
  #row(row, group, chosen) {
    const known = this.#rows.get(row.id) ?? new Row(this.#app, row.id);
    this.#rows.set(row.id, known);
    known.update(row, group, chosen);
    return known.el;
  }

  #drawNote() {
    const { online, degraded } = this.#app.today;
    const notes = [
      ...(online ? [] : [["warn", "wifi-off", t("today.offline"), ""]]),
      ...degraded.map(({ plugin }) => [
        "warn",
        "triangle-alert",
        t("today.degraded", {
          plugin:
            lookup(`${plugin}.title`, "today.title") === t("today.title")
              ? plugin
              : lookup(`${plugin}.title`, "today.title"),
        }),
        t("today.degraded.text"),
      ]),
    ];
    const key = JSON.stringify(notes);
    if (this.#note.dataset.key === key) return;
    this.#note.dataset.key = key;
    this.#note.replaceChildren(
      ...notes.map(([tone, name = "", words = "", title]) =>
        h("p", { class: `chip ${tone}`, title: title || null }, icon(name), words),
      ),
    );
  }

  /** Minutes go on without anybody telling. */
  tick() {
    for (const row of this.#rows.values()) row.tick();
  }

  close() {
    clearInterval(this.#timer);
  }
}

/** One visit in the list: whom it is for, how they are, and Admit for who waits. */
class Row {
  #app;
  #id;
  #name = h("span", { class: "who-name clip" });
  #text = h("span", { class: "small muted num clip" });
  #avatar = h("span", { class: "avatar", "aria-hidden": "true" });
  #dot = h("span", { class: "dot who-dot" });
  #item;
  #admit;
  /** @type {VisitRow | null} */
  #row = null;
  /** @type {Group} */
  #group = "later";

  /** @param {StaffApp} app @param {string} id */
  constructor(app, id) {
    this.#app = app;
    this.#id = id;
    this.#item = h(
      "button",
      { type: "button", class: "who-item", on: { click: () => app.select(id) } },
      this.#avatar,
      h("span", { class: "grow who-words" }, this.#name, this.#text),
      this.#dot,
    );
    this.#admit = button({
      label: t("today.admit"),
      class: "admit",
      onclick: () => void app.admit(this.#id),
    });
    this.el = h("li", { class: "today-row" }, this.#item, this.#admit);
  }

  /** @param {VisitRow} row @param {Group} group @param {boolean} chosen */
  update(row, group, chosen) {
    this.#row = row;
    this.#group = group;
    const name = patientOf(row)?.name ?? row.reason;
    setText(this.#name, name);
    setText(this.#avatar, initials(name));
    setAttr(this.#item, "aria-pressed", String(chosen));
    this.el.dataset.group = group;
    this.#admit.hidden = group !== "waiting";
    this.#admit.disabled = this.#app.busy.has(row.id);
    setAttr(this.#admit, "aria-label", t("today.admit.full", { name }));
    const light = patientOf(row)?.light ?? null;
    const dropped = patientOf(row)?.place === "dropped";
    const tone = dropped ? "bad" : { green: "good", amber: "warn", red: "bad" }[light ?? "green"];
    this.#dot.hidden = group === "later" || group === "done" || (!light && !dropped);
    setAttr(this.#dot, "data-tone", tone);
    setAttr(this.#avatar, "data-tone", group === "waiting" ? tone : null);
    this.tick();
  }

  tick() {
    if (!this.#row) return;
    const words = rowWords(this.#row, this.#group);
    setText(this.#text, words);
    setAttr(this.#item, "title", words);
  }
}

/** @param {VisitRow} row @param {Group} group @returns {string} */
export function rowWords(row, group) {
  const time = clock(row.starts_at);
  const patient = patientOf(row);
  if (group === "waiting") return [waits(row), lightWords(row)].filter(Boolean).join(" · ");
  if (group === "call")
    return [time, row.reason, patient?.place === "dropped" ? t("today.dropped") : ""]
      .filter(Boolean)
      .join(" · ");
  if (group === "later") return [time, row.reason].filter(Boolean).join(" · ");
  const badge = row.badges[0]?.text;
  const state = row.state === "noshow" || row.state === "cancelled" ? row.state : "finished";
  return [time, badge ?? t(`today.${state}`)].join(" · ");
}

/** @param {number} at @returns {string} */
export const clock = (at) =>
  new Intl.DateTimeFormat(language(), { hour: "numeric", minute: "2-digit" }).format(at);

/** @param {VisitRow} row */
export function waits(row) {
  const patient = patientOf(row);
  if (patient?.place === "dropped") return t("today.dropped");
  const minutes = Math.floor((Date.now() - (patient?.arrived_at ?? Date.now())) / 60_000);
  return minutes < 1 ? t("today.waits.now") : count("today.waits", minutes);
}

/** @param {VisitRow} row */
export function lightWords(row) {
  const light = patientOf(row)?.light;
  return light ? t(`today.light.${light}`) : t("today.light.unknown");
}

/** Accents and case don't matter when one looks for a name. @param {string} text */
const plain = (text) =>
  text
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "")
    .toLocaleLowerCase();
