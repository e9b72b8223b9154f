/** From a link to a room: what both pages do before a call. */

import {
  ConnectionFailed,
  LinkExpired,
  MediaError,
  NotAllowed,
  RoomClosed,
  RoomFull,
  RoomLocked,
} from "../sdk/src/errors.js";
import { prepare } from "../sdk/src/index.js";
import { LocalMedia } from "../sdk/src/local-media.js";

/** @import {Room} from "../sdk/src/room.js" */

/** @typedef {{name: string, role: string, room: string, clinic?: string}} Session */

/**
 * Where a page gets everything from; the pictures of its states are taken with another one.
 * @typedef {object} Services
 * @property {() => Promise<Session>} session  opens the link
 * @property {() => Promise<Room>} prepare
 * @property {LocalMedia} media
 */

/** @type {Map<number, () => MediaError>} */
const BY_STATUS = new Map([
  [401, () => new LinkExpired("401")],
  [403, () => new NotAllowed("403")],
  [404, () => new LinkExpired("404")],
  [410, () => new LinkExpired("410")],
  [409, () => new RoomFull()],
  [423, () => new RoomLocked()],
]);

/**
 * @param {string} code  of the join link
 * @returns {Services}
 */
export function services(code) {
  const link = new URL(`/j/${encodeURIComponent(code)}`, location.href).href;
  const media = new LocalMedia();
  return {
    media,
    session: () => openLink(link),
    prepare: () => prepare(link, { media }),
  };
}

/** @param {string} link @returns {Promise<Session>} */
async function openLink(link) {
  let response;
  try {
    response = await fetch(`${link}/session`, { method: "POST", credentials: "same-origin" });
  } catch (cause) {
    throw new ConnectionFailed({ cause });
  }
  if (!response.ok)
    throw (await refusal(response)) ?? new ConnectionFailed({ detail: `HTTP ${response.status}` });
  return response.json();
}

/** @param {Response} response @returns {Promise<MediaError | null>} */
async function refusal(response) {
  const body = await response.json().catch(() => null);
  if (body?.error?.code === "room_closed") return new RoomClosed();
  return BY_STATUS.get(response.status)?.() ?? null;
}
