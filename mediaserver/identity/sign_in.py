"""Signing in: password, then a one-time code. Passkeys and the OpenID provider end in the same `admit`.

    password   charge a try -> compare (in a thread) -> wrong: recorded, one text for every cause
                                                     -> right: a challenge for the second factor, or a session
    totp       a try of the challenge and of the account's second factor -> a session

An account without a second factor, where one is asked for, sets one up between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Row, select

from mediaserver.identity import challenges, totp
from mediaserver.identity.accounts import Account, read_account
from mediaserver.identity.errors import CredentialsError, StateError
from mediaserver.identity.lockout import Counter, charge, forgive, give_back, sweep
from mediaserver.identity.passwords import Passwords
from mediaserver.identity.recording import Recorder, event
from mediaserver.identity.rules import IdentityRules
from mediaserver.identity.sealing import Seal
from mediaserver.identity.secret_values import digest, new_id, new_secret, tenant_of, username
from mediaserver.identity.sessions import REPLACED, Sessions
from mediaserver.identity.tables import account, challenge, credential, device, session
from mediaserver.model.actors import DEFAULT_TENANT, Actor, ActorKind, TenantId
from mediaserver.model.audit import AuditAction, AuditEntity
from mediaserver.model.pii import Pii
from mediaserver.storage import Database, Reader, Unit
from mediaserver.storage.schema import tenant as tenants
from mediaserver.storage.tenants import tenant_id

log = structlog.get_logger(__name__)

SECOND_FACTOR = "second_factor"
TOTP, SET_UP_TOTP = "totp", "set_up_totp"
_KEPT_SESSIONS = 90 * 24 * 3600  # seconds after a session ended; the audit log has it for good
_KEPT_DEVICES = 400 * 24 * 3600  # as long as browsers keep the cookie
_NO_CLINIC = "\ufffd no such clinic "  # no account's name begins like this


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser that asks: its address, what it calls itself, the tokens it holds, the request's id."""

    address: str | None = None
    label: str = "Unknown browser"
    device: str | None = None
    session: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Done: the session's token, and the browser's (`device`), known again at the next sign-in."""

    account: Account
    session: str
    token: str
    expires_at: int
    device: str


@dataclass(frozen=True, slots=True)
class FactorDue:
    """The password was right. `methods`: totp, or set_up_totp for who has none yet."""

    challenge: str
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TotpSetup:
    """What an authenticator is set up with; shown once."""

    secret: str  # base32
    uri: str


class SignIn:
    """Turns what somebody knows and holds into a session."""

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        sessions: Sessions,
        passwords: Passwords,
        seal: Seal,
        rules: IdentityRules,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._sessions = sessions
        self._passwords = passwords
        self._seal = seal
        self._rules = rules

    async def password(
        self, clinic: str | None, name: str, password: str, visitor: Visitor
    ) -> SignedIn | FactorDue:
        """Raises CredentialsError (one text for all causes), LockedError, BusyError."""
        tenant, name = await self._tenant(clinic, name)
        actor = Actor.anonymous(tenant, visitor.address)
        async with self._database.unit(actor) as unit:
            row = await unit.row(unit.of(account).where(account.c.username == username(name)))
            counters = await self._counters(unit, name, row, visitor)
            await charge(unit, counters)
        right = await self._passwords.matches(password, row.password if row is not None else None)
        if row is None or not right or row.disabled_at is not None:
            await self.fail(actor, "password", row.id if row is not None else None, visitor)
            raise CredentialsError
        fresh = await self._passwords.hash(password) if self._passwords.outdated(row.password) else None
        async with self._database.unit(actor) as unit:
            await forgive(unit, counters[:1])
            await give_back(unit, counters[1:])
            if fresh is not None:
                same = (account.c.id == row.id) & (account.c.password == row.password)
                await unit.update(account, same, password=fresh)
            has_totp = await _totp_of(unit, row.id, confirmed=True) is not None
            if not has_totp and not self._rules.second_factor:
                return await self.admit(unit, row.id, "password", visitor)
            asked = await challenges.ask(unit, SECOND_FACTOR, account=row.id)
            return FactorDue(asked, (TOTP,) if has_totp else (SET_UP_TOTP,))

    async def set_up_totp(self, token: str, visitor: Visitor) -> TotpSetup:
        """A new secret for who has none, on the strength of a password just given. It counts once a code of
        it is given to `totp`. Raises CredentialsError, StateError.
        """
        async with self._database.unit(self._somebody(token, visitor)) as unit:
            held = await _held(unit, token)
            if await _totp_of(unit, held, confirmed=True) is not None:
                raise StateError("This account has a second factor. Use it, or ask an administrator.")
            return await self.new_totp(unit, held)

    async def new_totp(self, unit: Unit, owner: str, label: str = "Authenticator") -> TotpSetup:
        """Writes an unconfirmed secret in place of an earlier unconfirmed one."""
        found = await read_account(unit, owner)
        unfinished = (credential.c.account == owner) & (credential.c.kind == TOTP)
        await unit.delete(credential, unfinished & credential.c.confirmed_at.is_(None))
        secret, id = totp.new_totp_secret(), new_id("c")
        await unit.insert(
            credential,
            id=id,
            account=owner,
            kind=TOTP,
            label=label,
            secret=self._seal.seal(secret, id),
            counter=0,
            created_at=unit.now,
        )
        uri = totp.provisioning_uri(secret, account=found.username.reveal(), issuer=self._rules.clinic)
        return TotpSetup(totp.base32(secret), uri)

    async def totp(self, token: str, code: str, visitor: Visitor) -> SignedIn:
        """The second factor. Raises CredentialsError, LockedError."""
        actor = self._somebody(token, visitor)
        async with self._database.unit(actor) as unit:
            held = (await challenges.attempt(unit, SECOND_FACTOR, token)).account or ""
            counter = Counter("factor", held, self._rules.account_lockout)
            await charge(unit, [counter])
            found = await read_account(unit, held)
            confirmed = await _totp_of(unit, held, confirmed=True) is not None
            if found.disabled_at is None and await self.totp_matches(unit, held, code, confirmed=confirmed):
                await forgive(unit, [counter])
                await challenges.spend(unit, SECOND_FACTOR, token)
                if not confirmed:
                    self._note(unit, actor, "credential.add", held, visitor, {"kind": TOTP})
                return await self.admit(unit, held, "password+totp", visitor)
            self._note(unit, actor, "session.signin", held, visitor, {"method": TOTP}, ok=False)
        raise CredentialsError("The code is not right, or was used already. Wait for the next one.")

    async def totp_matches(self, unit: Unit, owner: str, code: str, *, confirmed: bool) -> bool:
        """Whether it is a code of theirs that was not used before; it is used by that."""
        row = await _totp_of(unit, owner, confirmed=confirmed)
        if row is None:
            return False
        secret = self._seal.open(row.secret, row.id)
        step = totp.matching_step(secret, code, unit.now / 1000, last=row.counter)
        if step is None:
            return False
        # Two requests with one code: the row lets one of them through.
        unused = (credential.c.id == row.id) & (credential.c.counter < step)
        changed = {"counter": step, "used_at": unit.now, "confirmed_at": row.confirmed_at or unit.now}
        return await unit.update(credential, unused, **changed) == 1

    async def admit(self, unit: Unit, owner: str, method: str, visitor: Visitor) -> SignedIn:
        """A session for an account that has proved itself; the one the browser had ends."""
        found = await read_account(unit, owner)
        if found.disabled_at is not None:
            raise CredentialsError
        if visitor.session is not None and tenant_of(visitor.session) == unit.tenant:
            old = await unit.row(unit.of(session).where(session.c.token == digest(visitor.session)))
            if old is not None and old.ended_at is None:
                await self._sessions.end_one(unit, old.id, REPLACED)
        device_id, device_token = await self._remember(unit, owner, visitor)
        opened = await self._sessions.open(
            unit,
            owner,
            method=method,
            label=visitor.label,
            address=visitor.address,
            device=device_id,
        )
        seen = None if visitor.address is None else Pii(visitor.address)
        actor = Actor(
            unit.tenant,
            owner,
            ActorKind.ACCOUNT,
            found.name,
            found.roles,
            session=opened.id,
            address=seen,
        )
        self._note(unit, actor, "session.signin", owner, visitor, {"method": method}, session=opened.id)
        await self._tidy(unit)
        return SignedIn(found, opened.id, opened.token, opened.expires_at, device_token)

    def _note(
        self,
        unit: Unit,
        actor: Actor,
        type: str,
        owner: str | None,
        visitor: Visitor,
        detail: dict[str, str],
        *,
        ok: bool = True,
        session: str | None = None,
    ) -> None:
        what = None if session is None else AuditEntity("Session", session)
        self._recorder.record(
            unit,
            event(
                actor,
                type,
                AuditAction.EXECUTE,
                account=owner,
                entity=what,
                ok=ok,
                request=visitor.request,
                detail=detail,
            ),
        )

    async def fail(self, actor: Actor, method: str, owner: str | None, visitor: Visitor) -> None:
        """Records a sign-in that went wrong."""
        async with self._database.unit(actor) as unit:
            self._note(unit, actor, "session.signin", owner, visitor, {"method": method}, ok=False)

    async def tenant(self, clinic: str | None) -> TenantId | None:
        """The clinic of that id, or the first one's for None; None when there is no such."""
        try:
            id = DEFAULT_TENANT if clinic is None else tenant_id(clinic)
        except ValueError:
            return None
        async with self._database.read(Actor.system()) as reader:
            return None if await reader.row(select(tenants).where(tenants.c.id == id)) is None else id

    async def _tenant(self, clinic: str | None, name: str) -> tuple[TenantId, str]:
        """A clinic that isn't there is asked like one where nobody has the name: same work, same answer."""
        id = await self.tenant(clinic)
        return (DEFAULT_TENANT, _NO_CLINIC + name) if id is None else (id, name)

    async def _counters(
        self, unit: Unit, name: str, row: Row[Any] | None, visitor: Visitor
    ) -> Sequence[Counter]:
        """The account's counter (or that of a browser it knows), then the address's."""
        own = Counter("account", username(name), self._rules.account_lockout)
        if row is not None and visitor.device is not None:
            known = await unit.row(
                unit.of(device).where(device.c.token == digest(visitor.device), device.c.account == row.id)
            )
            if known is not None:
                own = Counter("device", known.id, self._rules.account_lockout)
        return [own, *self.address_counters(visitor)]

    def address_counters(self, visitor: Visitor) -> Sequence[Counter]:
        """What counts tries of the address."""
        if visitor.address is None:
            return []
        return [Counter("address", visitor.address, self._rules.address_lockout)]

    async def _tidy(self, unit: Unit) -> None:
        """With each sign-in goes what no longer says anything: a clinic has a few a day, never too many."""
        rules = self._rules
        await sweep(unit, max(rules.account_lockout.forget, rules.address_lockout.forget))
        await unit.delete(session, session.c.ended_at < unit.now - _KEPT_SESSIONS * 1000)
        await unit.delete(device, device.c.seen_at < unit.now - _KEPT_DEVICES * 1000)

    async def _remember(self, unit: Unit, owner: str, visitor: Visitor) -> tuple[str, str]:
        if visitor.device is not None:
            mine = (device.c.token == digest(visitor.device)) & (device.c.account == owner)
            known = await unit.row(unit.of(device).where(mine))
            if known is not None:
                await unit.update(device, mine, seen_at=unit.now, label=visitor.label)
                return known.id, visitor.device
        id, token = new_id("d"), new_secret()
        await unit.insert(
            device,
            id=id,
            account=owner,
            token=digest(token),
            label=visitor.label,
            created_at=unit.now,
            seen_at=unit.now,
        )
        return id, token

    def _somebody(self, token: str, visitor: Visitor) -> Actor:
        tenant = tenant_of(token)
        if tenant is None:
            raise CredentialsError(challenges.AGAIN)
        return Actor.anonymous(tenant, visitor.address)


class DevelopmentSignIn(SignIn):
    """With a door for the demo clinic. Made in place of SignIn when `Settings.dev` is set, and never else."""

    async def sign_in_as(self, clinic: str | None, owner: str, visitor: Visitor) -> SignedIn:
        """A session for an account by its id or sign-in name, without any proof. Raises CredentialsError."""
        tenant = await self.tenant(clinic)
        if tenant is None:
            raise CredentialsError
        log.warning("identity.signed_in_without_proof", account=owner)
        async with self._database.unit(Actor.anonymous(tenant, visitor.address)) as unit:
            named = (account.c.id == owner) | (account.c.username == username(owner))
            row = await unit.row(unit.of(account).where(named))
            if row is None:
                raise CredentialsError
            return await self.admit(unit, row.id, "development", visitor)


async def _totp_of(reader: Reader, owner: str, *, confirmed: bool) -> Row[Any] | None:
    theirs = reader.of(credential).where(credential.c.account == owner, credential.c.kind == TOTP)
    state = credential.c.confirmed_at.is_not(None) if confirmed else credential.c.confirmed_at.is_(None)
    return await reader.row(theirs.where(state))


async def _held(unit: Unit, token: str) -> str:
    """Whose challenge it is; it stays good."""
    alive = (challenge.c.kind == SECOND_FACTOR) & (challenge.c.expires_at > unit.now)
    row = await unit.row(unit.of(challenge).where(challenge.c.id == digest(token), alive))
    if row is None or row.account is None:
        raise CredentialsError(challenges.AGAIN)
    return str(row.account)
