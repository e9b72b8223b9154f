import assert from "node:assert/strict";
import { test } from "node:test";
import { rtcUrl } from "../src/protocol.js";
import { withAudioNack, withOpusParameters } from "../src/sdp.js";

const HEAD = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const AUDIO =
  "m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\na=mid:0\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n";
const VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n";

test("what we want to send as Opus is written into the answer, for the named section alone", () => {
  const sdp = HEAD + AUDIO + VIDEO + AUDIO.replace("mid:0", "mid:2");
  const out = withOpusParameters(sdp, new Map([["0", { usedtx: 1, useinbandfec: 1 }]]));
  assert.ok(
    out.includes(
      "a=mid:0\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n",
    ),
  );
  assert.equal(out.split("usedtx").length, 2);
  assert.ok(out.endsWith(AUDIO.replace("mid:0", "mid:2")));
});

test("an Opus without parameters gets a line; a description without Opus stays as it is", () => {
  const bare = HEAD + AUDIO.replace("a=fmtp:111 minptime=10;useinbandfec=1\r\n", "");
  assert.ok(
    withOpusParameters(bare, new Map([["0", { usedtx: 1 }]])).includes(
      "opus/48000/2\r\na=fmtp:111 usedtx=1\r\n",
    ),
  );
  assert.equal(withOpusParameters(HEAD + VIDEO, new Map([["1", { usedtx: 1 }]])), HEAD + VIDEO);
});

test("retransmission is asked for Opus once, never for video here", () => {
  const once = withAudioNack(HEAD + AUDIO + VIDEO);
  assert.equal(once.match(/a=rtcp-fb:111 nack\r\n/g)?.length, 1);
  assert.equal(withAudioNack(once), once);
  assert.ok(once.endsWith(VIDEO));
});

test("the websocket of a server and of a link", () => {
  assert.equal(rtcUrl("https://clinic.example"), "wss://clinic.example/rtc");
  assert.equal(rtcUrl("http://localhost:8080/"), "ws://localhost:8080/rtc");
  assert.equal(rtcUrl("https://clinic.example/j/CODE?x=1#y"), "wss://clinic.example/j/CODE/rtc");
  assert.equal(rtcUrl("/j/CODE", "https://clinic.example/page"), "wss://clinic.example/j/CODE/rtc");
  assert.equal(rtcUrl("wss://clinic.example/rtc"), "wss://clinic.example/rtc");
});
