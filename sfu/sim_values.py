"""What a simulation is described with, and what it counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sfu.types import Kind


@dataclass(frozen=True, slots=True)
class Link:
    """One direction of a client's way. Seconds, bit/s, probabilities; None and 0: a perfect wire.

    The order on the way is queue, bottleneck, loss, delay. Of `rate`, `schedule` and `trace` one counts.
    """

    delay: float | None = None
    jitter: float | None = None
    """Largest extra delay, uniform."""
    jitter_sigma: float | None = None
    """Standard deviation of a normal extra delay, cut at 0."""
    jitter_reorders: bool | None = None
    loss: float | None = None
    """Each packet by itself."""
    burst_loss: tuple[float, float] | None = None
    """Mean loss and mean burst length in packets (Gilbert)."""
    rate: int | None = None
    schedule: tuple[list[tuple[float, int]], float | None] | None = None
    """Rates from times on, and after how long it starts again."""
    trace: str | None = None
    """A mahimahi packet-delivery trace."""
    queue: float | None = None
    """Drop-tail limit, seconds at the rates to come."""
    queue_bytes: int | None = None
    reorder: tuple[float, float] | None = None
    """Probability, and by how many seconds."""
    duplicate: float | None = None

    def given(self) -> dict[str, object]:
        """What is set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class SimLayer:
    """What a stream sends: "browser" (a recorded Chromium camera), "equal" (nine packets of 1200 bytes a
    frame), "audio", or "3x800" (three packets of 800 bytes a frame); at `rate` frames/s instead of its own.
    """

    profile: str
    rid: str | None = None
    rate: int | None = None


@dataclass(frozen=True, slots=True)
class SimTrack:
    """A track to send; layers lowest quality first."""

    kind: Kind
    layers: tuple[SimLayer, ...]
    temporal_layers: int = 1


def microphone() -> SimTrack:
    """Opus at 40 kbit/s."""
    return SimTrack(Kind.AUDIO, (SimLayer("audio"),))


def camera(profile: str = "browser", *, temporal_layers: int = 1) -> SimTrack:
    """VP8 in one layer."""
    return SimTrack(Kind.VIDEO, (SimLayer(profile),), temporal_layers)


def simulcast(*profiles: str, temporal_layers: int = 1) -> SimTrack:
    """VP8 in several layers, rids "0", "1", ..., lowest quality first."""
    layers = tuple(SimLayer(profile, str(index)) for index, profile in enumerate(profiles))
    return SimTrack(Kind.VIDEO, layers, temporal_layers)


@dataclass(frozen=True, slots=True)
class LayerStats:
    """What a client sent of a layer. `reported_lost`: as the server told it last."""

    ssrc: int
    packets: int
    bytes: int
    frames: int
    keyframes: int
    keyframe_requests: int
    nacked: int
    retransmitted: int
    reported_lost: int


@dataclass(frozen=True, slots=True)
class SlotStats:
    """What a client received in a slot. Latency from the sender's sending, seconds; loss 0..1."""

    ssrc: int
    packets: int
    bytes: int
    repaired: int
    duplicates: int
    lost: int
    missing: int
    gaps: int
    nacked: int
    keyframe_requests: int
    frames: int
    keyframes: int
    undecodable: int
    freezes: int
    frozen: float
    residual_loss: float
    raw_loss: float
    latency_p50: float
    latency_p99: float


@dataclass(frozen=True, slots=True)
class LinkStats:
    """What went over a link. `longest_queue` in seconds."""

    pushed: int
    delivered: int
    delivered_bytes: int
    lost: int
    overflowed: int
    duplicated: int
    longest_queue: float


@dataclass(frozen=True, slots=True)
class PeerStats:
    """What a client has seen. `rtt` in seconds."""

    connected: bool
    rtt: float | None
    received: int
    sent: int
    rejected: int
    unknown_ssrc: int
    rtcp: int
    byes: int
    checks: int
    check_answers: int
    feedback_received: int
    feedback_lost: int
    layers: tuple[LayerStats, ...]
    slots: tuple[SlotStats, ...]
    up: LinkStats
    down: LinkStats
