"""What can go wrong with the log, each with a text for people that quotes nothing of an event."""

from __future__ import annotations


class AuditError(Exception):
    """Base of the others."""


class AuditUnavailableError(AuditError):
    """The event can't be written now: what it would have recorded must not happen."""


class AuditBrokenError(AuditUnavailableError):
    """The log is not as the server left it: nothing more is appended until somebody has looked."""


class AuditKeyError(AuditError):
    """The key file is not usable; the text says why and shows no key."""


class WitnessError(AuditUnavailableError):
    """The witness can't be reached or written."""


class WitnessMissingError(WitnessError):
    """There is no witness where one has been."""
