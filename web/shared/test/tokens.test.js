import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../tokens.css", import.meta.url), "utf8");

/** @param {string} block @returns {Record<string, string>} */
const colours = (block) =>
  Object.fromEntries(
    [...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]),
  );
const light = colours(css.slice(css.indexOf(":root {"), css.indexOf('[data-theme="dark"]')));
const dark = { ...light, ...colours(css.slice(css.indexOf('[data-theme="dark"]'))) };

/** Relative luminance, WCAG 2.1. @param {string} hex */
function luminance(hex) {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {string} a @param {string} b */
function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return ((x ?? 0) + 0.05) / ((y ?? 0) + 0.05);
}

/** [text, ground, least]: 7 is AAA, 4.5 AA, 3 for what is not text (edges of fields, the focus ring). */
const PAIRS = /** @type {[string, string, number][]} */ ([
  ...["bg", "surface", "raised", "sunken"].flatMap((ground) => [
    ["ink", ground, 7],
    ["ink-2", ground, 7],
    ["focus", ground, 3],
    ["line-strong", ground, 3],
  ]),
  ["ink-3", "surface", 4.5],
  ["ink-3", "bg", 4.5],
  ["accent", "surface", 4.5],
  ["accent", "accent-weak", 4.5],
  ["accent-ink", "accent", 4.5],
  ["accent-ink", "accent-hover", 4.5],
  ["bad-ink", "bad", 4.5],
  ["bad", "surface", 4.5],
  ...["good", "warn", "bad", "info"].flatMap((tone) => [
    [tone, `${tone}-weak`, 4.5],
    ["ink", `${tone}-weak`, 7],
  ]),
  ["ink", "accent-weak", 7],
  ["ink-2", "accent-weak", 4.5],
  ["stage-ink", "stage", 7],
  ["stage-ink-2", "stage", 7],
  ["stage-ink-2", "stage-tile", 7],
  ["stage-focus", "stage", 3],
]);

for (const [theme, table] of /** @type {[string, Record<string, string>][]} */ ([
  ["light", light],
  ["dark", dark],
])) {
  test(`${theme}: text for patients stands out by 7 to 1, everything else by 4.5, edges by 3`, () => {
    for (const [text, ground, least] of PAIRS) {
      const [a, b] = [table[text], table[ground]];
      assert.ok(a && b, `${text} or ${ground} is no token`);
      const ratio = contrast(a, b);
      assert.ok(ratio >= least, `${text} on ${ground}: ${ratio.toFixed(2)}, at least ${least}`);
    }
  });
}

test("colours are written in tokens.css; elsewhere only black, white and what lies on the always dark stage", () => {
  const allowed = new Set([
    "#ffffff",
    "#fff",
    "#16201c",
    "#0d6b5b",
    "#0a4a3f",
    "#2b1d00",
    "#24463d",
    "#a9e4d5",
  ]);
  for (const folder of ["shared", "join", "console", "signin", "start"]) {
    const at = new URL(`../../${folder}/`, import.meta.url);
    for (const file of readdirSync(at).filter((name) => name.endsWith(".css") && name !== "tokens.css")) {
      const text = readFileSync(new URL(file, at), "utf8");
      for (const [hex] of text.matchAll(/#[0-9a-f]{3,8}\b/g))
        assert.ok(allowed.has(hex), `${folder}/${file}: ${hex}`);
    }
  }
});
