"""Who sends and receives what in a run, and the same as configuration of each process taking part.

Pure: no process, no socket. Every participant has a number; SSRCs, keys and addresses follow from it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

KEY_LENGTHS = {
    "SRTP_AEAD_AES_256_GCM": (32, 12),
    "SRTP_AEAD_AES_128_GCM": (16, 12),
    "SRTP_AES128_CM_SHA1_80": (16, 14),
}
"""Master key and salt, bytes (RFC 3711 section 8.2, RFC 7714 section 12)."""

FRAME_US = 33_333
AUDIO_US = 20_000
PORT_BASE = 20_000
VIDEO_PT, VIDEO_RTX_PT, AUDIO_PT, AUDIO_RTX_PT = 96, 97, 111, 112
EXTENSIONS = (
    ("urn:ietf:params:rtp-hdrext:ssrc-audio-level", 1),
    ("http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", 2),
    ("http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", 3),
    ("urn:ietf:params:rtp-hdrext:sdes:mid", 4),
)
"""URI and id, as Chromium numbers them; the load generator's peers use the same."""


@dataclass(frozen=True)
class Track:
    """A camera or microphone."""

    kind: str
    mid: str
    ssrc: int
    profile: str
    phase_us: int


@dataclass(frozen=True)
class Slot:
    """A receive slot and whose track it is sent: (participant, index of the track)."""

    kind: str
    mid: str
    ssrc: int
    source: tuple[int, int]


@dataclass
class Participant:
    """One client; `keys` are hexadecimal: up key, up salt, down key, down salt."""

    number: int
    room: int
    keys: tuple[str, str, str, str]
    tracks: list[Track] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)

    @property
    def port(self) -> int:
        """UDP port of its socket where ports are ours to choose (in a namespace)."""
        return PORT_BASE + self.number

    @property
    def black_hole(self) -> str:
        """Its address behind the black-hole device: one each in 198.18.0.0/15 (RFC 2544)."""
        high, low = divmod(self.number, 250)
        return f"198.18.{high + 1}.{low + 1}:{PORT_BASE}"


@dataclass(frozen=True)
class Shape:
    """What to run: either publishers and subscribers of each room, or participants who are both."""

    rooms: int
    publishers: int
    subscribers: int
    participants: int
    profile: str
    srtp: str
    frames_per_second: int | None = None

    def __str__(self) -> str:
        who = (
            f"{self.participants} participants (camera and microphone, all to all)"
            if self.participants
            else f"{self.publishers} publishers x {self.subscribers} subscribers"
        )
        return f"{self.rooms} rooms of {who}, profile {self.profile}, {self.srtp}"


@dataclass(frozen=True)
class Scenario:
    """The participants of all rooms."""

    shape: Shape
    participants: list[Participant]

    @property
    def publishers(self) -> Iterator[Participant]:
        """Those who send something."""
        return (one for one in self.participants if one.tracks)

    @property
    def subscribers(self) -> Iterator[Participant]:
        """Those who are sent something."""
        return (one for one in self.participants if one.slots)


def build(shape: Shape) -> Scenario:
    """Lays out rooms; the same shape gives the same scenario."""
    rng = random.Random(1)  # noqa: S311 - keys of a benchmark
    participants: list[Participant] = []

    def add(room: int) -> Participant:
        lengths = KEY_LENGTHS[shape.srtp] * 2
        up_key, up_salt, down_key, down_salt = (rng.randbytes(length).hex() for length in lengths)
        one = Participant(len(participants), room, (up_key, up_salt, down_key, down_salt))
        participants.append(one)
        return one

    for room in range(shape.rooms):
        if shape.participants:
            senders = receivers = [add(room) for _ in range(shape.participants)]
        else:
            senders = [add(room) for _ in range(shape.publishers)]
            receivers = [add(room) for _ in range(shape.subscribers)]
        for one in senders:
            _add_tracks(one, shape)
        for one in receivers:
            _add_slots(one, [other for other in senders if other is not one])
    _spread(participants)
    return Scenario(shape, participants)


def _add_tracks(one: Participant, shape: Shape) -> None:
    base = (one.number + 1) * 10_000
    one.tracks.append(Track("video", "0", base, shape.profile, 0))
    if shape.participants:
        one.tracks.append(Track("audio", "1", base + 2, "audio", 0))


def _add_slots(one: Participant, others: Sequence[Participant]) -> None:
    base = (one.number + 1) * 10_000 + 100
    for other in others:
        for index, track in enumerate(other.tracks):
            place = len(one.slots)
            one.slots.append(Slot(track.kind, str(10 + place), base + 2 * place, (other.number, index)))


def _spread(participants: Sequence[Participant]) -> None:
    """Starts publishers evenly over a frame, as unrelated cameras are."""
    senders = [one for one in participants if one.tracks]
    for place, one in enumerate(senders):
        one.tracks = [
            Track(
                track.kind,
                track.mid,
                track.ssrc,
                track.profile,
                place * (FRAME_US if track.kind == "video" else AUDIO_US) // len(senders),
            )
            for track in one.tracks
        ]


def load_config(
    scenario: Scenario,
    server: str,
    *,
    ice: Sequence[tuple[str, str]] | None,
    core: int | None,
    warmup: float,
    seconds: float,
) -> dict[str, Any]:
    """For `bench-load forward`. `ice`: the server's ufrag and password of each participant; None: the server
    adopted their fixed ports and only the publishers run."""
    everyone = list(scenario.participants if ice else scenario.publishers)
    return {
        "server": server,
        "core": core,
        "warmup": warmup,
        "seconds": seconds,
        "srtp": scenario.shape.srtp,
        "peers": [_peer(one, scenario.shape, ice[one.number] if ice else None) for one in everyone],
    }


def _peer(one: Participant, shape: Shape, ice: tuple[str, str] | None) -> dict[str, Any]:
    up_key, up_salt, down_key, down_salt = one.keys
    video = {"payload_type": VIDEO_PT, "rtx_payload_type": VIDEO_RTX_PT}
    audio = {"payload_type": AUDIO_PT, "rtx_payload_type": AUDIO_RTX_PT}
    return {
        "local": "127.0.0.1:0" if ice else f"127.0.0.1:{one.port}",
        "ice": {"ufrag": f"peer{one.number}", "server_ufrag": ice[0], "server_pwd": ice[1]} if ice else None,
        "send_key": up_key,
        "send_salt": up_salt,
        "receive_key": down_key,
        "receive_salt": down_salt,
        "tracks": [
            {
                "kind": track.kind,
                "mid": track.mid,
                "ssrc": track.ssrc,
                "rtx_ssrc": track.ssrc + 1,
                "profile": track.profile,
                "frames_per_second": shape.frames_per_second if track.kind == "video" else None,
                "phase_us": track.phase_us,
                **(video if track.kind == "video" else audio),
            }
            for track in one.tracks
        ],
        "slots": [
            {"kind": s.kind, "mid": s.mid, "ssrc": s.ssrc, "rtx_ssrc": s.ssrc + 1, "nack": True}
            for s in (one.slots if ice else ())
        ],
        "transport_feedback": ice is not None,
    }


def limit_config(
    scenario: Scenario, *, core: int | None, seconds: float, ports: Sequence[int] | None = None
) -> dict[str, Any]:
    """For `bench-load limit`: the same packets to the same receivers. `ports`: of a sink on loopback, one for
    each subscriber; None: into the black hole."""
    places = {one.number: place for place, one in enumerate(scenario.subscribers)}
    streams = []
    for one in scenario.publishers:
        for index, track in enumerate(one.tracks):
            receivers = [
                places[other.number]
                for other in scenario.subscribers
                if any(slot.source == (one.number, index) for slot in other.slots)
            ]
            rate = scenario.shape.frames_per_second if track.kind == "video" else None
            streams.append(
                {
                    "profile": track.profile,
                    "frames_per_second": rate,
                    "receivers": receivers,
                    "offset_us": track.phase_us,
                }
            )
    destinations = (
        [f"127.0.0.1:{port}" for port in ports] if ports else [one.black_hole for one in scenario.subscribers]
    )
    return {
        "streams": streams,
        "destinations": destinations,
        "seconds": seconds,
        "srtp": scenario.shape.srtp,
        "core": core,
    }
