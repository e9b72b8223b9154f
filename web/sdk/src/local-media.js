/** Everything this person shares and the devices there are; lives before, during and after a call. */

import { Emitter } from "./emitter.js";
import { fromCaptureError, MediaError, PermissionDenied } from "./errors.js";
import { LocalSource } from "./local-source.js";

/** @typedef {{microphones: MediaDeviceInfo[], cameras: MediaDeviceInfo[], speakers: MediaDeviceInfo[]}} Devices */
/** @typedef {{microphone: MediaError | null, camera: MediaError | null}} StartOutcome */

/**
 * Events: `change` when a source changed; `devices` when the list changed, with the devices that were added.
 * @extends {Emitter<{change: LocalSource, devices: {devices: Devices, added: MediaDeviceInfo[]}}>}
 */
export class LocalMedia extends Emitter {
  microphone = new LocalSource("microphone");
  camera = new LocalSource("camera");
  screen = new LocalSource("screen");
  /** @type {Devices} */
  devices = { microphones: [], cameras: [], speakers: [] };
  #aborter = new AbortController();

  constructor() {
    super();
    for (const source of this.sources) source.on("change", (changed) => this.emit("change", changed));
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.refresh(), {
      signal: this.#aborter.signal,
    });
  }

  get sources() {
    return [this.microphone, this.camera, this.screen];
  }

  /**
   * Starts microphone and camera with one question to the person. Whatever of the two works is used;
   * the outcome says why the other does not. Never throws.
   * @param {{microphone?: boolean, camera?: boolean}} [wanted]
   * @returns {Promise<StartOutcome>}
   */
  async start({ microphone = true, camera = true } = {}) {
    const wanted = [microphone && this.microphone, camera && this.camera].filter(
      (source) => source !== false,
    );
    if (wanted.length === 2) {
      try {
        const stream = await navigator.mediaDevices.getUserMedia({
          audio: this.microphone.constraints(),
          video: this.camera.constraints(),
        });
        this.microphone.adopt(stream.getAudioTracks()[0] ?? null);
        this.camera.adopt(stream.getVideoTracks()[0] ?? null);
      } catch (error) {
        await this.#startApart(error);
      }
    } else {
      await Promise.allSettled(wanted.map((source) => source.start()));
    }
    await this.refresh();
    return { microphone: this.microphone.error, camera: this.camera.error };
  }

  /** @param {unknown} error  of asking for both */
  async #startApart(error) {
    const together = fromCaptureError(error, "camera");
    if (together instanceof PermissionDenied) {
      // Asking again would only open the same question twice; the permission says which of the two was refused.
      const [camera, microphone] = await Promise.all([permission("camera"), permission("microphone")]);
      const apart = camera !== microphone && (camera === "granted" || microphone === "granted");
      if (!apart) {
        this.camera.fail(together);
        this.microphone.fail(fromCaptureError(error, "microphone"));
        return;
      }
    }
    await Promise.allSettled([this.microphone.start(), this.camera.start()]);
  }

  /** Reads the list of devices again. @returns {Promise<void>} */
  async refresh() {
    const known = new Set(this.all().map((device) => device.deviceId));
    const list = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    const named = list.filter((device) => device.deviceId !== "");
    this.devices = {
      microphones: named.filter((device) => device.kind === "audioinput"),
      cameras: named.filter((device) => device.kind === "videoinput"),
      speakers: named.filter((device) => device.kind === "audiooutput"),
    };
    const added = known.size > 0 ? this.all().filter((device) => !known.has(device.deviceId)) : [];
    this.emit("devices", { devices: this.devices, added });
  }

  /** @returns {MediaDeviceInfo[]} */
  all() {
    return [...this.devices.microphones, ...this.devices.cameras, ...this.devices.speakers];
  }

  /** Stops all capturing and listening. */
  close() {
    this.#aborter.abort();
    for (const source of this.sources) source.stop();
  }
}

/**
 * @param {"camera" | "microphone"} device
 * @returns {Promise<PermissionState | "unknown">}  unknown: this browser doesn't say
 */
export async function permission(device) {
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (device) });
    return status.state;
  } catch {
    return "unknown";
  }
}
