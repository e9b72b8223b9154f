"""Names and ids. Distinct types, so that a checker catches a room passed where a person is meant."""

from __future__ import annotations

import re
import secrets
from typing import NewType

RoomName = NewType("RoomName", str)
ParticipantId = NewType("ParticipantId", str)
ResumeKey = NewType("ResumeKey", str)
LinkCode = NewType("LinkCode", str)

# Goes into URLs, file names and metric labels, hence the narrow alphabet.
_ROOM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

MAX_IDENTITY = 128
MAX_NAME = 128


def room_name(text: str) -> RoomName:
    """Checks a room name: 1 to 64 of letters, digits, dot, underscore, hyphen. Raises ValueError."""
    if not _ROOM_NAME.fullmatch(text):
        raise ValueError(
            "a room name has 1 to 64 letters, digits, dots, underscores or hyphens"
            " and starts with a letter or digit"
        )
    return RoomName(text)


def new_participant_id() -> ParticipantId:
    """A fresh id, unique for the life of every log that mentions it (72 bits)."""
    return ParticipantId("p_" + secrets.token_urlsafe(9))


def new_resume_key() -> ResumeKey:
    """The secret by which a dropped session is taken up again (256 bits)."""
    return ResumeKey(secrets.token_urlsafe(32))


def new_link_code() -> LinkCode:
    """The secret part of a join link (160 bits, so 128 remain however it is guessed at)."""
    return LinkCode(secrets.token_urlsafe(20))
