import assert from "node:assert/strict";
import { test } from "node:test";
import { fit, gridFor, layerFor, plan } from "../layout.js";

/** @param {string[]} ids @param {string[]} [sharing] */
const people = (ids, sharing = []) => ids.map((id) => ({ id, sharing: sharing.includes(id) }));
const view = { speaker: null, pinned: null, mode: /** @type {const} */ ("speaker") };

test("nobody: an empty stage; one: their face and ours in the corner", () => {
  assert.deepEqual(plan({ ...view, people: [] }), { main: null, strip: [], grid: [], pip: true });
  const one = plan({ ...view, people: people(["a"]), mode: "grid" });
  assert.equal(one.main?.key, "a/camera");
  assert.equal(one.pip, true);
});

test("large is the pinned, else a screen, else who spoke, else the first", () => {
  const ids = ["a", "b", "c"];
  const main = (/** @type {object} */ more, sharing = [""]) =>
    plan({ ...view, people: people(ids, sharing), ...more }).main?.key;
  assert.equal(main({}), "a/camera");
  assert.equal(main({ speaker: "b" }), "b/camera");
  assert.equal(main({ speaker: "b" }, ["c"]), "c/screen");
  assert.equal(main({ speaker: "b", pinned: "a/camera" }, ["c"]), "a/camera");
  assert.equal(main({ pinned: "gone/camera" }), "a/camera");
});

test("everybody is somewhere exactly once", () => {
  for (const mode of /** @type {const} */ (["speaker", "grid"])) {
    for (const sharing of [[], ["b"]]) {
      const { main, strip, grid } = plan({ ...view, people: people(["a", "b", "c", "d"], sharing), mode });
      const keys = [main, ...strip, ...grid].filter((t) => t !== null).map(({ key }) => key);
      assert.equal(new Set(keys).size, keys.length);
      assert.equal(keys.length, 4 + sharing.length);
    }
  }
});

test("a shared screen is large also for who prefers the grid", () => {
  const { main, grid } = plan({ ...view, people: people(["a", "b"], ["b"]), mode: "grid" });
  assert.deepEqual([main?.key, grid], ["b/screen", []]);
});

test("a grid fills a laptop's window in columns and a phone's in rows, and always fits", () => {
  assert.equal(gridFor(4, 1200, 800, 8).columns, 2);
  assert.equal(gridFor(2, 1200, 500, 8).columns, 2);
  assert.equal(gridFor(2, 380, 700, 8).columns, 1);
  for (let count = 1; count <= 20; count += 1) {
    for (const [width, height] of /** @type {const} */ ([
      [320, 560],
      [390, 640],
      [820, 1000],
      [1400, 700],
    ])) {
      const { columns, width: w, height: h } = gridFor(count, width, height, 8);
      assert.ok(columns * w + (columns - 1) * 8 <= width + 0.01);
      assert.ok(Math.ceil(count / columns) * (h + 8) - 8 <= height + 0.01);
      assert.ok(w / h > 0.74 && w / h < 1.78);
    }
  }
});

test("a picture fills its box unless too much of it would be cut off", () => {
  const phone = { width: 390, height: 844 };
  assert.deepEqual(fit(phone, 9 / 16), phone);
  assert.deepEqual(fit({ width: 800, height: 600 }, 16 / 9), { width: 800, height: 600 });
  const wide = fit(phone, 16 / 9);
  assert.equal(wide.width, 390);
  assert.ok(wide.height > 500 && wide.height < 560, String(wide.height));
  const upright = fit({ width: 1200, height: 700 }, 9 / 16);
  assert.equal(upright.height, 700);
  assert.ok(upright.width > 900 && upright.width < 1000);
  assert.deepEqual(fit({ width: 0, height: 0 }, 1), { width: 0, height: 0 });
});

test("no more is asked for than a tile shows", () => {
  assert.deepEqual([120, 220, 400, 900].map(layerFor), ["low", "low", "medium", "high"]);
});
