/** The People panel: each person with how they are and what a host may do. */

import { ask } from "../shared/dialog.js";
import { openMenu } from "../shared/dock.js";
import { button, h, icon, initials, setAttr, setChildren, setText } from "../shared/dom.js";
import { t } from "../shared/messages.js";
import { condition, roleWords } from "./side.js";

/** @import {CallSession} from "../shared/call-session.js" */
/** @import {RemoteParticipant} from "../sdk/src/participants.js" */
/** @import {Source} from "../sdk/src/protocol.js" */

export class People {
  #call;
  #list = h("ul", { class: "people-list" });
  #empty;
  #muteAll;
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /** @param {CallSession} call */
  constructor(call) {
    this.#call = call;
    this.#empty = h(
      "div",
      { class: "empty" },
      h("span", { class: "empty-icon" }, icon("users")),
      h("b", null, t("people.nobody")),
      h("p", { class: "muted" }, t("people.nobody.text")),
    );
    this.#muteAll = button({
      icon: "mic-off",
      label: t("people.muteAll"),
      onclick: () => this.#muteEverybody(),
    });
    this.el = h(
      "div",
      { class: "people" },
      this.#list,
      this.#empty,
      h("div", { class: "panel-foot" }, this.#muteAll),
    );
  }

  update() {
    const { room } = this.#call;
    const people = room.participants;
    this.#empty.hidden = people.length > 0;
    this.#list.hidden = people.length === 0;
    const admin = room.me?.admin ?? false;
    const loud = people.filter((p) => !p.microphone.muted);
    const foot = /** @type {HTMLElement} */ (this.#muteAll.parentElement);
    foot.hidden = !admin || people.length < 2;
    this.#muteAll.disabled = loud.length === 0;
    for (const id of [...this.#rows.keys()]) if (!people.some((p) => p.id === id)) this.#rows.delete(id);
    setChildren(
      this.#list,
      people.map((person) => {
        const row = this.#rows.get(person.id) ?? new Row(this.#call, person);
        this.#rows.set(person.id, row);
        row.update();
        return row.el;
      }),
    );
  }

  #muteEverybody() {
    const { room } = this.#call;
    for (const { id, microphone } of room.participants) {
      if (!microphone.muted) void this.#call.perform(room.muteOther(id, "microphone", true));
    }
  }
}

class Row {
  #call;
  #person;
  #name = h("b", { class: "clip block" });
  #state = h("span", { class: "chip" });
  #role = h("span", { class: "small muted" });
  #numbers = h("div", { class: "small muted num" });
  #microphone;
  #more;
  #avatar = h("span", { class: "avatar", "aria-hidden": "true" });

  /** @param {CallSession} call @param {RemoteParticipant} person */
  constructor(call, person) {
    this.#call = call;
    this.#person = person;
    this.#microphone = h("button", {
      type: "button",
      class: "btn",
      on: { click: () => this.#mute("microphone") },
    });
    this.#more = button({
      icon: "ellipsis",
      label: t("people.more", { name: person.name }),
      class: "quiet",
      iconOnly: true,
      onclick: () => this.#menu(),
    });
    this.el = h(
      "li",
      { class: "people-row" },
      this.#avatar,
      h(
        "div",
        { class: "grow" },
        h(
          "div",
          { class: "row people-head" },
          h("div", { class: "grow" }, this.#name, this.#role),
          this.#state,
        ),
        this.#numbers,
        h("div", { class: "row people-actions" }, this.#microphone, this.#more),
      ),
    );
  }

  update() {
    const person = this.#person;
    const { room, stats } = this.#call;
    const { tone, text } = condition(person, room.speaker === person);
    setText(this.#avatar, initials(person.name));
    setText(this.#name, person.name);
    setText(this.#role, roleWords(person.role));
    setText(this.#state, text);
    this.#state.className = `chip ${tone}`;
    const picture = stats?.down.find((stream) => stream.mid === person.camera.mid && person.camera.live);
    const size = picture && picture.height > 0;
    const figures = size ? numbers(picture, stats?.rttMs ?? null) : "";
    setText(this.#numbers, person.camera.live ? figures : t("stage.cameraOff"));
    const admin = room.me?.admin ?? false;
    const actions = /** @type {HTMLElement} */ (this.#microphone.parentElement);
    actions.hidden = !admin;
    const { muted } = person.microphone;
    const wanted = muted ? "mic" : "mic-off";
    if (this.#microphone.dataset.icon !== wanted) {
      this.#microphone.dataset.icon = wanted;
      this.#microphone.replaceChildren(icon(wanted), t(muted ? "people.ask" : "people.mute"));
    }
    setAttr(
      this.#microphone,
      "aria-label",
      t(muted ? "people.ask.full" : "people.mute.full", { name: person.name }),
    );
  }

  /** Mutes what is on; asks for what is off. @param {Source} source */
  async #mute(source) {
    const { room } = this.#call;
    const person = this.#person;
    const off = person.track(source).muted;
    const done = await this.#call.perform(room.muteOther(person.id, source, !off));
    if (done && off) this.#call.toast(t("toast.unmuteSent", { name: person.name }), "check");
  }

  #menu() {
    const { camera } = this.#person;
    const cameraWords = t(camera.muted ? "people.askCamera" : "people.cameraOff");
    openMenu(this.#more, [
      {
        icon: camera.muted ? "video" : "video-off",
        label: cameraWords,
        run: () => void this.#mute("camera"),
      },
      ...this.#call.personActs(this.#person),
      { icon: "user-x", label: t("people.remove"), run: () => void this.#remove() },
    ]);
  }

  async #remove() {
    const { id, name } = this.#person;
    const sure = await ask({
      title: t("people.remove.title", { name }),
      text: t("people.remove.text"),
      yes: t("people.remove"),
      no: t("app.cancel"),
      danger: true,
    });
    if (sure) await this.#call.perform(this.#call.room.remove(id));
  }
}

/** @param {import("../sdk/src/stats.js").StreamDigest} picture @param {number | null} rtt */
export function numbers({ height, loss }, rtt) {
  return t("console.stats", { height, rtt: rtt ?? "–", loss: (loss * 100).toFixed(1) });
}
