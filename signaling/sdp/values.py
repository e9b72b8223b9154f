"""The typed values of a session description, as far as WebRTC uses them.

`other` keeps what we have no type for, in order, so that writing what was parsed loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sfu.types import DtlsFingerprint


class Direction(StrEnum):
    """Media direction, seen from the side that wrote the description (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether the writer of the description sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the writer of the description receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @staticmethod
    def of(*, sends: bool, receives: bool) -> Direction:
        """The direction of a side that sends and receives as said."""
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE


class Setup(StrEnum):
    """DTLS role attribute (RFC 8842)."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"
    HOLDCONN = "holdconn"


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line."""

    session_id: str
    version: int
    username: str = "-"
    address: str = "IN IP4 127.0.0.1"


@dataclass(frozen=True, slots=True)
class Group:
    """a=group (RFC 5888, RFC 9143)."""

    semantics: str
    mids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RtpMap:
    """a=rtpmap without its payload type: encoding name, clock rate in Hz, audio channels."""

    encoding: str
    clock_rate: int
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class ExtMap:
    """a=extmap (RFC 8285); no direction means that of the section."""

    id: int
    uri: str
    direction: Direction | None = None
    attributes: str = ""


@dataclass(frozen=True, slots=True)
class Msid:
    """a=msid (RFC 8830)."""

    stream: str
    track: str | None = None


@dataclass(frozen=True, slots=True)
class Rid:
    """a=rid (RFC 8851): `parameters` in order, a value of "" for a bare name."""

    id: str
    direction: str  # "send" or "recv"
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RidReference:
    """A rid in a=simulcast; `paused` is its `~` (RFC 8853 section 5.1)."""

    id: str
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Simulcast:
    """a=simulcast (RFC 8853): for each direction the streams, each a tuple of alternatives."""

    send: tuple[tuple[RidReference, ...], ...] = ()
    recv: tuple[tuple[RidReference, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class SsrcAttribute:
    """a=ssrc (RFC 5576)."""

    ssrc: int
    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class SsrcGroup:
    """a=ssrc-group (RFC 5576), such as FID: media and its retransmission (RFC 4588)."""

    semantics: str
    ssrcs: tuple[int, ...]


@dataclass(slots=True)
class TransportAttributes:
    """Attributes that may stand at session or media level; media level wins (RFC 8839, RFC 8842)."""

    ice_ufrag: str | None = None
    ice_pwd: str | None = None
    ice_options: tuple[str, ...] = ()
    fingerprints: list[DtlsFingerprint] = field(default_factory=list)
    setup: Setup | None = None


@dataclass(slots=True)
class MediaSection(TransportAttributes):
    """An m-line and what belongs to it."""

    media: str = "audio"  # "audio", "video", "application"
    port: int = 9
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: tuple[str, ...] = ()
    connection: str | None = None
    mid: str | None = None
    direction: Direction | None = None  # None: that of the session level, else sendrecv
    rtp_maps: dict[int, RtpMap] = field(default_factory=dict)
    fmtp: dict[int, dict[str, str]] = field(default_factory=dict)  # "" for a parameter without a value
    feedback: dict[int | None, list[str]] = field(default_factory=dict)  # a=rtcp-fb; None is the wildcard
    extensions: list[ExtMap] = field(default_factory=list)
    msids: list[Msid] = field(default_factory=list)
    rids: list[Rid] = field(default_factory=list)
    simulcast: Simulcast | None = None
    ssrcs: list[SsrcAttribute] = field(default_factory=list)
    ssrc_groups: list[SsrcGroup] = field(default_factory=list)
    candidates: list[str] = field(default_factory=list)  # the value of a=candidate, unread
    end_of_candidates: bool = False
    rtcp: str | None = None
    rtcp_mux: bool = False
    rtcp_mux_only: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    extmap_allow_mixed: bool = False
    other: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def stopped(self) -> bool:
        """Whether the section is switched off: port 0, unless that only says bundle-only (RFC 9143)."""
        return self.port == 0 and not self.bundle_only


@dataclass(slots=True)
class SessionDescription(TransportAttributes):
    """A whole description, or a fragment of one (RFC 8840), whose origin is None."""

    origin: Origin | None = None
    groups: list[Group] = field(default_factory=list)
    direction: Direction | None = None
    ice_lite: bool = False
    extmap_allow_mixed: bool = False
    msid_semantic: str | None = None
    sections: list[MediaSection] = field(default_factory=list)
    other: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def bundle(self) -> tuple[str, ...] | None:
        """The mids of the first BUNDLE group, or None."""
        return next((group.mids for group in self.groups if group.semantics == "BUNDLE"), None)
