"""Accounts of the staff: `/api/v1/accounts`. Administrators keep them; nobody sees a password."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from mediaserver.http.api import Api, Call, Operation, Signed
from mediaserver.http.sessions import Millis, OneSession, SessionList
from mediaserver.identity.accounts import Account
from mediaserver.identity.desk import IdentityDesk
from mediaserver.identity.permissions import Permission
from mediaserver.model.audit import AuditEntity
from mediaserver.model.roles import Role

Words = Annotated[str, Meta(min_length=1, max_length=128)]


class NewAccount(Struct, frozen=True, forbid_unknown_fields=True):
    """Someone who will sign in, once they have a recovery code and chose a password."""

    username: Words
    name: Words
    roles: Annotated[list[Role], Meta(min_length=1, max_length=5)]
    email: Words | None = None


class AccountChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. `version`: as it was read; 409 when somebody changed it since. An empty `email`
    removes it.
    """

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    name: Words | None = None
    email: Annotated[str, Meta(max_length=128)] | None = None
    roles: Annotated[list[Role], Meta(min_length=1, max_length=5)] | None = None
    disabled: bool | None = None


class AccountBody(Struct, frozen=True):
    """An account. `external`: signs in at the OpenID provider."""

    id: str
    username: str
    name: str
    email: str | None
    roles: list[Role]
    created_at: Millis
    disabled_at: Millis | None
    has_password: bool
    external: bool
    version: int


class AccountList(Struct, frozen=True):
    """All accounts of the clinic."""

    accounts: list[AccountBody]


class Colleague(Struct, frozen=True):
    """Someone whom a visit may be handed to."""

    id: str
    name: str
    roles: list[Role]


class ColleagueList(Struct, frozen=True):
    """Clinicians in use."""

    colleagues: list[Colleague]


class RecoveryCodeBody(Struct, frozen=True):
    """To be read out to the person, once they are known to be who they say."""

    code: str
    expires_at: Millis


class AccountRoutes:
    """Handlers over the desk."""

    def __init__(self, desk: IdentityDesk) -> None:
        self._desk = desk

    def add_to(self, api: Api) -> None:
        """Adds the operations."""
        for operation, handler in (
            (_CREATE, self.create),
            (_LIST, self.list),
            (_GET, self.get),
            (_CHANGE, self.change),
            (_CLOSE, self.close),
            (_RECOVER, self.recover),
            (_SESSIONS, self.sessions),
            (_REVOKE, self.revoke),
            (_COLLEAGUES, self.colleagues),
        ):
            api.add(operation, handler)

    async def create(self, call: Call) -> AccountBody:
        """Gives it no password: `recover` does."""
        body: NewAccount = call.body
        made = await self._desk.accounts.create(
            call.actor,
            name=body.name,
            signs_in_as=body.username,
            roles=body.roles,
            email=body.email,
            request=call.request_id,
        )
        return account_body(made)

    async def list(self, call: Call) -> AccountList:
        """Closed ones too."""
        return AccountList([account_body(one) for one in await self._desk.accounts.list(call.actor)])

    async def get(self, call: Call) -> AccountBody:
        """One."""
        call.touched(AuditEntity("Account", call.path["account"]))
        return account_body(await self._desk.accounts.get(call.actor, call.path["account"]))

    async def change(self, call: Call) -> AccountBody:
        """Part of it."""
        body: AccountChange = call.body
        changed = await self._desk.accounts.change(
            call.actor,
            call.path["account"],
            version=body.version,
            name=body.name,
            email=body.email,
            roles=body.roles,
            disabled=body.disabled,
            request=call.request_id,
        )
        return account_body(changed)

    async def close(self, call: Call) -> None:
        """For good."""
        await self._desk.accounts.close(call.actor, call.path["account"], request=call.request_id)

    async def recover(self, call: Call) -> RecoveryCodeBody:
        """A code to choose a password by."""
        code = await self._desk.recovery.issue(call.actor, call.path["account"], request=call.request_id)
        return RecoveryCodeBody(code.code, code.expires_at)

    async def sessions(self, call: Call) -> SessionList:
        """Where somebody is signed in."""
        found = await self._desk.accounts.get(call.actor, call.path["account"])
        call.touched(AuditEntity("Account", found.id))
        return SessionList(
            [
                OneSession(
                    one.id,
                    one.label,
                    one.address.reveal(),
                    one.method,
                    one.created_at,
                    one.seen_at,
                    one.expires_at,
                    one.current,
                )
                for one in await self._desk.sessions.list(call.actor, found.id)
            ]
        )

    async def revoke(self, call: Call) -> None:
        """Signs somebody out everywhere."""
        found = await self._desk.accounts.get(call.actor, call.path["account"])
        await self._desk.sessions.revoke_all(call.actor, found.id, request=call.request_id)

    async def colleagues(self, call: Call) -> ColleagueList:
        """Clinicians."""
        found = await self._desk.accounts.colleagues(call.actor)
        return ColleagueList([Colleague(one.id, one.name.reveal(), sorted(one.roles)) for one in found])


def account_body(found: Account) -> AccountBody:
    """As JSON; the names are revealed here, to who keeps the accounts."""
    return AccountBody(
        id=found.id,
        username=found.username.reveal(),
        name=found.name.reveal(),
        email=found.email.reveal(),
        roles=sorted(found.roles),
        created_at=found.created_at,
        disabled_at=found.disabled_at,
        has_password=found.has_password,
        external=found.external,
        version=found.version,
    )


_READ, _MANAGE = Signed(Permission.ACCOUNTS_READ), Signed(Permission.ACCOUNTS_MANAGE)
_SIGN_OUT = Signed(Permission.SESSIONS_MANAGE)
_ALL = "/api/v1/accounts"
_ONE = _ALL + "/{account}"

_CREATE = Operation(
    "createAccount",
    "POST",
    _ALL,
    "Make an account",
    _MANAGE,
    status=201,
    body=NewAccount,
    result=AccountBody,
    audit="account.create",
)
_LIST = Operation(
    "listAccounts", "GET", _ALL, "List accounts", _READ, result=AccountList, audit="account.list"
)
_GET = Operation(
    "getAccount", "GET", _ONE, "Look at an account", _READ, result=AccountBody, audit="account.read"
)
_CHANGE = Operation(
    "changeAccount",
    "PATCH",
    _ONE,
    "Change an account, or take it out of use",
    _MANAGE,
    body=AccountChange,
    result=AccountBody,
    audit="account.change",
)
_CLOSE = Operation(
    "closeAccount",
    "DELETE",
    _ONE,
    "Close an account for good",
    _MANAGE,
    status=204,
    audit="account.close",
)
_RECOVER = Operation(
    "issueRecoveryCode",
    "POST",
    f"{_ONE}/recovery",
    "Give a code to choose a password by",
    _MANAGE,
    status=201,
    result=RecoveryCodeBody,
    audit="recovery.issue",
)
_SESSIONS = Operation(
    "listAccountSessions",
    "GET",
    f"{_ONE}/sessions",
    "Where somebody is signed in",
    _SIGN_OUT,
    result=SessionList,
    audit="session.list",
)
_REVOKE = Operation(
    "revokeAccountSessions",
    "DELETE",
    f"{_ONE}/sessions",
    "Sign somebody out everywhere",
    _SIGN_OUT,
    status=204,
    audit="session.revoke",
)
_COLLEAGUES = Operation(
    "listColleagues",
    "GET",
    "/api/v1/colleagues",
    "List those whom a visit may be handed to",
    Signed(Permission.COLLEAGUES_LIST),
    result=ColleagueList,
)
