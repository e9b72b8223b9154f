import assert from "node:assert/strict";
import { test } from "node:test";
import { measure, verdict } from "../network-test.js";

const well = {
  camera: true,
  microphone: true,
  speaker: true,
  media: true,
  rtt_ms: 40,
  jitter_ms: 5,
  down_bps: 8_000_000,
  up_bps: 2_000_000,
};

test("green when all is well, and unknown figures don't speak against it", () => {
  assert.equal(verdict(well), "green");
  assert.equal(verdict({ ...well, rtt_ms: null, down_bps: null, up_bps: null, speaker: null }), "green");
});

test("amber when the visit works with less, red when it does not", () => {
  for (const less of [{ camera: false }, { up_bps: 400_000 }, { rtt_ms: 350 }, { jitter_ms: 90 }])
    assert.equal(verdict({ ...well, ...less }), "amber", JSON.stringify(less));
  for (const none of [
    { microphone: false },
    { media: false },
    { speaker: false },
    { up_bps: 100_000 },
    { rtt_ms: 900 },
  ])
    assert.equal(verdict({ ...well, ...none }), "red", JSON.stringify(none));
});

test("a rate is bits over the time they took, a round trip the median", async () => {
  let time = 0;
  const trips = [500, 30, 40, 35, 900, 40, 45];
  const probe = {
    ping: async () => {
      time += trips.shift() ?? 0;
    },
    download: async (/** @type {number} */ bytes) => {
      time += (bytes * 8) / 1000; // 1 Mbit/s
    },
    upload: async (/** @type {number} */ bytes) => {
      time += (bytes * 8) / 500;
    },
  };
  const found = await measure(probe, () => time);
  assert.deepEqual(found, { rtt_ms: 40, jitter_ms: 10, down_bps: 1_000_000, up_bps: 500_000 });
});

test("what could not be measured is not known", async () => {
  const gone = async () => {
    throw new Error("gone");
  };
  const probe = { ping: async () => {}, download: gone, upload: gone };
  assert.deepEqual(await measure(probe, () => 0), { rtt_ms: 0, jitter_ms: 0, down_bps: null, up_bps: null });
});
