"""Reads session descriptions. Bounded, total: any text gives a description or an `SdpError`.

Messages name the line and the attribute, never a value: a description holds addresses and secrets
that must not reach a log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sfu.types import DtlsFingerprint
from signaling.sdp.limits import DEFAULT_LIMITS, SdpLimits
from signaling.sdp.values import (
    Direction,
    ExtMap,
    Group,
    MediaSection,
    Msid,
    Origin,
    Rid,
    RidReference,
    RtpMap,
    SessionDescription,
    Setup,
    Simulcast,
    SsrcAttribute,
    SsrcGroup,
    TransportAttributes,
)

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]{1,256}")  # RFC 8866 section 9
_RID = re.compile(r"[0-9A-Za-z_-]{1,64}")  # RFC 8851 section 10
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){0,127}")
_ICE_TEXT = re.compile(r"[0-9A-Za-z+/]{1,256}")  # ice-char, RFC 8839 section 5.4
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE = re.compile(r"[a-z]=")
_DIRECTIONS = {direction.value: direction for direction in Direction}
_MAX_RIDS = 16  # of one section; more than any encoder makes


class SdpError(ValueError):
    """The text is no session description that we read.

    `limit` names the bound of `SdpLimits` that was exceeded, if that is why; `line` counts from 1.
    """

    def __init__(self, message: str, *, line: int | None = None, limit: str | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.line = line
        self.limit = limit


def parse(text: str, limits: SdpLimits = DEFAULT_LIMITS) -> SessionDescription:
    """Read a whole description. Raises SdpError."""
    description = _Reader(limits).read(text, whole=True)
    if description.origin is None:
        raise SdpError("the o= line is missing")
    return description


def parse_fragment(text: str, limits: SdpLimits = DEFAULT_LIMITS) -> SessionDescription:
    """Read an application/trickle-ice-sdpfrag body (RFC 8840 section 9). Raises SdpError."""
    return _Reader(limits).read(text, whole=False)


class _ValueError(Exception):
    """A value that its attribute does not allow; the reader adds line and name."""


class _Reader:
    def __init__(self, limits: SdpLimits) -> None:
        self._limits = limits
        self._attributes = 0

    def read(self, text: str, *, whole: bool) -> SessionDescription:
        session = SessionDescription()
        section: MediaSection | None = None
        for number, line in self._lines(text):
            if number == 1 and whole and line != "v=0":
                raise SdpError("a description starts with v=0", line=number)
            kind, value = line[0], line[2:]
            try:
                if kind == "m":
                    section = self._section(session, value)
                elif kind == "a":
                    self._attribute(session, section, value)
                elif kind == "o" and section is None:
                    session.origin = _origin(value)
                elif kind == "c" and section is not None:
                    section.connection = value
            except _ValueError as bad:
                name = value.split(":", 1)[0].split(" ", 1)[0] if kind == "a" else ""
                what = f"a={name}" if _TOKEN.fullmatch(name) else f"{kind}="
                raise SdpError(f"{what} {bad}", line=number) from None
            except SdpError as error:
                raise SdpError(str(error), line=number, limit=error.limit) from None
        return session

    def _lines(self, text: str) -> Iterator[tuple[int, str]]:
        limits = self._limits
        if len(text) > limits.max_bytes or len(text.encode("utf-8", "surrogatepass")) > limits.max_bytes:
            raise SdpError(f"more than {limits.max_bytes} bytes", limit="max_bytes")
        if text.count("\n") > limits.max_lines:
            raise SdpError(f"more than {limits.max_lines} lines", limit="max_lines")
        for number, raw in enumerate(text.split("\n"), 1):
            line = raw.removesuffix("\r")
            if not line.strip():
                if number == 1:
                    raise SdpError("the description is empty", line=1)
                continue
            if len(line) > limits.max_line_characters:
                raise SdpError("the line is too long", line=number, limit="max_line_characters")
            if _CONTROL.search(line) or "\r" in line:
                raise SdpError("a control character", line=number)
            if not _LINE.match(line):
                raise SdpError("a line is a letter, '=' and a value", line=number)
            yield number, line

    def _section(self, session: SessionDescription, value: str) -> MediaSection:
        if len(session.sections) >= self._limits.max_sections:
            raise SdpError(f"more than {self._limits.max_sections} m-lines", limit="max_sections")
        section = _media(value)
        if len(section.formats) > self._limits.max_formats:
            raise SdpError(f"more than {self._limits.max_formats} formats", limit="max_formats")
        self._attributes = 0
        session.sections.append(section)
        return section

    def _attribute(self, session: SessionDescription, section: MediaSection | None, text: str) -> None:
        self._attributes += 1
        if self._attributes > self._limits.max_attributes:
            raise SdpError(f"more than {self._limits.max_attributes} attributes", limit="max_attributes")
        name, colon, rest = text.partition(":")
        value = rest if colon else None
        if not _TOKEN.fullmatch(name):
            raise _ValueError("has no name that RFC 8866 allows")
        level: SessionDescription | MediaSection = session if section is None else section
        if (shared := _SHARED.get(name)) is not None:
            shared(level, value or "")
        elif section is None and (of_session := _SESSION.get(name)) is not None:
            of_session(session, value or "")
        elif section is not None and (of_media := _MEDIA.get(name)) is not None:
            of_media(section, value or "")
        else:
            level.other.append((name, value))


def _integer(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or not low <= int(text) <= high:
        raise _ValueError(f"needs a number from {low} to {high}")
    return int(text)


def _payload_type(text: str) -> int:
    return _integer(text, 0, 127)


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise _ValueError("needs a token of at most 256 characters")
    return text


def _words(text: str, count: int) -> list[str]:
    words = text.split()
    if len(words) < count:
        raise _ValueError(f"needs {count} fields")
    return words


def _origin(value: str) -> Origin:
    words = _words(value, 6)
    if not (words[1].isascii() and words[1].isdigit() and len(words[1]) <= 20):
        raise _ValueError("needs a numeric session id")
    version = _integer(words[2], 0, 2**64 - 1)
    return Origin(words[1], version, username=words[0], address=" ".join(words[3:6]))


def _media(value: str) -> MediaSection:
    words = _words(value, 4)
    port = _integer(words[1].split("/", 1)[0], 0, 65535)
    return MediaSection(media=_token(words[0]), port=port, protocol=words[2], formats=tuple(words[3:]))


def _parameters(text: str) -> dict[str, str]:
    """`a=1;b=2;c` -> {"a": "1", "b": "2", "c": ""}; names in small letters where they have a value."""
    parameters: dict[str, str] = {}
    for item in text.split(";"):
        name, equals, value = item.strip().partition("=")
        if name:
            parameters[name.strip().lower() if equals else name] = value.strip()
    return parameters


# Attributes of both levels.


def _ice_ufrag(level: TransportAttributes, value: str) -> None:
    if not _ICE_TEXT.fullmatch(value) or len(value) < 4:
        raise _ValueError("needs 4 to 256 ice-chars (RFC 8839)")
    level.ice_ufrag = value


def _ice_pwd(level: TransportAttributes, value: str) -> None:
    if not _ICE_TEXT.fullmatch(value) or len(value) < 22:
        raise _ValueError("needs 22 to 256 ice-chars (RFC 8839)")
    level.ice_pwd = value


def _ice_options(level: TransportAttributes, value: str) -> None:
    level.ice_options = tuple(value.split())


def _fingerprint(level: TransportAttributes, value: str) -> None:
    words = value.split()
    if len(words) != 2 or not _FINGERPRINT.fullmatch(words[1]):
        raise _ValueError("needs a hash function and its bytes in hexadecimal (RFC 8122)")
    level.fingerprints.append(DtlsFingerprint(_token(words[0]).lower(), words[1].upper()))


def _setup(level: TransportAttributes, value: str) -> None:
    try:
        level.setup = Setup(value)
    except ValueError:
        raise _ValueError("is actpass, active, passive or holdconn") from None


def _allow_mixed(level: SessionDescription | MediaSection, value: str) -> None:
    level.extmap_allow_mixed = True


def _direction(direction: Direction) -> Callable[[SessionDescription | MediaSection, str], None]:
    def set_direction(level: SessionDescription | MediaSection, value: str) -> None:
        level.direction = direction

    return set_direction


_SHARED: dict[str, Callable[[SessionDescription | MediaSection, str], None]] = {
    "ice-ufrag": _ice_ufrag,
    "ice-pwd": _ice_pwd,
    "ice-options": _ice_options,
    "fingerprint": _fingerprint,
    "setup": _setup,
    "extmap-allow-mixed": _allow_mixed,
    **{direction.value: _direction(direction) for direction in Direction},
}


# Attributes of the session level.


def _group(session: SessionDescription, value: str) -> None:
    words = _words(value, 1)
    session.groups.append(Group(words[0], tuple(_token(word) for word in words[1:])))


def _ice_lite(session: SessionDescription, value: str) -> None:
    session.ice_lite = True


def _msid_semantic(session: SessionDescription, value: str) -> None:
    session.msid_semantic = value.strip()


_SESSION: dict[str, Callable[[SessionDescription, str], None]] = {
    "group": _group,
    "ice-lite": _ice_lite,
    "msid-semantic": _msid_semantic,
}


# Attributes of a section.


def _mid(section: MediaSection, value: str) -> None:
    section.mid = _token(value)


def _rtpmap(section: MediaSection, value: str) -> None:
    words = _words(value, 2)
    parts = words[1].split("/")
    if not 2 <= len(parts) <= 3:
        raise _ValueError("needs encoding/clock rate")
    channels = _integer(parts[2], 1, 255) if len(parts) == 3 else None
    section.rtp_maps[_payload_type(words[0])] = RtpMap(
        _token(parts[0]), _integer(parts[1], 1, 2**32 - 1), channels
    )


def _fmtp(section: MediaSection, value: str) -> None:
    payload_type, _, rest = value.strip().partition(" ")
    section.fmtp.setdefault(_payload_type(payload_type), {}).update(_parameters(rest))


def _rtcp_fb(section: MediaSection, value: str) -> None:
    words = _words(value, 2)
    payload_type = None if words[0] == "*" else _payload_type(words[0])
    section.feedback.setdefault(payload_type, []).append(" ".join(words[1:]))


def _extmap(section: MediaSection, value: str) -> None:
    words = _words(value, 2)
    id_text, slash, direction = words[0].partition("/")
    if slash and direction not in _DIRECTIONS:
        raise _ValueError("has an unknown direction")
    extension = ExtMap(_integer(id_text, 1, 65535), words[1], _DIRECTIONS.get(direction), " ".join(words[2:]))
    section.extensions.append(extension)


def _msid(section: MediaSection, value: str) -> None:
    words = _words(value, 1)
    section.msids.append(Msid(words[0], words[1] if len(words) > 1 else None))


def _rid(section: MediaSection, value: str) -> None:
    words = _words(value, 2)
    if not _RID.fullmatch(words[0]) or words[1] not in ("send", "recv"):
        raise _ValueError("needs an id and send or recv (RFC 8851)")
    if len(section.rids) >= _MAX_RIDS:
        raise _ValueError(f"stands more than {_MAX_RIDS} times in a section")
    section.rids.append(Rid(words[0], words[1], _parameters(" ".join(words[2:]))))


def _simulcast(section: MediaSection, value: str) -> None:
    words = value.split()
    if len(words) not in (2, 4):
        raise _ValueError("needs send or recv and a list of rids (RFC 8853)")
    streams: dict[str, tuple[tuple[RidReference, ...], ...]] = {}
    for direction, text in zip(words[::2], words[1::2], strict=True):
        if direction not in ("send", "recv") or direction in streams:
            raise _ValueError("needs send or recv, each once")
        streams[direction] = tuple(
            tuple(_rid_reference(rid) for rid in stream.split(",")) for stream in text.split(";")
        )
    section.simulcast = Simulcast(streams.get("send", ()), streams.get("recv", ()))


def _rid_reference(text: str) -> RidReference:
    id_text = text.removeprefix("~")
    if not _RID.fullmatch(id_text):
        raise _ValueError("has a bad rid")
    return RidReference(id_text, paused=text.startswith("~"))


def _ssrc(section: MediaSection, value: str) -> None:
    number, _, attribute = value.strip().partition(" ")
    name, _, rest = attribute.strip().partition(":")
    section.ssrcs.append(SsrcAttribute(_integer(number, 0, 2**32 - 1), _token(name), rest))


def _ssrc_group(section: MediaSection, value: str) -> None:
    words = _words(value, 2)
    ssrcs = tuple(_integer(word, 0, 2**32 - 1) for word in words[1:])
    section.ssrc_groups.append(SsrcGroup(_token(words[0]), ssrcs))


def _candidate(section: MediaSection, value: str) -> None:
    section.candidates.append(value)


def _rtcp(section: MediaSection, value: str) -> None:
    section.rtcp = value


_MEDIA: dict[str, Callable[[MediaSection, str], None]] = {
    "mid": _mid,
    "rtpmap": _rtpmap,
    "fmtp": _fmtp,
    "rtcp-fb": _rtcp_fb,
    "extmap": _extmap,
    "msid": _msid,
    "rid": _rid,
    "simulcast": _simulcast,
    "ssrc": _ssrc,
    "ssrc-group": _ssrc_group,
    "candidate": _candidate,
    "rtcp": _rtcp,
    "end-of-candidates": lambda section, value: setattr(section, "end_of_candidates", True),
    "rtcp-mux": lambda section, value: setattr(section, "rtcp_mux", True),
    "rtcp-mux-only": lambda section, value: setattr(section, "rtcp_mux_only", True),
    "rtcp-rsize": lambda section, value: setattr(section, "rtcp_rsize", True),
    "bundle-only": lambda section, value: setattr(section, "bundle_only", True),
}
