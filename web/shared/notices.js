/** The one thing about the connection or the devices that a person should know now. Pure. */

import { errorAdvice, errorTitle } from "./error-words.js";
import { t } from "./messages.js";

/** @import {MediaError} from "../sdk/src/errors.js" */
/** @import {Quality} from "../sdk/src/quality.js" */
/** @import {SourceState} from "../sdk/src/local-source.js" */

/** @typedef {{kind: "bad" | "warn" | "info", icon: string, title: string, text: string, action?: "unmute" | "devices"}} Notice */
/** @typedef {{state: SourceState, muted: boolean, error: MediaError | null}} SourceView */

/** @type {Record<string, import("./messages.js").MessageKey>} */
const WEAK = {
  loss_down: "note.weak.down",
  loss_up: "note.weak.up",
  narrow: "note.weak.up",
  delay: "note.weak.delay",
  frozen: "note.weak.frozen",
  slow_device: "note.weak.device",
};

/**
 * The first that holds, most serious first; never two at once.
 * @param {object} view
 * @param {boolean} view.signaling  the websocket lives
 * @param {boolean | null} view.mediaAlive  null: not set up yet
 * @param {boolean} view.online
 * @param {Quality} view.quality
 * @param {MediaError | null} view.problem
 * @param {SourceView} view.microphone
 * @param {SourceView} view.camera
 * @param {string | null} view.mutedBy
 * @param {boolean} view.speakingMuted
 * @returns {Notice | null}
 */
export function notices(view) {
  return connectionNotice(view) ?? deviceNotice(view) ?? soundNotice(view) ?? qualityNotice(view);
}

/** @param {{signaling: boolean, mediaAlive: boolean | null, online: boolean, problem: MediaError | null}} view @returns {Notice | null} */
function connectionNotice({ signaling, mediaAlive, online, problem }) {
  if (!signaling) {
    const text = online ? t("note.reconnecting.text") : t("note.offline.text");
    return { kind: "bad", icon: "wifi-off", title: t("note.reconnecting.title"), text };
  }
  if (mediaAlive === false) {
    return { kind: "bad", icon: "wifi-off", title: t("note.silent.title"), text: t("note.silent.text") };
  }
  if (problem && (problem.code !== "media_blocked" || mediaAlive !== true)) {
    return { kind: "bad", icon: "circle-alert", title: errorTitle(problem), text: errorAdvice(problem) };
  }
  return null;
}

/** @param {{microphone: SourceView, camera: SourceView}} view @returns {Notice | null} */
function deviceNotice({ microphone, camera }) {
  for (const [source, name] of /** @type {const} */ ([
    [microphone, "device.microphone"],
    [camera, "device.camera"],
  ])) {
    if (source.state === "interrupted") {
      const device = t(name).toLocaleLowerCase();
      const title = t("note.interrupted.title", { device });
      return { kind: "warn", icon: "phone-incoming", title, text: t("note.interrupted.text") };
    }
    if (source.state === "lost" && source.error && !source.muted && source.error.code === "device_lost") {
      const [title, text] = [errorTitle(source.error), errorAdvice(source.error)];
      return { kind: "warn", icon: "circle-alert", title, text, action: "devices" };
    }
  }
  return null;
}

/** @param {{speakingMuted: boolean, mutedBy: string | null, microphone: SourceView}} view @returns {Notice | null} */
function soundNotice({ speakingMuted, mutedBy, microphone }) {
  if (mutedBy && microphone.muted) {
    const title = t("note.mutedByHost.title", { name: mutedBy });
    return { kind: "info", icon: "mic-off", title, text: t("note.mutedByHost.text") };
  }
  if (!speakingMuted) return null;
  const title = t("note.speakingMuted.title");
  return { kind: "info", icon: "mic-off", title, text: t("note.speakingMuted.text"), action: "unmute" };
}

/** @param {{quality: Quality}} view @returns {Notice | null} */
function qualityNotice({ quality }) {
  if (quality.level !== "weak") return null;
  const text = t(WEAK[quality.cause] ?? "note.weak.down");
  return { kind: "warn", icon: "wifi", title: t("note.weak.title"), text };
}
