/** Messages of a call. */

import { button, h, icon, setChildren } from "./dom.js";
import { language, t } from "./messages.js";

/** @import {CallSession} from "./call-session.js" */
/** @import {Message} from "../sdk/src/room.js" */

const LONGEST = 2000;
const time = (/** @type {number} */ at) =>
  new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit" }).format(at);

export class Chat {
  #call;
  #list = h("div", { class: "chat-list", role: "log", "aria-label": t("chat.title"), tabIndex: 0 });
  #empty;
  #input;
  #failed;
  #shown = "";
  /** @type {Map<string, HTMLElement>} */
  #bubbles = new Map();

  /** @param {CallSession} call */
  constructor(call) {
    this.#call = call;
    this.#empty = h(
      "div",
      { class: "empty" },
      h("span", { class: "empty-icon" }, icon("message-circle")),
      h("b", null, t("chat.empty.title")),
      h("p", { class: "muted" }, t("chat.empty.text")),
    );
    this.#input = h("input", {
      class: "input",
      maxLength: LONGEST,
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
    const send = button({
      label: t("chat.send"),
      icon: "send",
      class: "primary icon",
      iconOnly: true,
      onclick: () => {},
    });
    send.type = "submit";
    this.el = h(
      "div",
      { class: "chat" },
      this.#list,
      this.#empty,
      this.#failed,
      h(
        "form",
        { class: "chat-form", on: { submit: (/** @type {Event} */ event) => this.#send(event) } },
        this.#input,
        send,
      ),
    );
  }

  /** @param {Event} event */
  async #send(event) {
    event.preventDefault();
    const text = this.#input.value.trim();
    if (!text) return;
    this.#failed.hidden = true;
    this.#input.value = "";
    try {
      await this.#call.room.say(text);
    } catch {
      // What was typed must not be lost with the connection.
      this.#input.value = this.#input.value || text;
      this.#failed.hidden = false;
    }
  }

  focus() {
    this.#input.focus();
  }

  update() {
    const { messages } = this.#call.room;
    const shown = messages.map(({ id }) => id).join(" ");
    this.#empty.hidden = messages.length > 0;
    this.#list.hidden = messages.length === 0;
    if (shown === this.#shown) return;
    this.#shown = shown;
    const atEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 60;
    const last = messages.at(-1);
    // Bubbles are kept, so that a screen reader hears only the new one.
    const bubbles = messages.map(
      (message, n) => this.#bubbles.get(message.id) ?? bubble(message, messages[n - 1]),
    );
    this.#bubbles = new Map(messages.map(({ id }, n) => [id, /** @type {HTMLElement} */ (bubbles[n])]));
    setChildren(this.#list, bubbles);
    if (atEnd || last?.own) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

/** @param {Message} message @param {Message | undefined} before */
function bubble(message, before) {
  const follows = before?.from === message.from && message.at - before.at < 120_000;
  return h(
    "div",
    { class: "bubble", data: { own: String(message.own), follows: String(follows) } },
    follows
      ? null
      : h(
          "span",
          { class: "bubble-head small" },
          h("b", null, message.own ? t("app.you") : message.name),
          h("time", { class: "num", dateTime: new Date(message.at).toISOString() }, time(message.at)),
        ),
    h("span", { class: "bubble-text", dir: "auto" }, message.text),
  );
}
