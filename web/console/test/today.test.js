import assert from "node:assert/strict";
import { test } from "node:test";
import { grouped, groupOf, Today } from "../today.js";

/** @param {string} id @param {string} place @param {object} [more] @returns {any} */
const row = (id, place, more = {}) => ({
  id,
  version: 1,
  state: "booked",
  starts_at: 0,
  people: [{ id: "p", role: "patient", place, arrived_at: 0 }],
  badges: [],
  messages: [],
  ...more,
});

test("where a visit stands follows from its state and its patient", () => {
  assert.equal(groupOf(row("a", "away")), "later");
  assert.equal(groupOf(row("a", "waiting")), "waiting");
  assert.equal(groupOf(row("a", "present")), "call");
  assert.equal(groupOf(row("a", "dropped", { state: "in_progress" })), "call");
  assert.equal(groupOf(row("a", "dropped", { state: "arrived" })), "waiting");
  for (const state of ["finished", "cancelled", "noshow"])
    assert.equal(groupOf(row("a", "present", { state })), "done");
  const alone = row("a", "away", {
    people: [{ id: "p", role: "patient", place: "away" }, { place: "present" }],
  });
  assert.equal(groupOf(alone), "call");
});

test("who came first stands first, whatever their appointment", () => {
  const came = (/** @type {string} */ id, /** @type {number} */ at, /** @type {number} */ start) =>
    row(id, "waiting", {
      starts_at: start,
      people: [{ id: "p", role: "patient", place: "waiting", arrived_at: at }],
    });
  const { waiting } = grouped([came("late", 30, 1), came("first", 10, 9), came("second", 20, 5)]);
  assert.deepEqual(
    waiting.map(({ id }) => id),
    ["first", "second", "late"],
  );
});

/** @param {any} over */
async function store(over = {}) {
  /** @type {any} */
  let listener;
  let loads = 0;
  const today = new Today(
    /** @type {any} */ ({
      today: async () => {
        loads += 1;
        return { visits: [row("a", "away", { version: 3 })], me: null, colleagues: [], degraded: [] };
      },
      events: (/** @type {any} */ given) => {
        listener = given;
        return () => {};
      },
      ...over,
    }),
  );
  await today.start();
  return { today, listener, loads: () => loads };
}

test("an older row that comes late changes nothing; one who comes is told of once", async () => {
  const { today, listener } = await store();
  const arrived = /** @type {string[]} */ ([]);
  today.on("arrived", ({ id }) => arrived.push(id));
  listener.visit(row("a", "waiting", { version: 2 }));
  assert.equal(today.rows.get("a")?.version, 3);
  listener.visit(row("a", "waiting", { version: 4 }));
  listener.visit(row("a", "waiting", { version: 5 }));
  assert.deepEqual(arrived, ["a"]);
  listener.gone("a");
  assert.equal(today.rows.size, 0);
});

test("after the events were cut off the list is read again: what happened meanwhile is not told", async () => {
  const { today, listener, loads } = await store();
  listener.online(true);
  assert.equal(loads(), 1);
  listener.online(false);
  assert.equal(today.online, false);
  listener.online(true);
  assert.equal(loads(), 2);
});

test("a first load that fails is a state of its own; a later one leaves the list as it was", async () => {
  await assert.rejects(
    store({
      today: async () => {
        throw new Error("away");
      },
    }),
  );
});
