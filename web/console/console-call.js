/** The call as those see it who run it: who, the stage, the panel. */

import { CallFrame } from "../shared/call-frame.js";
import { Chat } from "../shared/chat.js";
import { ask } from "../shared/dialog.js";
import { CONTROLS, Dock, leaveControl, openMenu } from "../shared/dock.js";
import { clockTime, h, icon, setText } from "../shared/dom.js";
import { t } from "../shared/messages.js";
import { listenToKeys, showShortcuts } from "./keyboard.js";
import { Panels } from "./panels.js";
import { numbers, People } from "./people.js";
import { condition, roleWords, Side } from "./side.js";

/** @import {CallSession} from "../shared/call-session.js" */
/** @import {RemoteParticipant} from "../sdk/src/participants.js" */
/** @import {Title} from "../shared/page.js" */
/** @import {SpeakerChoice} from "../shared/speaker.js" */

/** @typedef {{el: HTMLElement, update: () => void, tick: () => void, close?: () => void}} SidePlace */
/** @typedef {{lock: () => void, end: () => void}} RoomActs */

/**
 * What the call's page needs of the app around it.
 * @typedef {object} CallApp
 * @property {string} clinic
 * @property {string} name
 * @property {Title} title
 * @property {SpeakerChoice} speaker
 * @property {() => void} redraw
 * @property {(call: CallSession, acts: RoomActs) => SidePlace} [makeSide]  the left place, if not the people of the call
 */
/** @import {Control} from "../shared/dock.js" */
/** @import {Shortcut} from "./keyboard.js" */

export class ConsoleCall {
  #call;
  #frame;
  /** @type {SidePlace} */
  #side;
  #panels;
  #dock;
  #who = h("h1", { class: "clip", tabIndex: -1 });
  #role = h("span", { class: "muted small" });
  #time = h("span", { class: "chip num" });
  #locked = h("span", { class: "chip warn", hidden: true }, icon("lock"), t("console.locked"));
  #state = h("span", { class: "chip" });
  #tag = h("span", { class: "chip num stage-chip" });
  #clock;
  #stopKeys;

  /** @param {CallApp} app @param {CallSession} call */
  constructor(app, call) {
    this.#call = call;
    this.#frame = new CallFrame(call, {
      emptyText: "stage.empty.clinician",
      title: app.title,
      speaker: app.speaker,
    });
    const acts = { lock: () => this.#lock(), end: () => void this.#end() };
    this.#side = app.makeSide?.(call, acts) ?? new Side(app, call, acts);
    this.#panels = new Panels(call, [
      { id: "people", label: t("people.title"), icon: "users", make: () => new People(call) },
      {
        id: "messages",
        label: t("chat.title"),
        icon: "message-circle",
        make: () => new Chat(call),
        count: () => call.unread,
      },
    ]);
    const { microphone, camera, screen, hand, layout } = CONTROLS;
    const controls = [
      microphone,
      camera,
      screen,
      hand,
      layout,
      this.#more(),
      leaveControl(() => void this.#leave()),
    ];
    this.#dock = new Dock(call, controls, { words: false });
    const { stage, notice, toasts, audio, tap } = this.#frame;
    const bottom = h("div", { class: "console-bottom" }, notice.el, this.#dock.el);
    this.el = h(
      "main",
      { class: "console" },
      this.#side.el,
      h(
        "section",
        { class: "console-mid", "aria-label": t("title.call") },
        h(
          "header",
          { class: "console-banner" },
          this.#who,
          this.#role,
          h("span", { class: "grow" }),
          this.#locked,
          this.#state,
          this.#time,
        ),
        h(
          "div",
          { class: "console-stage" },
          stage.el,
          h("div", { class: "stage-tag" }, this.#tag),
          toasts.el,
          bottom,
          tap.el,
        ),
      ),
      this.#panels.el,
      audio.el,
    );
    this.#stopKeys = listenToKeys(this.#shortcuts());
    this.#frame.attach(() => this.update(), bottom);
    this.#clock = setInterval(() => this.#tick(), 1000);
    this.update();
  }

  /** @returns {Shortcut[]} */
  #shortcuts() {
    const call = this.#call;
    /** @type {Shortcut[]} */
    const shortcuts = [
      { key: "m", words: "key.mute", run: () => void call.toggleMicrophone() },
      { key: "v", words: "key.camera", run: () => void call.toggleCamera() },
      { key: "s", words: "key.screen", run: () => void (call.canShare && call.toggleScreen()) },
      { key: "h", words: "key.hand", run: () => void call.toggleHand() },
      { key: "g", words: "key.layout", run: () => call.toggleLayout() },
      { key: "p", words: "key.people", run: () => call.showPanel("people") },
      { key: "c", words: "key.messages", run: () => call.showPanel("messages") },
      { key: "l", words: "key.lock", run: () => this.#lock() },
      { key: "?", words: "key.help", run: () => showShortcuts(shortcuts) },
    ];
    return shortcuts;
  }

  /** @returns {Control} */
  #more() {
    return {
      id: "more",
      view: () => ({ icon: "ellipsis", label: t("control.more"), full: t("control.more") }),
      run: (_call, opener) => {
        openMenu(opener, [
          { icon: "settings", label: t("device.settings"), run: () => this.#frame.openDevices() },
          { icon: "keyboard", label: t("console.shortcuts"), run: () => showShortcuts(this.#shortcuts()) },
        ]);
      },
    };
  }

  #lock() {
    const { room } = this.#call;
    if (room.me?.admin) void this.#call.perform(room.lock(!room.locked));
  }

  async #end() {
    const sure = await ask({
      title: t("console.end.title"),
      text: t("console.end.text"),
      yes: t("console.end.yes"),
      no: t("app.cancel"),
      danger: true,
    });
    if (!sure) return;
    this.#call.leaving = true;
    const ended = await this.#call.perform(this.#call.room.end());
    if (!ended) this.#call.leaving = false;
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

  /** Who the call is about: the patient, else whoever spoke last. @returns {RemoteParticipant | undefined} */
  get #subject() {
    const people = this.#call.room.participants;
    return (
      people.find(({ role }) => role === "patient") ??
      people.find(({ id }) => id === this.#call.lastSpeaker) ??
      people[0]
    );
  }

  update() {
    const subject = this.#subject;
    const { room } = this.#call;
    setText(this.#who, subject?.name ?? t("console.waiting"));
    setText(this.#role, subject ? roleWords(subject.role) : "");
    this.#locked.hidden = !room.locked;
    this.#state.hidden = !subject;
    if (subject) {
      const { tone, text } = condition(subject, room.speaker === subject);
      setText(this.#state, text);
      this.#state.className = `chip ${tone}`;
    }
    this.#side.update();
    this.#frame.update();
    this.#dock.update();
    this.#tick();
  }

  #tick() {
    setText(this.#time, clockTime(Date.now() - this.#call.startedAt));
    const subject = this.#subject;
    const { stats } = this.#call;
    const picture = stats?.down.find((stream) => subject?.camera.live && stream.mid === subject.camera.mid);
    this.#tag.hidden = !picture || picture.height === 0;
    if (picture) setText(this.#tag, numbers(picture, stats?.rttMs ?? null));
    this.#side.tick();
    this.#panels.update();
  }

  close() {
    clearInterval(this.#clock);
    this.#stopKeys();
    this.#side.close?.();
    this.#frame.close();
  }
}
