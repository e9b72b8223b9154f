/**
 * The client's side of a signaling session as a state machine without socket, clock or timers.
 *
 *     idle -> connecting -> joining -> up -> waiting -> connecting -> ... -> closed
 *
 * Inputs are opened, received, closed and tick, each with the time; after any of them `drain` says what to do.
 * A dropped websocket is resumed for as long as the server keeps the session (120 s); if the server no longer
 * knows it, or says that it restarts (`bye` with rejoin), the link joins afresh and says so, because the
 * media path must then be built again too. Either side takes a websocket as dead that was silent for three
 * heartbeats, since TCP alone would need minutes to notice a lost network.
 */

import { Backoff } from "./backoff.js";
import {
  ConnectionFailed,
  closeCodeOf,
  Disconnected,
  fromCloseCode,
  fromReason,
  MediaError,
  ProtocolError,
} from "./errors.js";
import { PROTOCOL } from "./protocol.js";

/** @import {Announcement, Request, Welcome} from "./protocol.js" */
/** @typedef {"idle" | "connecting" | "joining" | "up" | "waiting" | "closed"} LinkState */

/**
 * @typedef {{do: "connect"}
 *   | {do: "send", text: string}
 *   | {do: "disconnect", code: number, reason: string}
 *   | {do: "welcome", welcome: Welcome}
 *   | {do: "announce", message: Announcement}
 *   | {do: "reply", id: number, message: any}
 *   | {do: "failed", id: number, error: MediaError}
 *   | {do: "state", state: LinkState, error: MediaError | null}} LinkOutput
 */

/**
 * @typedef {object} LinkOptions
 * @property {string} [token]
 * @property {boolean} [prepare]  join without being seen until `enter`
 * @property {() => number} [random]
 * @property {number} [giveUpFirst]  milliseconds to try before the first welcome
 * @property {number} [giveUpResume]  milliseconds to try after a drop
 */

const OPEN_TIMEOUT = 6000;
const REPLY_TIMEOUT = 10_000;
const DEFAULT_HEARTBEAT = 1000;
const MISSED_HEARTBEATS = 3;

export class Link {
  /** @type {LinkState} */
  state = "idle";
  /** @type {LinkOutput[]} */
  #out = [];
  /** @type {Map<number, {deadline: number, join: boolean}>} */
  #pending = new Map();
  #nextId = 1;
  #options;
  #backoff;
  #prepare;
  /** @type {string | null} */
  #resume = null;
  #everUp = false;
  #heartbeat = DEFAULT_HEARTBEAT;
  #lastHeard = 0;
  #deadline = 0;
  #downSince = 0;
  /** @type {{reason: string, message: string, rejoin: boolean} | null} */
  #bye = null;

  /** @param {LinkOptions} [options] */
  constructor(options = {}) {
    this.#options = { giveUpFirst: 15_000, giveUpResume: 120_000, ...options };
    this.#prepare = options.prepare ?? false;
    this.#backoff = new Backoff({}, options.random);
  }

  /** @param {number} now  milliseconds, monotonic, as in every input */
  start(now) {
    if (this.state !== "idle") return;
    this.#downSince = now;
    this.#connect(now);
  }

  /** From `enter` on a fresh join must not be a prepared one any more. */
  entered() {
    this.#prepare = false;
  }

  /** The socket opened. @param {number} now */
  opened(now) {
    if (this.state !== "connecting") return;
    this.#lastHeard = now;
    this.#enter("joining");
    this.#join(now);
  }

  /** @param {number} now */
  #join(now) {
    /** @type {Request} */
    const join = { type: "join", protocol: PROTOCOL };
    if (this.#options.token) join.token = this.#options.token;
    if (this.#resume) join.resume = this.#resume;
    if (this.#prepare) join.prepare = true;
    this.#write(join, now, true);
  }

  /** A text message came. @param {string} text @param {number} now */
  received(text, now) {
    if (this.state === "closed" || this.state === "idle") return;
    this.#lastHeard = now;
    /** @type {any} */
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      message = null;
    }
    if (typeof message !== "object" || message === null || typeof message.type !== "string") {
      this.#finish(new ProtocolError("not a message"), 4000);
      return;
    }
    if (message.type === "ping") {
      this.#out.push({ do: "send", text: '{"type":"pong"}' });
    } else if (typeof message.re === "number") {
      this.#reply(message, now);
    } else if (message.type === "bye") {
      this.#bye = message;
      this.#out.push({ do: "announce", message });
    } else {
      this.#out.push({ do: "announce", message });
    }
  }

  /** The socket closed or could not be opened. @param {number} code @param {number} now */
  closed(code, now) {
    if (this.state === "closed" || this.state === "idle" || this.state === "waiting") return;
    const bye = this.#bye;
    this.#bye = null;
    this.#failPending(new ConnectionFailed({ detail: `websocket closed: ${code}` }));
    // The bye came through even when the close code behind it did not.
    const known = (bye && !bye.rejoin && closeCodeOf(bye.reason)) || code;
    const error = bye?.rejoin ? null : fromCloseCode(known);
    if (error) return this.#finish(error);
    // A close of 1000 without a bye is a proxy or a server that went away politely, not the end of the call.
    if (known === 1000 && bye) return this.#finish(null);
    if (bye?.rejoin || code === 4012) this.#resume = null;
    this.#retry(now);
  }

  /**
   * Sends a request; its reply or failure comes out under the returned id.
   * @param {Request} message
   * @param {number} now
   * @returns {number}
   */
  request(message, now) {
    if (this.state !== "up") {
      const id = this.#nextId++;
      const error = new ConnectionFailed({ detail: `${message.type} while ${this.state}` });
      this.#out.push({ do: "failed", id, error });
      return id;
    }
    return this.#write(message, now, false);
  }

  /** Something happened that makes a try worthwhile at once: the page is shown again, the network came back. @param {number} now */
  nudge(now) {
    if (this.state === "waiting") {
      this.#backoff.reset();
      this.#connect(now);
    } else {
      this.tick(now);
    }
  }

  /** The network is known to have gone: don't wait for three heartbeats. @param {number} now */
  lost(now) {
    if (this.state !== "up" && this.state !== "joining") return;
    this.#out.push({ do: "disconnect", code: 4008, reason: "network changed" });
    this.#failPending(new ConnectionFailed({ detail: "network changed" }));
    this.#retry(now);
  }

  /** Ends the session for good. */
  leave() {
    if (this.state === "closed") return;
    if (this.state === "up") this.#out.push({ do: "send", text: `{"type":"leave","id":${this.#nextId++}}` });
    this.#finish(null, 1000);
  }

  /** @param {number} now */
  tick(now) {
    for (const [id, { deadline, join }] of this.#pending) {
      if (now < deadline) continue;
      this.#pending.delete(id);
      if (join) {
        this.lost(now);
        return;
      }
      this.#out.push({ do: "failed", id, error: new ConnectionFailed({ detail: "no reply" }) });
    }
    if (this.state === "up" && now - this.#lastHeard >= this.#heartbeat * MISSED_HEARTBEATS) {
      this.lost(now);
    } else if (this.state === "connecting" && now >= this.#deadline) {
      this.#out.push({ do: "disconnect", code: 4008, reason: "no answer" });
      this.#retry(now);
    } else if (this.state === "waiting" && now >= this.#deadline) {
      this.#connect(now);
    }
  }

  /** @returns {LinkOutput[]} */
  drain() {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** @param {any} message @param {number} now */
  #reply(message, now) {
    const pending = this.#pending.get(message.re);
    if (!pending) return;
    this.#pending.delete(message.re);
    if (message.type === "error") {
      const error = fromReason(String(message.code), String(message.message ?? ""));
      if (!pending.join) {
        this.#out.push({ do: "failed", id: message.re, error });
      } else if (this.#resume && message.code === "not_found") {
        // The server no longer knows the session, and lets us join afresh on the same websocket.
        this.#resume = null;
        this.#join(now);
      } else if (message.code === "unavailable" || message.code === "internal") {
        this.#out.push({ do: "disconnect", code: 1000, reason: "trying again" });
        this.#retry(now);
      } else {
        this.#finish(error, 1000);
      }
    } else if (pending.join) {
      this.#welcome(message);
    } else {
      this.#out.push({ do: "reply", id: message.re, message });
    }
  }

  /** @param {any} message */
  #welcome(message) {
    if (message.type !== "welcome" || message.protocol !== PROTOCOL) {
      this.#finish(new ProtocolError("unexpected answer to join"), 4000);
      return;
    }
    this.#resume = message.session?.resume ?? null;
    this.#heartbeat = message.heartbeat_ms > 0 ? message.heartbeat_ms : DEFAULT_HEARTBEAT;
    this.#everUp = true;
    this.#backoff.reset();
    this.#enter("up");
    this.#out.push({ do: "welcome", welcome: message });
  }

  /** @param {Request} message @param {number} now @param {boolean} join */
  #write(message, now, join) {
    const id = this.#nextId++;
    this.#pending.set(id, { deadline: now + REPLY_TIMEOUT, join });
    this.#out.push({ do: "send", text: JSON.stringify({ ...message, id }) });
    return id;
  }

  /** @param {number} now */
  #connect(now) {
    this.#deadline = now + OPEN_TIMEOUT;
    this.#enter("connecting");
    this.#out.push({ do: "connect" });
  }

  /** @param {number} now */
  #retry(now) {
    if (this.state === "up") this.#downSince = now;
    const patience = this.#everUp ? this.#options.giveUpResume : this.#options.giveUpFirst;
    if (now - this.#downSince >= patience) {
      const detail = `gave up after ${this.#backoff.tries} tries`;
      this.#finish(this.#everUp ? new Disconnected(detail) : new ConnectionFailed({ detail }));
      return;
    }
    this.#deadline = now + this.#backoff.next();
    this.#enter("waiting");
  }

  /** @param {MediaError} error */
  #failPending(error) {
    for (const [id, { join }] of this.#pending) if (!join) this.#out.push({ do: "failed", id, error });
    this.#pending.clear();
  }

  /** @param {MediaError | null} error @param {number} [code]  close the socket with it */
  #finish(error, code) {
    this.#failPending(error ?? new ConnectionFailed({ detail: "left" }));
    if (code !== undefined) this.#out.push({ do: "disconnect", code, reason: "" });
    this.#enter("closed", error);
  }

  /** @param {LinkState} state @param {MediaError | null} [error] */
  #enter(state, error = null) {
    this.state = state;
    this.#out.push({ do: "state", state, error });
  }
}
