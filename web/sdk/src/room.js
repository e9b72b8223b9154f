/**
 * A room as this person's program sees it: who is here, what they share, and what can be done.
 * Wires the signaling socket, the peer connection and the local media together; each of them has its own file.
 */

import { Emitter } from "./emitter.js";
import { ConnectionFailed, MediaBlocked, MediaError, NotAllowed, ProtocolError } from "./errors.js";
import { LocalMedia } from "./local-media.js";
import { Monitor } from "./monitor.js";
import { Roster } from "./participants.js";
import { MediaPeer } from "./peer.js";
import { rtcUrl } from "./protocol.js";
import { judgeStreams } from "./quality.js";
import { SlotMap } from "./slots.js";
import { SignalSocket } from "./socket.js";
import { requireSupport } from "./support.js";

/** @import {Announcement, ChatMessage, ParticipantInfo, Quality as Layer, Source, Welcome} from "./protocol.js" */
/** @import {VideoCodec} from "./encodings.js" */
/** @import {Digest} from "./stats.js" */
/** @import {Quality} from "./quality.js" */
/** @import {RemoteParticipant, RemoteTrack} from "./participants.js" */
/** @import {LocalSource} from "./local-source.js" */

/** @typedef {"connecting" | "prepared" | "held" | "connected" | "reconnecting" | "ended"} RoomState */
/** @typedef {{id: string, from: string, name: string, text: string, at: number, own: boolean}} Message */

/**
 * @typedef {object} RoomOptions
 * @property {string} [token]  a JWT; without it the cookie of a join link counts
 * @property {LocalMedia} [media]  what to share; by default a LocalMedia with nothing started
 * @property {VideoCodec} [codec]
 * @property {boolean} [simulcast]
 * @property {boolean} [red]
 * @property {boolean} [dtx]
 * @property {typeof WebSocket} [WebSocket]
 */

/**
 * @typedef {object} RoomEvents
 * @property {RoomState} state
 * @property {null} change  something about the room or anybody in it changed: draw it again
 * @property {RemoteParticipant} joined
 * @property {{participant: RemoteParticipant, reason: string}} left
 * @property {{participant: RemoteParticipant, track: RemoteTrack, on: boolean}} track
 * @property {RemoteParticipant | null} speaker
 * @property {Message} message
 * @property {{source: Source, muted: boolean, by: string | null}} muted  somebody muted us, or lifted that
 * @property {{source: Source, by: string}} unmuterequest
 * @property {{reason: string}} held  we wait to be admitted, for this reason
 * @property {null} admitted  we waited, and are in now
 * @property {{reason: string}} sentback  we were in, and wait to be admitted again
 * @property {{plugin: string, panel: string}} panel  a plugin's panel shows something else now
 * @property {Quality} quality  of our own connection
 * @property {Digest} stats  once a second
 * @property {MediaError} problem  something fails, but the call goes on
 * @property {{error: MediaError | null, rejoin: boolean}} ended
 */

/** @extends {Emitter<RoomEvents>} */
export class Room extends Emitter {
  /** @type {RoomState} */
  state = "connecting";
  name = "";
  locked = false;
  /** @type {number | null} milliseconds since 1970 */
  openedAt = null;
  /** @type {ParticipantInfo | null} */
  me = null;
  /** @type {RemoteParticipant | null} */
  speaker = null;
  /** @type {Message[]} */
  messages = [];
  /** Why we wait to be admitted, while we do. @type {string | null} */
  holdReason = null;
  /** @type {MediaError | null} */
  error = null;
  media;
  #options;
  #socket;
  #roster = new Roster();
  #slots = new SlotMap();
  /** @type {MediaPeer | null} */
  #peer = null;
  /** @type {Monitor | null} */
  #monitor = null;
  #entered = false;
  #welcomed = false;
  /** What the server was last told of each source. @type {Map<Source, boolean>} */
  #told = new Map();
  /** What a host holds muted. @type {Set<Source>} */
  #held = new Set();
  #hand = false;
  #aborter = new AbortController();
  #changePending = false;

  /**
   * @param {string} url  the server or a join link
   * @param {RoomOptions & {prepare: boolean}} options
   */
  constructor(url, options) {
    super();
    requireSupport();
    this.#options = options;
    this.#entered = !options.prepare;
    this.media = options.media ?? new LocalMedia();
    this.#socket = new SignalSocket(rtcUrl(url, globalThis.location?.href), {
      token: options.token,
      prepare: options.prepare,
      WebSocket: options.WebSocket,
    });
    this.#socket.on("welcome", (welcome) => this.#welcome(welcome));
    this.#socket.on("announcement", (message) => this.#announced(message));
    this.#socket.on("state", ({ state, error }) => this.#socketState(state, error));
    const { signal } = this.#aborter;
    this.media.on("change", (source) => this.#sourceChanged(source), { signal });
    globalThis.addEventListener?.("online", () => this.#wake(), { signal });
    globalThis.addEventListener?.("pageshow", () => this.#wake(), { signal });
    globalThis.document?.addEventListener("visibilitychange", () => this.#wake(), { signal });
  }

  /** @returns {RemoteParticipant[]} everybody but us, in the order of their coming */
  get participants() {
    return this.#roster.list();
  }

  get quality() {
    return (
      this.#monitor?.quality ?? { level: /** @type {const} */ ("good"), cause: /** @type {const} */ ("none") }
    );
  }

  /** What of the connection works; `media` is null while it is being set up. */
  get connection() {
    const path = this.#monitor?.path ?? "new";
    return { signaling: this.#socket.state === "up", media: path === "new" ? null : path === "ok" };
  }

  /** Our sources that a host holds muted. @returns {Source[]} */
  get held() {
    return [...this.#held];
  }

  get handRaised() {
    return this.#hand;
  }

  /** Starts; resolves when the server has answered and the media path is under way. @returns {Promise<void>} */
  open() {
    mark("open");
    return new Promise((resolve, reject) => {
      const stop = this.on("state", (state) => {
        if (state === "connecting" || state === "reconnecting") return;
        stop();
        if (state === "ended") reject(this.error ?? new ProtocolError("ended while opening"));
        else resolve();
      });
      this.#socket.start();
    });
  }

  /**
   * A prepared participant becomes present (seen, heard and listed), or waits to be admitted: then sound and
   * picture go to the server already, which forwards nothing of them, and `admitted` tells when they are in.
   * To call it again while waiting asks again.
   * @returns {Promise<"entered" | "held">}
   */
  async enter() {
    if (this.#entered && this.state !== "held") return "entered";
    this.#entered = true;
    this.#socket.entered();
    mark("enter");
    // Asked first: the others' pictures are under way while this device's encoders start, which takes a while.
    const asked = this.#askToEnter();
    this.#attachAll().catch(() => {});
    return asked;
  }

  /** Through a dropped websocket as well: the person pressed once. @returns {Promise<"entered" | "held">} */
  async #askToEnter() {
    try {
      return this.#answered(await this.#socket.request({ type: "enter" }));
    } catch (error) {
      if (!(error instanceof ConnectionFailed) || this.#socket.state === "up") throw error;
      return this.#settled();
    }
  }

  /** @param {{type: string, reason?: string}} reply  to `enter` @returns {"entered" | "held"} */
  #answered(reply) {
    if (reply.type === "held") {
      this.#hold(reply.reason ?? "");
      return "held";
    }
    this.#letIn();
    return "entered";
  }

  /** Until this is in the room, waits for it, or is over. @returns {Promise<"entered" | "held">} */
  #settled() {
    return new Promise((resolve, reject) => {
      const stop = this.on("state", (state) => {
        if (state !== "connected" && state !== "held" && state !== "ended") return;
        stop();
        if (state === "ended") reject(this.error ?? new ProtocolError("ended while entering"));
        else resolve(state === "held" ? "held" : "entered");
      });
    });
  }

  /** @param {string} reason */
  #hold(reason) {
    const news = this.holdReason !== reason;
    this.holdReason = reason;
    mark("held");
    this.#setState("held");
    if (news) this.emit("held", { reason });
  }

  #letIn() {
    const waited = this.holdReason !== null;
    this.holdReason = null;
    mark("entered");
    this.#setState("connected");
    if (waited) this.emit("admitted", null);
  }

  /** The room is dark again: whoever is let in once more hears anew what is in it. @param {string} reason */
  #sentBack(reason) {
    this.#apply([]);
    for (const participant of this.#roster.replace([]).left)
      this.emit("left", { participant, reason: "left" });
    this.speaker = null;
    this.messages = [];
    this.#hand = false;
    this.holdReason = reason;
    this.#setState("held");
    this.emit("sentback", { reason });
  }

  /** @param {string} text @returns {Promise<void>} */
  async say(text) {
    await this.#socket.request({ type: "chat", text });
  }

  /** @param {boolean} raised @returns {Promise<void>} */
  async raiseHand(raised) {
    this.#hand = raised;
    this.#changed();
    await this.#socket.request({ type: "hand", raised });
  }

  /**
   * How large a video will be shown, so that no more is sent than is seen.
   * @param {RemoteTrack} track
   * @param {Layer} quality
   */
  prefer(track, quality) {
    if (track.wanted === quality) return;
    track.wanted = quality;
    if (track.mid === null) return;
    this.#socket.request({ type: "layer", mid: track.mid, quality }).catch(() => {
      track.wanted = null;
    });
  }

  /** By grant: pauses somebody's source at the server, or asks them to switch it on again. @param {string} participant @param {Source} source @param {boolean} muted */
  async muteOther(participant, source, muted) {
    await this.#socket.request({ type: "mute_other", participant, source, muted });
  }

  /** By grant. @param {string} participant */
  async remove(participant) {
    await this.#socket.request({ type: "kick", participant });
  }

  /** By grant. @param {boolean} locked */
  async lock(locked) {
    await this.#socket.request({ type: "lock", locked });
  }

  /** By grant: ends the call for everybody. */
  async end() {
    await this.#socket.request({ type: "end" });
  }

  /** Leaves; the local media stays for whoever wants it. */
  leave() {
    this.#socket.leave();
  }

  /** @param {Welcome} welcome */
  #welcome(welcome) {
    mark("welcome");
    const first = !this.#welcomed;
    this.#welcomed = true;
    this.me = welcome.you;
    this.name = welcome.room.name;
    this.locked = welcome.room.locked;
    this.openedAt = welcome.room.opened_at;
    this.messages = welcome.chat.map((message) => this.#message(message));
    const { joined, left } = this.#roster.replace(
      welcome.participants.filter(({ id }) => id !== welcome.you.id),
    );
    this.speaker = (welcome.speaker && this.#roster.get(welcome.speaker)) || null;
    for (const participant of left) this.emit("left", { participant, reason: "left" });
    if (!first) for (const participant of joined) this.emit("joined", participant);
    this.#holdMuted(welcome.you.tracks.filter((track) => track.muted_by_host).map(({ source }) => source));
    if (welcome.resumed && this.#peer) {
      this.#resume();
    } else {
      this.#build(welcome);
    }
    if (welcome.prepared && this.#entered) this.#enterAgain();
    else if (this.#entered) this.#letIn();
    else this.#setState("prepared");
    this.#changed();
  }

  /** The websocket dropped before the server heard of `enter`, or while this waited; what holds now is told. */
  #enterAgain() {
    this.#socket.request({ type: "enter" }).then(
      (reply) => this.#answered(reply),
      (error) => {
        // A drop is followed by another welcome; anything else is an answer, and the call can't begin.
        if (error instanceof ConnectionFailed) return;
        this.error = error;
        this.#socket.leave();
      },
    );
  }

  /** What a host holds muted now; the news of it may have come while the websocket was down. @param {Source[]} sources */
  #holdMuted(sources) {
    for (const source of [...this.#held]) {
      if (!sources.includes(source)) this.#mutedByOther({ source, muted: false, by: null });
    }
    for (const source of sources) {
      if (!this.#held.has(source)) this.#mutedByOther({ source, muted: true, by: null });
    }
  }

  /** The session goes on: tell what changed meanwhile, and look at the media path at once. */
  #resume() {
    this.#told.clear();
    for (const source of this.media.sources) this.#sourceChanged(source);
    if (this.me && this.me.hand !== this.#hand) this.raiseHand(this.#hand).catch(() => {});
    this.#monitor?.doubt();
    if (this.#offerFailed) this.#renegotiate();
  }

  #offerFailed = false;

  /** A new session has a new media path. @param {Welcome} welcome */
  #build(welcome) {
    this.#monitor?.close();
    this.#peer?.close();
    this.#told.clear();
    this.#apply([]);
    const { codec = "vp8", simulcast = true, red = true, dtx = true } = this.#options;
    const peer = new MediaPeer({
      codec,
      simulcast,
      red,
      dtx,
      iceServers: welcome.ice_servers,
      slots: welcome.slots,
      offer: async (sdp, tracks) => {
        for (const { source, muted } of tracks) this.#told.set(source, muted);
        return (await this.#socket.request({ type: "offer", sdp, tracks })).sdp;
      },
      muted: (source) => !this.#live(source),
    });
    this.#peer = peer;
    this.#monitor = this.#watch(peer);
    this.#attachAll().catch(() => {});
    this.#renegotiate();
    if (this.#hand) this.raiseHand(true).catch(() => {});
  }

  /** @param {MediaPeer} peer */
  #watch(peer) {
    const monitor = new Monitor(peer);
    peer.on("negotiated", () => {
      mark("negotiated");
      this.#apply(this.#slots.list());
    });
    peer.on("state", (state) => {
      if (state === "connected") mark("connected");
      this.#changed();
    });
    monitor.on("digest", (d) => this.#digest(d));
    monitor.on("quality", (quality) => {
      this.emit("quality", quality);
      this.#changed();
    });
    monitor.on("path", () => this.#changed());
    monitor.on("restart", () => {
      if (this.#socket.state === "up") this.#attempt(peer.restartIce());
    });
    monitor.on("blocked", () => this.emit("problem", new MediaBlocked(peer.state)));
    return monitor;
  }

  #renegotiate() {
    if (this.#peer) this.#attempt(this.#peer.negotiate());
  }

  /** @param {Promise<void>} exchange */
  async #attempt(exchange) {
    try {
      await exchange;
      this.#offerFailed = false;
    } catch (error) {
      this.#exchangeFailed(error);
    }
  }

  /**
   * An exchange that fails with its websocket is made again when the session resumes, or now if it has resumed
   * while the browser took the offer back.
   * @param {unknown} error
   */
  #exchangeFailed(error) {
    this.#offerFailed = true;
    const known = error instanceof MediaError ? error : new ProtocolError(String(error));
    if (known.code !== "connection_failed") this.emit("problem", known);
    else if (this.#socket.state === "up") this.#renegotiate();
  }

  /** @param {Digest} d */
  #digest(d) {
    const before = this.participants.map((p) => p.quality).join();
    for (const participant of this.participants) {
      const mids = new Set([...participant.tracks.values()].filter((t) => t.live).map((t) => t.mid));
      participant.quality = judgeStreams(d.down.filter((stream) => mids.has(stream.mid)));
    }
    this.emit("stats", d);
    if (before !== this.participants.map((p) => p.quality).join()) this.#changed();
  }

  /** @param {import("./link.js").LinkState} state @param {MediaError | null} error */
  #socketState(state, error) {
    if (state === "closed") {
      this.error = error ?? this.error;
      this.#close();
      this.#setState("ended");
      const rejoin =
        !this.error ||
        ["disconnected", "replaced", "connection_failed", "room_locked", "room_full"].includes(
          this.error.code,
        );
      this.emit("ended", { error: this.error, rejoin });
    } else if (state === "waiting" && this.#welcomed) {
      this.#setState("reconnecting");
    }
    this.#changed();
  }

  #close() {
    this.#aborter.abort();
    this.#monitor?.close();
    this.#peer?.close();
    this.#monitor = null;
    this.#peer = null;
  }

  /** @param {Announcement} message */
  #announced(message) {
    switch (message.type) {
      case "tracks":
        this.#apply(message.slots);
        if (message.need.audio > 0 || message.need.video > 0) {
          if (this.#peer) this.#attempt(this.#peer.provide(message.need));
        }
        break;
      case "joined":
      case "updated": {
        if (message.participant.id === this.me?.id) {
          this.me = message.participant;
          break;
        }
        const { participant, isNew } = this.#roster.put(message.participant);
        for (const slot of this.#slots.list()) if (slot.participant === participant.id) this.#attach(slot);
        if (isNew) this.emit("joined", participant);
        break;
      }
      case "left": {
        const participant = this.#roster.remove(message.participant);
        if (this.speaker === participant) this.speaker = null;
        if (participant) this.emit("left", { participant, reason: message.reason });
        break;
      }
      case "speaker":
        this.speaker = message.participant === null ? null : (this.#roster.get(message.participant) ?? null);
        this.emit("speaker", this.speaker);
        break;
      case "chat": {
        const entry = this.#message(message);
        this.messages = [...this.messages, entry];
        this.emit("message", entry);
        break;
      }
      case "locked":
        this.locked = message.locked;
        break;
      case "muted":
        this.#mutedByOther(message);
        break;
      case "unmute_request":
        this.emit("unmuterequest", { source: message.source, by: message.by });
        break;
      case "held":
        this.#hold(message.reason);
        break;
      case "admitted":
        this.#letIn();
        break;
      case "sent_back":
        this.#sentBack(message.reason);
        break;
      case "panel":
        this.emit("panel", { plugin: message.plugin, panel: message.panel });
        break;
      case "media":
      case "error":
      case "bye":
        break;
    }
    this.#changed();
  }

  /** @param {{source: Source, muted: boolean, by: string | null}} message */
  #mutedByOther({ source, muted, by }) {
    // Muted here as well, and told so: when the host lets go, it is the person who decides to be heard again.
    if (muted) this.#local(source)?.mute();
    if (muted) this.#held.add(source);
    else this.#held.delete(source);
    this.emit("muted", { source, muted, by });
  }

  /** @param {ChatMessage} message @returns {Message} */
  #message({ id, from, name, text, at }) {
    return { id: String(id), from, name, text, at, own: from === this.me?.id };
  }

  /** @param {import("./protocol.js").SlotInfo[]} slots */
  #apply(slots) {
    const { started, stopped, changed } = this.#slots.update(slots);
    for (const { participant: id, source } of stopped) {
      const participant = this.#roster.get(id);
      if (!participant) continue;
      const track = participant.track(source);
      track.attach(null, null);
      track.wanted = null;
      this.emit("track", { participant, track, on: false });
    }
    for (const slot of [...started, ...changed]) this.#attach(slot);
    // A slot named before its m-section is negotiated has no receiver yet.
    for (const slot of this.#slots.list()) this.#attach(slot);
  }

  /** @param {import("./slots.js").Assignment} slot */
  #attach({ mid, participant: id, source, muted }) {
    const participant = this.#roster.get(id);
    if (!participant) return;
    const track = participant.track(source);
    const received = this.#peer?.received(mid) ?? null;
    const fresh = track.mid !== mid || (received !== null && !track.stream.getTracks().includes(received));
    const turned = track.muted !== muted;
    track.muted = muted;
    if (fresh) {
      track.attach(mid, received);
      track.wanted = null;
    }
    if (fresh || turned) this.emit("track", { participant, track, on: track.live });
  }

  /** @param {Source} source @returns {LocalSource | null} */
  #local(source) {
    return source === "screen_audio" ? null : this.media[source];
  }

  /** @param {Source} source */
  #live(source) {
    if (!this.#entered) return false;
    if (source === "screen_audio") return this.media.screen.audioTrack !== null;
    return this.media[source].live;
  }

  async #attachAll() {
    await Promise.all(this.media.sources.map((source) => this.#sourceChanged(source)));
  }

  /** @param {LocalSource} source */
  async #sourceChanged(source) {
    this.#changed();
    // Nothing of this person leaves the device before they enter.
    if (!this.#entered || !this.#peer || source.state === "starting") return;
    try {
      await this.#peer.send(source.kind, source.track);
      if (source.kind === "screen") await this.#peer.send("screen_audio", source.audioTrack);
    } catch (error) {
      this.#exchangeFailed(error);
    }
    await this.#tell(source.kind);
  }

  /** @param {Source} source */
  async #tell(source) {
    // The negotiation has told that a screen is shown no more, and the server knows of no such track now.
    if (source === "screen" && !this.media.screen.track) {
      this.#told.delete(source);
      return;
    }
    const muted = !this.#live(source);
    const told = this.#told.get(source);
    if (told === undefined ? source === "screen" || this.#socket.state !== "up" : told === muted) return;
    this.#told.set(source, muted);
    try {
      await this.#socket.request({ type: "mute", source, muted });
    } catch (error) {
      this.#told.delete(source);
      // A host holds it muted: what the person sees of themselves must be what the others get.
      if (error instanceof NotAllowed && !muted) this.#local(source)?.mute();
      else if (error instanceof MediaError && error.code !== "connection_failed") this.emit("problem", error);
    }
  }

  /** The page is shown again, or the network came back: don't wait for timers. */
  #wake() {
    if (globalThis.document?.visibilityState === "hidden") return;
    this.#socket.nudge();
    this.#monitor?.doubt();
  }

  /** @param {RoomState} state */
  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit("state", state);
    this.#changed();
  }

  /** Many changes in one turn lead to one drawing. */
  #changed() {
    if (this.#changePending) return;
    this.#changePending = true;
    queueMicrotask(() => {
      this.#changePending = false;
      this.emit("change", null);
    });
  }
}

/** The steps of a join on the page's own timeline, for whoever measures. @param {string} step */
function mark(step) {
  performance.mark(`mediaserver:${step}`);
}
