/** One thing this person shares: the microphone, the camera or the screen. */

import { Emitter } from "./emitter.js";
import { DeviceLost, fromCaptureError, MediaError } from "./errors.js";
import { isPhone } from "./support.js";

/** @typedef {"microphone" | "camera" | "screen"} LocalKind */
/**
 * off: never started, or stopped. on: capturing (a muted camera captures nothing, a muted microphone captures
 * silence). interrupted: the system took the device for a while, as a phone call does. lost: gone until
 * somebody chooses again.
 * @typedef {"off" | "starting" | "on" | "interrupted" | "lost"} SourceState
 */

/** @typedef {{deviceId?: string, facing?: "user" | "environment"}} SourceChoice */

const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** 720p at 30: what a face on a phone or laptop needs; more costs uplink that patients rarely have. */
const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

/**
 * @extends {Emitter<{change: LocalSource, error: MediaError}>}
 */
export class LocalSource extends Emitter {
  /** @type {SourceState} */
  state = "off";
  /** What the person wants, whatever the device does. */
  muted = false;
  /** @type {MediaStreamTrack | null} */
  track = null;
  /** Sound of the shared screen. @type {MediaStreamTrack | null} */
  audioTrack = null;
  /** @type {MediaError | null} */
  error = null;
  /** @type {SourceChoice} */
  choice = {};
  #kind;
  /** Of overlapping starts only the newest may keep its track. */
  #generation = 0;

  /** @param {LocalKind} kind */
  constructor(kind) {
    super();
    this.#kind = kind;
  }

  get kind() {
    return this.#kind;
  }

  /** Whether others can see or hear it now. */
  get live() {
    return this.state === "on" && !this.muted && this.track !== null;
  }

  /** Whether a person looking at it wants it the way a mirror shows it. */
  get mirrored() {
    return this.#kind === "camera" && this.choice.facing !== "environment";
  }

  /** The device that is captured, for a list of choices. @returns {string} */
  get deviceId() {
    return this.track?.getSettings().deviceId ?? this.choice.deviceId ?? "";
  }

  /** @returns {MediaTrackConstraints} */
  constraints() {
    const { deviceId, facing } = this.choice;
    const which = deviceId ? { deviceId: { exact: deviceId } } : {};
    if (this.#kind === "microphone") return { ...AUDIO, ...which };
    const facingMode = !deviceId && isPhone() ? { facingMode: facing ?? "user" } : {};
    return { ...VIDEO, ...which, ...facingMode };
  }

  /**
   * Captures the device. On failure `error` and `state` say why, and the error is thrown.
   * @param {SourceChoice} [choice]
   * @returns {Promise<void>}
   */
  async start(choice) {
    if (choice) this.choice = choice;
    const generation = ++this.#generation;
    this.#set("starting");
    // Phones open only one camera at a time, so the old one goes before the new one comes.
    if (this.#kind === "camera") this.#drop();
    try {
      const stream = await this.#capture();
      if (generation !== this.#generation) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      const track = stream.getTracks().find((t) => (this.#kind === "microphone") === (t.kind === "audio"));
      this.adopt(track ?? null, this.#kind === "screen" ? (stream.getAudioTracks()[0] ?? null) : null);
    } catch (error) {
      if (generation !== this.#generation) return;
      const known = error instanceof MediaError ? error : fromCaptureError(error, this.#kind);
      this.fail(known);
      throw known;
    }
  }

  /**
   * Takes over a track captured elsewhere (one prompt for camera and microphone, a canvas, a file).
   * @param {MediaStreamTrack | null} track
   * @param {MediaStreamTrack | null} [audio]
   */
  adopt(track, audio = null) {
    this.#generation += 1;
    if (this.track !== track) this.#drop();
    this.track = track;
    this.audioTrack = audio;
    this.error = null;
    if (track) {
      track.contentHint = { microphone: "speech", camera: "motion", screen: "detail" }[this.#kind];
      if (this.#kind === "microphone") track.enabled = !this.muted;
      this.#listen(track);
    }
    this.#set(track ? "on" : "off");
  }

  /** @param {MediaError} error */
  fail(error) {
    this.error = error;
    this.#drop();
    this.#set("lost");
    this.emit("error", error);
  }

  mute() {
    if (this.muted) return;
    this.muted = true;
    if (this.#kind === "camera") {
      // The light of the camera goes out: a person sees that they are not filmed.
      this.#generation += 1;
      this.#drop();
      this.#set("off");
    } else {
      if (this.track) this.track.enabled = false;
      this.emit("change", this);
    }
  }

  /** @returns {Promise<void>} */
  async unmute() {
    this.muted = false;
    if (this.track) {
      this.track.enabled = true;
      this.emit("change", this);
    } else {
      try {
        await this.start();
      } catch (error) {
        this.muted = true;
        throw error;
      }
    }
  }

  stop() {
    this.#generation += 1;
    this.#drop();
    this.#set("off");
  }

  #capture() {
    if (this.#kind === "screen") {
      return navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15 } }, audio: true });
    }
    return navigator.mediaDevices.getUserMedia({
      [this.#kind === "camera" ? "video" : "audio"]: this.constraints(),
    });
  }

  /** @param {MediaStreamTrack} track */
  #listen(track) {
    track.onmute = () => {
      if (this.track === track) this.#set("interrupted");
    };
    track.onunmute = () => {
      if (this.track === track) this.#set("on");
    };
    track.onended = () => {
      if (this.track !== track) return;
      if (this.#kind === "screen") this.stop();
      else this.#recover();
    };
  }

  /** The device ended by itself: unplugged, or taken by the system. Whatever is there now is better than nothing. */
  async #recover() {
    this.#drop();
    if (document.visibilityState === "hidden") {
      // A page in the background may not open devices; phones take them away there.
      this.#set("interrupted");
      await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
      if (this.state !== "interrupted") return;
    }
    try {
      await this.start({ facing: this.choice.facing });
    } catch {
      this.fail(new DeviceLost(this.#kind));
    }
  }

  #drop() {
    for (const track of [this.track, this.audioTrack]) {
      if (!track) continue;
      track.onmute = track.onunmute = track.onended = null;
      track.stop();
    }
    this.track = null;
    this.audioTrack = null;
  }

  /** @param {SourceState} state */
  #set(state) {
    this.state = state;
    this.emit("change", this);
  }
}
