/** The few things of a session description that no browser API sets. Pure functions over text. */

/**
 * A sender of Opus follows the receiver's format parameters (RFC 7587 section 7), so what we want to send
 * is written into the server's answer, for the named m-sections only.
 * @param {string} sdp
 * @param {Map<string, Record<string, string | number>>} wanted  by mid, e.g. {usedtx: 1}
 * @returns {string}
 */
export function withOpusParameters(sdp, wanted) {
  return mapSections(sdp, (lines) => {
    const parameters = wanted.get(midOf(lines) ?? "");
    const opus = lines.map((line) => /^a=rtpmap:(\d+) opus\//i.exec(line)?.[1]).find(Boolean);
    if (!parameters || !opus) return lines;
    const at = lines.findIndex((line) => line.startsWith(`a=fmtp:${opus} `));
    const merged = { ...parseFmtp(lines[at] ?? ""), ...parameters };
    const line = `a=fmtp:${opus} ${Object.entries(merged)
      .map(([key, value]) => `${key}=${value}`)
      .join(";")}`;
    if (at >= 0) return lines.with(at, line);
    const rtpmap = lines.findIndex((text) => text.startsWith(`a=rtpmap:${opus} `));
    return lines.toSpliced(rtpmap + 1, 0, line);
  });
}

/**
 * Asks for retransmission of Opus in the m-sections the browser receives on: Chromium answers NACK for audio
 * when the description asks for it, though it does not offer it by itself.
 * @param {string} sdp  an offer
 * @returns {string}
 */
export function withAudioNack(sdp) {
  return mapSections(sdp, (lines) => {
    if (!lines[0]?.startsWith("m=audio ")) return lines;
    const opus = lines.map((line) => /^a=rtpmap:(\d+) opus\//i.exec(line)?.[1]).find(Boolean);
    if (!opus || lines.includes(`a=rtcp-fb:${opus} nack`)) return lines;
    const rtpmap = lines.findIndex((line) => line.startsWith(`a=rtpmap:${opus} `));
    return lines.toSpliced(rtpmap + 1, 0, `a=rtcp-fb:${opus} nack`);
  });
}

/** @param {string} line  a=fmtp:111 a=1;b=2 @returns {Record<string, string>} */
function parseFmtp(line) {
  const text = line.slice(line.indexOf(" ") + 1);
  if (!line) return {};
  /** @type {Record<string, string>} */
  const out = {};
  for (const part of text.split(";")) {
    const [key, value = ""] = part.trim().split("=");
    if (key) out[key] = value;
  }
  return out;
}

/** @param {string[]} lines @returns {string | undefined} */
function midOf(lines) {
  return lines.find((line) => line.startsWith("a=mid:"))?.slice(6);
}

/** @param {string} sdp @param {(lines: string[]) => string[]} change  of one m-section */
function mapSections(sdp, change) {
  const [head = "", ...sections] = sdp.split(/(?=^m=)/m);
  const changed = sections.map(
    (section) => `${change(section.split("\r\n").filter((line) => line !== "")).join("\r\n")}\r\n`,
  );
  return head + changed.join("");
}
