/** What this browser can do. */

import { Unsupported } from "./errors.js";

/** Throws Unsupported if no call is possible here at all. */
export function requireSupport() {
  if (typeof RTCPeerConnection === "undefined") throw new Unsupported("no RTCPeerConnection");
  if (typeof WebSocket === "undefined") throw new Unsupported("no WebSocket");
  if (!globalThis.isSecureContext) throw new Unsupported("not a secure context (https or localhost)");
  if (!navigator.mediaDevices) throw new Unsupported("no mediaDevices");
}

/** Whether the screen can be shared (phones cannot). */
export function canShareScreen() {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function" && !isPhone();
}

/** Whether the loudspeaker can be chosen in the page. */
export function canChooseSpeaker() {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/** A phone or tablet, as far as it matters here: it has a front and a back camera and no shareable screen. */
export function isPhone() {
  return matchMedia("(pointer: coarse) and (hover: none)").matches;
}

/** Whether the page can listen to sound levels. */
export function canMeter() {
  return typeof AudioContext !== "undefined";
}
