/** The left place: the clinic, oneself, who is in the call, and how the room is. */

import { button, clockTime, h, icon, initials, setAttr, setChildren, setText } from "../shared/dom.js";
import { languageSwitch } from "../shared/language-switch.js";
import { lookup, t } from "../shared/messages.js";
import { isDark, themeWords, toggleTheme } from "../shared/page.js";

/** @import {CallSession} from "../shared/call-session.js" */
/** @import {RemoteParticipant} from "../sdk/src/participants.js" */

/** @param {string} role */
export const roleWords = (role) => lookup(`people.role.${role}`, "people.role.other");

/** @param {{clinic: string, name: string, redraw: () => void}} app */
export function clinicHead(app) {
  const theme = button({
    icon: isDark() ? "sun" : "moon",
    label: themeWords(),
    class: "quiet",
    iconOnly: true,
    onclick: () => {
      toggleTheme();
      theme.replaceChildren(icon(isDark() ? "sun" : "moon"));
      theme.title = themeWords();
      theme.ariaLabel = themeWords();
    },
  });
  return h(
    "div",
    { class: "row console-clinic" },
    h("span", { class: "logo", "aria-hidden": "true" }, [...app.clinic][0]?.toLocaleUpperCase() ?? ""),
    h(
      "div",
      { class: "grow" },
      h("b", { class: "clip block" }, app.clinic),
      h("div", { class: "small muted clip" }, app.name),
    ),
    languageSwitch(() => app.redraw()),
    theme,
  );
}

/** How somebody is, as a word and a colour. @param {RemoteParticipant} person @param {boolean} speaking */
export function condition(person, speaking) {
  if (person.state === "reconnecting") return { tone: "bad", text: t("people.quality.lost") };
  if (person.hand) return { tone: "warn", text: t("people.hand") };
  if (person.quality === "weak") return { tone: "bad", text: t("people.quality.weak") };
  if (person.quality === "fair") return { tone: "warn", text: t("people.quality.fair") };
  if (speaking) return { tone: "good", text: t("people.speaking") };
  return { tone: "good", text: person.microphone.muted ? t("people.muted") : t("people.quality.good") };
}

export class Side {
  #call;
  #list = h("ul", { class: "who-list" });
  #nobody;
  #count = h("span", { class: "num" });
  #lock;
  #lockText = h("span");
  #end;
  /** @type {Map<string, {el: HTMLElement, row: HTMLElement, name: HTMLElement, text: HTMLElement, state: HTMLElement, avatar: HTMLElement, dot: HTMLElement}>} */
  #rows = new Map();

  /**
   * @param {{clinic: string, name: string, redraw: () => void}} app
   * @param {CallSession} call
   * @param {{lock: () => void, end: () => void}} actions
   */
  constructor(app, call, { lock, end }) {
    this.#call = call;
    this.#nobody = h(
      "div",
      { class: "who-empty" },
      h("b", null, t("people.nobody")),
      h("p", { class: "small muted" }, t("people.nobody.text")),
    );
    this.#lock = h("button", { type: "button", class: "btn", on: { click: lock } });
    this.#end = button({ icon: "phone-off", label: t("console.end"), class: "quiet bad", onclick: end });
    this.el = h(
      "aside",
      { class: "console-who", "aria-label": t("console.who") },
      clinicHead(app),
      h("div", { class: "who-head" }, h("span", null, t("people.inCall")), this.#count),
      this.#list,
      this.#nobody,
      h(
        "div",
        { class: "who-room" },
        h("p", { class: "small muted" }, this.#lockText),
        this.#lock,
        this.#end,
      ),
    );
  }

  update() {
    const { room } = this.#call;
    const people = room.participants;
    setText(this.#count, people.length > 0 ? String(people.length) : "");
    this.#nobody.hidden = people.length > 0;
    this.#list.hidden = people.length === 0;
    for (const id of [...this.#rows.keys()]) if (!people.some((p) => p.id === id)) this.#rows.delete(id);
    setChildren(
      this.#list,
      people.map((person) => this.#row(person)),
    );
    const admin = room.me?.admin ?? false;
    const lockIcon = room.locked ? "lock-open" : "lock";
    this.#lock.hidden = !admin;
    this.#end.hidden = !admin;
    setText(this.#lockText, t(room.locked ? "console.locked.text" : "console.open.text"));
    if (this.#lock.dataset.icon !== lockIcon) {
      this.#lock.dataset.icon = lockIcon;
      this.#lock.replaceChildren(icon(lockIcon), t(room.locked ? "console.unlock" : "console.lock"));
    }
    this.tick();
  }

  /** Times go on without anything happening. */
  tick() {
    for (const person of this.#call.room.participants) {
      const row = this.#rows.get(person.id);
      if (!row) continue;
      const since = person.joinedAt === null ? "" : ` · ${clockTime(Date.now() - person.joinedAt)}`;
      setText(row.text, `${roleWords(person.role)}${since}`);
    }
  }

  /** @param {RemoteParticipant} person */
  #row(person) {
    let row = this.#rows.get(person.id);
    if (!row) {
      const avatar = h("span", { class: "avatar", "aria-hidden": "true" });
      const name = h("span", { class: "who-name clip" });
      const text = h("span", { class: "small muted num clip" });
      const dot = h("span", { class: "dot who-dot" });
      const state = h("span", { class: "sr-only" });
      const button = h(
        "button",
        {
          type: "button",
          class: "who-item",
          on: { click: () => this.#call.togglePin(`${person.id}/camera`) },
        },
        avatar,
        h("span", { class: "grow who-words" }, name, text),
        state,
        dot,
      );
      row = { el: h("li", null, button), row: button, name, text, state, avatar, dot };
      this.#rows.set(person.id, row);
    }
    const speaking = this.#call.room.speaker === person;
    const { tone, text } = condition(person, speaking);
    setText(row.name, person.name);
    setText(row.avatar, initials(person.name));
    setAttr(row.dot, "data-tone", tone);
    setAttr(row.row, "title", text);
    setText(row.state, text);
    setAttr(row.row, "aria-pressed", String(this.#call.pinned === `${person.id}/camera`));
    return row.el;
  }
}
