/** Turns a Link on a real WebSocket, clock and timer. */

import { Emitter } from "./emitter.js";
import { Link } from "./link.js";
import { SUBPROTOCOL } from "./protocol.js";

/** @import {LinkOptions, LinkState} from "./link.js" */
/** @import {MediaError} from "./errors.js" */
/** @import {Announcement, Request, Welcome} from "./protocol.js" */

/** A quarter of the heartbeat: the silence limit is then met within 8 %. */
const TICK = 250;

/**
 * @extends {Emitter<{
 *   welcome: Welcome,
 *   announcement: Announcement,
 *   state: {state: LinkState, error: MediaError | null},
 * }>}
 */
export class SignalSocket extends Emitter {
  #url;
  #link;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<number, {resolve: (message: any) => void, reject: (error: MediaError) => void}>} */
  #waiting = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #WebSocket;

  /**
   * @param {string} url  ws: or wss:
   * @param {LinkOptions & {WebSocket?: typeof WebSocket}} [options]
   */
  constructor(url, { WebSocket: Socket = globalThis.WebSocket, ...options } = {}) {
    super();
    this.#url = url;
    this.#link = new Link(options);
    this.#WebSocket = Socket;
  }

  get state() {
    return this.#link.state;
  }

  start() {
    this.#timer = setInterval(() => this.#run((link, now) => link.tick(now)), TICK);
    this.#run((link, now) => link.start(now));
  }

  /**
   * @param {Request} message
   * @returns {Promise<any>}  the reply
   */
  request(message) {
    return new Promise((resolve, reject) => {
      this.#run((link, now) => {
        this.#waiting.set(link.request(message, now), { resolve, reject });
      });
    });
  }

  entered() {
    this.#link.entered();
  }

  /** Try again now rather than when the backoff says. */
  nudge() {
    this.#run((link, now) => link.nudge(now));
  }

  /** The network went away. */
  lost() {
    this.#run((link, now) => link.lost(now));
  }

  leave() {
    this.#run((link) => link.leave());
  }

  /** @param {(link: Link, now: number) => void} input */
  #run(input) {
    input(this.#link, performance.now());
    for (const out of this.#link.drain()) this.#perform(out);
  }

  /** @param {import("./link.js").LinkOutput} out */
  #perform(out) {
    switch (out.do) {
      case "connect":
        return this.#open();
      case "send":
        return this.#socket?.readyState === 1 ? this.#socket.send(out.text) : undefined;
      case "disconnect":
        return this.#drop(out.code, out.reason);
      case "welcome":
        return this.emit("welcome", out.welcome);
      case "announce":
        return this.emit("announcement", out.message);
      case "reply":
        this.#waiting.get(out.id)?.resolve(out.message);
        this.#waiting.delete(out.id);
        return;
      case "failed":
        this.#waiting.get(out.id)?.reject(out.error);
        this.#waiting.delete(out.id);
        return;
      case "state":
        if (out.state === "closed") clearInterval(this.#timer);
        return this.emit("state", { state: out.state, error: out.error });
    }
  }

  #open() {
    this.#drop(1000, "");
    const socket = new this.#WebSocket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = () => this.#run((link, now) => link.opened(now));
    socket.onmessage = ({ data }) => this.#run((link, now) => link.received(String(data), now));
    socket.onclose = ({ code }) => {
      this.#socket = null;
      this.#run((link, now) => link.closed(code, now));
    };
  }

  /** A socket given up on must not speak any more: its late close would be taken for the next one's. @param {number} code @param {string} reason */
  #drop(code, reason) {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code, reason);
  }
}
