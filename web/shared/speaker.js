/** Which loudspeaker a person chose; it holds from the check into the call. */

import { Emitter } from "../sdk/src/emitter.js";

/** @extends {Emitter<{change: string}>} */
export class SpeakerChoice extends Emitter {
  /** "" is the standard one. */
  deviceId = "";

  /** @param {string} deviceId */
  use(deviceId) {
    this.deviceId = deviceId;
    this.emit("change", deviceId);
  }
}
