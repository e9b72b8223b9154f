"""Who people are to a visit, and what they may send."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A person's part in a visit or in running the service."""

    PATIENT = "patient"
    CARER = "carer"
    INTERPRETER = "interpreter"
    CLINICIAN = "clinician"
    FRONT_DESK = "front_desk"
    OPERATOR = "operator"
    COMPLIANCE = "compliance"
    ADMINISTRATOR = "administrator"
    DEVELOPER = "developer"


class Source(StrEnum):
    """What a track shows or carries."""

    MICROPHONE = "microphone"
    CAMERA = "camera"
    SCREEN = "screen"
    SCREEN_AUDIO = "screen_audio"

    @property
    def is_audio(self) -> bool:
        """True for sound."""
        return self in (Source.MICROPHONE, Source.SCREEN_AUDIO)


ALL_SOURCES = frozenset(Source)

# Roles that run the room: they mute, remove, lock and end. A token may say otherwise.
HOSTS = frozenset({Role.CLINICIAN, Role.FRONT_DESK, Role.ADMINISTRATOR})
