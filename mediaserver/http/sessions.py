"""Signing in and out, and the list of where one is signed in: `/api/v1/session`, `/api/v1/sessions`.

POST /session {name, password}           -> signed_in | second_factor {challenge, methods}
POST /session/totp/setup {challenge}         -> secret and otpauth URI, where `methods` says set_up_totp
POST /session/totp {challenge, code}         -> signed_in
POST /session/passkey/options, .../verify    -> signed_in, without a password
POST /session/recovery {code, password}      -> 204; sign in with it then
"""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct, field

from mediaserver.http.api import Api, Call, Operation, Public, Signed, reply
from mediaserver.http.browsers import visitor_of
from mediaserver.http.cookies import SESSION, drop_cookie, keep_device, set_cookie
from mediaserver.identity.desk import IdentityDesk
from mediaserver.identity.passwords import MAX_LENGTH
from mediaserver.identity.permissions import Permission
from mediaserver.identity.sign_in import FactorDue, SignedIn
from mediaserver.model.roles import Role

Clinic = Annotated[str, Meta(max_length=40, description="Id of the clinic; the first one's by default.")]
Token = Annotated[str, Meta(min_length=1, max_length=256)]
Secret = Annotated[str, Meta(min_length=1, max_length=MAX_LENGTH)]
Millis = Annotated[int, Meta(description="Milliseconds since 1970 (UTC).")]


class SignInBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody signs in with."""

    name: Annotated[str, Meta(min_length=1, max_length=128, description="The account's `username`.")]
    password: Secret
    clinic: Clinic | None = None


class ChallengeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The challenge that the password was answered with."""

    challenge: Token


class CodeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The challenge, and the authenticator's six digits."""

    challenge: Token
    code: Annotated[str, Meta(min_length=6, max_length=8)]


class RecoveryBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A code that an administrator gave, and the password chosen."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    password: Secret
    clinic: Clinic | None = None


class ClinicBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Where somebody wants to sign in."""

    clinic: Clinic | None = None


class PasskeyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What `navigator.credentials.get` gave, as `PublicKeyCredential.toJSON()` writes it."""

    challenge: Token
    credential: dict[str, Any]


class SessionBody(Struct, frozen=True):
    """Who is signed in. Without use the session ends `idle_after` seconds from the last call."""

    account: str
    name: str
    roles: list[Role]
    permissions: list[str]
    clinic: str
    idle_after: int


class SignInResult(Struct, frozen=True):
    """`state` is signed_in, or second_factor: then `challenge` goes on with one of `methods` (totp,
    set_up_totp).
    """

    state: str
    account: str | None = None
    name: str | None = None
    roles: list[Role] = []
    challenge: str | None = None
    methods: list[str] = []


class TotpBody(Struct, frozen=True):
    """What an authenticator is set up with; shown once."""

    secret: str
    uri: str


class PasskeyOptionsBody(Struct, frozen=True):
    """`publicKey` as WebAuthn writes it in JSON; `challenge_id` goes back with the answer."""

    challenge_id: str
    public_key: dict[str, Any] = field(name="publicKey")


class OneSession(Struct, frozen=True):
    """One browser that is signed in. `current`: this one."""

    id: str
    label: str
    address: str | None
    method: str
    created_at: Millis
    seen_at: Millis
    expires_at: Millis
    current: bool


class SessionList(Struct, frozen=True):
    """Where somebody is signed in."""

    sessions: list[OneSession]


class SessionRoutes:
    """Handlers over the desk."""

    def __init__(self, desk: IdentityDesk) -> None:
        self._desk = desk

    def add_to(self, api: Api) -> None:
        """Adds the operations."""
        for operation, handler in (
            (_SIGN_IN, self.sign_in),
            (_SET_UP, self.set_up_totp),
            (_TOTP, self.totp),
            (_PASSKEY_OPTIONS, self.passkey_options),
            (_PASSKEY, self.passkey),
            (_RECOVER, self.recover),
            (_WHO, self.who),
            (_SIGN_OUT, self.sign_out),
            (_LIST, self.list),
            (_REVOKE, self.revoke),
            (_REVOKE_OTHERS, self.revoke_others),
        ):
            api.add(operation, handler)

    async def sign_in(self, call: Call) -> web.Response:
        """By password."""
        body: SignInBody = call.body
        visitor = visitor_of(call.request, call.request_id)
        result = await self._desk.sign_in.password(body.clinic, body.name, body.password, visitor)
        if isinstance(result, FactorDue):
            due = SignInResult("second_factor", challenge=result.challenge, methods=list(result.methods))
            return reply(due)
        return welcome(call.request, result, self._desk.rules.absolute)

    async def set_up_totp(self, call: Call) -> TotpBody:
        """Between password and session, for who has no second factor yet."""
        visitor = visitor_of(call.request, call.request_id)
        setup = await self._desk.sign_in.set_up_totp(call.body.challenge, visitor)
        return TotpBody(setup.secret, setup.uri)

    async def totp(self, call: Call) -> web.Response:
        """The second factor."""
        visitor = visitor_of(call.request, call.request_id)
        result = await self._desk.sign_in.totp(call.body.challenge, call.body.code, visitor)
        return welcome(call.request, result, self._desk.rules.absolute)

    async def passkey_options(self, call: Call) -> PasskeyOptionsBody:
        """For any passkey of this server."""
        visitor = visitor_of(call.request, call.request_id)
        options = await self._desk.passkeys.begin_sign_in(call.body.clinic, visitor)
        return PasskeyOptionsBody(options.challenge, options.options)

    async def passkey(self, call: Call) -> web.Response:
        """Both factors at once."""
        result = await self._desk.passkeys.sign_in(
            call.body.challenge,
            call.body.credential,
            origin=origin_of(call.request),
            visitor=visitor_of(call.request, call.request_id),
        )
        return welcome(call.request, result, self._desk.rules.absolute)

    async def recover(self, call: Call) -> None:
        """A password by an administrator's code."""
        body: RecoveryBody = call.body
        visitor = visitor_of(call.request, call.request_id)
        await self._desk.recovery.redeem(body.clinic, body.code, body.password, visitor)

    async def who(self, call: Call) -> SessionBody:
        """Asked by every page as it opens, and while it is open."""
        return SessionBody(
            account=call.actor.id,
            name=call.actor.name.reveal(),
            roles=sorted(call.actor.roles),
            permissions=sorted(call.permissions),
            clinic=call.actor.tenant,
            idle_after=int(self._desk.rules.idle),
        )

    async def sign_out(self, call: Call) -> web.Response:
        """Also tells the browser to forget what it kept of this server."""
        await self._desk.sessions.sign_out(call.actor, request=call.request_id)
        response = web.Response(status=204, headers={"Clear-Site-Data": '"cache", "storage"'})
        drop_cookie(call.request, response, SESSION)
        return response

    async def list(self, call: Call) -> SessionList:
        """One's own."""
        found = await self._desk.sessions.list(call.actor)
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
                for one in found
            ]
        )

    async def revoke(self, call: Call) -> None:
        """One of one's own; anybody's for who may."""
        anyone = call.may(Permission.SESSIONS_MANAGE)
        await self._desk.sessions.revoke(
            call.actor, call.path["session"], any_owner=anyone, request=call.request_id
        )

    async def revoke_others(self, call: Call) -> None:
        """Signs out everywhere but here."""
        await self._desk.sessions.revoke_all(
            call.actor, call.actor.id, but=call.actor.session, request=call.request_id
        )


def welcome(request: web.Request, result: SignedIn, life: float) -> web.Response:
    """The answer to a sign-in that succeeded, with its cookies. `life` in seconds."""
    found = result.account
    response = reply(
        SignInResult("signed_in", account=found.id, name=found.name.reveal(), roles=sorted(found.roles))
    )
    take_in(request, response, result, life)
    return response


def take_in(request: web.Request, response: web.StreamResponse, result: SignedIn, life: float) -> None:
    """Sets the cookies of a new session."""
    set_cookie(request, response, SESSION, result.token, life)
    keep_device(request, response, result.device)


def origin_of(request: web.Request) -> str:
    """The origin that the request came to."""
    return f"{request.scheme}://{request.host}"


_OWN = Signed(Permission.SESSIONS_OWN)
_HERE, _ALL = "/api/v1/session", "/api/v1/sessions"

_SIGN_IN = Operation(
    "signIn", "POST", _HERE, "Sign in by password", Public(), body=SignInBody, result=SignInResult
)
_SET_UP = Operation(
    "setUpSecondFactor",
    "POST",
    f"{_HERE}/totp/setup",
    "Set up an authenticator in the middle of the first sign-in",
    Public(),
    body=ChallengeBody,
    result=TotpBody,
)
_TOTP = Operation(
    "giveSecondFactor",
    "POST",
    f"{_HERE}/totp",
    "Finish signing in by an authenticator's code",
    Public(),
    body=CodeBody,
    result=SignInResult,
)
_PASSKEY_OPTIONS = Operation(
    "beginPasskey",
    "POST",
    f"{_HERE}/passkey/options",
    "Begin to sign in by passkey",
    Public(),
    body=ClinicBody,
    result=PasskeyOptionsBody,
)
_PASSKEY = Operation(
    "signInByPasskey",
    "POST",
    f"{_HERE}/passkey/verify",
    "Sign in by passkey",
    Public(),
    body=PasskeyBody,
    result=SignInResult,
)
_RECOVER = Operation(
    "recoverAccount",
    "POST",
    f"{_HERE}/recovery",
    "Choose a password by a code from an administrator",
    Public(),
    status=204,
    body=RecoveryBody,
)
_WHO = Operation("getSession", "GET", _HERE, "Who is signed in", _OWN, result=SessionBody, passive=True)
_SIGN_OUT = Operation("signOut", "DELETE", _HERE, "Sign out", _OWN, status=204, audit="session.signout")
_LIST = Operation("listSessions", "GET", _ALL, "Where one is signed in", _OWN, result=SessionList)
_REVOKE = Operation(
    "revokeSession",
    "DELETE",
    _ALL + "/{session}",
    "Sign out elsewhere",
    _OWN,
    status=204,
    audit="session.revoke",
)
_REVOKE_OTHERS = Operation(
    "revokeOtherSessions",
    "DELETE",
    _ALL,
    "Sign out everywhere but here",
    _OWN,
    status=204,
    audit="session.revoke",
)
