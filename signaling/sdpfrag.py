"""Bodies of application/trickle-ice-sdpfrag (RFC 8840) as WHIP and WHEP use them."""

from __future__ import annotations

from dataclasses import dataclass

from sfu.types import IceCandidate, IceParameters
from signaling.sdp import (
    Group,
    MediaSection,
    SdpLimits,
    SessionDescription,
    parse_fragment,
    write_candidate,
    write_fragment,
)

CONTENT_TYPE = "application/trickle-ice-sdpfrag"
LIMITS = SdpLimits(max_bytes=16 * 1024, max_lines=400, max_sections=64, max_attributes=256)


@dataclass(frozen=True, slots=True)
class IceFragment:
    """What a client's fragment says. Its candidates are not kept: the server never contacts one."""

    ice: IceParameters | None


def read_ice_fragment(text: str) -> IceFragment:
    """Credentials of the first section that has them, else of the session level. Raises SdpError."""
    fragment = parse_fragment(text, LIMITS)
    for level in (*fragment.sections, fragment):
        if level.ice_ufrag is not None and level.ice_pwd is not None:
            return IceFragment(IceParameters(level.ice_ufrag, level.ice_pwd))
    return IceFragment(None)


def restart_fragment(
    answer: SessionDescription, ice: IceParameters, candidates: tuple[IceCandidate, ...]
) -> str:
    """The answer to an ICE restart (RFC 9725 section 4.3.3): the section that carries the BUNDLE, with
    the new credentials and every candidate, and the ice-lite and ice-options of the SDP answer.
    """
    tagged = next(section for section in answer.sections if section.port != 0)
    section = MediaSection(
        media=tagged.media,
        port=9,
        protocol=tagged.protocol,
        formats=tagged.formats[:1],
        mid=tagged.mid,
        ice_ufrag=ice.ufrag,
        ice_pwd=ice.pwd,
        candidates=[write_candidate(candidate) for candidate in candidates],
        end_of_candidates=True,
    )
    bundle = answer.bundle
    return write_fragment(
        SessionDescription(
            ice_lite=answer.ice_lite,
            ice_options=tagged.ice_options,
            groups=[Group("BUNDLE", bundle)] if bundle is not None else [],
            sections=[section],
        )
    )
