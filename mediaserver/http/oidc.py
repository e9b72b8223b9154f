"""`/auth/oidc/start` and `/auth/oidc/callback`: a browser's way to the OpenID provider and back.

Both answer with a redirect. What goes wrong ends at the sign-in page with a word of why, never with what the
provider wrote: its text is not ours to show.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from aiohttp import web
from msgspec import Meta, Struct

from mediaserver.http.api import Api, Call, Operation, Public
from mediaserver.http.browsers import visitor_of
from mediaserver.http.cookies import OIDC, drop_cookie, read_cookie, set_cookie
from mediaserver.http.sessions import Clinic, origin_of, take_in
from mediaserver.identity.challenges import LIFE
from mediaserver.identity.desk import IdentityDesk
from mediaserver.identity.errors import IdentityError
from mediaserver.identity.oidc import OidcSignIn

CALLBACK = "/auth/oidc/callback"
SIGN_IN_PAGE = "/signin"


class StartQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Where to come back to."""

    return_to: Annotated[str, Meta(max_length=512, description="A path of this server.")] = "/"
    clinic: Clinic | None = None


class CallbackQuery(Struct, frozen=True):
    """The provider's answer (OpenID Connect Core section 3.1.2.5, RFC 9207). It may hold more."""

    state: Annotated[str, Meta(max_length=256, description="As it was sent.")] = ""
    code: Annotated[str, Meta(max_length=4096, description="To be redeemed.")] | None = None
    iss: Annotated[str, Meta(max_length=512, description="The issuer.")] | None = None
    error: Annotated[str, Meta(max_length=128, description="Why there is no code.")] | None = None


class OidcRoutes:
    """Handlers; `public_url` is how browsers reach the server, None for however they did."""

    def __init__(self, desk: IdentityDesk, oidc: OidcSignIn, public_url: str | None) -> None:
        self._desk = desk
        self._oidc = oidc
        self._public_url = public_url

    def add_to(self, api: Api) -> None:
        """Adds the operations."""
        api.add(_START, self.start)
        api.add(_CALLBACK, self.callback)

    async def start(self, call: Call) -> web.Response:
        """Off to the provider."""
        request, query = call.request, call.query
        redirect_uri = (self._public_url or origin_of(request)).rstrip("/") + CALLBACK
        visitor = visitor_of(request, call.request_id)
        try:
            started = await self._oidc.start(query.clinic, redirect_uri, query.return_to, visitor)
        except IdentityError as error:
            return _back(error.code)
        response = _to(started.url)
        set_cookie(request, response, OIDC, started.cookie, LIFE)
        return response

    async def callback(self, call: Call) -> web.Response:
        """And back."""
        request, query = call.request, call.query
        try:
            finished = await self._oidc.finish(
                read_cookie(request, OIDC),
                state=query.state,
                code=None if query.error else query.code,
                iss=query.iss,
                visitor=visitor_of(request, call.request_id),
            )
        except IdentityError as error:
            response = _back(error.code)
            drop_cookie(request, response, OIDC)
            return response
        response = _to(finished.return_to)
        drop_cookie(request, response, OIDC)
        take_in(request, response, finished.signed_in, self._desk.rules.absolute)
        return response


def _back(code: str) -> web.Response:
    return _to(f"{SIGN_IN_PAGE}?error={quote(code)}")


def _to(url: str) -> web.Response:
    return web.Response(status=303, headers={"Location": url})


_START = Operation(
    "startOidc",
    "GET",
    "/auth/oidc/start",
    "Go to the clinic's sign-in service",
    Public(),
    status=303,
    query=StartQuery,
)
_CALLBACK = Operation(
    "finishOidc",
    "GET",
    CALLBACK,
    "Come back from the clinic's sign-in service",
    Public(),
    status=303,
    query=CallbackQuery,
    lenient=True,
)
