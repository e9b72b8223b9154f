/**
 * Judges from the bytes received whether the media path is alive. The server sends at least one RTCP packet a
 * second on every path, so three seconds of silence mean that the path is dead, whatever ICE believes: browsers
 * only call a path disconnected after five to fifteen. Pure.
 */

/** @typedef {"new" | "ok" | "silent"} PathVerdict */

const SILENT_AFTER = 3000;
/** A restart needs a round trip over the websocket and a few over the new path before it can be judged. */
const RESTART_AGAIN_AFTER = 5000;
/** When the page itself was asleep (a locked phone), the gap says nothing about the path. */
const ASLEEP = 2500;

export class MediaWatch {
  #bytes = -1;
  /** @type {number | null} */
  #lastGrowth = null;
  #lastSample = 0;
  #lastRestart = Number.NEGATIVE_INFINITY;
  #failed = false;

  /** @type {PathVerdict} */
  verdict = "new";

  /**
   * @param {number} bytes  received on the transport so far; the count may start again after a restart
   * @param {number} now  milliseconds
   * @param {boolean} [failed]  the browser says that the path failed
   * @returns {PathVerdict}
   */
  sample(bytes, now, failed = false) {
    const slept = this.#lastSample > 0 && now - this.#lastSample > ASLEEP;
    this.#lastSample = now;
    this.#failed = failed;
    if (bytes !== this.#bytes && bytes > 0) {
      this.#lastGrowth = now;
      this.verdict = "ok";
    } else if (slept && this.#lastGrowth !== null) {
      this.#lastGrowth = now;
    } else if (this.#lastGrowth !== null && now - this.#lastGrowth >= SILENT_AFTER) {
      this.verdict = "silent";
    }
    this.#bytes = bytes;
    if (failed) this.verdict = "silent";
    return this.verdict;
  }

  /**
   * Whether to ask for an ICE restart now. Says yes once per attempt.
   * @param {number} now
   * @returns {boolean}
   */
  wantsRestart(now) {
    if (this.verdict !== "silent" || now - this.#lastRestart < RESTART_AGAIN_AFTER) return false;
    this.#lastRestart = now;
    return true;
  }

  /** The network changed or the websocket was gone: a shorter silence suffices to restart. @param {number} now @returns {boolean} */
  doubtful(now) {
    const silence = this.#lastGrowth === null ? 0 : now - this.#lastGrowth;
    if (silence >= 1500 || this.#failed) {
      this.verdict = "silent";
      this.#lastRestart = Number.NEGATIVE_INFINITY;
    }
    return this.wantsRestart(now);
  }
}
