"""Session descriptions (RFC 8866) as WebRTC uses them (RFC 9429): typed values, a parser, a writer.

Nothing here negotiates; see `signaling.negotiation`.
"""

from signaling.sdp.limits import DEFAULT_LIMITS, SdpLimits
from signaling.sdp.parse import SdpError, parse, parse_fragment
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
)
from signaling.sdp.write import write, write_candidate, write_fragment

__all__ = [
    "DEFAULT_LIMITS",
    "Direction",
    "ExtMap",
    "Group",
    "MediaSection",
    "Msid",
    "Origin",
    "Rid",
    "RidReference",
    "RtpMap",
    "SdpError",
    "SdpLimits",
    "SessionDescription",
    "Setup",
    "Simulcast",
    "SsrcAttribute",
    "SsrcGroup",
    "parse",
    "parse_fragment",
    "write",
    "write_candidate",
    "write_fragment",
]
