"""The wiring: settings in, an aiohttp application out. Nobody imports this but the command line and tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from mediaserver.config import Settings
from mediaserver.http.headers import add_headers
from mediaserver.http.health import add_health
from mediaserver.http.links import LinkRoutes
from mediaserver.http.metrics import LegNames, Metrics, add_metrics
from mediaserver.http.pages import Pages
from mediaserver.http.proxies import trust
from mediaserver.identity.keys import KeyRing
from mediaserver.identity.links import Links
from mediaserver.identity.tokens import Tokens
from mediaserver.model.clock import Clock
from mediaserver.rooms import RoomDefaults, Rooms, TurnSettings
from mediaserver.visit import VisitLimits
from sfu import Engine
from signaling.http_media import HttpMediaSettings
from signaling.ports import IceServer
from signaling.rest import RestDoor
from signaling.session import SessionLimits
from signaling.websocket import WebsocketDoor, WebsocketSettings
from signaling.whep import WhepDoor
from signaling.whip import WhipDoor


@dataclass(frozen=True, slots=True)
class Identity:
    """Who people are: also what the command line needs beside a running server."""

    keys: KeyRing
    tokens: Tokens
    links: Links


@dataclass(frozen=True, slots=True)
class House:
    """Everything that is wired together."""

    settings: Settings
    engine: Engine
    identity: Identity
    rooms: Rooms
    door: WebsocketDoor
    metrics: Metrics


def identify(settings: Settings, clock: Clock, *, create: bool = False) -> Identity:
    """Keys, tokens and links of the data folder. `create` makes keys that are missing.

    Raises KeyFileError.
    """
    keys = KeyRing.open_or_create(settings.keys_file) if create else KeyRing(settings.keys_file)
    issuers = frozenset(settings.tokens.issuers)
    tokens = Tokens(keys, clock, leeway=settings.tokens.leeway, issuers=issuers)
    return Identity(keys, tokens, Links(settings.links_folder, tokens, clock))


def assemble(settings: Settings, engine: Engine, identity: Identity, clock: Clock) -> House:
    """Rooms over the engine and doors before the rooms."""
    rooms = Rooms(engine, clock, _room_defaults(settings))
    door = WebsocketDoor(rooms, identity.tokens, clock, _websocket_settings(settings))
    metrics = Metrics(engine, lambda: _legs(rooms), lambda: len(rooms), lambda: door.connections)
    return House(settings, engine, identity, rooms, door, metrics)


def application(house: House) -> web.Application:
    """The aiohttp application: every route of the server."""
    settings, identity = house.settings, house.identity
    app = web.Application(
        middlewares=[trust(settings.http.trusted_proxies)], client_max_size=settings.http.max_body
    )
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(_watch_metrics(house.metrics))
    router = app.router
    router.add_get("/rtc", house.door.handle)
    origins = frozenset(settings.http.origins)
    LinkRoutes(identity.links, house.door, settings.clinic, origins).add_to(router)
    Pages(identity.links, settings.clinic).add_to(router)
    media = HttpMediaSettings()
    app.add_routes(WhipDoor(house.rooms, identity.tokens, media).routes())
    app.add_routes(WhepDoor(house.rooms, identity.tokens, media).routes())
    app.add_routes(RestDoor(house.rooms, identity.tokens).routes())
    add_health(router, lambda: "draining" if house.rooms.draining else None)
    if settings.http.metrics:
        add_metrics(router, house.metrics, identity.tokens)
    return app


def _room_defaults(settings: Settings) -> RoomDefaults:
    rooms, turn = settings.rooms, settings.turn
    return RoomDefaults(
        visit=VisitLimits(rooms.max_participants, rooms.resume_window, rooms.empty_timeout),
        rooms=rooms.max_rooms,
        chat_lines=rooms.chat_lines,
        connect=rooms.connect_timeout,
        ice_servers=tuple(
            IceServer(
                tuple(server.urls),
                server.username,
                server.credential.get_secret_value() if server.credential else None,
            )
            for server in settings.ice_servers
        ),
        turn=TurnSettings(tuple(turn.urls), turn.secret.get_secret_value(), turn.ttl),
    )


def _websocket_settings(settings: Settings) -> WebsocketSettings:
    signaling = settings.signaling
    return WebsocketSettings(
        limits=SessionLimits(
            heartbeat=signaling.heartbeat,
            dead_after=signaling.dead_after,
            join_timeout=signaling.join_timeout,
            message_size=signaling.message_size,
            message_rate=signaling.message_rate,
            message_burst=signaling.message_burst,
        ),
        slots_audio=settings.rooms.slots_audio,
        slots_video=settings.rooms.slots_video,
        origins=frozenset(settings.http.origins),
        connections=signaling.connections,
        queue_messages=signaling.queue_messages,
        queue_bytes=signaling.queue_bytes,
    )


def _legs(rooms: Rooms) -> list[LegNames]:
    return [
        LegNames(
            room=seat.room_id,
            participant=seat.id,
            role=seat.person.role.value,
            transport=seat.leg.transport_id,
            producers={track.producer.id: track.source.value for track in seat.tracks},
            consumers={id: source.value for id, source in seat.leg.consumers.items()},
        )
        for seat in rooms.seats()
    ]


def _watch_metrics(metrics: Metrics) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(metrics.watch())
        yield
        task.cancel()

    return context
