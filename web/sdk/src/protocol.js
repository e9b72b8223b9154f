/**
 * The signaling protocol, version 1 (docs/protocol.md), as types. One JSON object a websocket message;
 * requests carry `id`, their replies `re`.
 */

export const PROTOCOL = 1;
export const SUBPROTOCOL = "mediaserver.v1";

/** @typedef {"microphone" | "camera" | "screen" | "screen_audio"} Source */
/** @typedef {"audio" | "video"} Kind */
/** @typedef {"low" | "medium" | "high"} Quality */

/** @type {readonly Source[]} */
export const SOURCES = ["microphone", "camera", "screen", "screen_audio"];

/** @typedef {{source: Source, muted: boolean, muted_by_host?: boolean}} TrackInfo */

/**
 * @typedef {object} ParticipantInfo
 * @property {string} id
 * @property {string} identity
 * @property {string} name
 * @property {string} role
 * @property {boolean} hand
 * @property {"present" | "reconnecting"} state
 * @property {TrackInfo[]} tracks
 * @property {string | number | null} [joined_at]
 * @property {boolean} [admin]
 */

/** @typedef {{id?: number, from: string, name: string, text: string, at: string | number, role?: string}} ChatMessage */
/** @typedef {{mid: string, participant: string, source: Source, kind: Kind, muted: boolean}} SlotInfo */
/** @typedef {{urls: string | string[], username?: string, credential?: string}} IceServer */
/** @typedef {{name: string, locked: boolean, opened_at: string | number | null}} RoomInfo */

/**
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {number} re
 * @property {number} protocol
 * @property {boolean} resumed
 * @property {boolean} prepared
 * @property {{id: string, resume: string}} session
 * @property {RoomInfo} room
 * @property {ParticipantInfo} you
 * @property {ParticipantInfo[]} participants
 * @property {{audio: number, video: number}} slots
 * @property {number} heartbeat_ms
 * @property {IceServer[]} ice_servers
 * @property {ChatMessage[]} chat
 * @property {string | null} speaker
 */

/** @typedef {{type: "answer", re: number, sdp: string}} Answer */
/** @typedef {{type: "tracks", slots: SlotInfo[], need: {audio: number, video: number}}} Tracks */
/** @typedef {{type: "bye", reason: string, message: string, rejoin: boolean}} Bye */

/**
 * What the server tells without being asked.
 * @typedef {Tracks
 *   | {type: "joined", participant: ParticipantInfo}
 *   | {type: "updated", participant: ParticipantInfo}
 *   | {type: "left", participant: string, reason: string}
 *   | {type: "speaker", participant: string | null}
 *   | ({type: "chat"} & ChatMessage)
 *   | {type: "locked", locked: boolean, by: string | null}
 *   | {type: "muted", source: Source, muted: boolean, by: string | null}
 *   | {type: "unmute_request", source: Source, by: string}
 *   | {type: "media", state: string}
 *   | {type: "error", code: string, message: string}
 *   | Bye} Announcement
 */

/** @typedef {{type: string, id?: number, [key: string]: unknown}} Request */
/** @typedef {{mid: string, source: Source, muted: boolean}} OfferedTrack */

/**
 * Times come as ISO 8601 text or as seconds or milliseconds since 1970.
 * @param {string | number | null | undefined} value
 * @returns {number | null}  milliseconds since 1970
 */
export function toMillis(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return value < 1e11 ? value * 1000 : value;
  const parsed = Date.parse(value);
  return Number.isNaN(parsed) ? null : parsed;
}

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
