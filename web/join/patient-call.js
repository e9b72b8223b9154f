/** The call as a patient sees it: the other's face, a few large controls with words. */

import { isPhone } from "../sdk/src/support.js";
import { CallFrame } from "../shared/call-frame.js";
import { Chat } from "../shared/chat.js";
import { ask } from "../shared/dialog.js";
import { CONTROLS, Dock, leaveControl, messagesControl, openMenu } from "../shared/dock.js";
import { button, clockTime, h, icon, setAttr, setText } from "../shared/dom.js";
import { otherLanguages } from "../shared/language-switch.js";
import { t } from "../shared/messages.js";
import { isDark, themeWords, toggleTheme } from "../shared/page.js";

/** @import {CallSession} from "../shared/call-session.js" */
/** @import {Control} from "../shared/dock.js" */
/** @import {JoinApp} from "./app.js" */

export class PatientCall {
  #app;
  #call;
  #frame;
  #dock;
  #chat;
  #who = h("b", { class: "call-who clip" });
  #where = h("span", { class: "num" });
  #layout;
  #clock;

  /** @param {JoinApp} app @param {CallSession} call */
  constructor(app, call) {
    this.#app = app;
    this.#call = call;
    this.#frame = new CallFrame(call, {
      emptyText: "stage.empty.patient",
      title: app.title,
      speaker: app.speaker,
    });
    this.#chat = new Chat(call);
    const { microphone, camera, screen, hand } = CONTROLS;
    const controls = [
      microphone,
      camera,
      screen,
      hand,
      messagesControl(),
      this.#more(),
      leaveControl(() => this.#leave()),
    ];
    this.#dock = new Dock(call, controls, { words: true });
    this.#layout = h("button", {
      type: "button",
      class: "stage-button",
      on: { click: () => call.toggleLayout() },
    });
    const close = button({
      icon: "x",
      label: t("app.close"),
      class: "quiet",
      iconOnly: true,
      onclick: () => call.showPanel(null),
    });
    const { stage, notice, toasts, audio, tap } = this.#frame;
    const bottom = h("div", { class: "call-bottom" }, notice.el, this.#dock.el);
    this.el = h(
      "main",
      { class: "call call-patient" },
      h("h1", { class: "sr-only", tabIndex: -1 }, t("title.call")),
      h(
        "div",
        { class: "call-stage" },
        stage.el,
        h(
          "header",
          { class: "call-top" },
          h(
            "div",
            { class: "grow call-title" },
            this.#who,
            h(
              "div",
              { class: "call-where small" },
              h("span", { class: "clip" }, app.clinic),
              " · ",
              this.#where,
            ),
          ),
          this.#layout,
          h("span", { class: "chip call-chip" }, icon("lock"), t("app.private")),
        ),
        toasts.el,
        bottom,
        tap.el,
      ),
      h(
        "aside",
        { class: "call-panel", "aria-label": t("chat.title"), hidden: true },
        h("div", { class: "call-panel-head row" }, h("h2", { class: "grow" }, t("chat.title")), close),
        this.#chat.el,
      ),
      audio.el,
    );
    this.#frame.attach(() => this.update(), bottom);
    this.#clock = setInterval(() => this.#tick(), 1000);
    this.update();
  }

  /** @returns {Control} what seldom is needed, and on a phone what does not fit */
  #more() {
    return {
      id: "more",
      view: () => ({ icon: "ellipsis", label: t("control.more"), full: t("control.more") }),
      run: (call, opener) => {
        const { media, room } = call;
        const handWords = t(room.handRaised ? "control.hand.lower" : "control.hand.raise");
        /** @type {{icon: string, label: string, run: () => void}[]} */
        const items = [
          { icon: "hand", label: handWords, run: () => void call.toggleHand() },
          { icon: "settings", label: t("device.settings"), run: () => this.#frame.openDevices() },
          {
            icon: isDark() ? "sun" : "moon",
            label: themeWords(),
            run: toggleTheme,
          },
          ...otherLanguages(() => this.#app.redraw()),
        ];
        const share = this.#dock.el.querySelector("[data-control=screen]");
        if (call.canShare && share instanceof HTMLElement && share.offsetParent === null) {
          const view = CONTROLS.screen.view(call);
          items.splice(1, 0, { icon: view.icon, label: view.full, run: () => void call.toggleScreen() });
        }
        if (isPhone() && media.devices.cameras.length > 1) {
          items.splice(1, 0, {
            icon: "switch-camera",
            label: t("device.turnAround"),
            run: () => void call.turnCamera(),
          });
        }
        openMenu(opener, items);
      },
    };
  }

  async #leave() {
    const sure = await ask({
      title: t("ask.leave.title"),
      text: t("ask.leave.text"),
      yes: t("ask.leave.yes"),
      no: t("ask.leave.no"),
      danger: true,
    });
    if (sure) this.#call.leave();
  }

  update() {
    const { room, panel, lastSpeaker } = this.#call;
    const people = room.participants;
    const main = people.find(({ id }) => id === lastSpeaker) ?? people[0];
    setText(this.#who, main?.name ?? this.#app.clinic);
    this.el.dataset.panel = panel ?? "";
    const aside = /** @type {HTMLElement} */ (this.el.querySelector(".call-panel"));
    const opening = aside.hidden && panel === "messages";
    aside.hidden = panel !== "messages";
    this.#frame.update();
    this.#dock.update();
    this.#chat.update();
    const layout = CONTROLS.layout.view(this.#call);
    this.#layout.hidden = layout.hidden ?? false;
    if (this.#layout.dataset.icon !== layout.icon) {
      this.#layout.dataset.icon = layout.icon;
      this.#layout.replaceChildren(icon(layout.icon));
    }
    setAttr(this.#layout, "title", layout.full);
    setAttr(this.#layout, "aria-label", layout.full);
    if (opening && !isPhone()) this.#chat.focus();
    this.#tick();
  }

  #tick() {
    setText(this.#where, clockTime(Date.now() - this.#call.startedAt));
  }

  focus() {
    /** @type {HTMLElement | null} */ (this.el.querySelector("h1"))?.focus();
  }

  close() {
    clearInterval(this.#clock);
    this.#frame.close();
  }
}
