/** What both call pages have in common besides their arrangement: stage, notices, sound, chime, questions. */

import { AudioOut } from "./audio-out.js";
import { chime, messageSound, wakeSound } from "./chime.js";
import { DeviceFields } from "./devices.js";
import { ask, panelDialog } from "./dialog.js";
import { h, icon } from "./dom.js";
import { t } from "./messages.js";
import { NoticeView, Toasts } from "./notice-view.js";
import { Stage } from "./stage.js";

/** @import {CallSession, UnmuteAsk} from "./call-session.js" */
/** @import {MessageKey} from "./messages.js" */
/** @import {Title} from "./page.js" */
/** @import {SpeakerChoice} from "./speaker.js" */

export class CallFrame {
  #call;
  #title;
  #speaker;
  #stops = [() => {}];
  #asking = false;

  /** @param {CallSession} call @param {{emptyText: MessageKey, title: Title, speaker: SpeakerChoice}} options */
  constructor(call, { emptyText, title, speaker }) {
    this.#call = call;
    this.#title = title;
    this.#speaker = speaker;
    this.stage = new Stage(call, { emptyText });
    this.notice = new NoticeView(call, () => this.openDevices());
    this.toasts = new Toasts(call);
    this.audio = new AudioOut(call, speaker);
    this.tap = {
      el: h(
        "div",
        { class: "tap", hidden: true },
        h(
          "button",
          { type: "button", class: "tap-button", on: { click: () => this.#unlock() } },
          icon("volume-2"),
          h("b", null, t("stage.tapToHear")),
          h("span", { class: "small" }, t("stage.tapToHear.why")),
        ),
      ),
    };
  }

  /**
   * @param {() => void} update  draws the page
   * @param {HTMLElement} bottom  what floats over the lower end of the stage
   */
  attach(update, bottom) {
    const call = this.#call;
    // Small pictures and the grid stay clear of the controls, also while a notice stands above them.
    const observer = new ResizeObserver(() => {
      const below = bottom.offsetParent ? bottom.offsetParent.clientHeight - bottom.offsetTop : 0;
      this.stage.el.style.setProperty("--dock-space", `${below}px`);
    });
    observer.observe(bottom);
    this.#stops = [
      () => observer.disconnect(),
      call.on("change", update),
      call.on("arrived", ({ name }) => {
        chime();
        call.toast(t("toast.joined", { name }), "bell");
        this.#title.call(t("title.arrived", { name }));
      }),
      call.room.on("left", ({ participant: { name } }) => call.toast(t("toast.left", { name }), "log-out")),
      call.on("message", ({ name, text }) => {
        messageSound();
        const action = { label: t("control.messages"), run: () => call.showPanel("messages") };
        call.toast(
          t("toast.message", { name, text: text.length > 90 ? `${text.slice(0, 90)}…` : text }),
          "message-circle",
          action,
          "messages",
        );
        this.#title.call(t("title.message"));
      }),
      call.on("ask", (question) => void this.#askToUnmute(question)),
    ];
  }

  update() {
    this.stage.update();
    this.audio.update();
    this.notice.update();
    this.toasts.update();
    this.tap.el.hidden = !this.#call.soundBlocked;
  }

  openDevices() {
    const fields = new DeviceFields(this.#call.media, this.#speaker);
    panelDialog(t("device.settings"), fields.el, t("device.settings.done")).addEventListener("close", () =>
      fields.close(),
    );
  }

  async #unlock() {
    wakeSound();
    this.#call.setSoundBlocked(false);
    await this.audio.unlock();
  }

  /** @param {UnmuteAsk} question */
  async #askToUnmute({ source, by }) {
    const local = this.#call.media[source];
    if (this.#asking || (!local.muted && local.track)) return;
    this.#asking = true;
    chime();
    const camera = source === "camera";
    const yes = await ask({
      title: t(camera ? "ask.unmute.camera.title" : "ask.unmute.title", { name: by }),
      text: t(camera ? "ask.unmute.camera.text" : "ask.unmute.text"),
      yes: t(camera ? "ask.unmute.camera.yes" : "ask.unmute.yes"),
      no: t("ask.unmute.no"),
    });
    this.#asking = false;
    if (yes) await (camera ? this.#call.toggleCamera() : this.#call.toggleMicrophone());
  }

  close() {
    for (const stop of this.#stops) stop();
    this.audio.close();
  }
}
