"""Recorded offers, and offers written for one case each."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from sfu.types import DtlsFingerprint, IceCandidate, IceParameters
from signaling.negotiation import Negotiated, ServerParameters, negotiate

GOLDEN = Path(__file__).parents[2] / "golden" / "sdp"
NAMES = sorted(path.name.removesuffix(".offer.sdp") for path in GOLDEN.glob("*.offer.sdp"))

SHA256 = ":".join(["AB"] * 32)
SERVER = ServerParameters(
    ice=IceParameters("serverfrag", "serverpassword0123456789"),
    candidates=(
        IceCandidate("1", 2130706431, "192.0.2.10", 40000),
        IceCandidate("2", 2130706175, "2001:db8::10", 40000),
    ),
    fingerprints=(DtlsFingerprint("sha-256", SHA256),),
)

PWD = "clientpassword0123456789"

OPUS = ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1"]
VP8 = ["a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96"]
MID = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"


def recorded(name: str) -> str:
    """The offer of that name, line ends as recorded."""
    return (GOLDEN / f"{name}.offer.sdp").read_bytes().decode()


def seeded(seed: int = 1) -> Callable[[], int]:
    """A source of SSRCs that repeats."""
    numbers = random.Random(seed)  # noqa: S311 - not for secrets
    return lambda: numbers.getrandbits(32)


def answered(offer: str, previous: Negotiated | None = None, **arguments: object) -> Negotiated:
    """`negotiate` with this module's server."""
    return negotiate(offer, previous, SERVER, ssrcs=seeded(), **arguments)  # type: ignore[arg-type]


def audio(mid: str, direction: str = "sendonly", *extra: str, port: int = 9) -> list[str]:
    """An audio section with Opus."""
    return _section("audio", "111", mid, direction, [*OPUS, *extra], port)


def video(mid: str, direction: str = "sendonly", *extra: str, port: int = 9) -> list[str]:
    """A video section with VP8 and its RTX."""
    return _section("video", "96 97", mid, direction, [*VP8, *extra], port)


def _section(media: str, formats: str, mid: str, direction: str, lines: list[str], port: int) -> list[str]:
    return [
        f"m={media} {port} UDP/TLS/RTP/SAVPF {formats}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        f"a={direction}",
        "a=rtcp-mux",
        *lines,
    ]


def offer(
    *sections: list[str],
    bundle: str | None = None,
    setup: str = "actpass",
    ufrag: str = "clnt",
    pwd: str = PWD,
    fingerprint: str = f"sha-256 {SHA256}",
    session: tuple[str, ...] = (),
) -> str:
    """A small offer with its transport attributes at session level."""
    mids = [
        line.removeprefix("a=mid:") for section in sections for line in section if line.startswith("a=mid:")
    ]
    lines = [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {bundle if bundle is not None else ' '.join(mids)}",
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{pwd}",
        f"a=fingerprint:{fingerprint}",
        f"a=setup:{setup}",
        *session,
        *(line for section in sections for line in section),
    ]
    return "\r\n".join(lines) + "\r\n"
