"""What a person may do, and the person who may: what a token or a link proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediaserver.model.ids import RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import ALL_SOURCES, HOSTS, Role, Source


@dataclass(frozen=True, slots=True)
class Grants:
    """Rights in one room (`room`), or over all rooms (`rooms`).

    `room` None with `join` true is refused everywhere: a right without a place is no right.
    """

    room: RoomName | None = None
    join: bool = False
    publish: frozenset[Source] = frozenset()
    subscribe: bool = False
    admin: bool = False
    hidden: bool = False
    rooms: bool = False

    def may_join(self, room: RoomName) -> bool:
        """Whether this is a right to be in `room`."""
        return self.join and self.room == room


def grants_for(role: Role, room: RoomName) -> Grants:
    """The usual rights of a role in a room; an operator watches no visit, so joins none."""
    if role in (Role.OPERATOR, Role.COMPLIANCE, Role.DEVELOPER):
        return Grants(rooms=role is Role.OPERATOR)
    return Grants(room=room, join=True, publish=ALL_SOURCES, subscribe=True, admin=role in HOSTS)


@dataclass(frozen=True, slots=True)
class Person:
    """Someone whom a token or link has identified.

    `identity` is stable over connections: a second connection of one identity replaces the first.
    `expires_at` is seconds of the wall clock; `token_id` is the token's jti.
    """

    identity: str
    name: Pii[str]
    role: Role
    grants: Grants
    metadata: Pii[Mapping[str, str]] = field(default_factory=lambda: Pii({}))
    expires_at: float | None = None
    token_id: str | None = None
