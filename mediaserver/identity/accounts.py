"""Accounts of a clinic's staff, as an administrator keeps them. A password is its owner's business alone:
an administrator gives a code by which they choose one (`identity.recovery`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from mediaserver.identity.errors import RuleError, StateError, UnknownError
from mediaserver.identity.permissions import STAFF
from mediaserver.identity.recording import Recorder, event
from mediaserver.identity.secret_values import new_id, username
from mediaserver.identity.sessions import DISABLED, Sessions
from mediaserver.identity.tables import account, account_role, credential, device, recovery
from mediaserver.model.actors import Actor
from mediaserver.model.audit import AuditAction
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role
from mediaserver.storage import Database, DuplicateError, Reader, Unit

MAX_TEXT = 128


@dataclass(frozen=True, slots=True)
class Account:
    """Someone of the staff. Times in milliseconds since 1970 (UTC)."""

    id: str
    username: Pii[str]
    name: Pii[str]
    email: Pii[str | None]
    roles: frozenset[Role]
    created_at: int
    disabled_at: int | None
    has_password: bool
    external: bool  # signs in at the OpenID provider
    version: int


class Accounts:
    """Makes, lists, changes and closes accounts of the actor's clinic."""

    def __init__(self, database: Database, recorder: Recorder, sessions: Sessions) -> None:
        self._database = database
        self._recorder = recorder
        self._sessions = sessions

    async def create(
        self,
        actor: Actor,
        *,
        name: str,
        signs_in_as: str,
        roles: Collection[Role],
        email: str | None = None,
        request: str | None = None,
    ) -> Account:
        """A new account that has no password yet. Raises StateError for a name that is taken, RuleError."""
        try:
            async with self._database.unit(actor) as unit:
                id = await create_account(unit, name, signs_in_as, roles, email)
                self._recorder.record(
                    unit, event(actor, "account.create", AuditAction.CREATE, account=id, request=request)
                )
                return await read_account(unit, id)
        except DuplicateError:
            raise StateError("There is an account of this name already.") from None

    async def list(self, actor: Actor) -> Sequence[Account]:
        """All accounts, closed ones too, by name."""
        async with self._database.read(actor) as reader:
            rows = await reader.rows(reader.of(account).order_by(account.c.name, account.c.id))
            roles = await reader.rows(reader.of(account_role))
        held: dict[str, set[Role]] = {}
        for row in roles:
            held.setdefault(row.account, set()).add(Role(row.role))
        return [_account(row, held.get(row.id, ())) for row in rows]

    async def colleagues(self, actor: Actor, role: Role = Role.CLINICIAN) -> Sequence[Account]:
        """Those of a role who are in use: to whom a visit may be handed."""
        return [one for one in await self.list(actor) if role in one.roles and one.disabled_at is None]

    async def get(self, actor: Actor, id: str) -> Account:
        """Raises UnknownError, also for another clinic's."""
        async with self._database.read(actor) as reader:
            return await read_account(reader, id)

    async def change(
        self,
        actor: Actor,
        id: str,
        *,
        version: int,
        name: str | None = None,
        email: str | None = None,
        roles: Collection[Role] | None = None,
        disabled: bool | None = None,
        request: str | None = None,
    ) -> Account:
        """Changes what is given; closing an account ends its sessions in the same moment.

        Raises UnknownError, RuleError, ConflictError (somebody changed it since `version`), StateError (the
        last administrator).
        """
        if (name, email, roles, disabled) == (None, None, None, None):
            raise RuleError("Say what to change.")
        async with self._database.unit(actor) as unit:
            before = await read_account(unit, id)
            values: dict[str, Any] = {}
            if name is not None:
                values["name"] = _text(name)
            if email is not None:
                values["email"] = _text(email) if email else None
            if disabled is not None:
                values["disabled_at"] = (before.disabled_at or unit.now) if disabled else None
            await unit.update(account, account.c.id == id, version=version, **values)
            if roles is not None:
                await set_roles(unit, id, roles)
            if disabled:
                await self._sessions.end_all(unit, id, DISABLED)
            await self._keep_an_administrator(unit, before)
            detail = {"fields": " ".join(sorted({*values, *(["roles"] if roles is not None else [])}))}
            self._recorder.record(
                unit,
                event(
                    actor, "account.change", AuditAction.UPDATE, account=id, request=request, detail=detail
                ),
            )
            return await read_account(unit, id)

    async def close(self, actor: Actor, id: str, *, request: str | None = None) -> None:
        """Closes an account for good: nothing it signed in with is kept. Its row stays, because the record
        names it. Raises UnknownError, StateError.
        """
        async with self._database.unit(actor) as unit:
            before = await read_account(unit, id)
            await unit.update(account, account.c.id == id, disabled_at=unit.now, password=None, subject=None)
            for table in (credential, device, recovery):
                await unit.delete(table, table.c.account == id)
            await self._sessions.end_all(unit, id, DISABLED)
            await self._keep_an_administrator(unit, before)
            self._recorder.record(
                unit, event(actor, "account.close", AuditAction.DELETE, account=id, request=request)
            )

    async def _keep_an_administrator(self, unit: Unit, before: Account) -> None:
        if Role.ADMINISTRATOR not in before.roles:
            return
        working = account.join(
            account_role,
            (account_role.c.tenant == account.c.tenant) & (account_role.c.account == account.c.id),
        )
        query = select(account.c.id).select_from(working)
        query = query.where(
            unit.owns(account), account_role.c.role == Role.ADMINISTRATOR, account.c.disabled_at.is_(None)
        )
        if await unit.row(query) is None:
            raise StateError("This is the last administrator. Make another one first.")


async def create_account(
    unit: Unit,
    name: str,
    signs_in_as: str,
    roles: Collection[Role],
    email: str | None,
    subject: str | None = None,
) -> str:
    """Adds the rows; gives the id. Raises RuleError, DuplicateError."""
    known_as = username(_text(signs_in_as))
    if not known_as:
        raise RuleError("An account needs a name to sign in with.")
    id = new_id("a")
    await unit.insert(
        account,
        id=id,
        username=known_as,
        name=_text(name),
        email=_text(email) if email else None,
        subject=subject,
        created_at=unit.now,
    )
    await set_roles(unit, id, roles)
    return id


async def set_roles(unit: Unit, id: str, roles: Collection[Role]) -> None:
    """Replaces the roles. Raises RuleError for none, and for one that isn't a person's of the staff."""
    if not roles or not set(roles) <= STAFF:
        raise RuleError(f"Roles of an account are one or more of {', '.join(sorted(STAFF))}.")
    await unit.delete(account_role, account_role.c.account == id)
    for role in sorted(set(roles)):
        await unit.insert(account_role, account=id, role=role.value)


async def read_account(reader: Reader, id: str) -> Account:
    """Raises UnknownError."""
    row = await reader.row(reader.of(account).where(account.c.id == id))
    if row is None:
        raise UnknownError("There is no such account.")
    roles = await reader.rows(reader.of(account_role).where(account_role.c.account == id))
    return _account(row, [Role(one.role) for one in roles])


def _account(row: Row[Any], roles: Collection[Role]) -> Account:
    return Account(
        id=row.id,
        username=Pii(row.username),
        name=Pii(row.name),
        email=Pii(row.email),
        roles=frozenset(roles),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        has_password=row.password is not None,
        external=row.subject is not None,
        version=row.version,
    )


def _text(text: str) -> str:
    clean = text.strip()
    if not clean or len(clean) > MAX_TEXT or not clean.isprintable() or "\ufffd" in clean:
        raise RuleError(f"Write 1 to {MAX_TEXT} printable characters.")
    return clean
