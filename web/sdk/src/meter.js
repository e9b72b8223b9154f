/** The loudness of a track, for a level meter and for "you speak while muted". */

/** Below -60 dBFS a room is silent, above -12 dBFS a voice is loud: the meter shows that range. */
const FLOOR_DB = -60;
const TOP_DB = -12;

/**
 * @param {number} rms  0 to 1
 * @returns {number} 0 to 1, as an ear would place it
 */
export function loudness(rms) {
  if (rms <= 0) return 0;
  const db = 20 * Math.log10(rms);
  return Math.min(1, Math.max(0, (db - FLOOR_DB) / (TOP_DB - FLOOR_DB)));
}

export class LevelMeter {
  #context;
  #analyser;
  #source;
  #samples;

  #owned;

  /**
   * @param {MediaStreamTrack} track
   * @param {{owned?: boolean}} [options]  owned: the track ends with the meter
   */
  constructor(track, { owned = false } = {}) {
    this.#owned = owned ? track : null;
    this.#context = new AudioContext();
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source.connect(this.#analyser);
  }

  /** @returns {number} 0 to 1 */
  read() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return loudness(Math.sqrt(sum / this.#samples.length));
  }

  /** Browsers start it asleep until the page was tapped. */
  wake() {
    if (this.#context.state !== "running") this.#context.resume().catch(() => {});
  }

  close() {
    this.#owned?.stop();
    this.#source.disconnect();
    this.#context.close().catch(() => {});
  }
}
