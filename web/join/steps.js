/**
 * The way from the link to the call as ordered steps. A step is a module, a plugin's own or one of ours:
 *
 *     export default { id, order, wide, mount(host) { ...; return { close() {}, focus() {} }; } }
 *
 * It draws into `host.el`, asks its plugin by `host.api(path, body)`, and says `host.done()` when the person may
 * go on. Words, elements and devices come from the host, because a module that is loaded by itself would get
 * copies of ours that know neither the language nor the call.
 */

import { chime, testSound } from "../shared/chime.js";
import { DeviceFields } from "../shared/devices.js";
import { ask } from "../shared/dialog.js";
import { button, h, icon, setAttr, setChildren, setText } from "../shared/dom.js";
import { deviceHelp } from "../shared/help.js";
import { addWords, count, language, languages, lookup, t } from "../shared/messages.js";
import { measure, verdict } from "../shared/network-test.js";
import { Preview } from "../shared/preview.js";
import { frame, privacyFoot } from "./frame.js";
import consent from "./steps/consent.js";
import location from "./steps/location.js";
import preflight from "./steps/preflight.js";
import waiting from "./steps/waiting.js";

/** @import {Room} from "../sdk/src/room.js" */
/** @import {JoinApp} from "./app.js" */
/** @import {PanelInfo} from "../shared/visit-api.js" */

/** @typedef {{close?: () => void, focus?: () => void}} Mounted */
/** @typedef {{id: string, order: number, wide?: boolean, mount: (host: Host) => Mounted | void}} StepModule */
/** `language`: of the view. @typedef {{info: PanelInfo, module: StepModule, view: any, language: string}} Step */

/** What our own panels are called; a panel without a module is drawn by one of these. @type {Record<string, StepModule>} */
const OURS = {
  "preflight/check": preflight,
  "consent/forms": consent,
  "consent/location": location,
  "waiting_room/waiting": waiting,
};

export const UI = { h, icon, button, setText, setAttr, setChildren, ask };
const PARTS = { DeviceFields, Preview, deviceHelp, testSound, chime, measure, verdict };

/** The waiting room when no plugin draws it: a gate may hold people whose plugin is down. @type {Step} */
export const PLAIN_DOOR = {
  info: { plugin: "waiting_room", panel: "waiting", slot: "patient.waiting", order: 90 },
  module: waiting,
  view: null,
  language: "",
};

/** What a step may use. */
export class Host {
  #app;
  #info;
  #step;
  #listeners = new EventTarget();
  #stop;
  el = h("div", { class: "step" });
  t = t;
  count = count;
  lookup = lookup;
  addWords = addWords;
  ui = UI;
  parts = PARTS;

  /** @param {JoinApp} app @param {Step} step @param {{done: () => void, leave: () => void}} acts */
  constructor(app, step, { done, leave }) {
    const { info, view } = step;
    this.#step = step;
    this.#app = app;
    this.#info = info;
    this.view = view;
    this.done = done;
    this.leave = leave;
    this.#stop = app.services.watch((changed) => {
      if (changed.plugin === info.plugin && changed.panel === info.panel) void this.refresh();
    });
  }

  get language() {
    return language();
  }

  get session() {
    return /** @type {import("../shared/visit-api.js").Session} */ (this.#app.session);
  }

  get media() {
    return this.#app.media;
  }

  get speaker() {
    return this.#app.speaker;
  }

  /** The prepared room, once the path to it is made. @returns {Room | null} */
  get room() {
    return this.#app.room;
  }

  /** How far the path to the media server is. */
  get network() {
    return this.#app.network;
  }

  get probe() {
    return this.#app.services.probe;
  }

  /** An act of this step's plugin; without a body a read. @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  api(path, body) {
    return this.#app.services.call(this.#info.plugin, path, body);
  }

  /** Asks for the view anew. */
  async refresh() {
    const step = this.#step;
    const asked = language();
    try {
      step.view = await this.#app.services.view(this.#info);
    } catch {
      return; // what is shown stays; the next change or reconnection brings it
    }
    step.language = asked;
    this.view = step.view;
    this.emit("view");
  }

  /** `view`: it changed. `network`: the path did. `room`: something in the room did. @param {"view" | "network" | "room"} type @param {() => void} listener */
  on(type, listener) {
    this.#listeners.addEventListener(type, listener);
    return () => this.#listeners.removeEventListener(type, listener);
  }

  /** @param {"view" | "network" | "room"} type */
  emit(type) {
    this.#listeners.dispatchEvent(new Event(type));
  }

  close() {
    this.#stop();
  }
}

/**
 * The panels that are there for this person, with the modules that draw them, in order.
 * @param {JoinApp} app
 * @param {PanelInfo[]} panels
 * @returns {Promise<Step[]>}
 */
export async function loadSteps(app, panels) {
  const steps = await Promise.all(
    panels.map(async (info) => {
      const [module, view] = await Promise.all([load(info), app.services.view(info).catch(() => undefined)]);
      return module && view !== null ? { info, module, view: view ?? null, language: language() } : null;
    }),
  );
  return steps.filter((step) => step !== null).sort((a, b) => a.info.order - b.info.order);
}

/** The plugin's own catalogues; what it lacks, the page says. @param {string} folder */
async function loadWords(folder) {
  await Promise.all(
    languages().map(async ({ tag }) => {
      const response = await fetch(`${folder}${tag}.json`).catch(() => null);
      if (response?.ok) addWords({ [tag]: await response.json() });
    }),
  );
}

/** A module that can't be had is left out: a plugin that fails never keeps anybody from the call. @param {PanelInfo} info @returns {Promise<StepModule | null>} */
async function load({ plugin, panel, module, words }) {
  if (words) await loadWords(words);
  if (!module) return OURS[`${plugin}/${panel}`] ?? null;
  try {
    return (await import(new URL(module, document.baseURI).href)).default;
  } catch {
    return OURS[`${plugin}/${panel}`] ?? null;
  }
}

/** One step in the frame of the page. */
export class StepView {
  #host;
  #mounted;

  /**
   * @param {JoinApp} app
   * @param {Step} step
   * @param {{at: number, of: number, fresh?: boolean, done: () => void, leave: () => void}} place  fresh: the view may have changed since
   */
  constructor(app, step, { at, of, fresh = false, done, leave }) {
    this.#host = new Host(app, step, { done, leave });
    this.el = frame(
      app,
      { step: at, of, wide: step.module.wide ?? false, foot: privacyFoot() },
      this.#host.el,
    );
    this.el.dataset.step = step.module.id;
    this.#mounted = step.module.mount(this.#host) ?? {};
    if (fresh || step.language !== language()) void this.#host.refresh();
  }

  network = () => this.#host.emit("network");
  room = () => this.#host.emit("room");

  close() {
    this.#mounted.close?.();
    this.#host.close();
  }
}
