"""Settings of an engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address

from sfu.dtls import SRTP_PROFILES
from sfu.types import SrtpProfile


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the core. None: the core's own default (crates/core/src/stats.rs explains each)."""

    tuples: int | None = None  # validated tuples of a transport
    ssrcs: int | None = None  # entries of each per-SSRC map of a transport
    replay_window: int | None = None  # packets
    silence: float | None = None  # seconds of silence after which a path is "silent"
    consent: float | None = None  # seconds without consent after which nothing is sent (RFC 7675)
    dtls_rate: int | None = None  # DTLS datagrams handed up per transport and second
    history_video: int | None = None  # bytes kept for retransmission per video stream
    history_audio: int | None = None  # bytes kept for retransmission per audio stream
    retries: int | None = None  # NACKs for one packet, retransmissions of one packet
    keyframe_source: float | None = None  # least seconds between two keyframe requests to one source
    keyframe_viewer: int | None = None  # keyframe requests of a viewer in 10 s
    routers: int | None = None
    transports: int | None = None  # in one router
    producers: int | None = None  # of one transport
    consumers: int | None = None  # of one transport

    def overrides(self) -> dict[str, float]:
        """Those that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How an engine listens and what it announces.

    `host` is one address to bind or several. The default takes IPv4, and IPv6 where the machine has it, on
    one port; a lone "::" is dual-stack. Worker i listens on `port + i`; with port 0 each takes a free one.
    """

    host: str | Sequence[str] = ("0.0.0.0", "::")  # noqa: S104 - a media server listens
    port: int = 0
    workers: int = 1
    announced: tuple[str, ...] = ()
    """IP addresses for the candidates, when they aren't the machine's own (NAT). (): detect."""
    announce_loopback: bool = False
    """Announce loopback addresses too when bound to a wildcard, for development."""
    srtp_profiles: tuple[SrtpProfile, ...] = SRTP_PROFILES
    """Those agreed to, the preferred first."""
    receive_buffer: int = 4 << 20
    """SO_RCVBUF asked for, bytes; `Engine.sockets` says what was given."""
    send_buffer: int = 4 << 20
    """SO_SNDBUF asked for, bytes."""
    offload: bool = True
    """Use UDP_GRO and UDP_SEGMENT where the kernel has them."""
    limits: Limits = field(default_factory=Limits)

    @property
    def hosts(self) -> tuple[str, ...]:
        """`host` as a tuple."""
        return (self.host,) if isinstance(self.host, str) else tuple(self.host)

    def check(self) -> None:
        """Raises ValueError with what is wrong and how to put it right."""
        if not self.hosts:
            raise ValueError("host: name at least one address to listen on")
        if self.workers < 1:
            raise ValueError("workers: at least 1")
        if not 0 <= self.port <= 65536 - self.workers:
            raise ValueError(f"port: worker i takes port + i, so port has to be 0..{65536 - self.workers}")
        for address in self.hosts:
            ip_address(address)
        for address in self.announced:
            if ip_address(address).is_unspecified:
                raise ValueError("announced: clients can't reach a wildcard; name the address they can")
