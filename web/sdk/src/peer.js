/**
 * The one RTCPeerConnection of a call. The client always offers. The first offer holds the microphone, the camera
 * and a few recvonly pairs, so that the usual call never negotiates again.
 */

import { Emitter } from "./emitter.js";
import { cameraEncodings, preferAudio, preferVideo, resized, screenEncodings } from "./encodings.js";
import { withAudioNack, withOpusParameters } from "./sdp.js";
import { slotsToAdd } from "./slots.js";

/** @import {VideoCodec} from "./encodings.js" */
/** @import {IceServer, Kind, OfferedTrack, Source} from "./protocol.js" */

/**
 * @typedef {object} PeerOptions
 * @property {VideoCodec} codec
 * @property {boolean} simulcast
 * @property {boolean} red  redundant sound (RFC 2198)
 * @property {boolean} dtx  send nothing in silence
 * @property {IceServer[]} iceServers
 * @property {{audio: number, video: number}} slots
 * @property {(sdp: string, tracks: OfferedTrack[]) => Promise<string>} offer  sends an offer, gives the answer
 * @property {(source: Source) => boolean} muted
 */

const DEPENDENCY_DESCRIPTOR =
  "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/** @type {Record<Source, Kind>} */
const KIND = { microphone: "audio", camera: "video", screen: "video", screen_audio: "audio" };

/**
 * @extends {Emitter<{state: RTCPeerConnectionState, negotiated: null}>}
 */
export class MediaPeer extends Emitter {
  #pc;
  #options;
  /** @type {Map<Source, RTCRtpTransceiver>} */
  #senders = new Map();
  /** @type {{audio: RTCRtpTransceiver[], video: RTCRtpTransceiver[]}} */
  #slots = { audio: [], video: [] };
  /** @type {Promise<void> | null} */
  #negotiating = null;
  #again = false;
  #restart = false;
  #closed = false;

  /** @param {PeerOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#pc = new RTCPeerConnection({
      bundlePolicy: "max-bundle",
      iceServers: options.iceServers.map(({ urls, username, credential }) => ({
        urls,
        username: username ?? undefined,
        credential: credential ?? undefined,
      })),
    });
    this.#pc.onconnectionstatechange = () => this.emit("state", this.#pc.connectionState);
    this.#addSender("microphone");
    this.#addSender("camera");
    this.#addSlots(options.slots);
  }

  get state() {
    return this.#pc.connectionState;
  }

  /** @returns {Promise<Map<string, any>>} */
  async stats() {
    return /** @type {any} */ (await this.#pc.getStats());
  }

  /** The track that a slot receives. @param {string} mid @returns {MediaStreamTrack | null} */
  received(mid) {
    return this.#pc.getTransceivers().find((t) => t.mid === mid)?.receiver.track ?? null;
  }

  /** The m-section of one of our sources. @param {Source} source @returns {string | null} */
  mid(source) {
    return this.#senders.get(source)?.mid ?? null;
  }

  /**
   * Sends `track` as `source` from now on; null sends nothing. A screen needs a negotiation of its own.
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   * @returns {Promise<void>}
   */
  async send(source, track) {
    if (this.#closed) return;
    let transceiver = this.#senders.get(source);
    if (!transceiver) {
      if (!track) return;
      transceiver = this.#addSender(source);
      await transceiver.sender.replaceTrack(track);
      await this.negotiate();
      return;
    }
    const idle = (source === "screen" || source === "screen_audio") && !track;
    const direction = idle ? "inactive" : "sendonly";
    if (source === "camera" && track) await this.#fit(transceiver.sender, track);
    if (transceiver.sender.track !== track) await transceiver.sender.replaceTrack(track);
    if (transceiver.direction !== direction) {
      transceiver.direction = direction;
      await this.negotiate();
    }
  }

  /**
   * Offers more slots when the server runs out of them.
   * @param {{audio: number, video: number}} need
   * @returns {Promise<void>}
   */
  async provide(need) {
    const have = { audio: this.#slots.audio.length, video: this.#slots.video.length };
    const add = slotsToAdd(need, have);
    if (add.audio + add.video === 0) return;
    this.#addSlots(add);
    await this.negotiate();
  }

  /** A new path for the same media. @returns {Promise<void>} */
  restartIce() {
    this.#restart = true;
    return this.negotiate();
  }

  /**
   * Offers what holds now. Calls during an exchange lead to one more exchange after it.
   * @returns {Promise<void>}
   */
  negotiate() {
    if (this.#negotiating) {
      this.#again = true;
      return this.#negotiating;
    }
    this.#negotiating = this.#exchange().finally(() => {
      this.#negotiating = null;
    });
    return this.#negotiating;
  }

  async #exchange() {
    do {
      this.#again = false;
      const iceRestart = this.#restart;
      this.#restart = false;
      try {
        await this.#offerOnce(iceRestart);
      } catch (error) {
        this.#restart ||= iceRestart;
        if (this.#closed) return;
        if (this.#pc.signalingState === "have-local-offer") {
          await this.#pc.setLocalDescription({ type: "rollback" }).catch(() => {});
        }
        if (!this.#again) throw error;
      }
    } while (this.#again && !this.#closed);
    this.emit("negotiated", null);
  }

  /** @param {boolean} iceRestart */
  async #offerOnce(iceRestart) {
    const pc = this.#pc;
    const offer = await pc.createOffer({ iceRestart });
    const plain = offer.sdp ?? "";
    const sdp = withAudioNack(plain);
    try {
      await pc.setLocalDescription({ type: "offer", sdp });
    } catch {
      await pc.setLocalDescription({ type: "offer", sdp: plain });
    }
    // The server is ICE-lite and learns our addresses from our checks, so nobody waits for candidates.
    const answer = await this.#options.offer(pc.localDescription?.sdp ?? sdp, this.#offered());
    if (this.#closed) return;
    await pc.setRemoteDescription({ type: "answer", sdp: withOpusParameters(answer, this.#opus()) });
  }

  /** @returns {OfferedTrack[]} */
  #offered() {
    /** @type {OfferedTrack[]} */
    const tracks = [];
    for (const [source, { mid, direction }] of this.#senders) {
      if (mid !== null && direction === "sendonly") {
        tracks.push({ mid, source, muted: this.#options.muted(source) });
      }
    }
    return tracks;
  }

  /** @returns {Map<string, Record<string, number>>} */
  #opus() {
    const parameters = new Map();
    const voice = this.mid("microphone");
    const screen = this.mid("screen_audio");
    if (voice !== null) parameters.set(voice, { useinbandfec: 1, usedtx: this.#options.dtx ? 1 : 0 });
    if (screen !== null) parameters.set(screen, { stereo: 1, maxaveragebitrate: 96_000 });
    return parameters;
  }

  /** @param {Source} source @returns {RTCRtpTransceiver} */
  #addSender(source) {
    const { codec, simulcast, red } = this.#options;
    const kind = KIND[source];
    const sendEncodings =
      source === "camera"
        ? cameraEncodings({ codec, simulcast, height: 720 })
        : source === "screen"
          ? screenEncodings()
          : [{ priority: /** @type {const} */ ("high"), networkPriority: /** @type {const} */ ("high") }];
    const transceiver = this.#pc.addTransceiver(kind, { direction: "sendonly", sendEncodings });
    const codecs = RTCRtpSender.getCapabilities(kind)?.codecs ?? [];
    const preferred =
      kind === "video" ? preferVideo(codecs, codec) : preferAudio(codecs, red && source === "microphone");
    if (preferred.length > 0 && transceiver.setCodecPreferences) transceiver.setCodecPreferences(preferred);
    this.#senders.set(source, transceiver);
    return transceiver;
  }

  /** @param {{audio: number, video: number}} count */
  #addSlots({ audio, video }) {
    for (let i = 0; i < Math.max(audio, video); i += 1) {
      if (i < audio) this.#slots.audio.push(this.#pc.addTransceiver("audio", { direction: "recvonly" }));
      if (i >= video) continue;
      const transceiver = this.#pc.addTransceiver("video", { direction: "recvonly" });
      wantDependencyDescriptor(transceiver);
      this.#slots.video.push(transceiver);
    }
  }

  /** Bitrates follow the size of the camera that is really there. @param {RTCRtpSender} sender @param {MediaStreamTrack} track */
  async #fit(sender, track) {
    const { width = 0, height = 0 } = track.getSettings();
    const lines = Math.min(width, height);
    if (lines === 0) return;
    const parameters = sender.getParameters();
    if (!parameters.encodings?.length) return;
    parameters.encodings = resized(parameters.encodings, lines, this.#options.codec);
    await sender.setParameters(parameters).catch(() => {});
  }

  close() {
    this.#closed = true;
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
  }
}

/** Chromium keeps the descriptor stopped on recvonly transceivers until it is asked for; other browsers lack the call. @param {any} transceiver */
function wantDependencyDescriptor(transceiver) {
  if (!transceiver.getHeaderExtensionsToNegotiate || !transceiver.setHeaderExtensionsToNegotiate) return;
  /** @type {{uri: string, direction: string}[]} */
  const extensions = transceiver.getHeaderExtensionsToNegotiate();
  const wanted = extensions.map((extension) =>
    extension.uri === DEPENDENCY_DESCRIPTOR ? { ...extension, direction: "sendrecv" } : extension,
  );
  try {
    transceiver.setHeaderExtensionsToNegotiate(wanted);
  } catch {
    // An older shape of the call: the descriptor stays off, and the server strips it.
  }
}
