import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceLost, MediaBlocked } from "../../sdk/src/errors.js";
import { clockTime, initials } from "../dom.js";
import { t } from "../messages.js";
import { notices } from "../notices.js";

/** @type {any} */
const well = {
  signaling: true,
  mediaAlive: true,
  online: true,
  quality: { level: "good", cause: "none" },
  problem: null,
  microphone: { state: "on", muted: false, error: null },
  camera: { state: "on", muted: false, error: null },
  mutedBy: null,
  speakingMuted: false,
};

test("when all is well nothing is said", () => {
  assert.equal(notices(well), null);
  assert.equal(notices({ ...well, quality: { level: "fair", cause: "delay" } }), null);
});

test("only the most serious is said", () => {
  const weak = { ...well, quality: { level: "weak", cause: "delay" } };
  assert.equal(notices(weak)?.title, t("note.weak.title"));
  const muted = { ...weak, speakingMuted: true };
  assert.equal(notices(muted)?.action, "unmute");
  const call = { ...muted, microphone: { state: "interrupted", muted: true, error: null } };
  assert.equal(notices(call)?.icon, "phone-incoming");
  const silent = { ...call, mediaAlive: false };
  assert.equal(notices(silent)?.title, t("note.silent.title"));
  const gone = { ...silent, signaling: false, online: false };
  assert.equal(notices(gone)?.text, t("note.offline.text"));
});

test("a blocked network is forgotten once media flows", () => {
  const blocked = { ...well, problem: new MediaBlocked(), mediaAlive: null };
  assert.equal(notices(blocked)?.kind, "bad");
  assert.equal(notices({ ...blocked, mediaAlive: true }), null);
});

test("a lost device leads to the choice of another", () => {
  const lost = { ...well, camera: { state: "lost", muted: false, error: new DeviceLost("camera") } };
  assert.equal(notices(lost)?.action, "devices");
});

test("every word stands in the table, every placeholder is filled", () => {
  assert.equal(t("toast.joined", { name: "Linh" }), "Linh is here");
  assert.equal(t("toast.joined", {}), "{name} is here");
});

test("initials and times", () => {
  assert.deepEqual(
    ["Maria Santos", "Dr. Adaeze Okafor", "Linh", "", "Ōe 健三郎", "Ana María de la Cruz"].map(initials),
    ["MS", "AO", "L", "", "Ō健", "AC"],
  );
  assert.deepEqual([0, 65_000, 3_729_000].map(clockTime), ["00:00", "01:05", "1:02:09"]);
});
