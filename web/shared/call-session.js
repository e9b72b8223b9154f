/**
 * The state of a call as both pages show it, and what a person can do in it. Knows no element: pages draw
 * from it on `change`.
 */

import { Emitter } from "../sdk/src/emitter.js";
import { MediaError } from "../sdk/src/errors.js";
import { LevelMeter } from "../sdk/src/meter.js";
import { canMeter, canShareScreen } from "../sdk/src/support.js";
import { errorLine } from "./error-words.js";
import { t } from "./messages.js";
import { notices } from "./notices.js";

/** @import {Room} from "../sdk/src/room.js" */
/** @import {Digest} from "../sdk/src/stats.js" */
/** @import {LocalSource} from "../sdk/src/local-source.js" */
/** @import {RemoteParticipant} from "../sdk/src/participants.js" */
/** @import {LayoutMode} from "./layout.js" */
/** @import {Notice} from "./notices.js" */

/** @typedef {{source: "microphone" | "camera", by: string}} UnmuteAsk */
/** @typedef {{id: number, text: string, icon: string, panel?: string, action?: {label: string, run: () => void}}} Toast */

const TOAST_MS = 5000;
/** Loud enough and long enough to be speech rather than a cough. */
const SPEECH_LEVEL = 0.45;
const SPEECH_TICKS = 4;

/**
 * @extends {Emitter<{
 *   change: null,
 *   toast: Toast,
 *   arrived: RemoteParticipant,
 *   message: {name: string, text: string},
 *   ask: UnmuteAsk,
 *   ended: {error: MediaError | null, rejoin: boolean},
 * }>}
 */
export class CallSession extends Emitter {
  /** @type {LayoutMode} */
  layout = "speaker";
  /** @type {string | null} */
  pinned = null;
  /** @type {string | null} */
  panel = null;
  unread = 0;
  startedAt = Date.now();
  /** @type {string | null} the last one who spoke; silence changes nothing on the stage */
  lastSpeaker = null;
  /** @type {Digest | null} */
  stats = null;
  /** @type {Toast[]} */
  toasts = [];
  /** Who holds a source of ours muted. @type {Map<string, string>} */
  heldBy = new Map();
  speakingMuted = false;
  /** @type {MediaError | null} */
  problem = null;
  soundBlocked = false;
  /** What else may be done with somebody, by whoever shows the call. @type {(person: RemoteParticipant) => {icon: string, label: string, run: () => void}[]} */
  personActs = () => [];
  /** Set from outside before a leave that a person wanted. */
  leaving = false;
  #room;
  #nextToast = 1;
  #aborter = new AbortController();
  /** @type {LevelMeter | null} */
  #meter = null;
  #loud = 0;
  #timer;

  /** @param {Room} room */
  constructor(room) {
    super();
    this.#room = room;
    for (const source of room.held) this.heldBy.set(source, t("people.host"));
    const { signal } = this.#aborter;
    const changed = () => this.emit("change", null);
    room.on("change", changed, { signal });
    room.on("joined", (who) => this.#joined(who), { signal });
    room.on("left", ({ participant }) => this.#left(participant), { signal });
    room.on(
      "speaker",
      (who) => {
        if (who) this.lastSpeaker = who.id;
      },
      { signal },
    );
    room.on("message", ({ own, name, text }) => this.#message(own, name, text), { signal });
    room.on("muted", ({ source, muted, by }) => this.#held(source, muted, by), { signal });
    room.on(
      "unmuterequest",
      ({ source, by }) => {
        if (source === "microphone" || source === "camera") this.emit("ask", { source, by: this.nameOf(by) });
      },
      { signal },
    );
    room.on(
      "stats",
      (stats) => {
        this.stats = stats;
      },
      { signal },
    );
    room.on(
      "problem",
      (error) => {
        if (error.code !== "media_blocked") return this.#failed(error);
        this.problem = error;
        changed();
      },
      { signal },
    );
    room.on(
      "ended",
      (end) => {
        this.close();
        this.emit("ended", end);
      },
      { signal },
    );
    room.media.on("devices", ({ added }) => this.#devicesAdded(added), { signal });
    this.#timer = setInterval(() => this.#listen(), 200);
  }

  get room() {
    return this.#room;
  }

  get media() {
    return this.#room.media;
  }

  get canShare() {
    return canShareScreen();
  }

  /** @returns {Notice | null} the one thing that a person should know now */
  get notice() {
    const { connection, quality, media } = this.#room;
    return notices({
      signaling: connection.signaling,
      mediaAlive: connection.media,
      online: navigator.onLine,
      quality,
      problem: this.problem,
      microphone: media.microphone,
      camera: media.camera,
      mutedBy: this.heldBy.get("microphone") ?? null,
      speakingMuted: this.speakingMuted,
    });
  }

  /** @param {string | null} id  of a participant @returns {string} */
  nameOf(id) {
    const known = this.#room.participants.find((p) => p.id === id || p.identity === id);
    return known?.name ?? id ?? "";
  }

  async toggleMicrophone() {
    const { microphone } = this.media;
    this.speakingMuted = false;
    if (!microphone.muted && microphone.track) return microphone.mute();
    if (this.heldBy.has("microphone")) return this.toast(t("note.mutedByHost.text"), "hand");
    await this.#attempt(microphone.unmute());
  }

  async toggleCamera() {
    const { camera } = this.media;
    if (!camera.muted && camera.track) return camera.mute();
    if (this.heldBy.has("camera")) return this.toast(t("note.heldCamera.text"), "hand");
    await this.#attempt(camera.unmute());
  }

  async toggleScreen() {
    const { screen } = this.media;
    if (screen.track) return screen.stop();
    try {
      await screen.start();
    } catch (error) {
      // Closing the browser's chooser is an answer, not a failure.
      screen.stop();
      if (!(error instanceof MediaError) || error.code !== "permission_denied") this.#failed(error);
    }
  }

  /** The other side of a phone's camera. */
  async turnCamera() {
    const { camera } = this.media;
    const facing = camera.choice.facing === "environment" ? "user" : "environment";
    await this.#attempt(camera.start({ facing }));
  }

  async toggleHand() {
    await this.#attempt(this.#room.raiseHand(!this.#room.handRaised));
  }

  toggleLayout() {
    this.layout = this.layout === "grid" ? "speaker" : "grid";
    this.pinned = null;
    this.emit("change", null);
  }

  /** @param {string} key  of a tile */
  togglePin(key) {
    this.pinned = this.pinned === key ? null : key;
    if (this.pinned) this.layout = "speaker";
    this.emit("change", null);
  }

  /** @param {string | null} panel */
  showPanel(panel) {
    this.panel = panel;
    if (panel === "messages") this.unread = 0;
    // What a toast tells of stands there now; it would only cover a face.
    this.toasts = this.toasts.filter((toast) => toast.panel === undefined || toast.panel !== panel);
    this.emit("change", null);
  }

  /** @param {boolean} blocked */
  setSoundBlocked(blocked) {
    if (this.soundBlocked === blocked) return;
    this.soundBlocked = blocked;
    this.emit("change", null);
  }

  /** Runs what a host does to the room, and says so when it fails. @param {Promise<void>} action @returns {Promise<boolean>} */
  async perform(action) {
    return this.#attempt(action);
  }

  /** @param {string} text @param {string} icon @param {Toast["action"]} [action] @param {string} [panel]  that shows the same */
  toast(text, icon, action, panel) {
    const toast = { id: this.#nextToast++, text, icon, action, panel };
    this.toasts = [...this.toasts.slice(-2), toast];
    this.emit("toast", toast);
    this.emit("change", null);
    setTimeout(() => this.dismiss(toast.id), action ? TOAST_MS * 2 : TOAST_MS);
  }

  /** @param {number} id */
  dismiss(id) {
    if (!this.toasts.some((toast) => toast.id === id)) return;
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
    this.emit("change", null);
  }

  leave() {
    this.leaving = true;
    this.#room.leave();
  }

  close() {
    clearInterval(this.#timer);
    this.#aborter.abort();
    this.#meter?.close();
    this.#meter = null;
  }

  /** @param {RemoteParticipant} who */
  #joined(who) {
    // Those who were here before us are told while we enter; they don't arrive.
    if (this.#room.state === "connected") this.emit("arrived", who);
    this.emit("change", null);
  }

  /** @param {RemoteParticipant} who */
  #left(who) {
    if (this.lastSpeaker === who.id) this.lastSpeaker = null;
    if (this.pinned?.startsWith(`${who.id}/`)) this.pinned = null;
    this.emit("change", null);
  }

  /** @param {boolean} own @param {string} name @param {string} text */
  #message(own, name, text) {
    if (own || this.panel === "messages" || this.#room.state !== "connected") return;
    this.unread += 1;
    this.emit("message", { name, text });
  }

  /** @param {string} source @param {boolean} muted @param {string | null} by */
  #held(source, muted, by) {
    if (muted) this.heldBy.set(source, by === null ? t("people.host") : this.nameOf(by));
    else this.heldBy.delete(source);
    this.emit("change", null);
  }

  /** Headphones put in are most often meant to be used. @param {MediaDeviceInfo[]} added */
  #devicesAdded(added) {
    const device = added.find(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "default");
    if (!device?.label) return;
    const use = () => void this.#attempt(this.media.microphone.start({ deviceId: device.deviceId }));
    const text = t("device.added", { label: device.label });
    this.toast(text, "headphones", { label: t("device.use"), run: use });
  }

  /** Somebody who talks into a muted microphone should be told. */
  #listen() {
    const { microphone } = this.media;
    const track = microphone.track;
    if (!track || !microphone.muted || !canMeter()) {
      this.#meter?.close();
      this.#meter = null;
      this.#loud = 0;
      if (this.speakingMuted) this.#speaks(false);
      return;
    }
    if (!this.#meter) {
      // A disabled track gives silence; a clone has a switch of its own. Nothing of it leaves the page.
      const ear = track.clone();
      ear.enabled = true;
      this.#meter = new LevelMeter(ear, { owned: true });
    }
    this.#loud = this.#meter.read() > SPEECH_LEVEL ? this.#loud + 1 : Math.max(0, this.#loud - 1);
    if (this.#loud >= SPEECH_TICKS && !this.speakingMuted) this.#speaks(true);
    if (this.#loud === 0 && this.speakingMuted) this.#speaks(false);
  }

  /** @param {boolean} speaks */
  #speaks(speaks) {
    this.speakingMuted = speaks;
    this.emit("change", null);
  }

  /** @param {Promise<unknown>} action @returns {Promise<boolean>} */
  async #attempt(action) {
    try {
      await action;
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    this.toast(errorLine(error), "circle-alert");
  }
}
