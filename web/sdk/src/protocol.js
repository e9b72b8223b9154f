/**
 * The signaling protocol, version 1 (docs/protocol.md). One JSON object a websocket message; requests carry
 * `id`, their replies `re`. The types are made from the server's structs.
 */

export const PROTOCOL = 1;
export const SUBPROTOCOL = "mediaserver.v1";

/** @typedef {import("./messages.js").Source} Source */
/** @typedef {import("./messages.js").Kind} Kind */
/** @typedef {import("./messages.js").Quality} Quality */
/** @typedef {import("./messages.js").Role} Role */
/** @typedef {import("./messages.js").TrackState} TrackInfo */
/** @typedef {import("./messages.js").Participant} ParticipantInfo */
/** @typedef {import("./messages.js").ChatLine} ChatMessage */
/** @typedef {import("./messages.js").SlotState} SlotInfo */
/** @typedef {import("./messages.js").IceServer} IceServer */
/** @typedef {import("./messages.js").Room} RoomInfo */
/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {import("./messages.js").Tracks} Tracks */
/** @typedef {import("./messages.js").Bye} Bye */
/** @typedef {import("./messages.js").Track & {muted: boolean}} OfferedTrack */

/**
 * What the server tells without being asked.
 * @typedef {Exclude<import("./messages.js").ServerMessage, import("./messages.js").Welcome
 *   | import("./messages.js").Answer | import("./messages.js").Ok | import("./messages.js").Ping>} Announcement
 */

/** A request before it has its number. @typedef {{type: import("./messages.js").ClientMessage["type"], [key: string]: unknown}} Request */

/**
 * The websocket address for a room.
 * @param {string} url  the server (https://clinic.example), or a join link on it (https://clinic.example/j/CODE)
 * @param {string} [base]  what a relative address is relative to
 * @returns {string}
 */
export function rtcUrl(url, base) {
  const address = new URL(url, base);
  address.protocol = address.protocol.replace(/^http/, "ws");
  const path = address.pathname.replace(/\/+$/, "");
  address.pathname = path.endsWith("/rtc") ? path : `${path}/rtc`;
  address.search = "";
  address.hash = "";
  return address.href;
}
