"""A clinic's identity over a test's database: desk, accounts, a record of events, cheap hashes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pyotp

from mediaserver.identity.break_glass import VisitRecord
from mediaserver.identity.desk import IdentityDesk, open_desk
from mediaserver.identity.passwords import Argon2
from mediaserver.identity.rules import IdentityRules
from mediaserver.identity.sealing import Seal
from mediaserver.identity.sign_in import FactorDue, SignedIn, Visitor
from mediaserver.model.actors import DEFAULT_TENANT, Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditEvent, AuditOutcome
from mediaserver.model.clock import ManualClock
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.storage import Database, Reader, Unit
from mediaserver.storage.tenants import add_tenant

PASSWORD = "a lamp behind the piano"
RULES = IdentityRules(argon2=Argon2(8, 1, 1), second_factor=False, clinic="Riverside Practice")
OTHER = TenantId("other")
HERE = Visitor(address="192.0.2.7", label="Firefox on Mac")


@dataclass
class Recorded:
    """Implements Recorder; keeps what was committed."""

    events: list[AuditEvent] = field(default_factory=list)

    def record(self, unit: Unit, event: AuditEvent) -> None:
        async def keep() -> None:
            self.events.append(event)

        unit.after_commit(keep)

    async def access(self, actor: Actor, event: AuditEvent) -> None:
        self.events.append(event)

    def of(self, type: str, *, ok: bool | None = None) -> list[AuditEvent]:
        return [
            one
            for one in self.events
            if one.type == type and ok in (None, one.outcome is AuditOutcome.SUCCESS)
        ]


async def find_visit(reader: Reader, id: str) -> VisitRecord | None:
    """One visit in the first clinic, one in the other."""
    known = {"v-1": DEFAULT_TENANT, "v-other": OTHER}
    return VisitRecord(id, "p-1") if known.get(id) == reader.tenant else None


class Clinic:
    """The desk and people for it."""

    def __init__(
        self, database: Database, clock: ManualClock, rules: IdentityRules = RULES, **more: object
    ) -> None:
        self.database, self.clock, self.rules = database, clock, rules
        self.recorded = Recorded()
        self.desk: IdentityDesk = open_desk(
            database,
            self.recorded,
            clock,
            rules,
            seal=Seal(bytes(32)),
            find_visit=find_visit,
            **more,  # type: ignore[arg-type]
        )

    def actor(self, id: str, *roles: Role, tenant: TenantId = DEFAULT_TENANT) -> Actor:
        return Actor(tenant, id, ActorKind.ACCOUNT, Pii(id), frozenset(roles))

    @property
    def admin(self) -> Actor:
        return self.actor("a-admin", Role.ADMINISTRATOR)

    async def other_clinic(self) -> Actor:
        async with self.database.unit(Actor.system()) as unit:
            await add_tenant(unit, OTHER, "Other")
        return self.actor("a-elsewhere", *Role, tenant=OTHER)

    async def person(
        self, username: str, *roles: Role, password: str | None = PASSWORD, by: Actor | None = None
    ) -> str:
        """An account with a password, by the way people get one."""
        actor = by or self.admin
        made = await self.desk.accounts.create(
            actor, name=f"Name of {username}", signs_in_as=username, roles=roles or (Role.CLINICIAN,)
        )
        if password is not None:
            code = (await self.desk.recovery.issue(actor, made.id)).code
            await self.desk.recovery.redeem(actor.tenant, code, password, HERE)
        return made.id

    async def sign_in(
        self, username: str, password: str = PASSWORD, visitor: Visitor = HERE, clinic: str | None = None
    ) -> SignedIn:
        result = await self.desk.sign_in.password(clinic, username, password, visitor)
        assert isinstance(result, SignedIn)
        return result

    async def signed_in_actor(self, username: str, visitor: Visitor = HERE) -> Actor:
        return await self.known((await self.sign_in(username, visitor=visitor)).token)

    async def known(self, token: str) -> Actor:
        actor = await self.desk.sessions.recognise(token, passive=True)
        assert actor is not None
        return actor

    async def due(self, username: str, visitor: Visitor = HERE) -> FactorDue:
        result = await self.desk.sign_in.password(None, username, PASSWORD, visitor)
        assert isinstance(result, FactorDue)
        return result

    def code(self, secret: str, steps: int = 0) -> str:
        return pyotp.TOTP(secret).at(int(self.clock.wall()) + 30 * steps)

    async def with_totp(self, username: str, *roles: Role) -> tuple[str, str]:
        """An account that has set its authenticator up; gives id and secret."""
        id = await self.person(username, *roles)
        due = await self.due(username)
        setup = await self.desk.sign_in.set_up_totp(due.challenge, HERE)
        await self.desk.sign_in.totp(due.challenge, self.code(setup.secret), HERE)
        self.clock.advance(60)
        return id, setup.secret


def strict(**changes: object) -> IdentityRules:
    """With a second factor."""
    return replace(RULES, second_factor=True, **changes)  # type: ignore[arg-type]
