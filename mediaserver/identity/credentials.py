"""What a signed-in person signs in with (password, authenticator, passkeys), changed by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mediaserver.identity.errors import CredentialsError, StateError, UnknownError
from mediaserver.identity.lockout import Counter, charge, forgive
from mediaserver.identity.passwords import Passwords, check_rules
from mediaserver.identity.recording import Recorder, event
from mediaserver.identity.rules import IdentityRules
from mediaserver.identity.sessions import REVOKED, Sessions
from mediaserver.identity.sign_in import SignIn, TotpSetup
from mediaserver.identity.tables import account, credential
from mediaserver.model.actors import Actor
from mediaserver.model.audit import AuditAction, AuditEntity
from mediaserver.model.pii import Pii
from mediaserver.storage import Database


@dataclass(frozen=True, slots=True)
class CredentialInfo:
    """One thing to sign in with besides the password. `kind`: totp or passkey."""

    id: str
    kind: str
    label: Pii[str]
    created_at: int
    used_at: int | None


class Credentials:
    """A person's own. Each change asks for a fresh session (Sessions.require_fresh)."""

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        sessions: Sessions,
        passwords: Passwords,
        sign_in: SignIn,
        rules: IdentityRules,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._sessions = sessions
        self._passwords = passwords
        self._sign_in = sign_in
        self._rules = rules

    async def list(self, actor: Actor) -> Sequence[CredentialInfo]:
        """Those that are in use."""
        async with self._database.read(actor) as reader:
            mine = (credential.c.account == actor.id) & credential.c.confirmed_at.is_not(None)
            rows = await reader.rows(reader.of(credential).where(mine).order_by(credential.c.created_at))
        return [CredentialInfo(row.id, row.kind, Pii(row.label), row.created_at, row.used_at) for row in rows]

    async def begin_totp(self, actor: Actor) -> TotpSetup:
        """A new authenticator; it takes the place of the old one when a code of it is confirmed."""
        await self._sessions.require_fresh(actor)
        async with self._database.unit(actor) as unit:
            return await self._sign_in.new_totp(unit, actor.id)

    async def confirm_totp(self, actor: Actor, code: str, *, request: str | None = None) -> None:
        """Raises CredentialsError, LockedError, StaleError."""
        await self._sessions.require_fresh(actor)
        async with self._database.unit(actor) as unit:
            counter = Counter("factor", actor.id, self._rules.account_lockout)
            await charge(unit, [counter])
            mine = (credential.c.account == actor.id) & (credential.c.kind == "totp")
            old = await unit.rows(unit.of(credential).where(mine, credential.c.confirmed_at.is_not(None)))
            right = await self._sign_in.totp_matches(unit, actor.id, code, confirmed=False)
            if right:
                await forgive(unit, [counter])
                await unit.delete(credential, credential.c.id.in_([row.id for row in old]))
                detail = {"kind": "totp"}
                self._recorder.record(
                    unit,
                    event(
                        actor,
                        "credential.add",
                        AuditAction.CREATE,
                        account=actor.id,
                        request=request,
                        detail=detail,
                    ),
                )
        if not right:
            raise CredentialsError("The code is not right. Wait for the next one, then type that.")

    async def remove(self, actor: Actor, id: str, *, request: str | None = None) -> None:
        """Raises UnknownError, StaleError, StateError (the last second factor, where one is asked for)."""
        await self._sessions.require_fresh(actor)
        async with self._database.unit(actor) as unit:
            mine = (credential.c.account == actor.id) & credential.c.confirmed_at.is_not(None)
            rows = await unit.rows(unit.of(credential).where(mine))
            if id not in {row.id for row in rows}:
                raise UnknownError("There is no such authenticator or passkey.")
            if self._rules.second_factor and len(rows) == 1:
                raise StateError("This is your last second factor. Add another one first.")
            await unit.delete(credential, mine & (credential.c.id == id))
            self._recorder.record(
                unit,
                event(
                    actor,
                    "credential.remove",
                    AuditAction.DELETE,
                    account=actor.id,
                    entity=AuditEntity("Credential", id),
                    request=request,
                ),
            )

    async def change_password(
        self, actor: Actor, current: str, new: str, *, request: str | None = None
    ) -> None:
        """Ends all other sessions. Raises CredentialsError, LockedError, RuleError, BusyError."""
        async with self._database.unit(actor) as unit:
            row = await unit.row(unit.of(account).where(account.c.id == actor.id))
            if row is None:
                raise CredentialsError
            counter = Counter("account", row.username, self._rules.account_lockout)
            await charge(unit, [counter])
        check_rules(
            new,
            shortest=self._rules.shortest_password,
            words=(row.username, *row.name.split(), *self._rules.clinic.split()),
        )
        if not await self._passwords.matches(current, row.password):
            raise CredentialsError("The password you have now is not right.")
        stored = await self._passwords.hash(new)
        async with self._database.unit(actor) as unit:
            await forgive(unit, [counter])
            await unit.update(account, account.c.id == actor.id, password=stored, password_at=unit.now)
            await self._sessions.end_all(unit, actor.id, REVOKED, but=actor.session)
            self._recorder.record(
                unit,
                event(actor, "account.password", AuditAction.UPDATE, account=actor.id, request=request),
            )
