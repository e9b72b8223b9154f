/** getStats() boiled down to what a person or a dashboard wants to know, once a second. Pure. */

/**
 * @typedef {object} StreamDigest
 * @property {string} mid
 * @property {"audio" | "video"} kind
 * @property {number} bitrate  bit/s
 * @property {number} loss  share of packets lost in this second, 0 to 1
 * @property {number} fps  video only, else 0
 * @property {number} width  pixels
 * @property {number} height  pixels
 * @property {number} freezes  in this second
 * @property {number} frozenMs  milliseconds of this second in which the picture stood still
 * @property {number} jitterMs
 * @property {number} level  audio energy of the stream, 0 to 1
 * @property {number} concealed  share of the sound that had to be made up, 0 to 1
 * @property {string} codec
 * @property {"none" | "cpu" | "bandwidth" | "other"} limited  what holds a sender back
 */

/**
 * @typedef {object} Digest
 * @property {number} at  milliseconds
 * @property {StreamDigest[]} up
 * @property {StreamDigest[]} down
 * @property {number | null} rttMs  of the media path
 * @property {number} bytesReceived  since the path began
 * @property {number} availableUp  bit/s that the browser thinks it can send
 * @property {string} path  e.g. "udp host"
 */

/** @typedef {Map<string, any>} Report */

/** @param {any} now @param {any} before @param {string} field */
const grown = (now, before, field) => Math.max(0, (now?.[field] ?? 0) - (before?.[field] ?? 0));

/**
 * @param {Report} report
 * @param {Report | null} before  the report of about a second earlier
 * @returns {Digest}
 */
export function digest(report, before) {
  const all = [...report.values()];
  const transport = all.find((s) => s.type === "transport");
  const pair =
    report.get(transport?.selectedCandidatePairId) ??
    all.find((s) => s.type === "candidate-pair" && s.nominated);
  const local = report.get(pair?.localCandidateId);
  return {
    at: transport?.timestamp ?? all[0]?.timestamp ?? 0,
    up: merge(all.filter((s) => s.type === "outbound-rtp").map((s) => outbound(s, report, before))),
    down: all.filter((s) => s.type === "inbound-rtp").map((s) => inbound(s, report, before)),
    rttMs: pair?.currentRoundTripTime === undefined ? null : Math.round(pair.currentRoundTripTime * 1000),
    bytesReceived: transport?.bytesReceived ?? pair?.bytesReceived ?? 0,
    availableUp: pair?.availableOutgoingBitrate ?? 0,
    path: local ? `${local.protocol} ${local.candidateType}` : "",
  };
}

/** @param {any} stat @param {Report} report @returns {string} */
const codecOf = (stat, report) =>
  String(report.get(stat.codecId)?.mimeType ?? "")
    .split("/")
    .at(-1)
    ?.toLowerCase() ?? "";

/** @param {any} stat @param {any} before @param {string} bytes */
function rate(stat, before, bytes) {
  const ms = before ? stat.timestamp - before.timestamp : 0;
  return ms > 0 ? Math.round((grown(stat, before, bytes) * 8000) / ms) : 0;
}

/** @param {any} stat @param {Report} report @param {Report | null} earlier @returns {StreamDigest} */
function inbound(stat, report, earlier) {
  const before = earlier?.get(stat.id);
  const received = grown(stat, before, "packetsReceived");
  const lost = grown(stat, before, "packetsLost");
  const samples = grown(stat, before, "totalSamplesReceived");
  // Silence that the sender left out (DTX) is concealment by design, not damage.
  const concealed = grown(stat, before, "concealedSamples") - grown(stat, before, "silentConcealedSamples");
  return {
    mid: stat.mid ?? "",
    kind: stat.kind,
    bitrate: rate(stat, before, "bytesReceived"),
    loss: received + lost > 0 ? lost / (received + lost) : 0,
    fps: stat.framesPerSecond ?? 0,
    width: stat.frameWidth ?? 0,
    height: stat.frameHeight ?? 0,
    freezes: grown(stat, before, "freezeCount"),
    frozenMs: Math.round(grown(stat, before, "totalFreezesDuration") * 1000),
    jitterMs: Math.round((stat.jitter ?? 0) * 1000),
    level: stat.audioLevel ?? 0,
    concealed: samples > 0 ? Math.max(0, concealed) / samples : 0,
    codec: codecOf(stat, report),
    limited: "none",
  };
}

/** @param {any} stat @param {Report} report @param {Report | null} earlier @returns {StreamDigest} */
function outbound(stat, report, earlier) {
  const before = earlier?.get(stat.id);
  const remote = report.get(stat.remoteId);
  return {
    mid: stat.mid ?? "",
    kind: stat.kind,
    bitrate: rate(stat, before, "bytesSent"),
    loss: remote?.fractionLost ?? 0,
    fps: stat.framesPerSecond ?? 0,
    width: stat.frameWidth ?? 0,
    height: stat.frameHeight ?? 0,
    freezes: 0,
    frozenMs: 0,
    jitterMs: Math.round((remote?.jitter ?? 0) * 1000),
    level: report.get(stat.mediaSourceId)?.audioLevel ?? 0,
    concealed: 0,
    codec: codecOf(stat, report),
    limited: stat.qualityLimitationReason ?? "none",
  };
}

/**
 * The layers of one simulcast sender count as one stream: bitrates add up, the largest picture is the picture.
 * @param {StreamDigest[]} streams
 * @returns {StreamDigest[]}
 */
function merge(streams) {
  /** @type {Map<string, StreamDigest>} */
  const byMid = new Map();
  for (const stream of streams) {
    const other = byMid.get(stream.mid);
    if (!other) {
      byMid.set(stream.mid, stream);
      continue;
    }
    const larger = stream.height * (stream.bitrate > 0 ? 1 : 0) > other.height ? stream : other;
    byMid.set(stream.mid, {
      ...larger,
      bitrate: stream.bitrate + other.bitrate,
      loss: Math.max(stream.loss, other.loss),
    });
  }
  return [...byMid.values()];
}
