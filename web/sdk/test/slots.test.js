import assert from "node:assert/strict";
import { test } from "node:test";
import { SlotMap, slotsToAdd } from "../src/slots.js";

/** @param {string} mid @param {string} participant @param {any} source */
const slot = (mid, participant, source, muted = false) => ({
  mid,
  participant,
  source,
  kind: /** @type {"audio" | "video"} */ (source === "camera" || source === "screen" ? "video" : "audio"),
  muted,
});
/** @param {import("../src/slots.js").Assignment[]} list */
const mids = (list) => list.map(({ mid }) => mid);

test("a whole mapping is taken as differences", () => {
  const map = new SlotMap();
  const first = map.update([slot("2", "a", "microphone"), slot("3", "a", "camera")]);
  assert.deepEqual([mids(first.started), mids(first.stopped), mids(first.changed)], [["2", "3"], [], []]);
  const second = map.update([
    slot("2", "a", "microphone"),
    slot("3", "a", "camera", true),
    slot("4", "b", "microphone"),
  ]);
  assert.deepEqual([mids(second.started), mids(second.stopped), mids(second.changed)], [["4"], [], ["3"]]);
  const third = map.update([slot("4", "b", "microphone")]);
  assert.deepEqual([mids(third.started), mids(third.stopped), mids(third.changed)], [[], ["2", "3"], []]);
});

test("the same mapping again changes nothing", () => {
  const map = new SlotMap();
  const slots = [slot("2", "a", "microphone"), slot("3", "a", "camera")];
  map.update(slots);
  assert.deepEqual(map.update(slots), { started: [], stopped: [], changed: [] });
});

test("a source that moves to another slot starts there; a slot that changes hands stops one and starts the other", () => {
  const map = new SlotMap();
  map.update([slot("3", "a", "camera")]);
  assert.deepEqual(mids(map.update([slot("5", "a", "camera")]).started), ["5"]);
  const { started, stopped } = map.update([slot("5", "b", "camera")]);
  assert.deepEqual([started[0]?.participant, stopped[0]?.participant], ["b", "a"]);
  assert.equal(map.at("5")?.participant, "b");
});

test("more slots come in pairs, with one pair to spare", () => {
  assert.deepEqual(slotsToAdd({ audio: 0, video: 0 }, { audio: 3, video: 3 }), { audio: 0, video: 0 });
  assert.deepEqual(slotsToAdd({ audio: 1, video: 1 }, { audio: 3, video: 3 }), { audio: 2, video: 2 });
  assert.deepEqual(slotsToAdd({ audio: 0, video: 2 }, { audio: 3, video: 3 }), { audio: 3, video: 3 });
  assert.deepEqual(slotsToAdd({ audio: 1, video: 0 }, { audio: 3, video: 5 }), { audio: 3, video: 1 });
});
