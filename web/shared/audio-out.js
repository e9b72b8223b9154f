/**
 * The sound of the others. One audio element for each of their microphones and screens, apart from the pictures,
 * so that no change of layout ever cuts a word; browsers keep lips and sound in step by the stream they came in.
 */

import { h } from "./dom.js";

/** @import {CallSession} from "./call-session.js" */
/** @import {SpeakerChoice} from "./speaker.js" */

export class AudioOut {
  #call;
  /** @type {Map<string, HTMLAudioElement>} */
  #elements = new Map();
  #speaker;
  #stop;
  el = h("div", { hidden: true });

  /** @param {CallSession} call @param {SpeakerChoice} speaker */
  constructor(call, speaker) {
    this.#call = call;
    this.#speaker = speaker;
    this.#stop = speaker.on("change", (deviceId) => {
      for (const element of this.#elements.values()) element.setSinkId?.(deviceId).catch(() => {});
    });
  }

  update() {
    const wanted = new Map();
    for (const person of this.#call.room.participants) {
      for (const source of /** @type {const} */ (["microphone", "screen_audio"])) {
        const track = person.tracks.get(source);
        if (track?.mid != null) wanted.set(`${person.id}/${source}`, track.stream);
      }
    }
    for (const [key, element] of this.#elements) {
      if (wanted.has(key)) continue;
      element.srcObject = null;
      element.remove();
      this.#elements.delete(key);
    }
    for (const [key, stream] of wanted) {
      const element = this.#elements.get(key);
      if (!element) this.#add(key, stream);
      else if (element.srcObject !== stream) element.srcObject = stream;
    }
  }

  /** Plays again what the browser refused; must be called from a tap. */
  async unlock() {
    await Promise.all([...this.#elements.values()].map((element) => this.#play(element)));
  }

  /** @param {string} key @param {MediaStream} stream */
  #add(key, stream) {
    const element = h("audio", { autoplay: true, data: { key } });
    element.srcObject = stream;
    if (this.#speaker.deviceId) element.setSinkId?.(this.#speaker.deviceId).catch(() => {});
    // A phone call or headphones taken out pause it.
    element.addEventListener("pause", () => this.#play(element));
    this.#elements.set(key, element);
    this.el.append(element);
    this.#play(element);
  }

  /** @param {HTMLAudioElement} element */
  async #play(element) {
    if (!element.isConnected || !element.srcObject) return;
    try {
      await element.play();
      if ([...this.#elements.values()].every(({ paused }) => !paused)) this.#call.setSoundBlocked(false);
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#call.setSoundBlocked(true);
    }
  }

  close() {
    this.#stop();
    for (const element of this.#elements.values()) element.srcObject = null;
    this.#elements.clear();
    this.el.remove();
  }
}
