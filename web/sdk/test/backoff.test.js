import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../src/backoff.js";

test("the first try is made at once, later ones ever more seldom up to the most", () => {
  const backoff = new Backoff({}, () => 0);
  const delays = Array.from({ length: 9 }, () => backoff.next());
  assert.equal(delays[0], 0);
  assert.equal(delays[1], 300);
  assert.equal(delays.at(-1), 4000);
  assert.deepEqual(
    delays,
    [...delays].sort((a, b) => a - b),
  );
});

test("a share of each delay is random, so that not everybody comes back in one instant", () => {
  const low = new Backoff({}, () => 1);
  const high = new Backoff({}, () => 0);
  for (let n = 0; n < 8; n += 1) {
    const [least, most] = [low.next(), high.next()];
    assert.ok(least >= Math.floor(most * 0.7) && least <= most, `${least} ${most}`);
  }
});

test("after a success it begins anew", () => {
  const backoff = new Backoff({}, () => 0);
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.deepEqual([backoff.next(), backoff.next()], [0, 300]);
});
