"""What a signed-in person signs in with: `/api/v1/credentials`, `/api/v1/password`. Each change wants a
sign-in not long ago (403 `reauthenticate` otherwise).
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from mediaserver.http.api import Api, Call, Operation, Signed
from mediaserver.http.sessions import Millis, PasskeyOptionsBody, Secret, Token, TotpBody, origin_of
from mediaserver.identity.desk import IdentityDesk
from mediaserver.identity.permissions import Permission


class OneCredential(Struct, frozen=True):
    """An authenticator (totp) or a passkey."""

    id: str
    kind: str
    label: str
    created_at: Millis
    used_at: Millis | None


class CredentialList(Struct, frozen=True):
    """All of one's own."""

    credentials: list[OneCredential]


class TotpCodeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Six digits of the authenticator just set up."""

    code: Annotated[str, Meta(min_length=6, max_length=8)]


class NewPasskeyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What `navigator.credentials.create` gave, as `PublicKeyCredential.toJSON()` writes it."""

    challenge: Token
    credential: dict[str, Any]
    label: Annotated[str, Meta(max_length=64)] = ""


class PasswordBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The password one has, and the one to have."""

    current: Secret
    new: Secret


class CreatedBody(Struct, frozen=True):
    """What was made."""

    id: str


class CredentialRoutes:
    """Handlers over the desk."""

    def __init__(self, desk: IdentityDesk) -> None:
        self._desk = desk

    def add_to(self, api: Api) -> None:
        """Adds the operations."""
        for operation, handler in (
            (_LIST, self.list),
            (_REMOVE, self.remove),
            (_TOTP, self.begin_totp),
            (_CONFIRM, self.confirm_totp),
            (_OPTIONS, self.passkey_options),
            (_PASSKEY, self.add_passkey),
            (_PASSWORD, self.change_password),
        ):
            api.add(operation, handler)

    async def list(self, call: Call) -> CredentialList:
        """One's own."""
        found = await self._desk.credentials.list(call.actor)
        return CredentialList(
            [
                OneCredential(one.id, one.kind, one.label.reveal(), one.created_at, one.used_at)
                for one in found
            ]
        )

    async def remove(self, call: Call) -> None:
        """One of one's own."""
        await self._desk.credentials.remove(call.actor, call.path["credential"], request=call.request_id)

    async def begin_totp(self, call: Call) -> TotpBody:
        """A secret that counts once a code of it is confirmed."""
        setup = await self._desk.credentials.begin_totp(call.actor)
        return TotpBody(setup.secret, setup.uri)

    async def confirm_totp(self, call: Call) -> None:
        """The new authenticator takes the old one's place."""
        await self._desk.credentials.confirm_totp(call.actor, call.body.code, request=call.request_id)

    async def passkey_options(self, call: Call) -> PasskeyOptionsBody:
        """For a new passkey."""
        options = await self._desk.passkeys.begin_adding(call.actor)
        return PasskeyOptionsBody(options.challenge, options.options)

    async def add_passkey(self, call: Call) -> CreatedBody:
        """Keeps it."""
        body: NewPasskeyBody = call.body
        id = await self._desk.passkeys.add(
            call.actor,
            body.challenge,
            body.credential,
            origin=origin_of(call.request),
            label=body.label,
            request=call.request_id,
        )
        return CreatedBody(id)

    async def change_password(self, call: Call) -> None:
        """Signs out everywhere but here."""
        body: PasswordBody = call.body
        await self._desk.credentials.change_password(
            call.actor, body.current, body.new, request=call.request_id
        )


_OWN = Signed(Permission.SESSIONS_OWN)
_ALL = "/api/v1/credentials"

_LIST = Operation("listCredentials", "GET", _ALL, "What one signs in with", _OWN, result=CredentialList)
_REMOVE = Operation(
    "removeCredential",
    "DELETE",
    _ALL + "/{credential}",
    "Remove an authenticator or a passkey",
    _OWN,
    status=204,
    audit="credential.remove",
)
_TOTP = Operation(
    "beginTotp",
    "POST",
    f"{_ALL}/totp",
    "Set up an authenticator",
    _OWN,
    result=TotpBody,
    audit="credential.add",
)
_CONFIRM = Operation(
    "confirmTotp",
    "POST",
    f"{_ALL}/totp/confirm",
    "Confirm an authenticator by a code of it",
    _OWN,
    status=204,
    body=TotpCodeBody,
    audit="credential.add",
)
_OPTIONS = Operation(
    "beginAddingPasskey",
    "POST",
    f"{_ALL}/passkey/options",
    "Begin to add a passkey",
    _OWN,
    result=PasskeyOptionsBody,
    audit="credential.add",
)
_PASSKEY = Operation(
    "addPasskey",
    "POST",
    f"{_ALL}/passkey",
    "Add a passkey",
    _OWN,
    status=201,
    body=NewPasskeyBody,
    result=CreatedBody,
    audit="credential.add",
)
_PASSWORD = Operation(
    "changePassword",
    "PUT",
    "/api/v1/password",
    "Change one's password",
    _OWN,
    status=204,
    body=PasswordBody,
    audit="account.password",
)
