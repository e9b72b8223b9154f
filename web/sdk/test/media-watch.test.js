import assert from "node:assert/strict";
import { test } from "node:test";
import { MediaWatch } from "../src/media-watch.js";

function alive(until = 5000) {
  const watch = new MediaWatch();
  for (let now = 1000; now <= until; now += 1000) watch.sample(now, now);
  return watch;
}

test("a path that never received anything is new, not silent", () => {
  const watch = new MediaWatch();
  for (let now = 1000; now < 9000; now += 1000) assert.equal(watch.sample(0, now), "new");
  assert.equal(watch.wantsRestart(9000), false);
});

test("three seconds without a byte make it silent, and one restart is asked for", () => {
  const watch = alive();
  assert.equal(watch.sample(5000, 6000), "ok");
  assert.equal(watch.sample(5000, 7000), "ok");
  assert.equal(watch.sample(5000, 8000), "silent");
  assert.equal(watch.wantsRestart(8000), true);
  assert.equal(watch.wantsRestart(8000), false);
});

test("a restart that brings nothing is tried again after five seconds", () => {
  const watch = alive();
  for (const now of [6000, 7000, 8000]) watch.sample(5000, now);
  assert.equal(watch.wantsRestart(8000), true);
  for (const now of [9000, 10_000, 11_000, 12_000]) {
    watch.sample(5000, now);
    assert.equal(watch.wantsRestart(now), false);
  }
  watch.sample(5000, 13_000);
  assert.equal(watch.wantsRestart(13_000), true);
});

test("bytes again, even when their count began anew, make it well", () => {
  const watch = alive();
  for (const now of [6000, 7000, 8000]) watch.sample(5000, now);
  assert.equal(watch.sample(120, 9000), "ok");
  assert.equal(watch.wantsRestart(9000), false);
});

test("a page that slept is not a path that died", () => {
  const watch = alive();
  assert.equal(watch.sample(5000, 65_000), "ok");
  assert.equal(watch.sample(5000, 66_000), "ok");
  assert.equal(watch.sample(5000, 68_000), "silent");
});

test("what the browser calls failed is silent at once", () => {
  const watch = alive();
  assert.equal(watch.sample(5000, 6000, true), "silent");
});

test("after a change of network half the silence is enough", () => {
  const watch = alive();
  watch.sample(5000, 6000);
  assert.equal(watch.doubtful(6200), false);
  watch.sample(5000, 6500);
  assert.equal(watch.doubtful(6600), true);
  assert.equal(watch.verdict, "silent");
});
