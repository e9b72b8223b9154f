/**
 * Every way in which joining or being in a call can fail, as a type a program can test for, with words for
 * the person in front of it: what happened, and what to do. No code or stack ever reaches a patient.
 */

/**
 * @typedef {"permission_denied" | "no_device" | "device_busy" | "device_lost" | "unsupported" | "room_full"
 *   | "room_locked" | "room_closed" | "link_expired" | "unauthorised" | "not_allowed" | "connection_failed"
 *   | "media_blocked" | "disconnected" | "replaced" | "removed" | "protocol" | "rejected"} ErrorName
 */

/** The base of all errors of this package. */
export class MediaError extends Error {
  /**
   * @param {ErrorName} code  stable, for programs
   * @param {string} message  what happened, in plain words
   * @param {string} advice  what the person can do now
   * @param {{cause?: unknown, detail?: string}} [options]  `detail` is for logs and developers
   */
  constructor(code, message, advice, options = {}) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.advice = advice;
    this.detail = options.detail ?? "";
  }
}

/** @typedef {"microphone" | "camera" | "screen"} DeviceKind */

/** The person or their browser or system said no. */
export class PermissionDenied extends MediaError {
  /** @param {DeviceKind} device @param {{cause?: unknown, system?: boolean}} [options] */
  constructor(device, { cause, system = false } = {}) {
    super(
      "permission_denied",
      `This page may not use your ${device}.`,
      system
        ? `Your device's own settings block the ${device} for this browser. Allow it there, then try again.`
        : `Open the permissions beside the address of this page, allow the ${device}, then try again.`,
      { cause },
    );
    this.device = device;
    this.system = system;
  }
}

/** There is no such device. */
export class NoDevice extends MediaError {
  /** @param {DeviceKind} device @param {unknown} [cause] */
  constructor(device, cause) {
    super("no_device", `We found no ${device}.`, `Plug one in, or use a phone or tablet that has one.`, {
      cause,
    });
    this.device = device;
  }
}

/** Another program holds the device. */
export class DeviceBusy extends MediaError {
  /** @param {DeviceKind} device @param {unknown} [cause] */
  constructor(device, cause) {
    super(
      "device_busy",
      `Another app is using your ${device}.`,
      `Close other video or phone apps, then try again.`,
      { cause },
    );
    this.device = device;
  }
}

/** The device went away or stopped in the middle of its use. */
export class DeviceLost extends MediaError {
  /** @param {DeviceKind} device */
  constructor(device) {
    super("device_lost", `Your ${device} stopped working.`, `Plug it in again or choose another one.`);
    this.device = device;
  }
}

/** The browser cannot do calls, or the page is not served over a secure connection. */
export class Unsupported extends MediaError {
  /** @param {string} detail */
  constructor(detail) {
    super(
      "unsupported",
      "This browser cannot make video calls.",
      "Open the link in an up-to-date Chrome, Safari, Firefox or Edge.",
      { detail },
    );
  }
}

export class RoomFull extends MediaError {
  constructor() {
    super("room_full", "The call is full.", "Wait until somebody leaves, then try again.");
  }
}

export class RoomLocked extends MediaError {
  constructor() {
    super("room_locked", "The call is locked.", "Your clinician can unlock it. Try again in a moment.");
  }
}

export class RoomClosed extends MediaError {
  /** @param {string} [message] */
  constructor(message) {
    super("room_closed", message || "This call has ended.", "You can close this page.");
  }
}

/** The join link is unknown, expired or taken back. */
export class LinkExpired extends MediaError {
  /** @param {string} [detail] */
  constructor(detail) {
    super(
      "link_expired",
      "This link no longer works.",
      "Open the newest message from your clinic and use the link in it, or call the clinic.",
      { detail },
    );
  }
}

/** A token is missing, wrong or out of date. */
export class Unauthorised extends MediaError {
  /** @param {string} [detail] */
  constructor(detail) {
    super("unauthorised", "You could not be signed in to this call.", "Open your link again.", { detail });
  }
}

/** The grants of this participant don't cover what was asked. */
export class NotAllowed extends MediaError {
  /** @param {string} [detail] */
  constructor(detail) {
    super("not_allowed", "You can't do that in this call.", "Ask the person who leads the call.", { detail });
  }
}

/** The server could not be reached at all. */
export class ConnectionFailed extends MediaError {
  /** @param {{cause?: unknown, detail?: string}} [options] */
  constructor(options) {
    super(
      "connection_failed",
      "We can't reach the clinic.",
      "Check that you are online. Switching between Wi-Fi and mobile data often helps.",
      options,
    );
  }
}

/** The server answers, but no picture or sound gets through. */
export class MediaBlocked extends MediaError {
  /** @param {string} [detail] */
  constructor(detail) {
    super(
      "media_blocked",
      "Your network lets no video through.",
      "Try another network, such as mobile data. Work networks and VPNs often block calls.",
      { detail },
    );
  }
}

/** The connection was lost and did not come back in time. */
export class Disconnected extends MediaError {
  /** @param {string} [detail] */
  constructor(detail) {
    super("disconnected", "You lost the connection.", "Check that you are online, then join again.", {
      detail,
    });
  }
}

/** The same person joined from elsewhere. */
export class Replaced extends MediaError {
  constructor() {
    super(
      "replaced",
      "You joined from another place.",
      "The call goes on there. To continue here instead, join again.",
    );
  }
}

export class Removed extends MediaError {
  constructor() {
    super("removed", "You were taken out of the call.", "If that was a mistake, call the clinic.");
  }
}

/** The two sides don't understand each other: a bug, or a page much older than the server. */
export class ProtocolError extends MediaError {
  /** @param {string} detail */
  constructor(detail) {
    super("protocol", "Something went wrong on our side.", "Reload this page.", { detail });
  }
}

/** The server said no to one request, for a reason of its own. */
export class Rejected extends MediaError {
  /** @param {string} reason @param {string} message */
  constructor(reason, message) {
    super("rejected", message || "That did not work.", "Try again.", { detail: reason });
    this.reason = reason;
  }
}

/**
 * What getUserMedia and getDisplayMedia throw, as one of ours.
 * (Media Capture and Streams, section 10.2, names the DOMExceptions.)
 * @param {unknown} error
 * @param {DeviceKind} device
 * @returns {MediaError}
 */
export function fromCaptureError(error, device) {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  const text = error instanceof Error ? error.message : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return new PermissionDenied(device, { cause: error, system: /system/i.test(text) });
    case "NotFoundError":
    case "OverconstrainedError":
      return new NoDevice(device, error);
    case "NotReadableError":
    case "AbortError":
      return new DeviceBusy(device, error);
    default:
      return new DeviceBusy(device, error);
  }
}

/** Close codes of the websocket (docs/protocol.md) after which joining again by itself makes no sense. */
const FINAL_CODES = new Map([
  [1009, () => new ProtocolError("message too big")],
  [4000, () => new ProtocolError("protocol error")],
  [4001, () => new LinkExpired("unauthorised")],
  [4003, () => new NotAllowed("forbidden")],
  [4004, () => new RoomClosed()],
  [4009, () => new Replaced()],
  [4010, () => new Removed()],
  [4011, () => new RoomClosed("The call has ended.")],
  [4013, () => new RoomFull()],
  [4014, () => new RoomLocked()],
]);

/**
 * @param {number} code  websocket close code
 * @returns {MediaError | null}  null: the close is one to recover from
 */
export function fromCloseCode(code) {
  return FINAL_CODES.get(code)?.() ?? null;
}

/** What a `bye` gives as its reason, when the close code behind it got lost. */
const BY_DEPARTURE = new Map([
  ["removed", 4010],
  ["ended", 4011],
  ["room_closed", 4004],
  ["replaced", 4009],
  ["left", 1000],
]);

/**
 * @param {string} reason  of a `bye`
 * @returns {number | null}
 */
export function closeCodeOf(reason) {
  return BY_DEPARTURE.get(reason) ?? null;
}

/** `error` messages whose code says which close code they stand for. */
const BY_REASON = new Map([
  ["unauthorized", 4001],
  ["not_found", 4004],
  ["room_full", 4013],
  ["room_locked", 4014],
]);

/**
 * @param {string} reason  the `code` of an `error` message
 * @param {string} message
 * @returns {MediaError}
 */
export function fromReason(reason, message) {
  const code = BY_REASON.get(reason);
  if (code !== undefined) return /** @type {MediaError} */ (fromCloseCode(code));
  if (reason === "forbidden") return new NotAllowed(message);
  return new Rejected(reason, message);
}
