"""Who does something: the subject of every permission and every line of the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role

TenantId = NewType("TenantId", str)

DEFAULT_TENANT = TenantId("clinic")


class ActorKind(StrEnum):
    """By what someone was recognised."""

    ACCOUNT = "account"  # signed in
    LINK = "link"  # came by a link made for them
    TOKEN = "token"  # noqa: S105 - a bearer token of a configured key
    SYSTEM = "system"  # the server itself
    ANONYMOUS = "anonymous"  # not yet recognised: someone at the sign-in


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody of one tenant, or the server acting in it.

    `id` is the account's, the party's or the token's subject; `session` tells two devices of one person
    apart (45 CFR 164.312(a)(2)(i): every access has a user and a session). `visit` bounds a link to its
    visit: it gives rights nowhere else.
    """

    tenant: TenantId
    id: str
    kind: ActorKind
    name: Pii[str]
    roles: frozenset[Role]
    session: str | None = None
    visit: str | None = None
    address: Pii[str] | None = None

    @classmethod
    def system(cls, tenant: TenantId = DEFAULT_TENANT) -> Actor:
        """The server itself."""
        return cls(tenant, "system", ActorKind.SYSTEM, Pii("the server"), frozenset())

    @classmethod
    def anonymous(cls, tenant: TenantId = DEFAULT_TENANT, address: str | None = None) -> Actor:
        """Whoever knocks, before they are recognised."""
        seen = None if address is None else Pii(address)
        return cls(tenant, "anonymous", ActorKind.ANONYMOUS, Pii(""), frozenset(), address=seen)

    def has(self, *roles: Role) -> bool:
        """Whether they hold one of these roles."""
        return not self.roles.isdisjoint(roles)
