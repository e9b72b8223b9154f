"""Limits and defaults of rooms. Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from mediaserver.visit import VisitLimits
from signaling.ports import IceServer


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """A TURN server with a shared secret (coturn's use-auth-secret): credentials live `ttl` seconds."""

    urls: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    ttl: int = 12 * 3600


@dataclass(frozen=True, slots=True)
class RoomDefaults:
    """`connect`: how long a WHIP or WHEP client may take until media flows. `shutdown`: how long a
    closing server waits for goodbyes.
    """

    visit: VisitLimits = field(default_factory=VisitLimits)
    rooms: int = 1_000
    chat_lines: int = 100
    slots_audio: int = 3
    slots_video: int = 3
    connect: float = 30.0
    ice_servers: tuple[IceServer, ...] = ()
    turn: TurnSettings = field(default_factory=TurnSettings)
