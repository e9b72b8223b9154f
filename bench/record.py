"""Records the packet sizes and spacing of a Chromium camera, for the bench's `browser` profile.

    .venv/bin/python -m bench.record --camera CAM.y4m --out sfu/native/crates/peer/data/chromium-vp8-720p.txt

A headless Chromium sends its (file-fed) 1280x720 camera as VP8 to aiortc over loopback. What arrives is
written as text, one line per frame: its RTP timestamp step in 90 kHz ticks, `key` or `delta`, then
`offset_us:payload_bytes` of each packet, the offset counted from the frame's first packet by the kernel's
own timestamps of the loopback device (a packet socket, so root is needed): Python would see them later and
farther apart.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from playwright.async_api import async_playwright

from bench.chromium import FLAGS

OFFER = """async (bitrate) => {
  const video = {width: 1280, height: 720, frameRate: 30};
  const stream = await navigator.mediaDevices.getUserMedia({video});
  const pc = window.pc = new RTCPeerConnection();
  const track = stream.getVideoTracks()[0];
  track.contentHint = 'motion';
  const tx = pc.addTransceiver(track, {direction: 'sendonly', sendEncodings: [{maxBitrate: bitrate}]});
  tx.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(
    c => ['video/vp8', 'video/rtx'].includes(c.mimeType.toLowerCase())));
  await pc.setLocalDescription();
  while (pc.iceGatheringState !== 'complete') await new Promise(r => setTimeout(r, 50));
  const p = tx.sender.getParameters();
  p.degradationPreference = 'maintain-resolution';
  await tx.sender.setParameters(p);
  return pc.localDescription.sdp;
}"""

STATS = """async () => { const r = [...(await pc.getStats()).values()].find(s => s.type === 'outbound-rtp');
  return [r.frameWidth, r.frameHeight, r.framesPerSecond, r.targetBitrate]; }"""


SO_TIMESTAMPNS = 35
ETH_P_ALL = 3
HEADERS = {b"\x08\x00": 14 + 28, b"\x86\xdd": 14 + 48}
"""Bytes of Ethernet, IP and UDP headers by EtherType."""


class Sniffer(threading.Thread):
    """Times of RTP packets as they leave the sender's socket: (SSRC, sequence) -> seconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.times: dict[tuple[int, int], float] = {}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind(("lo", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)

    def run(self) -> None:
        """Collects until the process ends."""
        while True:
            frame, control, _, _ = self._socket.recvmsg(2048, 64)
            rtp = HEADERS.get(frame[12:14], len(frame))
            if len(frame) < rtp + 12 or not 128 <= frame[rtp] < 192:
                continue
            if not control:  # came before the option was set
                continue
            sequence, _, ssrc = struct.unpack_from("!HII", frame, rtp + 2)
            seconds, nanos = struct.unpack("qq", control[0][2])
            self.times.setdefault((ssrc, sequence), seconds + nanos / 1e9)


class Tap:
    """Collects (time of sending s, timestamp, payload size, its first bytes) of a receiver's packets."""

    def __init__(self, sniffer: Sniffer) -> None:
        self._sniffer = sniffer
        self.packets: list[tuple[float, int, int, bytes]] = []

    def install(self) -> Callable[[], None]:
        original = RTCRtpReceiver._handle_rtp_packet

        async def handle(receiver: RTCRtpReceiver, packet: Any, arrival_time_ms: int) -> None:
            size = len(packet.payload)
            key = (packet.ssrc, packet.sequence_number)
            # The sniffer's thread may be a moment behind; a packet it never saw is left out.
            if key not in self._sniffer.times:
                await asyncio.sleep(0.005)
            if (at := self._sniffer.times.get(key)) is not None:
                self.packets.append((at, packet.timestamp, size, bytes(packet.payload[:16])))
            await original(receiver, packet, arrival_time_ms)

        setattr(RTCRtpReceiver, "_handle_rtp_packet", handle)  # noqa: B010 - a method of another's class

        def restore() -> None:
            setattr(RTCRtpReceiver, "_handle_rtp_packet", original)  # noqa: B010

        return restore


def is_keyframe(start: bytes) -> bool:
    """Whether a VP8 payload starts an intra frame (RFC 7741 section 4.3: P bit clear)."""
    at = 1
    if start[0] & 0x80:
        extension = start[1]
        at = 2
        if extension & 0x80:
            at += 2 if start[at] & 0x80 else 1
        at += bool(extension & 0x40) + bool(extension & 0x30)
    return not start[at] & 1


def frames(packets: list[tuple[float, int, int, bytes]], skip: float) -> list[str]:
    """Lines of the data file; the first `skip` seconds (the ramp) are left out, their keyframe kept."""
    lines: list[str] = []
    current: list[tuple[float, int, int, bytes]] = []
    last: int | None = None
    began = packets[0][0]
    for packet in [*packets, (0.0, -1, 0, b"")]:
        if current and packet[1] != current[0][1]:
            first = current[0]
            step = 3000 if last is None else (first[1] - last) & 0xFFFFFFFF
            last = first[1]
            if first[0] - began >= skip and step < 90_000:
                kind = "key" if is_keyframe(first[3]) else "delta"
                sizes = " ".join(f"{round((at - first[0]) * 1e6)}:{size}" for at, _, size, _ in current)
                lines.append(f"{step} {kind} {sizes}")
            current = []
        current.append(packet)
    return lines


def starting_at(sdp: str, bitrate: int) -> str:
    """The answer with a start bitrate, and without REMB: aiortc's would follow how busy Python is."""
    lines = []
    for line in sdp.splitlines():
        if line.startswith("a=rtcp-fb:") and "goog-remb" in line:
            continue
        lines.append(line)
        if line.startswith("a=rtpmap:") and "VP8/" in line:
            payload_type = line.removeprefix("a=rtpmap:").split()[0]
            lines.append(f"a=fmtp:{payload_type} x-google-start-bitrate={bitrate // 1000}")
    return "\r\n".join(lines) + "\r\n"


async def record(camera: Path, seconds: float, bitrate: int) -> tuple[Tap, str, list[Any]]:
    """Lets Chromium send for `seconds`; returns what came, its version and its last stats."""
    sniffer = Sniffer()
    sniffer.start()
    tap = Tap(sniffer)
    restore = tap.install()
    pc = RTCPeerConnection()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium",
                args=[*FLAGS, f"--use-file-for-fake-video-capture={camera}"],
            )
            page = await (await browser.new_context(permissions=["camera"])).new_page()
            await page.route("http://localhost/", lambda route: route.fulfill(body="<title>r</title>"))
            await page.goto("http://localhost/")
            sdp = await page.evaluate(OFFER, bitrate)
            await pc.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
            await pc.setLocalDescription(await pc.createAnswer())
            answer = starting_at(pc.localDescription.sdp, bitrate)
            await page.evaluate("async sdp => await pc.setRemoteDescription({type: 'answer', sdp})", answer)
            for second in range(int(seconds)):
                await asyncio.sleep(1)
                if second > seconds * 2 / 3 and second % 4 == 0:
                    receiver = pc.getReceivers()[0]
                    for ssrc in list(
                        vars(receiver)["_RTCRtpReceiver__active_ssrc"]
                    ):  # its RTX stream is among them
                        await receiver._send_rtcp_pli(ssrc)
                if second % 5 == 0:
                    print(second, await page.evaluate(STATS), flush=True)
            stats: list[Any] = await page.evaluate(STATS)
            version = browser.version
            await browser.close()
    finally:
        restore()
        await pc.close()
    return tap, version, stats


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--camera", type=Path, required=True, help="1280x720 30 fps y4m file")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--keep", type=float, default=20, help="seconds kept, the last ones")
    parser.add_argument("--bitrate", type=int, default=2_500_000, help="bit/s")
    arguments = parser.parse_args()
    tap, version, stats = asyncio.run(record(arguments.camera, arguments.seconds, arguments.bitrate))
    lines = frames(tap.packets, tap.packets[-1][0] - tap.packets[0][0] - arguments.keep)
    head = [
        f"# Chromium {version}, VP8 {stats[0]}x{stats[1]}, {stats[2]} frames/s, "
        f"target {round(stats[3])} bit/s,",
        "# headless, file-fed camera, to aiortc over loopback; see bench/record.py.",
        "# timestamp step (90 kHz), key|delta, then offset_us:payload_bytes of each packet.",
    ]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join([*head, *lines]) + "\n")
    print(f"{len(lines)} frames")


if __name__ == "__main__":
    main()
