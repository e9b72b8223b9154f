/** The clinician's way: link -> ready -> call -> ready again. The three places stay; the stage changes. */

import { MediaError, Unsupported } from "../sdk/src/errors.js";
import { permission } from "../sdk/src/local-media.js";
import { requireSupport } from "../sdk/src/support.js";
import { CallSession } from "../shared/call-session.js";
import { wakeSound } from "../shared/chime.js";
import { t } from "../shared/messages.js";
import { guardUnload, Title, WakeLock } from "../shared/page.js";
import { SpeakerChoice } from "../shared/speaker.js";
import { ConsoleCall } from "./console-call.js";
import { LobbyView } from "./lobby.js";

/** @import {Room} from "../sdk/src/room.js" */
/** @import {Services} from "../shared/visit.js" */
/** @import {Session} from "../shared/visit-api.js" */

/** @typedef {{el: Element, close: () => void}} View */

export class ConsoleApp {
  #root;
  #clinic;
  #services;
  /** @type {Session | null} */
  session = null;
  /** @type {Promise<Room> | null} */
  #preparing = null;
  /** @type {{close: () => void} | null} */
  #view = null;
  /** @type {(() => View) | null} */
  #make = null;
  #inCall = false;
  #wakeLock = new WakeLock();
  title = new Title();
  speaker = new SpeakerChoice();

  /** @param {HTMLElement} root @param {{clinic: string, services: Services}} options */
  constructor(root, { clinic, services }) {
    this.#root = root;
    this.#clinic = clinic;
    this.#services = services;
    guardUnload(() => this.#inCall);
  }

  get clinic() {
    return this.session?.clinic || this.#clinic;
  }

  get name() {
    return this.session?.name ?? "";
  }

  get media() {
    return this.#services.media;
  }

  async start() {
    this.title.set(`${t("console.title")} · ${this.clinic}`);
    try {
      requireSupport();
      this.session = await this.#services.session();
    } catch (error) {
      return this.#lobby({ error: known(error), retry: () => void this.start() });
    }
    this.#prepare();
    const granted = await Promise.all([permission("camera"), permission("microphone")]);
    this.#lobby({});
    if (granted.every((state) => state === "granted")) await this.media.start();
  }

  #prepare() {
    const preparing = this.#services.prepare();
    this.#preparing = preparing;
    const lost = () => {
      // It is made again when the person joins.
      if (this.#preparing === preparing && !this.#inCall) this.#preparing = null;
    };
    preparing.then((room) => room.on("ended", lost), lost);
  }

  /** @returns {Promise<void>} */
  async enter() {
    wakeSound();
    const { microphone, camera } = this.media;
    const wanted = { microphone: !microphone.track, camera: !camera.track && !camera.muted };
    if (wanted.microphone || wanted.camera) await this.media.start(wanted);
    if (!this.#preparing) this.#prepare();
    try {
      const room = await /** @type {Promise<Room>} */ (this.#preparing);
      const call = new CallSession(room);
      call.panel = "people";
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
      this.show(() => new ConsoleCall(this, call));
    } catch (error) {
      this.#preparing = null;
      this.#lobby({ error: known(error), retry: () => void this.#again() });
    }
  }

  async #again() {
    try {
      this.session = await this.#services.session();
    } catch (error) {
      return this.#lobby({ error: known(error), retry: () => void this.#again() });
    }
    await this.enter();
  }

  /** @param {CallSession} call @param {MediaError | null} error @param {boolean} rejoin */
  #ended(call, error, rejoin) {
    this.#inCall = false;
    this.#preparing = null;
    this.#wakeLock.release();
    for (const source of this.media.sources) source.stop();
    this.title.set(`${t("console.title")} · ${this.clinic}`);
    const again = rejoin || call.leaving ? () => void this.#again() : null;
    this.#lobby({ error: call.leaving ? null : error, ended: true, retry: again });
  }

  /** @param {{error?: MediaError | null, ended?: boolean, retry?: (() => void) | null}} options */
  #lobby(options) {
    this.show(() => new LobbyView(this, options));
  }

  /** @param {() => View} make */
  show(make) {
    this.#make = make;
    this.#view?.close();
    const view = make();
    this.#view = view;
    this.#root.replaceChildren(view.el);
    /** @type {HTMLElement | null} */ (view.el.querySelector("h1"))?.focus();
  }

  /** The same page in other words. */
  redraw() {
    this.title.set(`${t(this.#inCall ? "title.call" : "console.title")} · ${this.clinic}`);
    if (this.#make) this.show(this.#make);
    /** @type {HTMLElement | null} */ (document.querySelector(".language-select"))?.focus();
  }
}

/** @param {unknown} error @returns {MediaError} */
function known(error) {
  return error instanceof MediaError ? error : new Unsupported(String(error));
}
