/**
 * Every word that a person reads, in their language. A language is one more catalogue with the same keys
 * (a test holds them to it); a plugin adds its own words with `addWords`.
 */

import en from "./catalogue/en.js";
import es from "./catalogue/es.js";

/** @typedef {keyof typeof en} MessageKey */
/** @typedef {Record<string, string>} Words */

const CHOSEN = "mediaserver.language";
const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ps", "ur", "yi"]);

/** @type {Map<string, Words>} */
const catalogues = new Map([
  ["en", { ...en }],
  ["es", { ...es }],
]);

let current = "en";
/** @type {Words} */
let table = en;

/** The tag of the language that is shown (BCP 47), also for dates and numbers. */
export const language = () => current;

/** Every language there is, by its own name. @returns {{tag: string, name: string}[]} */
export const languages = () =>
  [...catalogues].map(([tag, words]) => ({ tag, name: words["language.name"] ?? tag }));

/**
 * @param {MessageKey} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values) {
  return fill(table[key] ?? en[key] ?? key, values);
}

/**
 * The words for a key made at run time.
 * @param {string} key
 * @param {MessageKey} fallback
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function lookup(key, fallback, values) {
  const found = table[key] ?? catalogues.get("en")?.[key];
  return found === undefined ? t(fallback, values) : fill(found, values);
}

/**
 * Words that depend on a number: `key.one`, `key.other`, by the rules of the language.
 * @param {string} key
 * @param {number} count
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function count(key, count, values) {
  const rule = new Intl.PluralRules(current).select(count);
  const text = table[`${key}.${rule}`] ?? table[`${key}.other`] ?? key;
  return fill(text, { count, ...values });
}

/** @param {string} text @param {Record<string, string | number>} [values] */
function fill(text, values) {
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** A plugin's own words; keys should begin with its name. @param {Record<string, Words>} byLanguage */
export function addWords(byLanguage) {
  for (const [tag, words] of Object.entries(byLanguage)) {
    catalogues.set(tag, { ...words, ...catalogues.get(tag) });
  }
  table = catalogues.get(current) ?? en;
}

/**
 * The first of these that we speak: `es-MX` is served by `es`.
 * @param {readonly (string | null | undefined)[]} wanted  most wanted first
 * @returns {string}
 */
export function bestLanguage(wanted) {
  for (const tag of wanted) {
    if (!tag) continue;
    const whole = tag.toLowerCase();
    const short = whole.split("-")[0] ?? "";
    for (const known of [whole, short]) if (catalogues.has(known)) return known;
  }
  return "en";
}

/** Shows another language from now on. @param {string} tag */
export function useLanguage(tag) {
  current = tag;
  table = catalogues.get(tag) ?? en;
  const { documentElement } = document;
  documentElement.lang = tag;
  documentElement.dir = RIGHT_TO_LEFT.has(tag.split("-")[0] ?? "") ? "rtl" : "ltr";
}

/** What the person chose here before, else what their link says, else what their browser speaks. @param {string} [linked] */
export function startLanguage(linked) {
  const asked = new URLSearchParams(location.search).get("lang");
  useLanguage(bestLanguage([chosen(), asked, linked, ...navigator.languages]));
}

/** The person's own choice, kept on this device. @param {string} tag */
export function chooseLanguage(tag) {
  useLanguage(tag);
  try {
    localStorage.setItem(CHOSEN, tag);
  } catch {
    // Private windows may refuse; the choice then holds until the page is closed.
  }
}

/** @returns {string | null} */
function chosen() {
  try {
    return localStorage.getItem(CHOSEN);
  } catch {
    return null;
  }
}
