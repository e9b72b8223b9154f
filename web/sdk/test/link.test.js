import assert from "node:assert/strict";
import { test } from "node:test";
import { Link } from "../src/link.js";

const WELCOME = {
  type: "welcome",
  re: 1,
  protocol: 1,
  resumed: false,
  prepared: false,
  session: { id: "s", resume: "ticket" },
  heartbeat_ms: 1000,
};

/** @param {Link} link */
const kinds = (link) => link.drain().map((out) => (out.do === "state" ? out.state : out.do));
/** @param {Link} link */
const sent = (link) =>
  link
    .drain()
    .filter((out) => out.do === "send")
    .map((out) => JSON.parse(out.text));
/** @param {Link} link */
const last = (link) => link.drain().at(-1);

function up(options = {}) {
  const link = new Link({ random: () => 0, ...options });
  link.start(0);
  link.opened(10);
  link.received(JSON.stringify(WELCOME), 20);
  link.drain();
  return link;
}

test("joins with protocol, token and prepare, then is up", () => {
  const link = new Link({ token: "T", prepare: true });
  link.start(0);
  assert.deepEqual(kinds(link), ["connecting", "connect"]);
  link.opened(5);
  assert.deepEqual(sent(link), [{ type: "join", protocol: 1, token: "T", prepare: true, id: 1 }]);
  link.received(JSON.stringify(WELCOME), 9);
  assert.deepEqual(kinds(link), ["up", "welcome"]);
});

test("answers each ping at once", () => {
  const link = up();
  link.received('{"type":"ping","at":1}', 1000);
  assert.deepEqual(sent(link), [{ type: "pong" }]);
});

test("resumes after a close for what was not read in time", () => {
  const link = up();
  link.closed(1008, 1000);
  assert.deepEqual(kinds(link), ["waiting"]);
  link.tick(1000);
  link.opened(1010);
  assert.equal(sent(link)[0].resume, "ticket");
});

test("takes a websocket silent for three heartbeats as dead and resumes", () => {
  const link = up();
  link.tick(3019);
  assert.deepEqual(kinds(link), []);
  link.tick(3020);
  assert.deepEqual(kinds(link), ["disconnect", "waiting"]);
  link.tick(3020);
  assert.deepEqual(kinds(link), ["connecting", "connect"]);
  link.opened(3030);
  assert.equal(sent(link)[0].resume, "ticket");
});

test("requests get their own replies, in any order", () => {
  const link = up();
  const a = link.request({ type: "hand", raised: true }, 30);
  const b = link.request({ type: "chat", text: "hello" }, 31);
  link.drain();
  link.received(JSON.stringify({ type: "ok", re: b }), 40);
  link.received(JSON.stringify({ type: "error", re: a, code: "forbidden", message: "no" }), 41);
  const [ok, failed] = link.drain();
  assert.deepEqual([ok?.do, ok?.do === "reply" && ok.id], ["reply", b]);
  assert.equal(failed?.do === "failed" && failed.error.code, "not_allowed");
});

test("a request without reply fails after ten seconds, and at once when the socket drops or is down", () => {
  const link = up();
  const id = link.request({ type: "hand", raised: true }, 100);
  for (let now = 1000; now <= 10_000; now += 1000) link.received('{"type":"ping"}', now);
  link.drain();
  link.tick(10_100);
  assert.deepEqual(
    link.drain().map((out) => out.do === "failed" && out.id),
    [id],
  );
  const second = link.request({ type: "hand", raised: false }, 10_200);
  link.drain();
  link.closed(1006, 10_300);
  assert.ok(link.drain().some((out) => out.do === "failed" && out.id === second));
  link.request({ type: "hand", raised: false }, 10_400);
  assert.equal(last(link)?.do, "failed");
});

test("backs off between tries and gives the session up after two minutes", () => {
  const link = up();
  link.closed(1006, 1000);
  link.drain();
  let tries = 0;
  let now = 1000;
  for (; link.state !== "closed" && now < 300_000; now += 100) {
    link.tick(now);
    if (link.state === "connecting") {
      tries += 1;
      link.closed(1006, now);
    }
  }
  const end = last(link);
  assert.equal(end?.do === "state" && end.error?.code, "disconnected");
  assert.ok(now > 120_000 && now < 126_000, String(now));
  assert.ok(tries > 20 && tries < 50, String(tries));
});

test("before the first welcome it gives up within fifteen seconds: nobody is to look at a blank page", () => {
  const link = new Link({ random: () => 0 });
  link.start(0);
  let now = 0;
  for (; link.state !== "closed" && now < 60_000; now += 100) {
    link.tick(now);
    if (link.state === "connecting") link.closed(1006, now);
  }
  const end = last(link);
  assert.equal(end?.do === "state" && end.error?.code, "connection_failed");
  assert.ok(now <= 20_000, String(now));
});

test("a session that the server no longer knows is joined afresh on the same websocket", () => {
  const link = up();
  link.closed(1006, 1000);
  link.tick(1000);
  link.opened(1010);
  const join = sent(link).at(-1);
  link.received(JSON.stringify({ type: "error", re: join.id, code: "not_found", message: "" }), 1020);
  const fresh = sent(link).at(-1);
  assert.deepEqual([fresh.type, fresh.resume], ["join", undefined]);
  link.received(JSON.stringify({ ...WELCOME, re: fresh.id }), 1030);
  assert.equal(link.state, "up");
});

test("a server that is not ready is tried again", () => {
  const link = new Link({ random: () => 0 });
  link.start(0);
  link.opened(1);
  link.drain();
  link.received('{"type":"error","re":1,"code":"unavailable","message":"draining"}', 2);
  assert.deepEqual(kinds(link), ["disconnect", "waiting"]);
});

test("a refused first join is final, with the reason", () => {
  const link = new Link();
  link.start(0);
  link.opened(1);
  link.received('{"type":"error","re":1,"code":"room_locked","message":"locked"}', 2);
  const end = last(link);
  assert.equal(end?.do === "state" && end.error?.code, "room_locked");
});

test("close codes that are final end the link; those of a restart join afresh", () => {
  for (const [code, name] of /** @type {const} */ ([
    [4009, "replaced"],
    [4010, "removed"],
    [4011, "room_closed"],
    [4013, "room_full"],
    [4014, "room_locked"],
    [4001, "link_expired"],
  ])) {
    const link = up();
    link.closed(code, 100);
    const end = last(link);
    assert.equal(end?.do === "state" && end.error?.code, name);
  }
  const link = up();
  link.received('{"type":"bye","reason":"restart","message":"","rejoin":true}', 50);
  link.closed(4012, 100);
  link.tick(100);
  link.opened(110);
  assert.equal(sent(link).at(-1).resume, undefined);
});

test("a removed person is not reconnected even when the close code was lost", () => {
  const link = up();
  link.received('{"type":"bye","reason":"removed","message":"You were removed","rejoin":false}', 50);
  link.closed(1006, 60);
  assert.equal(link.state, "closed");
});

test("a polite close without a bye is a drop: proxies close so", () => {
  const link = up();
  link.closed(1000, 100);
  assert.equal(link.state, "waiting");
  const other = up();
  other.received('{"type":"bye","reason":"left","message":"","rejoin":false}', 50);
  other.closed(1000, 60);
  const end = last(other);
  assert.deepEqual(end?.do === "state" && [end.state, end.error], ["closed", null]);
});

test("leave says so, closes with 1000 and never comes back", () => {
  const link = up();
  link.leave();
  const out = link.drain();
  assert.equal(out[0]?.do === "send" && JSON.parse(out[0].text).type, "leave");
  assert.equal(out[1]?.do === "disconnect" && out[1].code, 1000);
  link.closed(1006, 200);
  link.tick(99_999);
  assert.deepEqual(link.drain(), [out[2]].slice(1));
  assert.equal(link.state, "closed");
});

test("a network that comes back is tried at once, without waiting for the backoff", () => {
  const link = up();
  link.closed(1006, 1000);
  for (const now of [1000, 1400, 2100]) {
    link.tick(now);
    link.closed(1006, now);
  }
  assert.equal(link.state, "waiting");
  link.drain();
  link.nudge(2150);
  assert.deepEqual(kinds(link), ["connecting", "connect"]);
});

test("garbage from the server is a protocol error, not an exception", () => {
  for (const text of ["", "[]", "null", "{", '{"no":"type"}', "7"]) {
    const link = up();
    link.received(text, 30);
    const end = last(link);
    assert.equal(end?.do === "state" && end.error?.code, "protocol", text);
  }
});
