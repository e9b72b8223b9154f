"""Walks every operation as every role, and as the wrong tenant: tests made from the table of permissions.

`door_cases(api)` gives one case per operation and role with what the table says of it; `fill` makes a path.
`allowed` then means "came past the door": whatever else the answer is, it is neither 401 nor 403.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mediaserver.http.api import Api, Bearer, LinkHolder, Operation, Public, Signed
from mediaserver.model.roles import Role

UNKNOWN = "unknown-0000"


@dataclass(frozen=True)
class DoorCase:
    """One operation asked for by one role (None: by nobody)."""

    operation: Operation
    role: Role | None
    allowed: bool

    def __str__(self) -> str:
        return f"{self.operation.id}-{self.role.value if self.role else 'nobody'}"


def door_cases(api: Api) -> Iterator[DoorCase]:
    """Every operation by every role that can sign in, and by nobody."""
    for operation in api.operations:
        for role in (None, *Role):
            yield DoorCase(operation, role, _allowed(api, operation, role))


def _allowed(api: Api, operation: Operation, role: Role | None) -> bool:
    match operation.access:
        case Public():
            return True
        case Signed(permission):
            return role in api.table.roles(permission)
        case Bearer() | LinkHolder():
            return False  # by a cookie; their own tests have the other ways in
    raise AssertionError(operation.access)


def fill(operation: Operation, values: Mapping[str, str] | None = None) -> str:
    """The operation's path with `values` for its parameters, or ids that nobody has."""
    given = values or {}
    return re.sub(r"{(\w+)(?::[^}]*)?}", lambda match: given.get(match[1], UNKNOWN), operation.path)


def parameters(operation: Operation) -> set[str]:
    """Names of the path's parameters: those that a wrong tenant could point at another's things."""
    return set(re.findall(r"{(\w+)(?::[^}]*)?}", operation.path))


def headers_of(client_url: str) -> dict[str, str]:
    """What a page of ours sends with a call."""
    return {"X-CSRF": "1", "Origin": client_url.rstrip("/")}
