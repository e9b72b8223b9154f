/** Who is shown where and how large. Pure. */

/** @typedef {"speaker" | "grid"} LayoutMode */
/** @typedef {{key: string, participant: string, source: "camera" | "screen"}} Tile */
/** @typedef {{main: Tile | null, strip: Tile[], grid: Tile[], pip: boolean}} Plan */

/** @param {string} participant @param {"camera" | "screen"} source @returns {Tile} */
export const tile = (participant, source) => ({ key: `${participant}/${source}`, participant, source });

/**
 * @param {object} view
 * @param {readonly {id: string, sharing: boolean}[]} view.people  the others, in the order of their coming
 * @param {string | null} view.speaker  who spoke last
 * @param {string | null} view.pinned  key of a tile
 * @param {LayoutMode} view.mode
 * @returns {Plan}
 */
export function plan({ people, speaker, pinned, mode }) {
  const tiles = people.flatMap(({ id, sharing }) =>
    sharing ? [tile(id, "screen"), tile(id, "camera")] : [tile(id, "camera")],
  );
  const screen = tiles.find((t) => t.source === "screen");
  if (mode === "grid" && people.length > 1 && !screen)
    return { main: null, strip: [], grid: tiles, pip: false };
  const main =
    tiles.find((t) => t.key === pinned) ??
    screen ??
    tiles.find((t) => t.participant === speaker && t.source === "camera") ??
    tiles[0] ??
    null;
  return { main, strip: tiles.filter((t) => t !== main), grid: [], pip: true };
}

/** Pictures of a grid fill their cells; upright like a phone's or wide like a laptop's, but not more than that. */
const NARROWEST = 3 / 4;
const WIDEST = 16 / 9;

/**
 * Columns that make the pictures of a grid largest.
 * @param {number} count
 * @param {number} width  pixels
 * @param {number} height  pixels
 * @param {number} gap  pixels
 * @returns {{columns: number, width: number, height: number}}
 */
export function gridFor(count, width, height, gap) {
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const w = Math.min(cellWidth, cellHeight * WIDEST);
    const h = Math.min(cellHeight, cellWidth / NARROWEST);
    if (w * h > best.width * best.height) best = { columns, width: w, height: h };
  }
  return best;
}

/** Of a laptop's picture the sides may go before anything of the face in its middle is lost. */
const KEEP = 0.42;

/**
 * How a video fills a box: wholly, cut at the edges, as long as enough of it stays to be seen;
 * beyond that it gets bars. A laptop's picture on an upright phone is the usual case.
 * @param {{width: number, height: number}} box
 * @param {number} aspect  of the video
 * @returns {{width: number, height: number}} of the element, which covers itself with the video
 */
export function fit(box, aspect) {
  if (box.width <= 0 || box.height <= 0 || !(aspect > 0)) return { width: box.width, height: box.height };
  const boxAspect = box.width / box.height;
  const kept = Math.min(boxAspect, aspect) / Math.max(boxAspect, aspect);
  if (kept >= KEEP) return { width: box.width, height: box.height };
  return aspect > boxAspect
    ? { width: box.width, height: Math.round(box.width / (aspect * KEEP)) }
    : { width: Math.round((box.height * aspect) / KEEP), height: box.height };
}

/**
 * The simulcast layer that a tile of this height deserves.
 * @param {number} lines  CSS pixels times the device's pixel ratio
 * @returns {"low" | "medium" | "high"}
 */
export function layerFor(lines) {
  if (lines <= 220) return "low";
  return lines <= 440 ? "medium" : "high";
}
