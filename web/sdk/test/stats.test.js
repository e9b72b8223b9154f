import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, judgeStreams, QualityMeter } from "../src/quality.js";
import { digest } from "../src/stats.js";

/** @param {any[]} rows */
const report = (...rows) => new Map(rows.map((row) => [row.id, row]));
const video = (/** @type {object} */ more) => ({
  id: "v",
  type: "inbound-rtp",
  kind: "video",
  mid: "5",
  timestamp: 1000,
  bytesReceived: 0,
  packetsReceived: 0,
  packetsLost: 0,
  codecId: "c",
  ...more,
});

test("counters become rates between two reports", () => {
  const before = report(
    video({ bytesReceived: 1000, packetsReceived: 10, freezeCount: 1, totalFreezesDuration: 1 }),
  );
  const now = report(
    video({
      timestamp: 2000,
      bytesReceived: 126_000,
      packetsReceived: 100,
      packetsLost: 10,
      framesPerSecond: 30,
      frameWidth: 1280,
      frameHeight: 720,
      freezeCount: 2,
      totalFreezesDuration: 1.25,
    }),
    { id: "c", type: "codec", mimeType: "video/VP8" },
    { id: "t", type: "transport", timestamp: 2000, bytesReceived: 130_000, selectedCandidatePairId: "p" },
    { id: "p", type: "candidate-pair", currentRoundTripTime: 0.0412, localCandidateId: "l" },
    { id: "l", type: "local-candidate", protocol: "udp", candidateType: "prflx" },
  );
  const d = digest(now, before);
  assert.deepEqual(d.down, [
    {
      mid: "5",
      kind: "video",
      bitrate: 1_000_000,
      loss: 0.1,
      fps: 30,
      width: 1280,
      height: 720,
      freezes: 1,
      frozenMs: 250,
      jitterMs: 0,
      level: 0,
      concealed: 0,
      codec: "vp8",
      limited: "none",
    },
  ]);
  assert.deepEqual([d.rttMs, d.bytesReceived, d.path, d.at], [41, 130_000, "udp prflx", 2000]);
});

test("the first report has no rates, and a report of nothing is no error", () => {
  assert.equal(digest(report(video({ bytesReceived: 500 })), null).down[0]?.bitrate, 0);
  assert.deepEqual(digest(new Map(), null), {
    at: 0,
    up: [],
    down: [],
    rttMs: null,
    bytesReceived: 0,
    availableUp: 0,
    path: "",
  });
});

test("the silence that a sender left out is no damage", () => {
  const sound = (/** @type {object} */ more) => video({ kind: "audio", ...more });
  const before = report(sound({ totalSamplesReceived: 0 }));
  const dtx = {
    timestamp: 2000,
    totalSamplesReceived: 48_000,
    concealedSamples: 40_000,
    silentConcealedSamples: 40_000,
  };
  assert.equal(digest(report(sound(dtx)), before).down[0]?.concealed, 0);
  const lost = { ...dtx, silentConcealedSamples: 35_200 };
  assert.equal(digest(report(sound(lost)), before).down[0]?.concealed, 0.1);
});

test("simulcast layers are one stream: bitrates add up, the largest that flows is the picture", () => {
  const layer = (
    /** @type {string} */ id,
    /** @type {number} */ height,
    /** @type {number} */ bytesSent,
  ) => ({
    id,
    type: "outbound-rtp",
    kind: "video",
    mid: "1",
    timestamp: 2000,
    bytesSent,
    frameHeight: height,
  });
  const before = report(...["q", "h", "f"].map((id) => ({ ...layer(id, 0, 0), timestamp: 1000 })));
  const now = report(layer("q", 180, 12_500), layer("h", 360, 50_000), layer("f", 720, 0));
  const [up] = digest(now, before).up;
  assert.deepEqual([up?.bitrate, up?.height], [500_000, 360]);
});

/** @param {object} more @returns {any} */
const stream = (more) => ({
  kind: "video",
  loss: 0,
  concealed: 0,
  frozenMs: 0,
  fps: 30,
  height: 720,
  limited: "none",
  ...more,
});
const quiet = { at: 0, up: [], down: [], rttMs: 20, bytesReceived: 1, availableUp: 0, path: "" };

test("a second is judged by its worst finding", () => {
  for (const [d, level, cause] of /** @type {[any, string, string][]} */ ([
    [quiet, "good", "none"],
    [{ ...quiet, down: [stream({ loss: 0.03 })] }, "fair", "loss_down"],
    [{ ...quiet, down: [stream({ loss: 0.09 })] }, "weak", "loss_down"],
    [{ ...quiet, up: [stream({ loss: 0.12 })], down: [stream({ loss: 0.03 })] }, "weak", "loss_up"],
    [{ ...quiet, rttMs: 600 }, "weak", "delay"],
    [{ ...quiet, down: [stream({ frozenMs: 700 })] }, "weak", "frozen"],
    [{ ...quiet, up: [stream({ limited: "cpu", fps: 9 })] }, "fair", "slow_device"],
    [{ ...quiet, up: [stream({ limited: "bandwidth", height: 90 })] }, "fair", "narrow"],
  ])) {
    assert.deepEqual(judge(d), { level, cause });
  }
});

test("words change only when a verdict lasts: three seconds for worse, six for better", () => {
  const meter = new QualityMeter();
  const weak = /** @type {const} */ ({ level: "weak", cause: "delay" });
  const good = /** @type {const} */ ({ level: "good", cause: "none" });
  assert.deepEqual(
    [meter.add(weak), meter.add(weak), meter.add(good), meter.current.level],
    [false, false, false, "good"],
  );
  assert.deepEqual(
    [meter.add(weak), meter.add(weak), meter.add(weak), meter.current.level],
    [false, false, true, "weak"],
  );
  const back = Array.from({ length: 6 }, () => meter.add(good));
  assert.deepEqual(back, [false, false, false, false, false, true]);
  assert.equal(meter.current.level, "good");
});

test("of the verdicts in a run the one nearest to what holds now counts", () => {
  const meter = new QualityMeter();
  meter.add({ level: "weak", cause: "delay" });
  meter.add({ level: "fair", cause: "loss_up" });
  assert.equal(meter.add({ level: "weak", cause: "delay" }), true);
  assert.deepEqual(meter.current, { level: "fair", cause: "loss_up" });
});

test("a person's streams give one word", () => {
  assert.equal(judgeStreams([]), "good");
  assert.equal(judgeStreams([stream({ loss: 0.01 }), stream({ concealed: 0.2 })]), "weak");
});
