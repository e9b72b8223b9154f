/** The console before and after a call: oneself, the devices, and the way in. */

import { DeviceFields } from "../shared/devices.js";
import { button, h, icon, setAttr } from "../shared/dom.js";
import { errorAdvice, errorTitle } from "../shared/error-words.js";
import { deviceHelp } from "../shared/help.js";
import { t } from "../shared/messages.js";
import { clinicHead } from "./side.js";

/** @import {MediaError} from "../sdk/src/errors.js" */
/** @import {ConsoleApp} from "./app.js" */

export class LobbyView {
  #app;
  #video = h("video", { class: "lobby-video", autoplay: true, muted: true, playsInline: true, hidden: true });
  #help = h("div");
  #helped = "";
  #fields;
  #stop;
  #join;

  /** @param {ConsoleApp} app @param {{error?: MediaError | null, ended?: boolean, retry?: (() => void) | null}} options */
  constructor(app, { error = null, ended = false, retry = null }) {
    this.#app = app;
    this.#fields = new DeviceFields(app.media, app.speaker);
    const again = error !== null || ended;
    const label = error ? t("app.retry") : ended ? t("ended.rejoin") : t("join.button");
    const go = again ? retry : () => void app.enter();
    this.#join = go
      ? button({
          label,
          icon: error ? "refresh-cw" : "video",
          class: "primary big",
          onclick: () => {
            this.#join?.setAttribute("aria-disabled", "true");
            go();
          },
        })
      : null;
    const title = error
      ? errorTitle(error).replace(/\.$/, "")
      : t(ended ? "ended.left.title" : "console.ready.title");
    const text = error ? errorAdvice(error) : t(ended ? "ended.left.text" : "console.ready.text");
    this.el = h(
      "main",
      { class: "console" },
      h(
        "aside",
        { class: "console-who", "aria-label": t("console.who") },
        clinicHead(app),
        app.session
          ? [
              h("div", { class: "who-head" }, t("console.room")),
              h("p", { class: "lobby-room clip" }, app.session.room),
            ]
          : null,
      ),
      h(
        "section",
        { class: "console-mid" },
        h(
          "div",
          { class: "console-stage lobby" },
          this.#video,
          h(
            "div",
            { class: "lobby-card card", role: error ? "alert" : null },
            error ? h("span", { class: "lobby-icon" }, icon("circle-alert")) : null,
            h("h1", { tabIndex: -1 }, title),
            h("p", { class: "muted" }, text),
            this.#help,
            this.#join,
          ),
        ),
      ),
      h(
        "aside",
        { class: "console-panel", "aria-label": t("console.panel") },
        h(
          "div",
          { class: "lobby-devices" },
          h("h2", null, t("join.devices")),
          again ? null : this.#fields.el,
        ),
      ),
    );
    this.el.dataset.lobby = "";
    this.#stop = app.media.on("change", () => this.update());
    this.update();
  }

  update() {
    const { camera, microphone } = this.#app.media;
    const shown =
      this.#video.srcObject instanceof MediaStream ? this.#video.srcObject.getVideoTracks()[0] : null;
    if (shown !== camera.track) {
      this.#video.srcObject = camera.track ? new MediaStream([camera.track]) : null;
      this.#video.play().catch(() => {});
    }
    this.#video.hidden = !camera.track;
    setAttr(this.#video, "data-mirrored", camera.mirrored);
    const help = deviceHelp(microphone, camera, () => void this.#app.media.start());
    const key = help?.textContent ?? "";
    if (key !== this.#helped) {
      this.#helped = key;
      this.#help.replaceChildren(...(help ? [help] : []));
    }
  }

  close() {
    this.#stop();
    this.#fields.close();
    this.#video.srcObject = null;
  }
}
