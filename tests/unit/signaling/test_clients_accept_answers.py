"""The clients themselves take our answers: aiortc and Chromium apply them and say what they understood."""

from __future__ import annotations

import http.server
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from playwright.async_api import Page, async_playwright
from sdp_offers import answered

from sfu.types import IceParameters
from signaling.negotiation import with_ice

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=30"),
    "--allow-loopback-in-peer-connection",
]


async def test_aiortc_takes_the_answer_in_both_directions() -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        peer.addTrack(AudioStreamTrack())
        peer.addTrack(VideoStreamTrack())
        await peer.setLocalDescription(await peer.createOffer())
        answer = answered(peer.localDescription.sdp).answer
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        assert [one.currentDirection for one in peer.getTransceivers()] == ["sendrecv", "sendrecv"]
        assert peer.signalingState == "stable"
    finally:
        await peer.close()


async def test_aiortc_finds_our_candidates_when_it_offers_several_slots_of_a_kind() -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
        for kind in ("audio", "video", "audio", "video"):
            peer.addTransceiver(kind, direction="recvonly")
        await peer.setLocalDescription(await peer.createOffer())
        answer = answered(peer.localDescription.sdp).answer
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        transport = peer.getTransceivers()[0].sender.transport.transport
        assert [one.ip for one in transport.getRemoteCandidates()] == [
            "192.0.2.10",
            "2001:db8::10",
        ]
    finally:
        await peer.close()


async def test_aiortc_takes_an_answer_with_a_rejected_data_channel() -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        peer.addTransceiver(VideoStreamTrack(), direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        answer = answered(peer.localDescription.sdp).answer
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        assert [one.currentDirection for one in peer.getTransceivers()] == ["sendonly"]
    finally:
        await peer.close()


class _Blank(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[str]:
    """A secure context: getUserMedia needs localhost."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Blank)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def page(origin: str, tmp_path: Path) -> AsyncIterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path, executable_path=CHROMIUM, headless=False, args=FLAGS
        )
        page = context.pages[0]
        await page.goto(origin)
        yield page
        await context.close()


CALL = """async () => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  pc.addTransceiver(stream.getAudioTracks()[0], {direction: 'sendonly', streams: [stream]});
  pc.addTransceiver(stream.getVideoTracks()[0], {direction: 'sendonly', streams: [stream], sendEncodings: [
    {rid: 'q', scaleResolutionDownBy: 4}, {rid: 'h', scaleResolutionDownBy: 2}, {rid: 'f'}]});
  window.slot = (kind) => pc.addTransceiver(kind, {direction: 'recvonly'});
  for (const kind of ['audio', 'video', 'audio', 'video']) slot(kind);
  pc.createDataChannel('rejected');
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}"""
OFFER = "async () => { await pc.setLocalDescription(); return pc.localDescription.sdp; }"
APPLY = """async (sdp) => {
  await pc.setRemoteDescription({type: 'answer', sdp});
  return pc.getTransceivers().map((transceiver) => ({
    mid: transceiver.mid,
    direction: transceiver.currentDirection,
    rids: transceiver.sender.getParameters().encodings.map((encoding) => encoding.rid ?? null),
    codecs: transceiver.receiver.getParameters().codecs.map((codec) => codec.mimeType),
    extensions: transceiver.getNegotiatedHeaderExtensions()
      .filter((extension) => extension.direction !== 'stopped').map((extension) => extension.uri),
    track: transceiver.receiver.track.id,
  }));
}"""


@pytest.mark.browser
async def test_chromium_takes_simulcast_slots_more_slots_recycling_and_restart(page: Page) -> None:
    negotiated = answered(await page.evaluate(CALL))
    transceivers: list[dict[str, Any]] = await page.evaluate(APPLY, negotiated.answer)
    assert [one["direction"] for one in transceivers] == ["sendonly"] * 2 + ["recvonly"] * 4
    assert transceivers[1]["rids"] == ["q", "h", "f"]
    assert len(transceivers[1]["extensions"]) == len(negotiated.description.sections[1].extensions)
    assert "video/AV1" in transceivers[3]["codecs"]
    streams = await page.evaluate(
        "() => pc.getReceivers().map((receiver, i) => pc.remoteDescription.sdp.match(/a=msid:slot-\\d/g))[0]"
    )
    assert sorted(streams) == ["a=msid:slot-0", "a=msid:slot-0", "a=msid:slot-1", "a=msid:slot-1"]

    # A second round: one slot stopped, one more of each kind; then the stopped m-line is used again.
    await page.evaluate("() => { pc.getTransceivers()[3].stop(); slot('video'); slot('audio'); }")
    more = answered(await page.evaluate(OFFER), negotiated)
    assert more.sends == negotiated.sends  # or producers would be made anew, and the picture break off
    transceivers = await page.evaluate(APPLY, more.answer)
    assert [one["direction"] for one in transceivers].count("recvonly") == 5
    assert {slot.mid: slot.parameters.ssrc for slot in negotiated.slots if slot.mid != "3"}.items() <= {
        slot.mid: slot.parameters.ssrc for slot in more.slots
    }.items()
    await page.evaluate("() => slot('video')")
    again = answered(await page.evaluate(OFFER), more)
    await page.evaluate(APPLY, again.answer)
    assert len(again.slots) == 6

    await page.evaluate("() => pc.restartIce()")
    restart = answered(await page.evaluate(OFFER), again)
    assert restart.ice_restart
    assert restart.slots == again.slots
    assert restart.sends == negotiated.sends
    fresh = with_ice(restart, IceParameters("restarted", "restartedpassword0123456789"))
    await page.evaluate(APPLY, fresh.answer)
    assert await page.evaluate("() => pc.signalingState") == "stable"
