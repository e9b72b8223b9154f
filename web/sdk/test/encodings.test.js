import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bitrateFor,
  cameraEncodings,
  preferAudio,
  preferVideo,
  resized,
  screenEncodings,
} from "../src/encodings.js";

test("a camera sends three layers by rid, a quarter, half and all of its size, lowest first", () => {
  const layers = cameraEncodings({ codec: "vp8", height: 720, simulcast: true });
  assert.deepEqual(
    layers.map(({ rid, scaleResolutionDownBy, active }) => [rid, scaleResolutionDownBy, active]),
    [
      ["q", 4, true],
      ["h", 2, true],
      ["f", 1, true],
    ],
  );
  const rates = layers.map(({ maxBitrate }) => maxBitrate ?? 0);
  assert.deepEqual(rates, [150_000, 500_000, 1_700_000]);
});

test("a small camera keeps its rids but switches thumbnails off", () => {
  const layers = cameraEncodings({ codec: "vp8", height: 240, simulcast: true });
  assert.deepEqual(
    layers.map(({ active }) => active),
    [false, true, true],
  );
});

test("VP9 and AV1 send one stream with temporal layers", () => {
  for (const codec of /** @type {const} */ (["vp9", "av1"])) {
    const [only, ...none] = /** @type {any[]} */ (cameraEncodings({ codec, height: 720, simulcast: true }));
    assert.equal(only.scalabilityMode, "L1T3");
    assert.equal(only.rid, undefined);
    assert.equal(none.length, 0);
    assert.ok(only.maxBitrate < bitrateFor(720, "vp8"));
  }
});

test("without simulcast there is one plain encoding", () => {
  assert.deepEqual(cameraEncodings({ codec: "h264", height: 360, simulcast: false }), [
    { maxBitrate: 500_000 },
  ]);
});

test("another camera changes bitrates and activity, never rids or scales", () => {
  const before = cameraEncodings({ codec: "vp8", height: 720, simulcast: true });
  const after = resized(before, 240, "vp8");
  assert.deepEqual(
    after.map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]),
    before.map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]),
  );
  assert.deepEqual(
    after.map(({ active }) => active),
    [false, true, true],
  );
  assert.deepEqual(resized(after, 720, "vp8"), before);
});

test("bitrates rise with the picture and fall with the codec's efficiency", () => {
  const heights = [90, 180, 270, 360, 540, 720, 1080, 2160];
  const rates = heights.map((height) => bitrateFor(height, "vp8"));
  assert.deepEqual(
    rates,
    [...rates].sort((a, b) => a - b),
  );
  for (const height of heights) assert.ok(bitrateFor(height, "av1") < bitrateFor(height, "vp9"));
});

test("a screen is sent sharp rather than fluent", () => {
  assert.deepEqual(screenEncodings(), [{ maxBitrate: 2_500_000, maxFramerate: 15 }]);
});

const codecs = ["VP8", "rtx", "VP9", "H264", "AV1", "red", "ulpfec"].map((name) => ({
  mimeType: `video/${name}`,
}));

test("the chosen codec comes first, helpers last, nothing is lost", () => {
  const order = preferVideo(codecs, "h264").map(({ mimeType }) => mimeType.slice(6));
  assert.deepEqual(order, ["H264", "VP8", "VP9", "AV1", "rtx", "red", "ulpfec"]);
});

test("sound is Opus in RED, or Opus without it", () => {
  const audio = ["opus", "red", "G722", "PCMU"].map((name) => ({ mimeType: `audio/${name}` }));
  const names = (/** @type {boolean} */ red) =>
    preferAudio(audio, red).map(({ mimeType }) => mimeType.slice(6));
  assert.deepEqual(names(true), ["red", "opus", "G722", "PCMU"]);
  assert.deepEqual(names(false), ["opus", "G722", "PCMU"]);
});
