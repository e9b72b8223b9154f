/** How long to wait before each try to reach the server again. */

/**
 * @typedef {object} BackoffOptions
 * @property {number} first  milliseconds before the second try; the first one is made at once
 * @property {number} factor
 * @property {number} most  milliseconds
 * @property {number} jitter  share of the delay that is random (0 to 1), so that a clinic's people don't all come back in one instant
 */

/** Two tries within a second, because most drops are a changed network; never more than 4 s, because a person waits. */
const DEFAULTS = { first: 300, factor: 1.8, most: 4000, jitter: 0.3 };

export class Backoff {
  #tries = 0;
  #options;
  #random;

  /**
   * @param {Partial<BackoffOptions>} [options]
   * @param {() => number} [random]  0 to 1
   */
  constructor(options = {}, random = Math.random) {
    this.#options = { ...DEFAULTS, ...options };
    this.#random = random;
  }

  get tries() {
    return this.#tries;
  }

  /** @returns {number} milliseconds until the next try */
  next() {
    const { first, factor, most, jitter } = this.#options;
    const n = this.#tries;
    this.#tries += 1;
    if (n === 0) return 0;
    const delay = Math.min(most, first * factor ** (n - 1));
    return Math.round(delay * (1 - jitter * this.#random()));
  }

  reset() {
    this.#tries = 0;
  }
}
