"""The way back in for who lost their password or phone, and the way in for a new account: a code that an
administrator reads out to someone they know, good once and for a day.

There is no "forgot my password" by mail: a mailbox is no proof of who a clinician is (NIST SP 800-63B-4
section 4.2), and a clinic knows its people.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.identity.accounts import read_account
from mediaserver.identity.errors import CredentialsError, StateError
from mediaserver.identity.lockout import charge, give_back
from mediaserver.identity.passwords import Passwords, check_rules
from mediaserver.identity.recording import Recorder, event
from mediaserver.identity.rules import IdentityRules
from mediaserver.identity.secret_values import digest, new_id, new_spoken_code, plain_code
from mediaserver.identity.sessions import REVOKED, Sessions
from mediaserver.identity.sign_in import SignIn, Visitor
from mediaserver.identity.tables import account, credential, device, recovery
from mediaserver.model.actors import DEFAULT_TENANT, Actor
from mediaserver.model.audit import AuditAction
from mediaserver.storage import Database, Unit


@dataclass(frozen=True, slots=True)
class RecoveryCode:
    """What the administrator reads out, and until when it is good (ms)."""

    code: str
    expires_at: int


class Recovery:
    """Gives out codes and takes them."""

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

    async def issue(self, actor: Actor, owner: str, *, request: str | None = None) -> RecoveryCode:
        """A code for an account; an earlier one is good no more. Nobody issues one to themselves, or one
        session left open would be an account for good. Raises UnknownError, StateError.
        """
        if owner == actor.id:
            raise StateError("Another administrator must do this for you.")
        async with self._database.unit(actor) as unit:
            found = await read_account(unit, owner)
            if found.disabled_at is not None:
                raise StateError("This account is closed.")
            code = new_spoken_code()
            expires_at = unit.now + int(self._rules.recovery * 1000)
            await unit.delete(recovery, (recovery.c.account == owner) & recovery.c.used_at.is_(None))
            await unit.insert(
                recovery,
                id=new_id("r"),
                account=owner,
                code=digest(plain_code(code)),
                issued_by=actor.id,
                created_at=unit.now,
                expires_at=expires_at,
            )
            self._recorder.record(
                unit, event(actor, "recovery.issue", AuditAction.CREATE, account=owner, request=request)
            )
            return RecoveryCode(code, expires_at)

    async def redeem(self, clinic: str | None, code: str, password: str, visitor: Visitor) -> None:
        """Sets a password by a code. Second factors go (the phone is what was lost), and every session ends;
        who does this then signs in. Raises CredentialsError, RuleError, LockedError, BusyError.
        """
        tenant = await self._sign_in.tenant(clinic) or DEFAULT_TENANT
        actor = Actor.anonymous(tenant, visitor.address)
        async with self._database.unit(actor) as unit:
            await charge(unit, self._sign_in.address_counters(visitor))
            row = await self._good(unit, code)
            owner = None if row is None else await read_account(unit, row)
            if owner is None or owner.disabled_at is not None:
                self._recorder.record(
                    unit,
                    event(actor, "recovery.use", AuditAction.EXECUTE, ok=False, request=visitor.request),
                )
        if owner is None or owner.disabled_at is not None:
            raise CredentialsError("This code is not good, or no longer. Ask for a new one.")
        words = (owner.username.reveal(), *owner.name.reveal().split(), *self._rules.clinic.split())
        check_rules(password, shortest=self._rules.shortest_password, words=words)
        stored = await self._passwords.hash(password)
        async with self._database.unit(actor) as unit:
            mine = (recovery.c.code == digest(plain_code(code))) & recovery.c.used_at.is_(None)
            if await unit.update(recovery, mine & (recovery.c.expires_at > unit.now), used_at=unit.now) != 1:
                raise CredentialsError("This code is not good, or no longer. Ask for a new one.")
            await give_back(unit, self._sign_in.address_counters(visitor))
            await unit.update(account, account.c.id == owner.id, password=stored, password_at=unit.now)
            for table in (credential, device):
                await unit.delete(table, table.c.account == owner.id)
            await self._sessions.end_all(unit, owner.id, REVOKED)
            self._recorder.record(
                unit,
                event(actor, "recovery.use", AuditAction.EXECUTE, account=owner.id, request=visitor.request),
            )

    async def _good(self, unit: Unit, code: str) -> str | None:
        alive = recovery.c.used_at.is_(None) & (recovery.c.expires_at > unit.now)
        row = await unit.row(unit.of(recovery).where(recovery.c.code == digest(plain_code(code)), alive))
        return None if row is None else str(row.account)
