/**
 * How good the way to our own server is, and what that means for a visit. Pure but for the probe it is given.
 *
 * The limits: Opus with RED takes 100 kbit/s, a face at 360p 500 kbit/s (encodings.js), and either must leave
 * room for the other. Beyond 400 ms of round trip people talk over each other (ITU-T G.114: 150 ms one way is
 * good, 400 ms one way the limit).
 */

/** @import {Light, PreflightResult} from "./visit-api.js" */

/**
 * @typedef {object} Probe
 * @property {() => Promise<void>} ping  the smallest exchange
 * @property {(bytes: number) => Promise<void>} download
 * @property {(bytes: number) => Promise<void>} upload
 */

/** @typedef {{rtt_ms: number | null, jitter_ms: number | null, down_bps: number | null, up_bps: number | null}} Network */

const PINGS = 6;
/** The first piece: a second at 130 kbit/s. Each further one is twice as large, so that a fast line is kept full. */
const FIRST_BYTES = 16 * 1024;
const MOST_BYTES = 2 * 1024 * 1024;
/** Each way is measured for as long as a person waits gladly, milliseconds. */
const EACH_WAY = 1500;

export const LIMITS = {
  red: { down_bps: 150_000, up_bps: 150_000, rtt_ms: 800 },
  amber: { down_bps: 600_000, up_bps: 600_000, rtt_ms: 300, jitter_ms: 60 },
};

/**
 * @param {Probe} probe
 * @param {() => number} now  milliseconds, monotonic
 * @returns {Promise<Network>}  null where the probe failed
 */
export async function measure(probe, now) {
  /** @type {Network} */
  const found = { rtt_ms: null, jitter_ms: null, down_bps: null, up_bps: null };
  try {
    /** @type {number[]} */
    const trips = [];
    await probe.ping(); // the first one makes the connection
    for (let n = 0; n < PINGS; n += 1) {
      const start = now();
      await probe.ping();
      trips.push(now() - start);
    }
    found.rtt_ms = Math.round(median(trips));
    found.jitter_ms = Math.round(median(trips.slice(1).map((trip, n) => Math.abs(trip - (trips[n] ?? 0)))));
    found.down_bps = await rate(probe.download, now);
    found.up_bps = await rate(probe.upload, now);
  } catch {
    // What was measured until then counts; the rest is not known.
  }
  return found;
}

/** @param {(bytes: number) => Promise<void>} move @param {() => number} now @returns {Promise<number>} bit/s */
async function rate(move, now) {
  const start = now();
  let moved = 0;
  for (let bytes = FIRST_BYTES; moved < MOST_BYTES && now() - start < EACH_WAY; bytes *= 2) {
    await move(bytes);
    moved += bytes;
  }
  return Math.round((moved * 8000) / Math.max(1, now() - start));
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/**
 * Red: a visit by video will not work. Amber: it will, with less. Unknown figures don't speak against it.
 * @param {Omit<PreflightResult, "verdict">} result
 * @returns {Light}
 */
export function verdict(result) {
  const { red, amber } = LIMITS;
  const worse = (/** @type {typeof red & {jitter_ms?: number}} */ limit) =>
    below(result.down_bps, limit.down_bps) ||
    below(result.up_bps, limit.up_bps) ||
    above(result.rtt_ms, limit.rtt_ms) ||
    above(result.jitter_ms, limit.jitter_ms ?? Number.POSITIVE_INFINITY);
  if (!result.microphone || !result.media || result.speaker === false || worse(red)) return "red";
  return !result.camera || worse(amber) ? "amber" : "green";
}

/** @param {number | null} value @param {number} limit */
const below = (value, limit) => value !== null && value < limit;
/** @param {number | null} value @param {number} limit */
const above = (value, limit) => value !== null && value > limit;
