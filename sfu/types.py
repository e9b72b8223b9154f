"""Plain values that cross the media core's Python face. Standard library only.

Bitrates are bit/s, clock rates Hz, times seconds unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Media kind."""

    AUDIO = "audio"
    VIDEO = "video"


class SrtpProfile(StrEnum):
    """SRTP protection profiles by their DTLS-SRTP names (RFC 5764, RFC 7714)."""

    AEAD_AES_256_GCM = "SRTP_AEAD_AES_256_GCM"
    AEAD_AES_128_GCM = "SRTP_AEAD_AES_128_GCM"
    AES128_CM_SHA1_80 = "SRTP_AES128_CM_SHA1_80"


class PathState(StrEnum):
    """How a transport's media path is; see `Transport.path`."""

    NEW = "new"
    CONNECTED = "connected"
    SILENT = "silent"
    CONSENT_LOST = "consent_lost"


class DtlsState(StrEnum):
    """States of RTCDtlsTransport (W3C webrtc)."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class CodecParameters:
    """One codec as negotiated on one transport (a row of an m-section).

    `rtx_payload_type` is the RFC 4588 payload type that repeats it, if negotiated.
    """

    mime_type: str  # "audio/opus", "audio/red", "video/VP8", "video/VP9", "video/H264", "video/AV1"
    payload_type: int
    clock_rate: int
    channels: int | None = None
    fmtp: Mapping[str, str] = field(default_factory=dict)
    rtcp_feedback: tuple[str, ...] = ()  # "nack", "nack pli", "ccm fir", "transport-cc"
    rtx_payload_type: int | None = None


@dataclass(frozen=True, slots=True)
class HeaderExtension:
    """A negotiated RTP header extension (RFC 8285): its URI and its id on this transport."""

    uri: str
    id: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """One stream of a track: a simulcast layer (rid), or the only one. Lowest quality first."""

    ssrc: int | None = None
    rtx_ssrc: int | None = None
    rid: str | None = None


@dataclass(frozen=True, slots=True)
class SendParameters:
    """What a client says of a track it sends: the argument of `Transport.produce`."""

    mid: str | None
    codecs: tuple[CodecParameters, ...]
    encodings: tuple[Encoding, ...] = ()
    cname: str | None = None


@dataclass(frozen=True, slots=True)
class SlotParameters:
    """A receive slot of a client: an m-section it offered recvonly, with the SSRCs we answered.

    The SSRCs stay for the life of the transport; consumers take turns in the slot.
    """

    mid: str | None
    kind: Kind
    ssrc: int
    rtx_ssrc: int | None
    cname: str
    codecs: tuple[CodecParameters, ...]


@dataclass(frozen=True, slots=True)
class IceParameters:
    """ICE credentials (RFC 8839 section 5.4)."""

    ufrag: str
    pwd: str


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """One of our own candidates (RFC 8839 section 5.1); component is always 1 (rtcp-mux)."""

    foundation: str
    priority: int
    address: str
    port: int
    protocol: str = "udp"
    type: str = "host"


@dataclass(frozen=True, slots=True)
class DtlsFingerprint:
    """Certificate fingerprint (RFC 8122): algorithm such as "sha-256", value as "AB:CD:..."."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master keys and salts of both directions, as exported by DTLS-SRTP (RFC 5764 section 4.2)."""

    profile: SrtpProfile
    receive_key: bytes
    receive_salt: bytes
    send_key: bytes
    send_salt: bytes


class MediaError(Exception):
    """The media core refused a command; the message names what and why."""
