"""What services raise, as HTTP: one table, so that a route has no error handling of its own."""

from __future__ import annotations

from math import ceil

from mediaserver.audit.errors import AuditUnavailableError
from mediaserver.identity.errors import (
    BusyError,
    CredentialsError,
    IdentityError,
    LockedError,
    RuleError,
    StaleError,
    StateError,
    UnknownError,
)
from mediaserver.storage import (
    AcknowledgeError,
    ConflictError,
    DuplicateError,
    StorageError,
    UnavailableError,
)
from signaling.http import RETRY_AFTER, Problem

_IDENTITY: tuple[tuple[type[IdentityError], int], ...] = (
    (CredentialsError, 401),
    (StaleError, 403),
    (UnknownError, 404),
    (StateError, 409),
    (RuleError, 422),
    (LockedError, 429),
    (BusyError, 503),
)
_LATER = {"Retry-After": RETRY_AFTER}


def problem_of_failure(error: Exception) -> Problem | None:
    """The answer for a failure of a service; None for one that is our mistake."""
    match error:
        case LockedError():
            headers = {"Retry-After": str(ceil(error.retry_after))}
            return Problem(429, error.code, error.message, headers)
        case IdentityError():
            status = next((status for kind, status in _IDENTITY if isinstance(error, kind)), 403)
            return Problem(status, error.code, error.message, _LATER if status == 503 else {})
        case AuditUnavailableError() | AcknowledgeError():
            text = "This can't be put on record now, so it is not done or not shown. Try again."
            return Problem(503, "unavailable", text, _LATER)
        case ConflictError():
            text = "Somebody else changed this meanwhile. Read it again, then decide."
            return Problem(409, "conflict", text)
        case DuplicateError():
            return Problem(409, "conflict", "There is one already.")
        case UnavailableError():
            return Problem(503, "unavailable", "The record can't be reached now. Try again.", _LATER)
        case StorageError():
            return Problem(500, "internal", "The server failed on this request. Try again.")
        case _:
            return None
