/**
 * mediaserver SDK: join a room from a browser.
 *
 *     import { connect, LocalMedia } from "@mediaserver/sdk";
 *
 *     const media = new LocalMedia();
 *     await media.start();
 *     const room = await connect("https://clinic.example", { token, media });
 *     room.on("track", ({ participant, track }) => show(participant, track.stream));
 */

import { Room } from "./room.js";

/** @import {RoomOptions} from "./room.js" */

/**
 * Joins a room: the others see and hear what `media` shares.
 * @param {string} url  the server (with `token`), or a join link (with its session cookie)
 * @param {RoomOptions} [options]
 * @returns {Promise<Room>}
 * @throws {import("./errors.js").MediaError}
 */
export async function connect(url, options = {}) {
  const room = new Room(url, { ...options, prepare: false });
  await room.open();
  return room;
}

/**
 * Makes everything ready, the media path included, without being seen or listed; `room.enter()` then shows
 * faces at once.
 * @param {string} url
 * @param {RoomOptions} [options]
 * @returns {Promise<Room>}
 * @throws {import("./errors.js").MediaError}
 */
export async function prepare(url, options = {}) {
  const room = new Room(url, { ...options, prepare: true });
  await room.open();
  return room;
}

export * from "./errors.js";
export { LocalMedia, permission } from "./local-media.js";
export { LocalSource } from "./local-source.js";
export { LevelMeter } from "./meter.js";
export { RemoteParticipant, RemoteTrack } from "./participants.js";
export { Room } from "./room.js";
export { canChooseSpeaker, canMeter, canShareScreen, isPhone } from "./support.js";
