"""Who a request comes from: a session's cookie, a developer key, an access token, an opened link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from mediaserver.http.api import Recognised
from mediaserver.http.cookies import SESSION, read_cookie
from mediaserver.identity.desk import IdentityDesk
from mediaserver.identity.developer_keys import PREFIX
from mediaserver.identity.permissions import Permission
from mediaserver.model.actors import DEFAULT_TENANT, Actor, ActorKind
from mediaserver.model.pii import Pii
from signaling.ports import Authenticator, Refused

FindLink = Callable[[web.Request], Awaitable[Actor | None]]


async def no_link(_: web.Request) -> Actor | None:
    """For a server without links."""
    return None


class Recognition:
    """Implements `api.Recogniser`. `tokens` verifies access tokens (JWT); `links` finds who opened a link."""

    def __init__(self, desk: IdentityDesk, tokens: Authenticator, links: FindLink = no_link) -> None:
        self._desk = desk
        self._tokens = tokens
        self._links = links

    def has_cookie(self, request: web.Request) -> bool:
        """Whether a session's cookie came along."""
        return read_cookie(request, SESSION) is not None

    async def cookie(self, request: web.Request, *, passive: bool) -> Recognised | None:
        """By the session."""
        token = read_cookie(request, SESSION)
        if token is None:
            return None
        actor = await self._desk.sessions.recognise(token, passive=passive, address=request.remote)
        return None if actor is None else Recognised(actor, self._desk.table.of(actor.roles))

    async def bearer(self, request: web.Request, token: str) -> Recognised | None:
        """By a developer key, or by an access token with the `rooms` grant, which is `rooms.manage`."""
        if token.startswith(PREFIX):
            known = await self._desk.keys.recognise(token, address=request.remote)
            return None if known is None else Recognised(*known)
        try:
            person = self._tokens.authenticate(token)
        except Refused:
            return None
        seen = None if request.remote is None else Pii(request.remote)
        actor = Actor(
            DEFAULT_TENANT,
            person.identity,
            ActorKind.TOKEN,
            person.name,
            frozenset({person.role}),
            session=person.token_id,
            address=seen,
        )
        granted = {Permission.ROOMS_MANAGE.value} if person.grants.rooms else set()
        return Recognised(actor, frozenset(granted))

    async def link(self, request: web.Request) -> Recognised | None:
        """By a link's cookie: a right to their own visit, no permission."""
        actor = await self._links(request)
        return None if actor is None else Recognised(actor)
