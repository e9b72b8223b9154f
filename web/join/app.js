/**
 * The patient's way: link -> the plugins' steps -> waiting room -> call -> end, one thing at a time. Where no
 * plugin asks anything, the page itself asks for camera and sound. While the person looks at their picture the
 * media path is already being made.
 */

import { MediaError, Unsupported } from "../sdk/src/errors.js";
import { permission } from "../sdk/src/local-media.js";
import { requireSupport } from "../sdk/src/support.js";
import { CallSession } from "../shared/call-session.js";
import { chime, wakeSound } from "../shared/chime.js";
import { startLanguage, t } from "../shared/messages.js";
import { guardUnload, Title, WakeLock } from "../shared/page.js";
import { SpeakerChoice } from "../shared/speaker.js";
import { askView, loadingView, ReadyView } from "./check.js";
import { endedView, failedView, homeView, leftView } from "./ends.js";
import { PatientCall } from "./patient-call.js";
import { loadSteps, PLAIN_DOOR, StepView } from "./steps.js";

/** @import {Room} from "../sdk/src/room.js" */
/** @import {Services} from "../shared/visit.js" */
/** @import {PanelInfo, Session} from "../shared/visit-api.js" */

/** @typedef {{el: Element, close: () => void, focus?: () => void, network?: () => void, room?: () => void}} View */
/** @import {Step} from "./steps.js" */

export class JoinApp {
  #root;
  #clinic;
  services;
  /** @type {Session | null} */
  session = null;
  /** What the plugins ask, in order. @type {Step[]} */
  #steps = [];
  /** What stands in the waiting room. @type {Step | null} */
  #door = null;
  /** @type {Room | null} */
  room = null;
  /** In the room's eyes: asked to enter, and not let in yet. */
  #held = false;
  /** @type {Promise<Room> | null} */
  #preparing = null;
  /** @type {"unknown" | "preparing" | "ready" | "trouble"} */
  network = "unknown";
  /** @type {{close: () => void} | null} */
  #view = null;
  /** @type {(() => View) | null} */
  #make = null;
  #inCall = false;
  /** @type {CallSession | null} */
  #call = null;
  title = new Title();
  speaker = new SpeakerChoice();
  #wakeLock = new WakeLock();

  /** @param {HTMLElement} root @param {{clinic: string, services: Services}} options */
  constructor(root, { clinic, services }) {
    this.#root = root;
    this.#clinic = clinic;
    this.services = services;
    guardUnload(() => this.#inCall);
  }

  get clinic() {
    return this.session?.clinic || this.#clinic;
  }

  get name() {
    return this.session?.name ?? "";
  }

  get media() {
    return this.services.media;
  }

  /** The page without a link: how to get one. */
  showHome() {
    this.show(() => homeView(this));
  }

  /** Steps of the way: what is asked, waiting where there is a door, and the call. */
  get #length() {
    return this.#steps.length + (this.#door ? 2 : 1);
  }

  /** Opens the link. @returns {Promise<void>} */
  async start() {
    this.title.set(`${t("title.visit")} · ${this.clinic}`);
    this.show(() => loadingView(this));
    try {
      requireSupport();
      this.session = await this.services.session();
    } catch (error) {
      return this.fail(error, () => void this.start());
    }
    this.#prepare();
    await this.#loadPanels();
    if (this.#steps.length > 0) return this.step(0);
    const [camera, microphone] = await Promise.all([permission("camera"), permission("microphone")]);
    if (camera === "granted" && microphone === "granted") await this.check();
    else this.show(() => askView(this));
  }

  async #loadPanels() {
    if (this.session?.language) startLanguage(this.session.language);
    const panels = await this.services.panels();
    const of = (/** @type {string} */ slot) => panels.filter((panel) => panel.slot === slot);
    this.#steps = await loadSteps(this, of("patient.step"));
    [this.#door = null] = await loadSteps(this, of("patient.waiting"));
  }

  /** The step of this number; behind the last one is the room. @param {number} at */
  step(at) {
    const step = this.#steps[at];
    if (!step) return void this.enter();
    const place = { at: at + 1, of: this.#length, done: () => this.step(at + 1), leave: () => this.leave() };
    wakeSound();
    this.show(() => new StepView(this, step, place));
  }

  /** Asks the browser for camera and microphone, then shows the check. @param {{camera?: boolean}} [wanted] */
  async check({ camera = true } = {}) {
    if (!camera) this.media.camera.muted = true;
    await this.media.start({ microphone: true, camera });
    this.show(() => new ReadyView(this));
  }

  /** The path to the media server is made while the person looks at their picture. */
  #prepare() {
    this.network = "preparing";
    const preparing = this.services.prepare();
    this.#preparing = preparing;
    preparing.then(
      (room) => {
        this.network = "ready";
        this.room = room;
        this.#listen(room);
        room.on("ended", ({ error }) => {
          // Before entering; the call has its own ear for it.
          if (!this.#inCall && this.#preparing === preparing && !this.#leaving) this.#lostBeforeCall(error);
        });
        this.onNetwork?.();
      },
      () => {
        this.network = "trouble";
        this.onNetwork?.();
      },
    );
  }

  /** @type {(() => void) | null} */
  onNetwork = null;
  /** @type {(() => void) | null} */
  onRoom = null;
  #leaving = false;

  /** What the door of the room does with this person. @param {Room} room */
  #listen(room) {
    room.on("change", () => this.onRoom?.());
    room.on("state", (state) => {
      if (!this.#held) return;
      this.network = state === "reconnecting" ? "trouble" : "ready";
      this.onNetwork?.();
    });
    const door = /** @type {import("../sdk/src/emitter.js").Emitter<any>} */ (room);
    door.on("admitted", () => void this.#admitted(room));
    door.on("sentback", ({ reason = "" }) => this.#sentBack(reason));
  }

  /** @param {MediaError | null} error */
  #lostBeforeCall(error) {
    this.#preparing = null;
    if (this.#held) {
      this.#held = false;
      this.show(() => endedView(this, { error, left: false, again: () => void this.#again() }));
      return;
    }
    if (error && ["room_closed", "removed", "link_expired", "replaced"].includes(error.code)) {
      this.fail(error, () => void this.start());
      return;
    }
    this.network = "trouble";
    this.onNetwork?.();
  }

  /** Into the call. @returns {Promise<void>} */
  async enter() {
    wakeSound();
    if (this.network === "trouble" || !this.#preparing) this.#prepare();
    try {
      const room = await /** @type {Promise<Room>} */ (this.#preparing);
      const call = this.#newCall(room);
      let how;
      try {
        how = /** @type {string | undefined} */ (/** @type {unknown} */ (await room.enter()));
      } catch (error) {
        this.#inCall = false;
        call.close();
        // Nothing of a person who reads that it failed may go on.
        room.leave();
        throw error;
      }
      if (how === "held") {
        this.#inCall = false;
        call.close();
        if (!this.#held) this.#wait();
        return;
      }
      this.#showCall(call);
    } catch (error) {
      this.fail(error, () => void this.#again());
    }
  }

  /** @param {Room} room @returns {CallSession} */
  #newCall(room) {
    const call = new CallSession(room);
    call.on("ended", ({ error, rejoin }) => this.#ended(call, error, rejoin));
    this.#call = call;
    this.#inCall = true;
    return call;
  }

  /** @param {CallSession} call */
  #showCall(call) {
    if (!this.#inCall) return;
    this.#held = false;
    this.#wakeLock.hold();
    this.title.set(`${t("title.call")} · ${this.clinic}`);
    this.show(() => new PatientCall(this, call));
  }

  /** At the door: the way is warm, and nothing of this person goes further. */
  #wait() {
    this.#held = true;
    this.#wakeLock.hold();
    this.title.set(`${t("wait.title")} · ${this.clinic}`);
    const door = this.#door ?? PLAIN_DOOR;
    const at = this.#steps.length + 1;
    const place = { at, of: at + 1, fresh: true, done: () => {}, leave: () => this.leave() };
    this.show(() => new StepView(this, door, place));
  }

  /** @param {Room} room */
  async #admitted(room) {
    if (this.#inCall && !this.#held) return;
    chime();
    const who = room.participants.find(({ admin }) => admin)?.name ?? t("wait.doctor");
    this.title.call(t("wait.ready", { who }));
    const call = this.#newCall(room);
    this.#showCall(call);
    call.toast(t("toast.admitted", { name: who }), "door-open");
  }

  /** @param {string} _reason  told by the waiting room's own view */
  #sentBack(_reason) {
    this.#call?.close();
    this.#call = null;
    this.#inCall = false;
    this.#wait();
  }

  /** Out of the waiting room, for good or until the link is opened again. */
  leave() {
    this.#leaving = true;
    this.#held = false;
    this.room?.leave();
    this.#preparing = null;
    this.#wakeLock.release();
    for (const source of this.media.sources) source.stop();
    const again = () => {
      this.#leaving = false;
      void this.#again();
    };
    this.show(() => leftView(this, again));
  }

  /** Straight back into the call: camera and sound were checked before. */
  async #again() {
    this.show(() => loadingView(this));
    try {
      this.session = await this.services.session();
    } catch (error) {
      return this.fail(error, () => void this.#again());
    }
    const { microphone, camera } = this.media;
    const wanted = { microphone: !microphone.track, camera: !camera.track && !camera.muted };
    if (wanted.microphone || wanted.camera) await this.media.start(wanted);
    this.#prepare();
    await this.enter();
  }

  /** @param {CallSession} call @param {MediaError | null} error @param {boolean} rejoin */
  #ended(call, error, rejoin) {
    this.#inCall = false;
    this.#preparing = null;
    this.#wakeLock.release();
    const { microphone, camera, screen } = this.media;
    for (const source of [microphone, camera, screen]) source.stop();
    this.title.set(`${t("title.visit")} · ${this.clinic}`);
    const again = rejoin ? () => void this.#again() : null;
    this.show(() => endedView(this, { error: call.leaving ? null : error, left: call.leaving, again }));
  }

  /** @param {unknown} error @param {() => void} retry */
  fail(error, retry) {
    const known = error instanceof MediaError ? error : new Unsupported(String(error));
    this.show(() => failedView(this, known, retry));
  }

  /** @param {() => View} make */
  show(make) {
    this.#make = make;
    this.#view?.close();
    const view = make();
    this.onNetwork = view.network ?? null;
    this.onRoom = view.room ?? null;
    this.#view = view;
    this.#root.replaceChildren(view.el);
    if (view.focus) view.focus();
    /** @type {HTMLElement | null} */ else view.el.querySelector("h1")?.focus();
  }

  /** The same page in other words; a title that counts on them follows. */
  redraw() {
    this.title.set(
      `${t(this.#inCall ? "title.call" : this.#held ? "wait.title" : "title.visit")} · ${this.clinic}`,
    );
    if (this.#make) this.show(this.#make);
    /** @type {HTMLElement | null} */ (document.querySelector(".language-select"))?.focus();
  }
}
