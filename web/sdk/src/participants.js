/** The others in the room, and their tracks. */

/** @import {Kind, ParticipantInfo, Quality, SlotInfo, Source} from "./protocol.js" */
/** @import {Assignment} from "./slots.js" */
/** @import {Level} from "./quality.js" */

/** One source of one participant. Its `stream` stays the same object for as long as the participant is here. */
export class RemoteTrack {
  muted = true;
  mutedByHost = false;
  /** The slot it is received on. @type {string | null} */
  mid = null;
  stream = new MediaStream();
  /** @type {Quality | null} */
  wanted = null;

  /** @param {Source} source @param {Kind} kind */
  constructor(source, kind) {
    this.source = source;
    this.kind = kind;
  }

  /** Whether there is something to see or hear. */
  get live() {
    return !this.muted && this.mid !== null;
  }

  /** @param {string | null} mid @param {MediaStreamTrack | null} track */
  attach(mid, track) {
    this.mid = mid;
    for (const old of this.stream.getTracks()) if (old !== track) this.stream.removeTrack(old);
    if (track && !this.stream.getTracks().includes(track)) this.stream.addTrack(track);
  }
}

export class RemoteParticipant {
  /** @type {Map<Source, RemoteTrack>} */
  tracks = new Map();
  /** What this person's picture and sound look like from here. @type {Level} */
  quality = "good";

  /** @param {ParticipantInfo} info */
  constructor(info) {
    this.id = info.id;
    this.identity = info.identity;
    this.name = info.name;
    this.role = info.role;
    this.admin = info.admin ?? false;
    this.joinedAt = info.joined_at;
    this.hand = false;
    /** @type {"present" | "reconnecting"} */
    this.state = "present";
    this.apply(info);
  }

  /** @param {ParticipantInfo} info */
  apply(info) {
    this.name = info.name;
    this.role = info.role;
    this.hand = info.hand;
    this.state = info.state;
    this.admin = info.admin ?? false;
    const named = new Set(info.tracks.map(({ source }) => source));
    for (const [source, track] of this.tracks) if (!named.has(source)) track.muted = true;
    for (const { source, muted, muted_by_host } of info.tracks) {
      const track = this.track(source);
      track.muted = muted || muted_by_host;
      track.mutedByHost = muted_by_host;
    }
  }

  /** @param {Source} source @returns {RemoteTrack} */
  track(source) {
    let track = this.tracks.get(source);
    if (!track) {
      track = new RemoteTrack(source, source === "camera" || source === "screen" ? "video" : "audio");
      this.tracks.set(source, track);
    }
    return track;
  }

  get microphone() {
    return this.track("microphone");
  }

  get camera() {
    return this.track("camera");
  }

  get screen() {
    return this.track("screen");
  }
}

/** Everybody else, by id, in the order of their coming. */
export class Roster {
  /** @type {Map<string, RemoteParticipant>} */
  #byId = new Map();

  /** @param {string} id @returns {RemoteParticipant | undefined} */
  get(id) {
    return this.#byId.get(id);
  }

  /** @returns {RemoteParticipant[]} */
  list() {
    return [...this.#byId.values()];
  }

  /** @param {ParticipantInfo} info @returns {{participant: RemoteParticipant, isNew: boolean}} */
  put(info) {
    const known = this.#byId.get(info.id);
    if (known) {
      known.apply(info);
      return { participant: known, isNew: false };
    }
    const participant = new RemoteParticipant(info);
    this.#byId.set(info.id, participant);
    return { participant, isNew: true };
  }

  /** @param {string} id @returns {RemoteParticipant | undefined} */
  remove(id) {
    const participant = this.#byId.get(id);
    this.#byId.delete(id);
    return participant;
  }

  /**
   * Takes a whole list, as after a resumed session.
   * @param {ParticipantInfo[]} infos
   * @returns {{joined: RemoteParticipant[], left: RemoteParticipant[]}}
   */
  replace(infos) {
    const ids = new Set(infos.map(({ id }) => id));
    const left = this.list().filter(({ id }) => !ids.has(id));
    for (const { id } of left) this.#byId.delete(id);
    const joined = infos.map((info) => this.put(info)).filter(({ isNew }) => isNew);
    return { joined: joined.map(({ participant }) => participant), left };
  }
}
