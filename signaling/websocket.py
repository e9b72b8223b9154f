"""The websocket door: turns the crank of `signaling.session` on aiohttp.

Four things happen beside each other per connection: the handler reads, one task writes, one task asks
the rooms in order, and a timer. All of them only feed the session and perform its effects, so the
session alone decides. The queue to the client is bounded: who doesn't read is let go, so that a stuck
phone costs the server a fixed amount of memory and the room nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import structlog
from aiohttp import WSMsgType, web

from mediaserver.model.clock import Clock
from mediaserver.model.events import Event
from mediaserver.model.grants import Person
from mediaserver.model.ids import ParticipantId, ResumeKey
from mediaserver.model.pii import fault
from signaling import announce
from signaling import messages as m
from signaling.ports import Authenticator, ErrorCode, IceServer, Refused, Rooms, Seat, TrackIntent
from signaling.session import Ask, Close, Effect, Send, Session, SessionLimits, State

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WebsocketSettings:
    """`origins`: further allowed origins ("https://clinic.example"); a page of our own host always is.
    Queue sizes are per connection, what the server has said and the client not yet read.
    """

    limits: SessionLimits = field(default_factory=SessionLimits)
    slots_audio: int = 3
    slots_video: int = 3
    origins: frozenset[str] = frozenset()
    connections: int = 10_000
    queue_messages: int = 512
    queue_bytes: int = 2 * 1024 * 1024
    close_timeout: float = 2.0


class WebsocketDoor:
    """Accepts websockets for `Rooms`."""

    def __init__(
        self, rooms: Rooms, authenticator: Authenticator, clock: Clock, settings: WebsocketSettings
    ) -> None:
        self._rooms = rooms
        self._authenticator = authenticator
        self._clock = clock
        self._settings = settings
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def idle(self) -> None:
        """Waits until no websocket is open (shutdown)."""
        await self._idle.wait()

    @property
    def connections(self) -> int:
        """Websockets open now."""
        return self._open

    async def handle(self, request: web.Request, person: Person | None = None) -> web.StreamResponse:
        """`GET /rtc` and, with the person a join link's cookie stands for, `GET /j/{code}/rtc`.

        A cookie is sent by the browser whoever asks, so with `person` an Origin of our own is required
        (cross-site websocket hijacking); with a token in the first message it is checked when present.
        """
        if not allowed_origin(request, self._settings.origins, required=person is not None):
            raise web.HTTPForbidden(text="This page may not connect here.\n")
        if self._open >= self._settings.connections:
            raise web.HTTPServiceUnavailable(text="Too many connections.\n", headers={"Retry-After": "5"})
        socket = web.WebSocketResponse(
            protocols=(m.SUBPROTOCOL,),
            # No permessage-deflate: a compression bomb costs its sender nothing, and secrets next to
            # text that others choose should not be compressed together.
            compress=False,
            max_msg_size=self._settings.limits.message_size,
            timeout=self._settings.close_timeout,
        )
        await socket.prepare(request)
        connection = _Connection(
            socket,
            self._rooms,
            self._authenticator,
            self._clock,
            self._settings,
            person,
            request.transport,
        )
        self._open += 1
        self._idle.clear()
        try:
            await connection.run()
        finally:
            self._open -= 1
            if self._open == 0:
                self._idle.set()
        return socket


class _Connection:
    """One websocket; the `Listener` of its seat."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        rooms: Rooms,
        authenticator: Authenticator,
        clock: Clock,
        settings: WebsocketSettings,
        person: Person | None,
        transport: asyncio.Transport | None,
    ) -> None:
        self._socket = socket
        self._rooms = rooms
        self._authenticator = authenticator
        self._clock = clock
        self._settings = settings
        self._person = person
        self._transport = transport
        self._session = Session(settings.limits, clock.monotonic())
        self._seat: Seat | None = None
        self._out: asyncio.Queue[str | Close] = asyncio.Queue()
        self._out_bytes = 0
        self._asks: asyncio.Queue[m.Request | None] = asyncio.Queue()  # None: no more will come
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0  # loop time; uvloop gives a handle without `when` for what is due at once

    def notify(self, event: Event) -> None:
        """`Listener`."""
        self._perform(self._session.event(event))

    async def run(self) -> None:
        """Until the websocket is closed, by whichever side."""
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._ask())]
        self._arm()
        try:
            await self._read()
            # What was asked before the end is still done: a `leave` comes right before the close, and half
            # of an `enter` would be nobody's state. Only then is the connection lost.
            self._asks.put_nowait(None)
            await asyncio.wait(tasks[1:], timeout=self._settings.close_timeout)
            self._perform(self._session.disconnected())
            # The writer ends by itself after a Close; a dead peer must not hold it for ever.
            await asyncio.wait(tasks[:1], timeout=self._settings.close_timeout)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._perform(self._session.disconnected())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            now = self._clock.monotonic()
            if message.type is WSMsgType.TEXT:
                self._perform(self._session.received(message.data, now))
            elif message.type is WSMsgType.BINARY:
                self._perform(self._session.received_binary(now))
            else:  # CLOSE, CLOSING, CLOSED, ERROR: too big and bad UTF-8 were answered by aiohttp
                return

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(message=message):
                    self._queue(m.encode(message))
                case Ask(request=request):
                    self._asks.put_nowait(request)
                case Close(detach=detach):
                    self._out.put_nowait(effect)
                    # A peer that doesn't read holds the writer, and the close behind it, for ever.
                    grace = 2 * self._settings.close_timeout
                    if self._timer is not None:
                        self._timer.cancel()
                    self._timer = asyncio.get_running_loop().call_later(grace, self._abort)
                    if detach and self._seat is not None:
                        self._seat.lost(self)
        self._arm()

    def _queue(self, text: str) -> None:
        self._out_bytes += len(text)
        full = self._out.qsize() >= self._settings.queue_messages
        if full or self._out_bytes > self._settings.queue_bytes:
            # What waits will not be read either: drop it, so that the close comes through.
            while not self._out.empty():
                self._out.get_nowait()
            self._perform(self._session.too_slow())
            return
        self._out.put_nowait(text)

    async def _write(self) -> None:
        try:
            while True:
                item = await self._out.get()
                if isinstance(item, Close):
                    await self._socket.close(code=item.code, message=item.reason.encode()[:120])
                    return
                self._out_bytes -= len(item)
                await self._socket.send_str(item)
        except (ConnectionError, RuntimeError):
            # RuntimeError: aiohttp's word for a websocket that is closing. The reader sees the end.
            return

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _arm(self) -> None:
        """Has the timer go off by when the session wants it; an earlier one sees to the rest."""
        due = self._session.next_timeout()
        if due is None:  # closed: the timer is now the one that aborts
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + max(0.0, due - self._clock.monotonic())
        if self._timer is not None:
            if not self._timer.cancelled() and loop.time() < self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._perform(self._session.timeout(self._clock.monotonic()))

    async def _ask(self) -> None:
        while (request := await self._asks.get()) is not None:
            if self._session.state is State.CLOSED:
                return
            try:
                if isinstance(request, m.Join):
                    await self._join(request)
                elif self._seat is None:
                    raise Refused(ErrorCode.CONFLICT, "Join first.")
                elif isinstance(request, m.Enter):
                    reason = await self._seat.enter()
                    if reason is None:
                        self._perform(self._session.replied(request))
                    else:
                        self._perform(self._session.held(request, reason))
                else:
                    answer = await _act(self._seat, request)
                    self._perform(self._session.replied(request, answer))
            except Refused as refusal:
                self._perform(self._session.refused(request, refusal))
            except Exception as error:
                log.error("request failed", request=type(request).__name__, fault=fault(error))
                sorry = Refused(ErrorCode.INTERNAL, "That failed on the server; try again.")
                self._perform(self._session.refused(request, sorry))

    async def _join(self, join: m.Join) -> None:
        if join.resume is not None:
            seat = await self._rooms.resume(ResumeKey(join.resume), self)
            ice_servers: tuple[IceServer, ...] = self._rooms.ice_servers(seat.person)
        else:
            person = self._person or self._who(join.token)
            if person.grants.room is None:
                raise Refused(ErrorCode.FORBIDDEN, "This token opens no room.")
            seat = await self._rooms.join(person, person.grants.room, self, prepare=join.prepare)
            ice_servers = self._rooms.ice_servers(person)
        if self._session.state is State.CLOSED:
            seat.lost(self)
            return
        self._seat = seat
        self._perform(self._session.joined(self._welcome(join, seat, ice_servers)))
        seat.announce()

    def _who(self, token: str | None) -> Person:
        if token is None:
            raise Refused(ErrorCode.UNAUTHORIZED, "Send a token to join.")
        return self._authenticator.authenticate(token)

    def _welcome(self, join: m.Join, seat: Seat, ice_servers: tuple[IceServer, ...]) -> m.Welcome:
        now = seat.snapshot()
        return m.Welcome(
            re=join.id,
            protocol=m.PROTOCOL,
            resumed=join.resume is not None,
            prepared=seat.prepared,
            session=m.SessionKeys(id=seat.id, resume=seat.resume_key),
            room=m.Room(name=now.room.name, locked=now.room.locked, opened_at=now.room.opened_at),
            you=announce.participant(seat.info()),
            participants=tuple(announce.participant(p) for p in now.participants),
            slots=m.SlotCounts(audio=self._settings.slots_audio, video=self._settings.slots_video),
            heartbeat_ms=int(self._settings.limits.heartbeat * 1000),
            ice_servers=tuple(
                m.IceServer(urls=s.urls, username=s.username, credential=s.credential) for s in ice_servers
            ),
            chat=tuple(announce.chat_line(line) for line in now.chat),
            speaker=now.speaker,
        )


async def _act(seat: Seat, request: m.Request) -> str | None:
    """Passes a request to the seat; gives the SDP answer of an offer."""
    match request:
        case m.Offer(sdp=sdp, tracks=tracks):
            return await seat.offer(sdp, [TrackIntent(t.mid, t.source, t.muted) for t in tracks])
        case m.Mute(source=source, muted=muted):
            await seat.mute(source, muted)
        case m.MuteOther(participant=who, source=source, muted=muted):
            await seat.mute_other(ParticipantId(who), source, muted)
        case m.Hand(raised=raised):
            await seat.hand(raised)
        case m.Chat(text=text):
            await seat.chat(text)
        case m.Layer(mid=mid, quality=quality):
            await seat.layer(mid, quality)
        case m.Kick(participant=who):
            await seat.kick(ParticipantId(who))
        case m.End():
            await seat.end()
        case m.Lock(locked=locked):
            await seat.lock(locked)
        case m.Leave():
            await seat.leave()
        case _:
            raise AssertionError(type(request))
    return None


def allowed_origin(request: web.Request, allowed: frozenset[str], *, required: bool) -> bool:
    """Whether the page that asks is ours: its Origin's host is the one it asked, or is allowed."""
    origin = request.headers.get("Origin")
    if origin is None:
        return not required
    if origin in allowed:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc != "" and parts.netloc == request.host
