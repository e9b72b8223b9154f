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
import { language } from "./messages.js";

/** @import {Room} from "../sdk/src/room.js" */

/** @import {PanelInfo, Session} from "./visit-api.js" */
/** @import {Probe} from "./network-test.js" */

/**
 * Where a page gets everything from; the pictures of its states are taken with another one.
 * @typedef {object} Services
 * @property {() => Promise<Session>} session  opens the link
 * @property {() => Promise<Room>} prepare
 * @property {LocalMedia} media
 * @property {() => Promise<PanelInfo[]>} panels  those that this person may see
 * @property {(panel: PanelInfo) => Promise<any>} view  of a panel; null: it isn't there for this person
 * @property {(plugin: string, path: string, body?: unknown) => Promise<any>} call  an act; without a body a read
 * @property {(listener: (changed: {plugin: string, panel: string}) => void) => () => void} watch  views that changed
 * @property {Probe} probe
 */

/** A plugin's refusal: `code` is its stable word, `detail` says in plain words what to do. */
export class Refused extends Error {
  /** @param {number} status @param {{code?: string, detail?: string}} [body]  RFC 9457 @param {number} [retryAfter]  seconds */
  constructor(status, { code = "", detail = "" } = {}, retryAfter = 0) {
    super(detail || String(status));
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

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
  const plugins = `${link}/plugins`;
  /** @type {Set<(changed: {plugin: string, panel: string}) => void>} */
  const listeners = new Set();
  return {
    media,
    session: () => openLink(link),
    prepare: async () => {
      const room = await prepare(link, { media });
      /** @type {import("../sdk/src/emitter.js").Emitter<any>} */ (room).on("panel", (changed) => {
        for (const listener of listeners) listener(changed);
      });
      return room;
    },
    panels: async () => {
      try {
        return (await request(`${link}/panels`))?.panels ?? [];
      } catch (error) {
        // Without the plugins' part of the way there is still the call.
        if (error instanceof Refused || error instanceof ConnectionFailed) return [];
        throw error;
      }
    },
    view: ({ plugin, panel, view }) => request(view ?? `${plugins}/${plugin}/panels/${panel}`),
    call: (plugin, path, body) => request(`${plugins}/${plugin}/${path}`, body),
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    probe: {
      ping: () => exchange(`${link}/probe?bytes=0`),
      download: (bytes) => exchange(`${link}/probe?bytes=${bytes}`),
      upload: (bytes) => exchange(`${link}/probe`, new Uint8Array(bytes)),
    },
  };
}

/**
 * One JSON exchange. A body makes it a POST (or `method`) with the header that no other site's page can send.
 * @param {string} url
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function request(url, body, method = "POST") {
  // The language of now, which may be another than the link's: forms and names come in it.
  const spoken = { "Accept-Language": language() };
  const headers = { ...spoken, "Content-Type": "application/json", "X-CSRF": "1" };
  const options = body === undefined ? { headers: spoken } : { method, headers, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(url, { ...options, credentials: "same-origin", cache: "no-store" });
  } catch (cause) {
    throw new ConnectionFailed({ cause });
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (!response.ok)
    throw new Refused(response.status, answer ?? {}, Number(response.headers.get("Retry-After")) || 0);
  return answer;
}

/** @param {string} url @param {Uint8Array<ArrayBuffer>} [body] */
async function exchange(url, body) {
  const options = body ? { method: "POST", body, headers: { "X-CSRF": "1" } } : {};
  const response = await fetch(url, { ...options, credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw new Refused(response.status);
  await response.arrayBuffer();
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
  if (body?.code === "room_closed") return new RoomClosed();
  return BY_STATUS.get(response.status)?.() ?? null;
}
