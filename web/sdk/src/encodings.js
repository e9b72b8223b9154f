/** What a sender encodes: simulcast layers, bitrates, codec order. Pure. */

/** @typedef {"vp8" | "vp9" | "h264" | "av1"} VideoCodec */

/**
 * Bit/s by picture height at 30 frames/s, for a talking head: near the knee of VP8's quality curve, so that more
 * would be seen by nobody. The lowest still shows a face that can be read.
 * @type {readonly (readonly [height: number, bitrate: number])[]}
 */
const BITRATES = [
  [1080, 3_000_000],
  [720, 1_700_000],
  [540, 1_000_000],
  [360, 500_000],
  [270, 300_000],
  [180, 150_000],
  [0, 100_000],
];

/** VP9 and AV1 need about a third less for the same picture. */
const EFFICIENCY = { vp8: 1, h264: 1, vp9: 0.7, av1: 0.65 };

/**
 * @param {number} height  pixels of the shorter side
 * @param {VideoCodec} codec
 * @returns {number} bit/s
 */
export function bitrateFor(height, codec) {
  const row = BITRATES.find(([least]) => height >= least) ?? BITRATES.at(-1);
  return Math.round((row?.[1] ?? 100_000) * EFFICIENCY[codec]);
}

/** Layers by rid, lowest first: quarter, half, full. */
const LAYERS = /** @type {const} */ ([
  ["q", 4],
  ["h", 2],
  ["f", 1],
]);

/** Below this many lines on the shorter side a further layer would be a thumbnail nobody asks for. */
const LEAST_LAYER_LINES = 80;

/**
 * Encodings of a camera. VP8 and H264: one simulcast layer per rid. VP9 and AV1: one stream with three temporal
 * layers, which also makes Chromium send the dependency descriptor.
 * @param {{codec: VideoCodec, height: number, simulcast: boolean}} options  `height` of the shorter side in pixels
 * @returns {RTCRtpEncodingParameters[]}
 */
export function cameraEncodings({ codec, height, simulcast }) {
  const full = bitrateFor(height, codec);
  if (codec === "vp9" || codec === "av1") {
    return [/** @type {any} */ ({ maxBitrate: full, scalabilityMode: "L1T3" })];
  }
  if (!simulcast) return [{ maxBitrate: full }];
  // All three rids are always declared: the layers of a connection can't change later, but a layer can be switched off.
  return LAYERS.map(([rid, scale]) => ({
    rid,
    active: scale === 1 || height / scale >= LEAST_LAYER_LINES,
    scaleResolutionDownBy: scale,
    maxBitrate: bitrateFor(height / scale, codec),
  }));
}

/**
 * The same encodings for a camera of another size (another device, a turned phone).
 * @param {RTCRtpEncodingParameters[]} encodings  as the sender has them
 * @param {number} height
 * @param {VideoCodec} codec
 * @returns {RTCRtpEncodingParameters[]}
 */
export function resized(encodings, height, codec) {
  return encodings.map((encoding) => {
    const scale = encoding.scaleResolutionDownBy ?? 1;
    return {
      ...encoding,
      active: encoding.rid === undefined || scale === 1 || height / scale >= LEAST_LAYER_LINES,
      maxBitrate: bitrateFor(height / scale, codec),
    };
  });
}

/** Text on a screen wants sharpness, not motion. @returns {RTCRtpEncodingParameters[]} */
export function screenEncodings() {
  return [{ maxBitrate: 2_500_000, maxFramerate: 15 }];
}

/** Codecs that repair or wrap others; they must follow whichever is chosen. */
const HELPERS = new Set(["video/rtx", "video/red", "video/ulpfec", "video/flexfec-03"]);

/**
 * The chosen codec first, the others behind it as a fallback for a server without it.
 * @template {{mimeType: string, sdpFmtpLine?: string}} C
 * @param {C[]} codecs  as RTCRtpSender.getCapabilities gives them
 * @param {VideoCodec} codec
 * @returns {C[]}
 */
export function preferVideo(codecs, codec) {
  const mime = `video/${codec}`;
  const rank = (/** @type {C} */ c) => {
    const type = c.mimeType.toLowerCase();
    if (HELPERS.has(type)) return 2;
    return type === mime ? 0 : 1;
  };
  return [...codecs].sort((a, b) => rank(a) - rank(b));
}

/**
 * Opus, wrapped in RED first if wanted: a lost packet's sound then comes again with the next one (RFC 2198).
 * @template {{mimeType: string}} C
 * @param {C[]} codecs
 * @param {boolean} red
 * @returns {C[]}
 */
export function preferAudio(codecs, red) {
  const rank = (/** @type {C} */ c) => {
    const type = c.mimeType.toLowerCase();
    if (type === "audio/red") return red ? 0 : 2;
    return type === "audio/opus" ? 1 : 3;
  };
  return [...codecs].sort((a, b) => rank(a) - rank(b)).filter((c) => red || rank(c) !== 2);
}
