/**
 * The patient's way: link -> permission -> check -> call -> end, one thing at a time.
 * While the person looks at their picture the media path is already being made.
 */

import { MediaError, Unsupported } from "../sdk/src/errors.js";
import { permission } from "../sdk/src/local-media.js";
import { requireSupport } from "../sdk/src/support.js";
import { CallSession } from "../shared/call-session.js";
import { wakeSound } from "../shared/chime.js";
import { t } from "../shared/messages.js";
import { guardUnload, Title, WakeLock } from "../shared/page.js";
import { SpeakerChoice } from "../shared/speaker.js";
import { askView, loadingView, ReadyView } from "./check.js";
import { endedView, failedView, homeView } from "./ends.js";
import { PatientCall } from "./patient-call.js";

/** @import {Room} from "../sdk/src/room.js" */
/** @import {Services, Session} from "../shared/visit.js" */

/** @typedef {{el: Element, close: () => void, focus?: () => void, network?: () => void}} View */

export class JoinApp {
  #root;
  #clinic;
  #services;
  /** @type {Session | null} */
  #session = null;
  /** @type {Promise<Room> | null} */
  #preparing = null;
  /** @type {"unknown" | "preparing" | "ready" | "trouble"} */
  network = "unknown";
  /** @type {{close: () => void} | null} */
  #view = null;
  /** @type {(() => View) | null} */
  #make = null;
  #inCall = false;
  title = new Title();
  speaker = new SpeakerChoice();
  #wakeLock = new WakeLock();

  /** @param {HTMLElement} root @param {{clinic: string, services: Services}} options */
  constructor(root, { clinic, services }) {
    this.#root = root;
    this.#clinic = clinic;
    this.#services = services;
    guardUnload(() => this.#inCall);
  }

  get clinic() {
    return this.#session?.clinic || this.#clinic;
  }

  get name() {
    return this.#session?.name ?? "";
  }

  get media() {
    return this.#services.media;
  }

  /** The page without a link: how to get one. */
  showHome() {
    this.show(() => homeView(this));
  }

  /** Opens the link. @returns {Promise<void>} */
  async start() {
    this.title.set(`${t("title.visit")} · ${this.clinic}`);
    this.show(() => loadingView(this));
    try {
      requireSupport();
      this.#session = await this.#services.session();
    } catch (error) {
      return this.fail(error, () => void this.start());
    }
    this.#prepare();
    const [camera, microphone] = await Promise.all([permission("camera"), permission("microphone")]);
    if (camera === "granted" && microphone === "granted") await this.check();
    else this.show(() => askView(this));
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
    const preparing = this.#services.prepare();
    this.#preparing = preparing;
    preparing.then(
      (room) => {
        this.network = "ready";
        room.on("ended", ({ error }) => {
          // Before entering; the call has its own ear for it.
          if (!this.#inCall && this.#preparing === preparing) this.#lostBeforeCall(error);
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

  /** @param {MediaError | null} error */
  #lostBeforeCall(error) {
    this.#preparing = null;
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
      const call = new CallSession(room);
      call.on("ended", ({ error, rejoin }) => this.#ended(call, error, rejoin));
      this.#inCall = true;
      try {
        await room.enter();
      } catch (error) {
        this.#inCall = false;
        call.close();
        // Nothing of a person who reads that it failed may go on.
        room.leave();
        throw error;
      }
      if (!this.#inCall) return;
      this.#wakeLock.hold();
      this.title.set(`${t("title.call")} · ${this.clinic}`);
      this.show(() => new PatientCall(this, call));
    } catch (error) {
      this.fail(error, () => void this.#again());
    }
  }

  /** Straight back into the call: camera and sound were checked before. */
  async #again() {
    this.show(() => loadingView(this));
    try {
      this.#session = await this.#services.session();
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
    this.#view = view;
    this.#root.replaceChildren(view.el);
    if (view.focus) view.focus();
    /** @type {HTMLElement | null} */ else view.el.querySelector("h1")?.focus();
  }

  /** The same page in other words; a title that counts on them follows. */
  redraw() {
    this.title.set(`${t(this.#inCall ? "title.call" : "title.visit")} · ${this.clinic}`);
    if (this.#make) this.show(this.#make);
    /** @type {HTMLElement | null} */ (document.querySelector(".language-select"))?.focus();
  }
}
