/** Who is shown where: the server fills the offered recvonly slots by mid; this says what changed. Pure. */

/** @import {SlotInfo, Source, Kind} from "./protocol.js" */

/** @typedef {{mid: string, participant: string, source: Source, kind: Kind, muted: boolean}} Assignment */
/**
 * @typedef {object} SlotChanges
 * @property {Assignment[]} started  a source newly shown, or moved to another slot
 * @property {Assignment[]} stopped
 * @property {Assignment[]} changed  muted or unmuted
 */

/** @param {{participant: string, source: Source}} of */
export const keyOf = ({ participant, source }) => `${participant} ${source}`;

export class SlotMap {
  /** @type {Map<string, Assignment>} by participant and source */
  #assigned = new Map();

  /**
   * Takes the server's whole mapping.
   * @param {readonly SlotInfo[]} slots
   * @returns {SlotChanges}
   */
  update(slots) {
    /** @type {Map<string, Assignment>} */
    const next = new Map();
    for (const { mid, participant, source, kind, muted } of slots) {
      next.set(keyOf({ participant, source }), { mid, participant, source, kind, muted });
    }
    /** @type {SlotChanges} */
    const changes = { started: [], stopped: [], changed: [] };
    for (const [key, old] of this.#assigned) if (!next.has(key)) changes.stopped.push(old);
    for (const [key, now] of next) {
      const old = this.#assigned.get(key);
      if (!old || old.mid !== now.mid) changes.started.push(now);
      else if (old.muted !== now.muted) changes.changed.push(now);
    }
    this.#assigned = next;
    return changes;
  }

  /** @returns {Assignment[]} */
  list() {
    return [...this.#assigned.values()];
  }

  /** @param {string} mid */
  at(mid) {
    return this.list().find((assignment) => assignment.mid === mid);
  }
}

/**
 * How many transceivers to add so that the server has what it needs. Pairs, so that the i-th audio and the
 * i-th video slot stay together and browsers lip-sync them; a few spare, so that the next person needs no offer.
 * @param {{audio: number, video: number}} need  how many more the server asked for
 * @param {{audio: number, video: number}} have
 * @returns {{audio: number, video: number}}
 */
export function slotsToAdd(need, have) {
  if (need.audio <= 0 && need.video <= 0) return { audio: 0, video: 0 };
  const pairs = Math.max(have.audio + Math.max(0, need.audio), have.video + Math.max(0, need.video)) + 1;
  return { audio: pairs - have.audio, video: pairs - have.video };
}
