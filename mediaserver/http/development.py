"""Signing in as anybody of the demo clinic. These routes exist in development only: without `dev` there is
neither route nor service behind it.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from mediaserver.http.api import Api, Call, Operation, Public
from mediaserver.http.browsers import visitor_of
from mediaserver.http.sessions import SignInResult, Token, welcome
from mediaserver.identity.desk import IdentityDesk
from mediaserver.identity.sign_in import DevelopmentSignIn


class SignInAsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An account, by its id or the name it signs in with."""

    account: Token


class DevelopmentRoutes:
    """One handler."""

    def __init__(self, desk: IdentityDesk, sign_in: DevelopmentSignIn) -> None:
        self._desk = desk
        self._sign_in = sign_in

    def add_to(self, api: Api) -> None:
        """Adds the operation."""
        api.add(_SIGN_IN_AS, self.sign_in_as)

    async def sign_in_as(self, call: Call) -> web.Response:
        """Without any proof."""
        visitor = visitor_of(call.request, call.request_id)
        result = await self._sign_in.sign_in_as(None, call.body.account, visitor)
        return welcome(call.request, result, self._desk.rules.absolute)


_SIGN_IN_AS = Operation(
    "signInAs",
    "POST",
    "/api/v1/demo/session",
    "Sign in as somebody of the demo clinic (development only)",
    Public(),
    body=SignInAsBody,
    result=SignInResult,
)
