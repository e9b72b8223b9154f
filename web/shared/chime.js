/** Soft sounds, made here so that no file is asked for; each has a visual twin where it is used. */

/** @type {AudioContext | null} */
let context = null;

/** Notes as [Hz, start in seconds]: a rising third for an arrival, three steps to test a speaker. */
const ARRIVAL = /** @type {const} */ ([
  [659.3, 0],
  [830.6, 0.16],
]);
const TEST = /** @type {const} */ ([
  [523.3, 0],
  [659.3, 0.35],
  [784, 0.7],
]);
const MESSAGE = /** @type {const} */ ([[740, 0]]);

/** Must be called once from a tap, so that later sounds are allowed. */
export function wakeSound() {
  if (typeof AudioContext === "undefined") return;
  context ??= new AudioContext();
  if (context.state !== "running") context.resume().catch(() => {});
}

/**
 * @param {readonly (readonly [number, number])[]} notes
 * @param {number} volume  0 to 1
 * @param {AudioNode} [output]
 */
function play(notes, volume, output) {
  wakeSound();
  if (context?.state !== "running") return;
  for (const [frequency, at] of notes) {
    const start = context.currentTime + at + 0.01;
    const tone = context.createOscillator();
    const envelope = context.createGain();
    tone.frequency.value = frequency;
    envelope.gain.setValueAtTime(0, start);
    envelope.gain.linearRampToValueAtTime(volume, start + 0.02);
    envelope.gain.exponentialRampToValueAtTime(0.0001, start + 0.6);
    tone.connect(envelope).connect(output ?? context.destination);
    tone.start(start);
    tone.stop(start + 0.65);
  }
}

export const chime = () => play(ARRIVAL, 0.12);
export const messageSound = () => play(MESSAGE, 0.06);

/**
 * Three notes on the chosen speaker.
 * @param {string} deviceId  "" is the standard one
 * @returns {Promise<void>} when they have been played
 */
export async function testSound(deviceId) {
  wakeSound();
  if (!context) return;
  // An AudioContext plays on one device; an element can be told which.
  const stream = context.createMediaStreamDestination();
  const element = new Audio();
  element.srcObject = stream.stream;
  if (deviceId) await element.setSinkId?.(deviceId).catch(() => {});
  await element.play().catch(() => {});
  play(TEST, 0.25, stream);
  await new Promise((resolve) => setTimeout(resolve, 1600));
  element.srcObject = null;
}
