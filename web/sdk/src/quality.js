/** How good a connection is, in four words, and why. Pure. */

/** @import {Digest, StreamDigest} from "./stats.js" */

/** @typedef {"good" | "fair" | "weak" | "lost"} Level */
/** @typedef {"none" | "loss_up" | "loss_down" | "delay" | "frozen" | "slow_device" | "narrow"} Cause */
/** @typedef {{level: Level, cause: Cause}} Quality */

/**
 * Limits: 2 % and 8 % loss (a controller's hold zone begins at 2 %; Opus with RED hides about 8 %),
 * 250 ms and 500 ms of round trip (G.114: 150 ms one way is transparent, 400 ms the limit, less what devices add).
 */
const LIMITS = { loss: [0.02, 0.08], rttMs: [250, 500], concealed: [0.03, 0.1], frozenMs: [150, 500] };

/** A verdict must hold for three samples to get worse and six to get better: words that flicker help nobody. */
const WORSE_AFTER = 3;
const BETTER_AFTER = 6;

/** @type {readonly Level[]} */
const ORDER = ["good", "fair", "weak", "lost"];

/**
 * @param {number} value
 * @param {readonly number[]} limits
 * @returns {0 | 1 | 2}
 */
const grade = (value, limits) => (value >= (limits[1] ?? 0) ? 2 : value >= (limits[0] ?? 0) ? 1 : 0);

/**
 * One second's verdict.
 * @param {Digest} d
 * @returns {Quality}
 */
export function judge(d) {
  const down = worst(d.down);
  const up = worst(d.up);
  const held = d.up.some(
    (s) => s.kind === "video" && s.limited === "bandwidth" && s.height > 0 && s.height < 180,
  );
  const slow = d.up.some((s) => s.kind === "video" && s.limited === "cpu" && s.fps < 15);
  /** @type {[Cause, number][]} */
  const findings = [
    ["loss_down", Math.max(grade(down.loss, LIMITS.loss), grade(down.concealed, LIMITS.concealed))],
    ["loss_up", grade(up.loss, LIMITS.loss)],
    ["delay", grade(d.rttMs ?? 0, LIMITS.rttMs)],
    ["frozen", grade(down.frozenMs, LIMITS.frozenMs)],
    ["narrow", held ? 1 : 0],
    ["slow_device", slow ? 1 : 0],
  ];
  const [cause, degree] = findings.reduce((a, b) => (b[1] > a[1] ? b : a));
  return degree === 0 ? { level: "good", cause: "none" } : { level: degree === 2 ? "weak" : "fair", cause };
}

/** @param {StreamDigest[]} streams */
function worst(streams) {
  const max = (/** @type {"loss" | "concealed" | "frozenMs"} */ field) =>
    streams.reduce((most, s) => Math.max(most, s[field]), 0);
  return { loss: max("loss"), concealed: max("concealed"), frozenMs: max("frozenMs") };
}

/**
 * What one received stream looks like from here.
 * @param {StreamDigest[]} streams  of one participant
 * @returns {Level}
 */
export function judgeStreams(streams) {
  const { loss, concealed, frozenMs } = worst(streams);
  const degree = Math.max(
    grade(loss, LIMITS.loss),
    grade(concealed, LIMITS.concealed),
    grade(frozenMs, LIMITS.frozenMs),
  );
  return ORDER[degree] ?? "good";
}

/** Steadies the verdicts. */
export class QualityMeter {
  /** @type {Quality} */
  current = { level: "good", cause: "none" };
  #run = 0;
  /** @type {Quality} */
  #candidate = this.current;

  /**
   * @param {Quality} verdict  of this second
   * @returns {boolean} whether `current` changed
   */
  add(verdict) {
    if (verdict.level === this.current.level) {
      this.#run = 0;
      return false;
    }
    this.#run += 1;
    const worse = ORDER.indexOf(verdict.level) > ORDER.indexOf(this.current.level);
    // Of the verdicts in a run the one nearest to what holds now counts.
    const step = (/** @type {Quality} */ q) =>
      Math.abs(ORDER.indexOf(q.level) - ORDER.indexOf(this.current.level));
    if (this.#run === 1 || step(verdict) < step(this.#candidate)) this.#candidate = verdict;
    if (this.#run < (worse ? WORSE_AFTER : BETTER_AFTER)) return false;
    this.#run = 0;
    this.current = this.#candidate;
    return true;
  }
}
