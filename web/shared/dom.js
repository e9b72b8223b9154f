/** The little that the pages need to make and change elements. */

import { ICONS } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, any> & {class?: string, on?: Record<string, (event: any) => void>, data?: Record<string, string>}} Props */

/**
 * Makes an element. `on` holds listeners, `data` the dataset; a property that the element has is set as one,
 * anything else becomes an attribute.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined) continue;
    if (key === "on") {
      for (const [type, listener] of Object.entries(value))
        element.addEventListener(type, /** @type {any} */ (listener));
    } else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "class") element.className = value;
    else if (key in element && !key.startsWith("aria")) /** @type {any} */ (element)[key] = value;
    else element.setAttribute(key, String(value));
  }
  element.append(
    ...children
      .flat()
      .filter((child) => child !== null && child !== undefined && child !== false)
      .map(toNode),
  );
  return element;
}

/** @param {Child} child @returns {Node | string} */
const toNode = (child) => (child instanceof Node ? child : String(child));

/** @param {string} name  of a Lucide icon @returns {SVGSVGElement} */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("i");
  for (const [tag, attributes] of ICONS[name] ?? []) {
    const shape = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    svg.append(shape);
  }
  return svg;
}

/**
 * Sets text only when it differs, so that a screen reader hears a change once and a selection survives.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element @param {string} name @param {string | boolean | null} value  null or false takes it away */
export function setAttr(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value))
    element.setAttribute(name, value === true ? "" : value);
}

/**
 * Brings the children of `parent` to be exactly `wanted`, moving as few as can be: a moved video would flicker.
 * @param {Element} parent
 * @param {readonly Element[]} wanted
 */
export function setChildren(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
}

/**
 * A button with an icon and words.
 * @param {{icon?: string, label: string, class?: string, hidden?: boolean, iconOnly?: boolean, onclick: (event: MouseEvent) => void}} options
 */
export function button({ icon: name, label, class: extra = "", iconOnly = false, onclick, hidden = false }) {
  return h(
    "button",
    {
      type: "button",
      class: `btn ${iconOnly ? "icon" : ""} ${extra}`,
      hidden,
      "aria-label": iconOnly ? label : null,
      title: iconOnly ? label : null,
      on: { click: onclick },
    },
    name ? icon(name) : null,
    iconOnly ? null : label,
  );
}

/** @param {string} name @returns {string} up to two letters that stand for a name */
export function initials(name) {
  const words = name
    .replace(/^(dr|prof|mr|mrs|ms)\.?\s+/i, "")
    .split(/\s+/u)
    .filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words.slice(0, 1);
  return letters
    .map((word) => [...(word ?? "")][0] ?? "")
    .join("")
    .toLocaleUpperCase();
}

/** @param {number} ms @returns {string} 4:05, 1:02:09 */
export function clockTime(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${two(minutes)}:${two(s % 60)}`;
}
