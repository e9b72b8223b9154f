"""Why identity says no. `code` is a stable word of the API; the text holds nothing about a person."""

from __future__ import annotations


class IdentityError(Exception):
    """Base of the others: the answer is no, and the text says what to do."""

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class CredentialsError(IdentityError):
    """Not recognised. The same words whether the account exists, is disabled, or the secret is wrong."""

    code = "unauthorized"

    def __init__(self, message: str = "These are not right, or the account is not in use.") -> None:
        super().__init__(message)


class LockedError(IdentityError):
    """Too many tries; `retry_after` is seconds until the next is looked at."""

    code = "rate_limited"

    def __init__(self, retry_after: float) -> None:
        super().__init__("Too many tries. Wait a little, then try again.")
        self.retry_after = retry_after


class UnknownError(IdentityError):
    """There is no such thing in this clinic."""

    code = "not_found"


class RuleError(IdentityError):
    """What was sent breaks a rule: a password that is too short, a role that nobody can have."""

    code = "bad_request"


class StateError(IdentityError):
    """It cannot be done as things are now."""

    code = "conflict"


class StaleError(IdentityError):
    """The session is good, but its sign-in is too long ago for something this weighty."""

    code = "reauthenticate"

    def __init__(self) -> None:
        super().__init__("Sign in again, then do this: it was too long ago.")


class BusyError(IdentityError):
    """The server has as many sign-ins under way as it takes, or cannot reach the provider."""

    code = "unavailable"
