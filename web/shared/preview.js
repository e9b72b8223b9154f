/** One's own picture before and outside a call, with the microphone's level and the two switches. */

import { isPhone } from "../sdk/src/support.js";
import { LevelBar } from "./devices.js";
import { button, h, icon, setAttr } from "./dom.js";
import { t } from "./messages.js";

/** @import {LocalMedia} from "../sdk/src/local-media.js" */
/** @import {LocalSource} from "../sdk/src/local-source.js" */

export class Preview {
  #media;
  #video = h("video", { class: "preview-video", autoplay: true, muted: true, playsInline: true });
  #off = h("div", { class: "preview-off" }, icon("video-off"), h("span", null, t("join.camera.off")));
  #microphone;
  #camera;
  #turn;
  level;

  /** @param {LocalMedia} media */
  constructor(media) {
    this.#media = media;
    this.#video.setAttribute("playsinline", "");
    this.#microphone = round(media.microphone);
    this.#camera = round(media.camera);
    this.#turn = button({
      icon: "switch-camera",
      label: t("device.turnAround"),
      class: "preview-button",
      iconOnly: true,
      hidden: true,
      onclick: () => {
        const facing = media.camera.choice.facing === "environment" ? "user" : "environment";
        media.camera.start({ facing }).catch(() => {});
      },
    });
    this.level = new LevelBar(media.microphone);
    this.el = h(
      "div",
      { class: "preview", role: "group", "aria-label": t("join.preview") },
      this.#video,
      this.#off,
      h("div", { class: "preview-level" }, icon("mic"), this.level.el),
      h("div", { class: "preview-buttons" }, this.#microphone, this.#camera, this.#turn),
    );
    this.update();
  }

  update() {
    const { microphone, camera, devices } = this.#media;
    const stream = camera.track;
    const shown =
      this.#video.srcObject instanceof MediaStream ? this.#video.srcObject.getVideoTracks()[0] : null;
    if (shown !== stream) {
      this.#video.srcObject = stream ? new MediaStream([stream]) : null;
      this.#video.play().catch(() => {});
    }
    setAttr(this.#video, "data-mirrored", camera.mirrored);
    this.#off.hidden = stream !== null;
    this.#video.hidden = stream === null;
    this.#turn.hidden = !isPhone() || devices.cameras.length < 2;
    const silent = microphone.muted || !microphone.track;
    face(this.#microphone, microphone, "mic", t(silent ? "control.unmute" : "control.mute"));
    const dark = camera.muted || !stream;
    face(this.#camera, camera, "video", t(dark ? "control.camera.turnOn" : "control.camera.turnOff"));
  }

  close() {
    this.level.close();
    this.#video.srcObject = null;
  }
}

/** @param {LocalSource} source */
function round(source) {
  return h("button", {
    type: "button",
    class: "btn icon preview-button",
    on: {
      click: () => {
        if (source.muted || !source.track) source.unmute().catch(() => {});
        else source.mute();
      },
    },
  });
}

/** @param {HTMLElement} element @param {LocalSource} source @param {string} name @param {string} words */
function face(element, source, name, words) {
  const off = source.muted || !source.track;
  const wanted = off ? `${name}-off` : name;
  if (element.dataset.icon !== wanted) {
    element.dataset.icon = wanted;
    element.replaceChildren(icon(wanted));
  }
  setAttr(element, "data-off", off);
  setAttr(element, "aria-label", words);
  setAttr(element, "title", words);
}
