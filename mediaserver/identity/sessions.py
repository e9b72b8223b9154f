"""Who is signed in where: sessions in the database, automatic logoff, and the end of one everywhere at once.

A session ends when it is signed out or revoked, when nothing was done for `idle` seconds, and `absolute`
seconds after it began whatever is done (45 CFR 164.312(a)(2)(iii)). Roles and the account's state are read
with each request: what an administrator takes away is gone with the next one. Open connections `attend`
their session and are told when it ends, also when another process ended it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Row, select

from mediaserver.identity.errors import StaleError, UnknownError
from mediaserver.identity.recording import Recorder, event
from mediaserver.identity.rules import IdentityRules
from mediaserver.identity.secret_values import digest, for_tenant, new_id, new_secret, tenant_of
from mediaserver.identity.tables import account, account_role, session
from mediaserver.model.actors import Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditAction, AuditEntity
from mediaserver.model.clock import Clock
from mediaserver.model.pii import Pii, fault
from mediaserver.model.roles import Role
from mediaserver.storage import Database, Reader, StorageError, Unit

log = structlog.get_logger(__name__)

SIGNED_OUT, REVOKED, REPLACED, IDLE, EXPIRED = "signed_out", "revoked", "replaced", "idle", "expired"
DISABLED = "disabled"

OnEnd = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as its owner sees it. `current`: the one that asks."""

    id: str
    label: str
    address: Pii[str | None]
    method: str
    created_at: int
    seen_at: int
    expires_at: int
    current: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: what the browser gets, and until when at most (ms)."""

    id: str
    token: str
    expires_at: int


@dataclass(slots=True)
class _Attended:
    tenant: TenantId
    session: str
    on_end: OnEnd
    active: Callable[[], bool]


class Sessions:
    """All sessions. `watch` runs beside the server."""

    def __init__(self, database: Database, recorder: Recorder, rules: IdentityRules, clock: Clock) -> None:
        self._database = database
        self._recorder = recorder
        self._rules = rules
        self._clock = clock
        self._attended: dict[int, _Attended] = {}
        self._next = 0
        self._hooks: list[Callable[[str, str], None]] = []

    @property
    def idle_ms(self) -> int:
        """Milliseconds without use after which a session ends."""
        return int(self._rules.idle * 1000)

    def on_revoked(self, hook: Callable[[str, str], None]) -> None:
        """Calls `hook(session id, reason)` whenever one ends, on the event loop, once it is committed."""
        self._hooks.append(hook)

    def attend(self, actor: Actor, on_end: OnEnd, active: Callable[[], bool] = lambda: False) -> OnEnd:
        """For an open connection of a session: `on_end(reason)` is called once when the session ends.

        While `active()` is true the session counts as used: who talks in a call is not idle. Gives the
        function to call (with any reason) when the connection closes by itself.
        """
        self._next += 1
        key = self._next
        if actor.session is not None:
            self._attended[key] = _Attended(actor.tenant, actor.session, on_end, active)

        def leave(_: str = "") -> None:
            self._attended.pop(key, None)

        return leave

    async def open(
        self, unit: Unit, owner: str, *, method: str, label: str, address: str | None, device: str | None
    ) -> Opened:
        """A session in the unit of a sign-in, always with a fresh token. The oldest gives way to a new one
        above the limit.
        """
        token = for_tenant(unit.tenant, new_secret())
        id, expires_at = new_id("s"), unit.now + int(self._rules.absolute * 1000)
        await unit.insert(
            session,
            id=id,
            account=owner,
            token=digest(token),
            device=device,
            label=label,
            address=address,
            method=method,
            created_at=unit.now,
            seen_at=unit.now,
            expires_at=expires_at,
        )
        living = select(session.c.id).where(
            unit.owns(session) & (session.c.account == owner) & session.c.ended_at.is_(None)
        )
        rows = await unit.rows(living.order_by(session.c.created_at.desc(), session.c.id))
        others = [row.id for row in rows if row.id != id]
        await self._end(unit, others[self._rules.sessions - 1 :], REPLACED)
        return Opened(id, token, expires_at)

    async def recognise(self, token: str, *, passive: bool, address: str | None = None) -> Actor | None:
        """Who a cookie stands for. `passive`: the request doesn't put off automatic logoff.

        Raises StorageError.
        """
        tenant = tenant_of(token)
        if tenant is None:
            return None
        async with self._database.read(Actor.system(tenant)) as reader:
            row = await reader.row(_by_token(reader, token))
            if row is None:
                return None
            roles = await _roles(reader, row.account)
            now = reader.now
        if (over := self._over(row, now)) is not None:
            await self._end_now(tenant, [row.id], over)
            return None
        if not passive and now - row.seen_at >= self._grain():
            await self.used(tenant, row.id)
        seen = None if address is None else Pii(address)
        return Actor(
            tenant, row.account, ActorKind.ACCOUNT, Pii(row.name), roles, session=row.id, address=seen
        )

    async def used(self, tenant: TenantId, id: str) -> None:
        """Something was done in a session just now."""
        async with self._database.unit(Actor.system(tenant)) as unit:
            await unit.update(session, (session.c.id == id) & session.c.ended_at.is_(None), seen_at=unit.now)

    async def require_fresh(self, actor: Actor) -> None:
        """Raises StaleError unless they signed in a short while ago: asked before credentials change."""
        async with self._database.read(actor) as reader:
            began = await reader.scalar(
                select(session.c.created_at).where(reader.owns(session) & (session.c.id == actor.session))
            )
            if began is None or reader.now - began > self._rules.fresh * 1000:
                raise StaleError

    async def list(self, actor: Actor, owner: str | None = None) -> Sequence[SessionInfo]:
        """Living sessions of an account (the actor's own), the newest use first."""
        whose = owner or actor.id
        async with self._database.read(actor) as reader:
            mine = reader.of(session).where(session.c.account == whose, session.c.ended_at.is_(None))
            rows = await reader.rows(mine.order_by(session.c.seen_at.desc(), session.c.id))
            return [
                SessionInfo(
                    row.id,
                    row.label,
                    Pii(row.address),
                    row.method,
                    row.created_at,
                    row.seen_at,
                    row.expires_at,
                    row.id == actor.session,
                )
                for row in rows
                if row.expires_at > reader.now and reader.now - row.seen_at < self.idle_ms
            ]

    async def sign_out(self, actor: Actor, *, request: str | None = None) -> None:
        """Ends the actor's own session."""
        async with self._database.unit(actor) as unit:
            if actor.session is not None and await self._end(unit, [actor.session], SIGNED_OUT):
                self._record(unit, actor, "session.signout", actor.session, actor.id, request)

    async def revoke(self, actor: Actor, id: str, *, any_owner: bool, request: str | None = None) -> None:
        """Ends one session: one's own, or with `any_owner` anybody's. Raises UnknownError."""
        async with self._database.unit(actor) as unit:
            row = await unit.row(unit.of(session).where(session.c.id == id, session.c.ended_at.is_(None)))
            if row is None or (row.account != actor.id and not any_owner):
                raise UnknownError("There is no such session, or it has ended.")
            await self._end(unit, [id], REVOKED)
            self._record(unit, actor, "session.revoke", id, row.account, request)

    async def revoke_all(
        self, actor: Actor, owner: str, *, but: str | None = None, request: str | None = None
    ) -> int:
        """Ends all sessions of an account, except `but`; gives how many."""
        async with self._database.unit(actor) as unit:
            ended = await self.end_all(unit, owner, REVOKED, but=but)
            for id in ended:
                self._record(unit, actor, "session.revoke", id, owner, request)
            return len(ended)

    async def end_all(self, unit: Unit, owner: str, reason: str, *, but: str | None = None) -> Sequence[str]:
        """In the unit of whatever makes it necessary; gives the ids of those that ended."""
        living = select(session.c.id).where(
            unit.owns(session) & (session.c.account == owner) & session.c.ended_at.is_(None)
        )
        ids = [row.id for row in await unit.rows(living) if row.id != but]
        await self._end(unit, ids, reason)
        return ids

    async def end_one(self, unit: Unit, id: str, reason: str) -> None:
        """In the unit of whatever makes it necessary."""
        await self._end(unit, [id], reason)

    async def sweep(self) -> int:
        """Ends what is idle or too old in every clinic, and tells connections whose session has ended
        elsewhere; gives how many it ended. Raises StorageError.
        """
        for one in list(self._attended.values()):
            if one.active():
                await self.used(one.tenant, one.session)
        now = int(self._clock.wall() * 1000)
        over = (session.c.expires_at <= now) | (session.c.seen_at <= now - self.idle_ms)
        query = select(session.c.tenant, session.c.id, session.c.expires_at)
        query = query.where(session.c.ended_at.is_(None) & over).limit(500)
        async with self._database.read(Actor.system()) as reader:
            rows = await reader.rows(query.execution_options(across_tenants=True))
        for row in rows:
            await self._end_now(row.tenant, [row.id], EXPIRED if row.expires_at <= now else IDLE)
        await self._notice_elsewhere()
        return len(rows)

    async def watch(self, interval: float = 5.0) -> None:
        """Sweeps for ever. A database that is away for a while doesn't end it."""
        while True:
            await asyncio.sleep(interval)
            try:
                await self.sweep()
            except Exception as error:
                log.error("sessions.sweep_failed", fault=fault(error))

    async def _notice_elsewhere(self) -> None:
        for tenant in {one.tenant for one in self._attended.values()}:
            ids = {one.session for one in self._attended.values() if one.tenant == tenant}
            async with self._database.read(Actor.system(tenant)) as reader:
                ended = reader.of(session).where(session.c.id.in_(ids), session.c.ended_at.is_not(None))
                rows = await reader.rows(ended)
            for row in rows:
                self._tell(row.id, row.ended or REVOKED)

    def _over(self, row: Row[Any], now: int) -> str | None:
        if row.disabled_at is not None:
            return DISABLED
        if row.expires_at <= now:
            return EXPIRED
        return IDLE if now - row.seen_at >= self.idle_ms else None

    def _grain(self) -> int:
        """Milliseconds between two notes of use: a write per request would be the load of a busy clinic."""
        return min(30_000, self.idle_ms // 10)

    async def _end_now(self, tenant: TenantId, ids: Sequence[str], reason: str) -> None:
        actor = Actor.system(tenant)
        try:
            async with self._database.unit(actor) as unit:
                for id in ids:
                    if await self._end(unit, [id], reason):
                        self._record(unit, actor, "session.end", id, None, None, reason)
        except StorageError as error:  # the session is over all the same: `recognise` says so each time
            log.error("sessions.end_failed", fault=fault(error))

    async def _end(self, unit: Unit, ids: Sequence[str], reason: str) -> int:
        if not ids:
            return 0
        living = session.c.id.in_(ids) & session.c.ended_at.is_(None)
        count = await unit.update(session, living, ended_at=unit.now, ended=reason)

        async def tell() -> None:
            for id in ids:
                self._tell(id, reason)

        if count:
            unit.after_commit(tell)
        return count

    def _tell(self, id: str, reason: str) -> None:
        for key, one in list(self._attended.items()):
            if one.session == id and self._attended.pop(key, None) is not None:
                self._call(lambda one=one: one.on_end(reason))  # type: ignore[misc]
        for hook in self._hooks:
            self._call(lambda hook=hook: hook(id, reason))  # type: ignore[misc]

    def _call(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        except Exception as error:  # one connection's trouble must not keep another one open
            log.error("sessions.hook_failed", fault=fault(error))

    def _record(
        self,
        unit: Unit,
        actor: Actor,
        type: str,
        id: str,
        owner: str | None,
        request: str | None,
        why: str | None = None,
    ) -> None:
        detail = {} if why is None else {"reason": why}
        what = AuditEntity("Session", id)
        self._recorder.record(
            unit,
            event(
                actor,
                type,
                AuditAction.EXECUTE,
                entity=what,
                account=owner,
                request=request,
                detail=detail,
            ),
        )


def _by_token(reader: Reader, token: str) -> Any:
    columns = (session.c.id, session.c.account, session.c.seen_at, session.c.expires_at)
    together = session.join(
        account, (account.c.tenant == session.c.tenant) & (account.c.id == session.c.account)
    )
    return (
        select(*columns, account.c.name, account.c.disabled_at)
        .select_from(together)
        .where(reader.owns(session), session.c.token == digest(token), session.c.ended_at.is_(None))
    )


async def _roles(reader: Reader, owner: str) -> frozenset[Role]:
    rows = await reader.rows(reader.of(account_role).where(account_role.c.account == owner))
    return frozenset(Role(row.role) for row in rows)
