/**
 * The waiting room as the one who waits sees it: who is next, how long it takes, themselves, and the front desk.
 * Built once and changed in place: words that somebody is writing outlive whatever the server tells meanwhile.
 */

import { challengeForm } from "./challenge.js";

/** @import {Host} from "../steps.js" */
/** @import {Line, WaitingView} from "../../shared/visit-api.js" */

export default { id: "waiting", order: 90, mount };

/** What is shown when nobody tells of a queue: the door is there whether or not a plugin speaks. @type {WaitingView} */
const PLAIN = {
  position: null,
  estimate_minutes: null,
  since: 0,
  starts_at: null,
  clinician: null,
  desk: null,
  challenge: null,
  back: false,
  ready: false,
  check: null,
  messages: [],
};

/** @param {Host} host */
function mount(host) {
  return new Waiting(host);
}

class Waiting {
  #host;
  #since = Date.now();
  #title;
  #text;
  #bar;
  #progress;
  #times;
  #card;
  #challenge;
  #asked = "";
  #checks;
  #preview;
  #desk;
  #list;
  #deskState;
  #deskEmpty;
  #ready = false;
  /** @type {Map<string, HTMLElement>} */
  #bubbles = new Map();
  #stops;
  #timer;

  /** @param {Host} host */
  constructor(host) {
    this.#host = host;
    const { ui, t, parts, media } = host;
    const { h, button } = ui;
    this.#title = h("h1", { tabIndex: -1 });
    this.#text = h("p");
    this.#bar = h("i");
    this.#progress = h(
      "div",
      {
        class: "meter",
        role: "progressbar",
        "aria-label": t("wait.progress"),
        "aria-valuemin": 0,
        "aria-valuemax": 100,
      },
      this.#bar,
    );
    this.#times = h("div", { class: "row wait-times num" });
    this.#card = h(
      "section",
      { class: "wait-card" },
      h("div", { class: "col", "aria-live": "polite" }, this.#title, this.#text),
      this.#progress,
      this.#times,
    );
    this.#challenge = h("div");
    this.#preview = new parts.Preview(media);
    this.#checks = h("ul", { class: "checks" });
    this.#list = h("div", {
      class: "chat-list",
      role: "log",
      "aria-label": t("wait.desk.title"),
      tabIndex: 0,
    });
    this.#deskState = h("span", { class: "chip" });
    this.#deskEmpty = h("p", { class: "muted" }, t("wait.desk.empty"));
    this.#desk = this.#makeDesk();
    host.el.replaceChildren(
      this.#card,
      this.#challenge,
      h("div", { class: "wait-self" }, this.#preview.el, this.#checks),
      this.#desk,
      button({
        icon: "log-out",
        label: t("wait.leave"),
        class: "quiet",
        onclick: () => void this.#leave(),
      }),
    );
    this.#preview.level.onHeard = () => this.#update();
    this.#stops = [
      host.on("view", () => this.#update()),
      host.on("network", () => this.#update()),
      host.on("room", () => this.#update()),
      media.on("change", () => this.#update()),
    ];
    this.#timer = setInterval(() => this.#tick(), 5000);
    this.#update();
  }

  /** @returns {WaitingView} */
  get #view() {
    return this.#host.view ?? { ...PLAIN, since: this.#since };
  }

  #makeDesk() {
    const { ui, t } = this.#host;
    const { h, icon, button } = ui;
    const input = h("input", {
      class: "input",
      maxLength: 2000,
      placeholder: t("chat.placeholder"),
      "aria-label": t("chat.placeholder"),
      autocomplete: "off",
      enterKeyHint: "send",
    });
    const failed = h(
      "p",
      { class: "note bad small", role: "alert", hidden: true },
      icon("circle-alert"),
      t("chat.failed"),
    );
    const send = button({ label: t("chat.send"), class: "primary", onclick: () => {} });
    send.type = "submit";
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (!text) return;
      failed.hidden = true;
      input.value = "";
      try {
        await this.#host.api("say", { text });
        await this.#host.refresh();
      } catch {
        // What was typed must not be lost with the connection.
        input.value = input.value || text;
        failed.hidden = false;
      }
    };
    return h(
      "section",
      { class: "card desk", "aria-labelledby": "desk-title" },
      h(
        "div",
        { class: "row wrap" },
        h("h2", { class: "grow", id: "desk-title" }, t("wait.desk.title")),
        this.#deskState,
      ),
      this.#deskEmpty,
      this.#list,
      failed,
      h("form", { class: "row", on: { submit } }, h("div", { class: "grow" }, input), send),
    );
  }

  #update() {
    const { ui } = this.#host;
    const view = this.#view;
    this.#preview.update();
    const { title, text } = this.#words(view);
    ui.setText(this.#title, title);
    ui.setText(this.#text, text);
    ui.setAttr(this.#card, "data-ready", view.ready);
    if (view.ready && !this.#ready) this.#host.parts.chime();
    this.#ready = view.ready;
    this.#drawChallenge(view);
    this.#drawChecks();
    this.#drawDesk(view);
    this.#tick();
  }

  /** @param {WaitingView} view */
  #words(view) {
    const { t, count, session } = this.#host;
    const name = firstName(session.name);
    const who = view.clinician ?? t("wait.doctor");
    if (view.ready) return { title: t("wait.ready", { who }), text: t("wait.ready.text") };
    if (view.back) return { title: t("wait.back", { name }), text: t("wait.back.text") };
    const { position, estimate_minutes: minutes } = view;
    const title =
      position === null
        ? t("wait.here", { name })
        : position <= 1
          ? t("wait.next", { name })
          : count("wait.ahead", position - 1, { name });
    const estimate =
      minutes === null
        ? t("wait.estimate.unknown")
        : minutes < 1
          ? t("wait.estimate.soon", { who })
          : count("wait.estimate", minutes, { who });
    return { title, text: `${estimate} ${t("wait.keep")}` };
  }

  /** Time goes on without anybody telling. */
  #tick() {
    const { ui, t, language } = this.#host;
    const { since, starts_at: appointment, estimate_minutes: minutes } = this.#view;
    const clock = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
    const words = [t("wait.since", { time: clock.format(since) })];
    if (appointment !== null) words.push(t("wait.appointment", { time: clock.format(appointment) }));
    if (this.#times.textContent !== words.join("")) {
      this.#times.replaceChildren(...words.map((text) => ui.h("span", null, text)));
    }
    const waited = Date.now() - since;
    // Never full while somebody still waits: a full bar that stays is a lie.
    const part = minutes === null ? null : Math.min(0.95, waited / (waited + minutes * 60_000 + 30_000));
    this.#progress.hidden = part === null;
    if (part === null) return;
    this.#bar.style.setProperty("--level", part.toFixed(3));
    ui.setAttr(this.#progress, "aria-valuenow", String(Math.round(part * 100)));
  }

  /** @param {WaitingView} view */
  #drawChallenge({ challenge }) {
    const asked = JSON.stringify(challenge);
    if (asked === this.#asked) return;
    this.#asked = asked;
    const had = this.#challenge.contains(document.activeElement);
    this.#challenge.replaceChildren(...(challenge ? [challengeForm(this.#host, challenge)] : []));
    if (had) (this.#challenge.querySelector("input") ?? this.#title).focus();
  }

  #drawChecks() {
    const { ui, t, media, network } = this.#host;
    /** @type {[string, string, string][]} */
    const rows = [
      media.camera.track
        ? ["good", "check", t("join.camera.works")]
        : ["", "video-off", t("join.camera.off")],
      media.microphone.track && !media.microphone.muted
        ? ["good", "check", t("join.microphone.works")]
        : ["", "mic-off", t("join.microphone.off")],
      network === "trouble"
        ? ["warn", "wifi-off", t("wait.network.lost")]
        : ["good", "wifi", t("wait.network.good")],
    ];
    const key = JSON.stringify(rows);
    if (this.#checks.dataset.key === key) return;
    this.#checks.dataset.key = key;
    this.#checks.replaceChildren(
      ...rows.map(([tone, name, text]) => ui.h("li", { class: tone }, ui.icon(name), text)),
    );
  }

  /** @param {WaitingView} view */
  #drawDesk({ desk, messages }) {
    const { ui, t } = this.#host;
    this.#desk.hidden = this.#host.view === null;
    const here = desk?.here ?? false;
    const words = here ? t("wait.desk.here", { name: desk?.name ?? "" }) : t("wait.desk.away");
    if (this.#deskState.textContent !== words) {
      this.#deskState.replaceChildren(...(here ? [ui.h("span", { class: "dot" })] : []), words);
      this.#deskState.className = `chip ${here ? "good" : ""}`;
    }
    this.#deskEmpty.hidden = messages.length > 0;
    this.#list.hidden = messages.length === 0;
    const more = messages.some(({ id }) => !this.#bubbles.has(id));
    this.#bubbles = new Map(
      messages.map((line) => [line.id, this.#bubbles.get(line.id) ?? this.#bubble(line)]),
    );
    ui.setChildren(this.#list, [...this.#bubbles.values()]);
    if (more) this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** @param {Line} line */
  #bubble({ own, name, text }) {
    const { ui, t } = this.#host;
    const { h } = ui;
    return h(
      "div",
      { class: "bubble", data: { own: String(own) } },
      h("span", { class: "sr-only" }, own ? t("app.you") : name),
      h("span", { class: "bubble-text", dir: "auto" }, text),
    );
  }

  async #leave() {
    const { ui, t } = this.#host;
    const sure = await ui.ask({
      title: t("wait.leave.title"),
      text: t("wait.leave.text"),
      yes: t("ask.leave.yes"),
      no: t("ask.leave.no"),
      danger: true,
    });
    if (sure) this.#host.leave();
  }

  close() {
    clearInterval(this.#timer);
    for (const stop of this.#stops) stop();
    this.#preview.close();
  }
}

/** "Maria" of "Maria Santos": what a person is called by. @param {string} name */
const firstName = (name) => name.split(" ")[0] || name;
