/** The middle place outside a call: the chosen visit, what is known before one admits, and the way in. */

import { button, h, icon, initials, setChildren, setText } from "../shared/dom.js";
import { language, lookup, t } from "../shared/messages.js";
import { clock, lightWords, waits } from "./list.js";
import { roleWords } from "./side.js";
import { groupOf, patientOf } from "./today.js";

/** @import {StaffApp} from "./staff.js" */
/** @import {Group} from "./today.js" */
/** @import {VisitPersonRow, VisitRow} from "../shared/visit-api.js" */

/** A badge's tone as ours. @type {Record<string, string>} */
const TONES = { neutral: "", good: "good", waiting: "info", warning: "warn", bad: "bad" };

export class VisitView {
  #app;
  #drawn = "";
  #title = h("h1", { class: "clip", tabIndex: -1 });
  #born = h("span", { class: "muted small" });
  #chips = h("div", { class: "row wrap visit-chips" });
  #body = h("div", { class: "visit-body" });
  #messages;

  /** @param {StaffApp} app */
  constructor(app) {
    this.#app = app;
    const back = button({
      icon: "chevron-left",
      label: t("visit.back"),
      class: "quiet visit-back",
      iconOnly: true,
      onclick: () => app.select(null),
    });
    this.el = h(
      "section",
      { class: "console-mid visit", "aria-label": t("visit.choose") },
      h("header", { class: "console-banner" }, back, h("div", { class: "grow" }, this.#title, this.#born)),
      this.#chips,
      this.#body,
    );
    this.#messages = new VisitMessages(app);
    this.panel = this.#messages.el;
    this.update();
  }

  update() {
    const row = this.#app.visit;
    this.#messages.update(row);
    const minute = Math.floor(Date.now() / 60_000);
    const drawn = JSON.stringify([row, minute, row && this.#app.busy.has(row.id), this.#app.today.state]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const focused = this.#body.contains(document.activeElement) ? document.activeElement?.id : "";
    if (row) this.#draw(row);
    else this.#drawNothing();
    if (focused) document.getElementById(focused)?.focus();
  }

  #drawNothing() {
    const failed = this.#app.today.state === "failed";
    setText(this.#title, t("today.title"));
    setText(this.#born, "");
    setChildren(this.#chips, []);
    this.#body.replaceChildren(
      h(
        "div",
        { class: "empty", role: failed ? "alert" : null },
        h("span", { class: "empty-icon" }, icon(failed ? "wifi-off" : "stethoscope")),
        h("b", null, t(failed ? "today.failed" : "visit.choose")),
        h("p", { class: "muted" }, t(failed ? "today.failed.text" : "visit.choose.text")),
        failed
          ? button({ icon: "refresh-cw", label: t("app.retry"), onclick: () => void this.#app.start() })
          : null,
      ),
    );
  }

  /** @param {VisitRow} row */
  #draw(row) {
    const patient = patientOf(row);
    const group = groupOf(row);
    setText(this.#title, patient?.name ?? row.reason);
    setText(this.#born, patient?.birth_date ? born(patient.birth_date) : "");
    setChildren(this.#chips, chips(row, patient));
    const facts = [
      [t("visit.when"), `${clock(row.starts_at)} – ${clock(row.ends_at)}`],
      [t("visit.reason"), row.reason || "–"],
      [t("visit.clinician"), row.clinician_name || "–"],
    ];
    this.#body.replaceChildren(
      this.#way(row, group, patient),
      h(
        "dl",
        { class: "card facts" },
        facts.map(([name = "", value = ""]) => h("div", null, h("dt", null, name), h("dd", null, value))),
      ),
      h(
        "section",
        { class: "card padded", "aria-labelledby": "visit-people" },
        h("h2", { id: "visit-people" }, t("visit.people")),
        h("ul", { class: "people-short" }, row.people.map(personRow)),
      ),
    );
  }

  /** What can be done now: one large button, the rest quiet. @param {VisitRow} row @param {Group} group @param {VisitPersonRow | undefined} patient */
  #way(row, group, patient) {
    if (group === "done") return h("p", { class: "note" }, icon("check"), t("visit.over"));
    const waiting = group === "waiting";
    const name = patient?.name ?? "";
    const main = button({
      icon: waiting ? "door-open" : "video",
      label: t(waiting ? "visit.start" : "visit.enter"),
      class: "primary big",
      onclick: () => void (waiting ? this.#app.admit(row.id) : this.#app.enter(row.id)),
    });
    main.id = "visit-main";
    main.disabled = this.#app.busy.has(row.id);
    const transfer = button({
      icon: "arrow-left-right",
      label: t("visit.transfer"),
      onclick: () => void this.#app.transfer(row.id),
    });
    transfer.id = "visit-transfer";
    const phone = patient?.phone;
    return h(
      "div",
      { class: "card padded col visit-way", data: { light: (waiting && patient?.light) || "" } },
      waiting
        ? h(
            "p",
            { class: "row" },
            h("span", { class: "dot who-dot", data: { tone: toneOf(patient) } }),
            h("span", null, `${waits(row)} · ${lightWords(row)}`),
          )
        : group === "later"
          ? h("p", { class: "muted" }, t("visit.notYet", { name }))
          : null,
      main,
      h(
        "div",
        { class: "row wrap" },
        phone
          ? h(
              "a",
              { class: "btn", href: `tel:${phone.replace(/[^+\d]/g, "")}` },
              icon("phone"),
              t("visit.call", { phone }),
            )
          : null,
        this.#app.today.colleagues.length > 0 ? transfer : null,
      ),
    );
  }

  focus() {
    this.#title.focus();
  }

  close() {}
}

/** @param {VisitPersonRow | undefined} patient */
function toneOf(patient) {
  if (patient?.place === "dropped") return "bad";
  return { green: "good", amber: "warn", red: "bad" }[patient?.light ?? "green"];
}

/** @param {VisitRow} row @param {VisitPersonRow | undefined} patient @returns {HTMLElement[]} */
function chips(row, patient) {
  const chip = (
    /** @type {string} */ tone,
    /** @type {string} */ name,
    /** @type {string} */ words,
    title = "",
  ) => h("span", { class: `chip ${tone}`, title: title || null }, icon(name), words);
  const made = row.badges.map(({ text, tone, detail }) =>
    chip(
      TONES[tone] ?? "",
      tone === "good" ? "check" : tone === "neutral" ? "info" : "triangle-alert",
      text,
      detail,
    ),
  );
  if (patient?.location) made.push(chip("", "map-pin", t("visit.location", { place: patient.location })));
  else if (patient) made.push(chip("", "map-pin", t("visit.location.none")));
  if (patient?.verified === true) made.push(chip("good", "shield-check", t("visit.verified")));
  if (patient?.verified === false) made.push(chip("warn", "shield-check", t("visit.unverified")));
  return made;
}

/** @param {VisitPersonRow} person */
function personRow(person) {
  const { name, role, place } = person;
  const tone = { present: "good", waiting: "info", dropped: "bad", away: "" }[place];
  return h(
    "li",
    { class: "row" },
    h("span", { class: "avatar", "aria-hidden": "true" }, initials(name)),
    h(
      "span",
      { class: "grow" },
      h("b", { class: "block clip" }, name),
      h("span", { class: "small muted" }, roleWords(role)),
    ),
    h("span", { class: `chip ${tone}` }, lookup(`visit.place.${place}`, "visit.place.away")),
  );
}

/** @param {string} date  ISO 8601 */
function born(date) {
  const birth = new Date(`${date}T00:00:00Z`);
  const now = new Date();
  const had =
    now.getUTCMonth() > birth.getUTCMonth() ||
    (now.getUTCMonth() === birth.getUTCMonth() && now.getUTCDate() >= birth.getUTCDate());
  const age = now.getUTCFullYear() - birth.getUTCFullYear() - (had ? 0 : 1);
  const words = new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeZone: "UTC" }).format(birth);
  return t("visit.born", { age, date: words });
}

/** The right place outside a call: what is written with who waits. */
class VisitMessages {
  #app;
  #title = h("h2", { id: "visit-messages" });
  #list;
  #empty = h("p", { class: "muted" });
  #input;
  #send;
  #failed;
  #shown = "";

  /** @param {StaffApp} app */
  constructor(app) {
    this.#app = app;
    this.#list = h("div", {
      class: "chat-list",
      role: "log",
      "aria-labelledby": "visit-messages",
      tabIndex: 0,
    });
    this.#input = h("input", {
      class: "input",
      maxLength: 2000,
      placeholder: t("chat.placeholder"),
      "aria-label": t("chat.placeholder"),
      autocomplete: "off",
      enterKeyHint: "send",
    });
    this.#failed = h(
      "p",
      { class: "note bad small", role: "alert", hidden: true },
      icon("circle-alert"),
      t("chat.failed"),
    );
    this.#send = button({
      label: t("chat.send"),
      icon: "send",
      class: "primary icon",
      iconOnly: true,
      onclick: () => {},
    });
    this.#send.type = "submit";
    this.el = h(
      "aside",
      { class: "console-panel", "aria-label": t("chat.title") },
      h("div", { class: "panel-title" }, this.#title),
      h(
        "div",
        { class: "chat" },
        this.#list,
        h("div", { class: "empty" }, h("span", { class: "empty-icon" }, icon("message-circle")), this.#empty),
        this.#failed,
        h(
          "form",
          { class: "chat-form", on: { submit: (/** @type {Event} */ event) => void this.#submit(event) } },
          this.#input,
          this.#send,
        ),
      ),
    );
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const text = this.#input.value.trim();
    const row = this.#app.visit;
    if (!text || !row) return;
    this.#failed.hidden = true;
    this.#input.value = "";
    try {
      await this.#app.say(row.id, text);
    } catch {
      this.#input.value = this.#input.value || text;
      this.#failed.hidden = false;
    }
  }

  /** @param {VisitRow | null} row */
  update(row) {
    this.el.hidden = row === null;
    if (!row) return;
    const waiting = groupOf(row) === "waiting";
    setText(this.#title, t("visit.messages", { name: patientOf(row)?.name ?? "" }));
    setText(this.#empty, t(waiting ? "visit.messages.empty" : "visit.messages.away"));
    this.#input.disabled = this.#send.disabled = !waiting;
    const shown = JSON.stringify([row.id, row.messages]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#list.hidden = row.messages.length === 0;
    /** @type {HTMLElement} */ (this.#empty.parentElement).hidden = row.messages.length > 0;
    this.#list.replaceChildren(
      ...row.messages.map(({ name, text, at, own }) =>
        h(
          "div",
          { class: "bubble", data: { own: String(own) } },
          h(
            "span",
            { class: "bubble-head small" },
            h("b", null, own ? t("app.you") : name),
            h("time", { class: "num" }, clock(at)),
          ),
          h("span", { class: "bubble-text", dir: "auto" }, text),
        ),
      ),
    );
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}
