import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as errors from "../../sdk/src/errors.js";
import en from "../catalogue/en.js";
import { bestLanguage, count, lookup } from "../messages.js";

const here = new URL("../catalogue/", import.meta.url);
/** @type {[string, Record<string, string>][]} */
const others = await Promise.all(
  readdirSync(here)
    .filter((name) => name.endsWith(".js") && name !== "en.js")
    .map(async (name) => [name, (await import(new URL(name, here).href)).default]),
);

/** @param {string} text */
const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

/** Everything that a page is made of, without the catalogues and tests. @param {URL} folder @returns {string} */
function sources(folder) {
  let text = "";
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      if (!["node_modules", "dist", "test", "catalogue", "types", "sdk", "tools"].includes(entry.name))
        text += sources(new URL(`${entry.name}/`, folder));
    } else if (entry.name.endsWith(".js")) text += readFileSync(new URL(entry.name, folder), "utf8");
  }
  return text;
}

test("each language has every key, none of its own, the same placeholders and something to say", () => {
  assert.ok(others.length > 0);
  for (const [name, words] of others) {
    assert.deepEqual(
      Object.keys(en).filter((key) => !(key in words)),
      [],
      `${name} lacks`,
    );
    assert.deepEqual(
      Object.keys(words).filter((key) => !(key in en)),
      [],
      `${name} alone has`,
    );
    for (const [key, text] of Object.entries(en)) {
      assert.ok(words[key]?.trim(), `${name}: ${key} is empty`);
      assert.deepEqual(placeholders(words[key] ?? ""), placeholders(text), `${name}: ${key}`);
    }
  }
});

test("no sentence was left in English", () => {
  for (const [name, words] of others) {
    const same = Object.entries(en).filter(([key, text]) => words[key] === text && / \w+ \w+ /.test(text));
    assert.deepEqual(same, [], name);
  }
});

test("no key is unused, and every key that a page names is there", () => {
  const text = sources(new URL("../../", import.meta.url));
  // A key made at run time begins with what stands before the ${ in the source, plurals end by their rule.
  const families = [...text.matchAll(/`([a-z]\w*(?:\.\w+)*\.)\$\{/g)].map(([, prefix]) => prefix ?? "");
  const plurals = [...text.matchAll(/count\(\s*"([\w.]+)"/g)].map(([, key]) => `${key}.`);
  const known = [...families, ...plurals];
  const unused = Object.keys(en).filter(
    (key) => !text.includes(`"${key}"`) && !known.some((prefix) => key.startsWith(prefix)),
  );
  assert.deepEqual(unused, []);
  for (const [, key] of text.matchAll(/\bt\(\s*"([\w.]+)"/g))
    assert.ok(key && key in en, `${key} is missing`);
});

test("what the SDK says in English is what the page says", () => {
  /** @type {Record<string, string>} */
  const words = en;
  const devices = /** @type {const} */ (["camera", "microphone", "screen"]);
  for (const device of devices) {
    const denied = new errors.PermissionDenied(device);
    assert.equal(words[`error.permission_denied.${device}`], denied.message);
    assert.equal(words[`error.permission_denied.${device}.advice`], denied.advice);
    const system = new errors.PermissionDenied(device, { system: true });
    assert.equal(words[`error.permission_denied.${device}.system`], system.advice);
    for (const Kind of [errors.NoDevice, errors.DeviceBusy, errors.DeviceLost]) {
      const error = new Kind(device);
      assert.equal(words[`error.${error.code}.${device}`], error.message);
      assert.equal(words[`error.${error.code}.advice`], error.advice);
    }
  }
  const plain = [
    new errors.Unsupported(""),
    new errors.RoomFull(),
    new errors.RoomLocked(),
    new errors.RoomClosed(),
    new errors.LinkExpired(),
    new errors.Unauthorised(),
    new errors.NotAllowed(),
    new errors.ConnectionFailed(),
    new errors.MediaBlocked(),
    new errors.Disconnected(),
    new errors.Replaced(),
    new errors.Removed(),
    new errors.ProtocolError(""),
    new errors.Rejected("x", ""),
  ];
  for (const { code, message, advice } of plain) {
    assert.equal(words[`error.${code}`], message);
    assert.equal(words[`error.${code}.advice`], advice);
  }
});

test("a language is chosen by the first that we speak, whatever its country", () => {
  assert.equal(bestLanguage([null, "", "fr-CA", "es-MX", "en"]), "es");
  assert.equal(bestLanguage(["xx"]), "en");
  assert.equal(lookup("people.role.nobody", "people.role.other"), "Guest");
  assert.equal(count("no.such", 1), "no.such");
});
