/** Choosing camera, microphone and speaker; the same fields before a call and in it. */

import { LevelMeter } from "../sdk/src/meter.js";
import { canChooseSpeaker, canMeter } from "../sdk/src/support.js";
import { testSound } from "./chime.js";
import { button, h, icon } from "./dom.js";
import { t } from "./messages.js";

/** @import {LocalMedia} from "../sdk/src/local-media.js" */
/** @import {LocalSource} from "../sdk/src/local-source.js" */
/** @import {MessageKey} from "./messages.js" */
/** @import {SpeakerChoice} from "./speaker.js" */

let nextId = 1;

/**
 * @param {MessageKey} label
 * @param {string} iconName
 * @param {(deviceId: string) => void} onchoose
 */
function choice(label, iconName, onchoose) {
  const id = `choice-${nextId++}`;
  const select = h("select", { id, class: "select", on: { change: () => onchoose(select.value) } });
  const el = h(
    "div",
    { class: "field" },
    h("label", { for: id, class: "row device-label" }, icon(iconName), t(label)),
    h("div", { class: "select-box" }, select, icon("chevron-down")),
  );
  return {
    el,
    /** @param {MediaDeviceInfo[]} devices @param {string} selected @param {string} empty */
    update(devices, selected, empty) {
      const wanted = devices.map(({ deviceId, label: name }, n) => [
        deviceId,
        name || `${t(label)} ${n + 1}`,
      ]);
      if (wanted.length === 0) wanted.push(["", empty]);
      select.disabled = devices.length === 0;
      const now = [...select.options].map((option) => [option.value, option.textContent]);
      if (JSON.stringify(now) !== JSON.stringify(wanted)) {
        select.replaceChildren(
          ...wanted.map(([value, text]) => h("option", { value: value ?? "" }, text ?? "")),
        );
      }
      if (wanted.some(([value]) => value === selected)) select.value = selected;
    },
  };
}

/** The level of a microphone as a bar. */
export class LevelBar {
  #bar = h("i");
  #source;
  /** @type {LevelMeter | null} */
  #meter = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #frame = 0;
  /** The loudest so far: whether anything was ever heard. */
  heard = 0;
  /** @type {(() => void) | null} */
  onHeard = null;
  el = h(
    "div",
    {
      class: "meter",
      role: "meter",
      "aria-label": t("device.level"),
      "aria-valuenow": 0,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    },
    this.#bar,
  );

  /** @param {LocalSource} source */
  constructor(source) {
    this.#source = source;
    this.#tick();
  }

  #tick = () => {
    this.#frame = requestAnimationFrame(this.#tick);
    const { track } = this.#source;
    if (track !== this.#track) {
      this.#meter?.close();
      this.#track = track;
      this.#meter = track && canMeter() ? new LevelMeter(track) : null;
    }
    const level = this.#meter?.read() ?? 0;
    this.#meter?.wake();
    this.#bar.style.setProperty("--level", level.toFixed(2));
    if (level > 0.3 && this.heard <= 0.3) {
      this.heard = level;
      this.el.setAttribute("aria-valuenow", String(Math.round(level * 100)));
      this.onHeard?.();
    }
  };

  close() {
    cancelAnimationFrame(this.#frame);
    this.#meter?.close();
    this.#meter = null;
  }
}

export class DeviceFields {
  #media;
  #speaker;
  #camera;
  #microphone;
  #output;
  #test;
  #testing = false;
  #stop;

  /**
   * @param {LocalMedia} media
   * @param {SpeakerChoice} speaker
   * @param {{level?: boolean}} [options]
   */
  constructor(media, speaker, { level = true } = {}) {
    this.#media = media;
    this.#speaker = speaker;
    this.#camera = choice("device.camera", "video", (deviceId) => this.#use(media.camera, deviceId));
    this.#microphone = choice("device.microphone", "mic", (deviceId) =>
      this.#use(media.microphone, deviceId),
    );
    this.#output = choice("device.speaker", "volume-2", (deviceId) => {
      speaker.use(deviceId);
      this.update();
    });
    this.#test = button({ icon: "volume-2", label: t("device.testSound"), onclick: () => this.#play() });
    this.level = level ? new LevelBar(media.microphone) : null;
    if (this.level) this.#microphone.el.append(this.level.el);
    this.#output.el.append(this.#test);
    this.el = h("div", { class: "col devices" }, this.#camera.el, this.#microphone.el, this.#output.el);
    const stops = [media.on("change", () => this.update()), media.on("devices", () => this.update())];
    this.#stop = () => stops.forEach((stop) => void stop());
    this.update();
  }

  update() {
    const { devices, camera, microphone } = this.#media;
    this.#camera.update(devices.cameras, camera.deviceId, t("device.none.camera"));
    this.#microphone.update(devices.microphones, microphone.deviceId, t("device.none.microphone"));
    const speakers = canChooseSpeaker() ? devices.speakers : [];
    this.#output.update(speakers, this.#speaker.deviceId || "default", t("device.default.speaker"));
  }

  /** @param {LocalSource} source @param {string} deviceId */
  #use(source, deviceId) {
    source.muted = false;
    source.start({ deviceId }).catch(() => {});
  }

  async #play() {
    if (this.#testing) return;
    this.#testing = true;
    const words = this.#test.lastChild;
    if (words instanceof Text) words.data = t("device.testSound.playing");
    await testSound(this.#speaker.deviceId);
    if (words instanceof Text) words.data = t("device.testSound");
    this.#testing = false;
  }

  close() {
    this.level?.close();
    this.#stop();
  }
}
