/** Looks at a peer once a second: is the path alive, how good is it, what flows. */

import { Emitter } from "./emitter.js";
import { MediaWatch } from "./media-watch.js";
import { judge, QualityMeter } from "./quality.js";
import { digest } from "./stats.js";

/** @import {MediaPeer} from "./peer.js" */
/** @import {Digest} from "./stats.js" */
/** @import {Quality} from "./quality.js" */
/** @import {PathVerdict} from "./media-watch.js" */

const EVERY = 1000;
/** A path that never worked within this time is blocked by something between the two. */
const BLOCKED_AFTER = 12_000;

/**
 * @extends {Emitter<{digest: Digest, quality: Quality, path: PathVerdict, restart: null, blocked: null}>}
 */
export class Monitor extends Emitter {
  #peer;
  #watch = new MediaWatch();
  #meter = new QualityMeter();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** @type {Map<string, any> | null} */
  #before = null;
  #started = performance.now();
  #blocked = false;
  #sampling = false;

  /** @param {MediaPeer} peer */
  constructor(peer) {
    super();
    this.#peer = peer;
    this.#timer = setInterval(() => this.sample(), EVERY);
  }

  get quality() {
    return this.#meter.current;
  }

  get path() {
    return this.#watch.verdict;
  }

  async sample() {
    if (this.#sampling) return;
    this.#sampling = true;
    try {
      const report = await this.#peer.stats();
      const now = performance.now();
      const d = digest(report, this.#before);
      this.#before = report;
      this.#judgePath(d, now);
      this.emit("digest", d);
      if (this.#watch.verdict === "ok" && this.#meter.add(judge(d)))
        this.emit("quality", this.#meter.current);
    } catch {
      // The peer was closed between two samples.
    } finally {
      this.#sampling = false;
    }
  }

  /** @param {Digest} d @param {number} now */
  #judgePath(d, now) {
    const before = this.#watch.verdict;
    const verdict = this.#watch.sample(d.bytesReceived, now, this.#peer.state === "failed");
    if (verdict !== before) this.emit("path", verdict);
    if (this.#watch.wantsRestart(now)) this.emit("restart", null);
    if (
      !this.#blocked &&
      this.#peer.state !== "connected" &&
      verdict !== "ok" &&
      now - this.#started > BLOCKED_AFTER
    ) {
      this.#blocked = true;
      this.emit("blocked", null);
    }
  }

  /** The network changed or the websocket came back: judge the path sooner. */
  doubt() {
    if (this.#watch.doubtful(performance.now())) {
      this.emit("path", this.#watch.verdict);
      this.emit("restart", null);
    }
  }

  close() {
    clearInterval(this.#timer);
  }
}
