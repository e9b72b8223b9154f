"""Writes session descriptions. What `parse` read comes out with the same meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sfu.types import IceCandidate
from signaling.sdp.values import (
    MediaSection,
    RidReference,
    SessionDescription,
    TransportAttributes,
)


def write(description: SessionDescription) -> str:
    """The text of a whole description, lines ended by CRLF."""
    origin = description.origin
    if origin is None:
        raise ValueError("a whole description has an origin; write_fragment writes the others")
    head = [
        "v=0",
        f"o={origin.username} {origin.session_id} {origin.version} {origin.address}",
        "s=-",
        "t=0 0",
    ]
    return "\r\n".join([*head, *_body(description)]) + "\r\n"


def write_fragment(description: SessionDescription) -> str:
    """The text of an application/trickle-ice-sdpfrag body (RFC 8840 section 9)."""
    return "\r\n".join(_body(description)) + "\r\n"


def write_candidate(candidate: IceCandidate) -> str:
    """The value of a=candidate (RFC 8839 section 5.1); TCP candidates of a server are passive."""
    text = (
        f"{candidate.foundation} 1 {candidate.protocol} {candidate.priority} "
        f"{candidate.address} {candidate.port} typ {candidate.type}"
    )
    return f"{text} tcptype passive" if candidate.protocol == "tcp" else text


def _body(description: SessionDescription) -> Iterator[str]:
    if description.ice_lite:
        yield "a=ice-lite"
    for group in description.groups:
        yield " ".join([f"a=group:{group.semantics}", *group.mids])
    if description.extmap_allow_mixed:
        yield "a=extmap-allow-mixed"
    if description.msid_semantic is not None:
        yield f"a=msid-semantic:{description.msid_semantic}"
    yield from _transport(description)
    if description.direction is not None:
        yield f"a={description.direction}"
    yield from _other(description.other)
    for section in description.sections:
        yield from _section(section)


def _section(section: MediaSection) -> Iterator[str]:
    yield f"m={section.media} {section.port} {section.protocol} {' '.join(section.formats)}"
    if section.connection is not None:
        yield f"c={section.connection}"
    if section.rtcp is not None:
        yield f"a=rtcp:{section.rtcp}"
    for candidate in section.candidates:
        yield f"a=candidate:{candidate}"
    yield from _flags(section, ("end-of-candidates",))
    yield from _transport(section)
    if section.mid is not None:
        yield f"a=mid:{section.mid}"
    yield from _flags(section, ("bundle-only", "extmap-allow-mixed"))
    for extension in section.extensions:
        direction = f"/{extension.direction}" if extension.direction is not None else ""
        yield f"a=extmap:{extension.id}{direction} {extension.uri} {extension.attributes}".rstrip()
    if section.direction is not None:
        yield f"a={section.direction}"
    for msid in section.msids:
        yield f"a=msid:{msid.stream} {msid.track or ''}".rstrip()
    yield from _flags(section, ("rtcp-mux", "rtcp-mux-only", "rtcp-rsize"))
    yield from _codecs(section)
    yield from _streams(section)
    yield from _other(section.other)


def _flags(section: MediaSection, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if getattr(section, name.replace("-", "_")):
            yield f"a={name}"


def _transport(level: TransportAttributes) -> Iterator[str]:
    if level.ice_ufrag is not None:
        yield f"a=ice-ufrag:{level.ice_ufrag}"
    if level.ice_pwd is not None:
        yield f"a=ice-pwd:{level.ice_pwd}"
    if level.ice_options:
        yield f"a=ice-options:{' '.join(level.ice_options)}"
    for fingerprint in level.fingerprints:
        yield f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}"
    if level.setup is not None:
        yield f"a=setup:{level.setup}"


def _codecs(section: MediaSection) -> Iterator[str]:
    for value in section.feedback.get(None, ()):
        yield f"a=rtcp-fb:* {value}"
    # Each codec's lines together, as browsers write them; then what belongs to no rtpmap.
    known = dict.fromkeys(
        [*section.rtp_maps, *section.fmtp, *(pt for pt in section.feedback if pt is not None)]
    )
    for payload_type in known:
        if (rtp_map := section.rtp_maps.get(payload_type)) is not None:
            channels = f"/{rtp_map.channels}" if rtp_map.channels is not None else ""
            yield f"a=rtpmap:{payload_type} {rtp_map.encoding}/{rtp_map.clock_rate}{channels}"
        for value in section.feedback.get(payload_type, ()):
            yield f"a=rtcp-fb:{payload_type} {value}"
        if payload_type in section.fmtp:
            yield f"a=fmtp:{payload_type} {_parameters(section.fmtp[payload_type])}".rstrip()


def _streams(section: MediaSection) -> Iterator[str]:
    for rid in section.rids:
        yield f"a=rid:{rid.id} {rid.direction} {_parameters(rid.parameters)}".rstrip()
    if section.simulcast is not None:
        parts = [
            f"{direction} {';'.join(_alternatives(stream) for stream in streams)}"
            for direction, streams in (
                ("send", section.simulcast.send),
                ("recv", section.simulcast.recv),
            )
            if streams
        ]
        yield f"a=simulcast:{' '.join(parts)}"
    for group in section.ssrc_groups:
        yield f"a=ssrc-group:{group.semantics} {' '.join(str(ssrc) for ssrc in group.ssrcs)}"
    for attribute in section.ssrcs:
        yield f"a=ssrc:{attribute.ssrc} {attribute.name}" + (f":{attribute.value}" if attribute.value else "")


def _alternatives(stream: tuple[RidReference, ...]) -> str:
    return ",".join(f"~{rid.id}" if rid.paused else rid.id for rid in stream)


def _parameters(parameters: Mapping[str, str]) -> str:
    return ";".join(name if value == "" else f"{name}={value}" for name, value in parameters.items())


def _other(attributes: list[tuple[str, str | None]]) -> Iterator[str]:
    for name, value in attributes:
        yield f"a={name}" if value is None else f"a={name}:{value}"
