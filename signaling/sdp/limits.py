"""How large a session description may be. Checked before and while it is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SdpLimits:
    """Bounds of one description.

    A Chromium offer takes about 6 kB and 150 lines for each video section and 1 kB for each audio
    section, so the defaults leave room for some twenty participants shown at once.
    """

    max_bytes: int = 256 * 1024  # UTF-8
    max_lines: int = 6000
    max_line_characters: int = 4096
    max_sections: int = 64
    max_attributes: int = 512  # of one section, and of the session level
    max_formats: int = 128  # of one m-line: there are no more RTP payload types


DEFAULT_LIMITS = SdpLimits()
