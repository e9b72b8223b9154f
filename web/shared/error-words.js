/**
 * The words for a failure in the person's language. The SDK speaks English, since integrators bring their own
 * words; its `code` (and `device`) is the key to ours.
 */

import { MediaError } from "../sdk/src/errors.js";
import { language, lookup, t } from "./messages.js";

/** @param {MediaError} error @returns {string[]} keys, the most particular first */
function keys(error) {
  const device = /** @type {{device?: string}} */ (error).device;
  return device ? [`error.${error.code}.${device}`, `error.${error.code}`] : [`error.${error.code}`];
}

/** What happened. @param {MediaError} error @returns {string} */
export function errorTitle(error) {
  // What the server says of a refusal is more to the point than our words, for who reads English.
  if (error.code === "rejected" && language() === "en") return error.message;
  for (const key of keys(error)) {
    const words = lookup(key, "error.rejected");
    if (words !== t("error.rejected")) return words;
  }
  return t("error.rejected");
}

/** What the person can do now. @param {MediaError} error @returns {string} */
export function errorAdvice(error) {
  const system = /** @type {{system?: boolean}} */ (error).system === true;
  const [particular = "", general = particular] = keys(error);
  if (system) return lookup(`${particular}.system`, "error.rejected.advice");
  return lookup(`${particular}.advice`, "error.rejected.advice") === t("error.rejected.advice")
    ? lookup(`${general}.advice`, "error.rejected.advice")
    : lookup(`${particular}.advice`, "error.rejected.advice");
}

/** Both, for a line. @param {unknown} error */
export function errorLine(error) {
  return error instanceof MediaError ? `${errorTitle(error)} ${errorAdvice(error)}` : t("error.rejected");
}
