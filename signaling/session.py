"""The sans-IO machine of one websocket: what a client may say when, and what becomes of it.

    OPENING --join--> JOINING --granted--> PREPARED --enter, admitted--> PRESENT
       ^                 |                  |   ^                        |
       |                 |                  |   +-------sent back--------+
       +--resume refused-+      (join without `prepare` goes to PRESENT at once)
    any state --leave, dismissal, silence, flood, drop--> CLOSED

Input: a text message, a reply to something asked of the rooms, a room event, a timeout, the end of
the connection; each with the time. Output: effects, in order. The machine holds no socket, clock or
task; `signaling.websocket` turns the crank. Being dropped is not leaving: the seat behind the session
(`signaling.ports.Seat`) keeps its resume window, and another session may take it up.

Requests are passed on one by one in the order they came, so a client may send `offer` right after
`join` without waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mediaserver.model.events import Admitted, Departure, Dismissed, Event, SentBack
from signaling import announce
from signaling import messages as m
from signaling.ports import CloseCode, ErrorCode, Refused
from signaling.rate import TokenBucket


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Times in seconds, rates per second, sizes in bytes of UTF-8."""

    heartbeat: float = 1.0
    dead_after: float = 3.0
    join_timeout: float = 10.0
    message_size: int = 256 * 1024
    message_rate: float = 20.0
    message_burst: float = 60.0
    # What is not a message of the protocol costs as much as this many, so that a client with a bug
    # hears of it a few times and a fuzzer is out at once.
    malformed_cost: float = 10.0
    offer_rate: float = 1.0
    offer_burst: float = 10.0
    chat_rate: float = 1.0
    chat_burst: float = 10.0
    pending: int = 32


class State(StrEnum):
    """States of a session."""

    OPENING = "opening"
    JOINING = "joining"
    PREPARED = "prepared"
    PRESENT = "present"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Send:
    """Write this message."""

    message: m.ServerMessage


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the rooms; answer with `Session.joined`, `Session.replied` or `Session.refused`."""

    request: m.Request


@dataclass(frozen=True, slots=True)
class Close:
    """Close the websocket after what was sent. `detach`: tell the seat that its connection is lost."""

    code: CloseCode
    reason: str
    detach: bool = False


Effect = Send | Ask | Close

# What someone whom nobody sees yet may ask.
_PREPARED = (m.Enter, m.Offer, m.Mute, m.Layer, m.Leave)

_JOIN_CLOSE = {
    ErrorCode.UNAUTHORIZED: CloseCode.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: CloseCode.FORBIDDEN,
    ErrorCode.NOT_FOUND: CloseCode.ROOM_CLOSED,
    ErrorCode.ROOM_FULL: CloseCode.ROOM_FULL,
    ErrorCode.ROOM_LOCKED: CloseCode.ROOM_LOCKED,
    ErrorCode.UNAVAILABLE: CloseCode.RESTART,
    ErrorCode.INTERNAL: CloseCode.INTERNAL,
}


class Session:
    """One websocket from upgrade to close."""

    def __init__(self, limits: SessionLimits, now: float) -> None:
        self.state = State.OPENING
        self._limits = limits
        self._opened = now
        self._heard = now
        self._next_ping = now + limits.heartbeat
        self._pending: set[int] = set()
        self._ending: int | None = None  # the request that ends this very session
        self._messages = TokenBucket(limits.message_rate, limits.message_burst, now)
        self._offers = TokenBucket(limits.offer_rate, limits.offer_burst, now)
        self._chats = TokenBucket(limits.chat_rate, limits.chat_burst, now)

    # Input from the client.

    def received(self, text: str, now: float) -> list[Effect]:
        """A text message. Its size is judged before anything else looks at it."""
        if self.state is State.CLOSED:
            return []
        self._heard = now
        if len(text) > self._limits.message_size:
            return self._bye(CloseCode.TOO_BIG, "too_large", "The message is too large.")
        if not self._messages.take(now):
            return self._bye(CloseCode.POLICY, "rate_limited", "Too many messages.")
        try:
            message = m.decode(text)
        except m.MalformedError as error:
            return self._malformed(str(error), now)
        if isinstance(message, m.Pong):
            return []
        if isinstance(message, m.Join):
            return self._join(message)
        return self._request(message, now)

    def received_binary(self, now: float) -> list[Effect]:
        """A binary message: version 1 has none."""
        if self.state is State.CLOSED:
            return []
        return self._bye(CloseCode.PROTOCOL_ERROR, "protocol_error", "Messages are JSON text.")

    def disconnected(self) -> list[Effect]:
        """The connection ended without a close of ours."""
        if self.state is State.CLOSED:
            return []
        return self._close(CloseCode.HEARTBEAT, "connection lost")

    def too_slow(self) -> list[Effect]:
        """The client doesn't read what it is sent."""
        if self.state is State.CLOSED:
            return []
        return self._close(CloseCode.POLICY, "too slow: messages are not read")

    def _malformed(self, where: str, now: float) -> list[Effect]:
        if self.state in (State.OPENING, State.JOINING):
            return self._bye(CloseCode.PROTOCOL_ERROR, "protocol_error", f"Not understood: {where}")
        if not self._messages.take(now, self._limits.malformed_cost):
            return self._bye(CloseCode.PROTOCOL_ERROR, "protocol_error", f"Not understood: {where}")
        return [Send(m.Error(code=ErrorCode.BAD_REQUEST, message=f"Not understood: {where}"))]

    def _join(self, join: m.Join) -> list[Effect]:
        if self.state is not State.OPENING:
            return [_error(join.id, ErrorCode.CONFLICT, "This connection has joined already.")]
        if join.protocol != m.PROTOCOL:
            text = f"This server speaks protocol version {m.PROTOCOL}; reload the page."
            error = _error(join.id, ErrorCode.UNSUPPORTED_PROTOCOL, text)
            return [error, *self._close(CloseCode.PROTOCOL_ERROR, "unsupported protocol")]
        self.state = State.JOINING
        self._pending.add(join.id)
        return [Ask(join)]

    def _request(self, request: m.Request, now: float) -> list[Effect]:
        if self.state is State.OPENING:
            return self._bye(CloseCode.PROTOCOL_ERROR, "protocol_error", "The first message is join.")
        if request.id in self._pending:
            return [_error(request.id, ErrorCode.CONFLICT, "A request with this id is under way.")]
        if len(self._pending) >= self._limits.pending:
            return [_error(request.id, ErrorCode.RATE_LIMITED, "Too many requests under way.")]
        if isinstance(request, m.Offer) and not self._offers.take(now):
            return [_error(request.id, ErrorCode.RATE_LIMITED, "Too many offers; try again in a second.")]
        if isinstance(request, m.Chat) and not self._chats.take(now):
            return [_error(request.id, ErrorCode.RATE_LIMITED, "Too many lines; wait a moment.")]
        # While an earlier `join` or `enter` is under way its outcome isn't known: the seat decides.
        settled = self.state is State.PREPARED and not self._pending
        if settled and not isinstance(request, _PREPARED):
            return [_error(request.id, ErrorCode.CONFLICT, "Enter the room first.")]
        self._pending.add(request.id)
        if isinstance(request, m.End | m.Leave):
            self._ending = request.id
        return [Ask(request)]

    # Replies of the rooms.

    def joined(self, welcome: m.Welcome) -> list[Effect]:
        """The answer to `Ask(Join)` was yes."""
        if self.state is not State.JOINING:
            return []
        self._pending.discard(welcome.re)
        self.state = State.PREPARED if welcome.prepared else State.PRESENT
        return [Send(welcome)]

    def replied(self, request: m.Request, answer: str | None = None) -> list[Effect]:
        """A request was granted; `answer` is the SDP for an offer."""
        self._pending.discard(request.id)
        if self.state is State.CLOSED:
            return []
        if isinstance(request, m.Enter) and self.state is State.PREPARED:
            self.state = State.PRESENT
        if answer is not None:
            return [Send(m.Answer(re=request.id, sdp=answer))]
        return [Send(m.Ok(re=request.id))]

    def held(self, request: m.Enter, reason: str) -> list[Effect]:
        """Whoever asked to enter waits to be admitted; `event` tells of that."""
        self._pending.discard(request.id)
        if self.state is State.CLOSED:
            return []
        return [Send(m.Held(re=request.id, reason=reason))]

    def refused(self, request: m.Request, refusal: Refused) -> list[Effect]:
        """A request was refused. A refused join closes; a refused resume may be followed by a join."""
        self._pending.discard(request.id)
        if self._ending == request.id:
            self._ending = None
        if self.state is State.CLOSED:
            return []
        error = _error(request.id, refusal.code, refusal.message)
        if not isinstance(request, m.Join):
            return [error]
        if request.resume is not None and refusal.code is ErrorCode.NOT_FOUND:
            self.state = State.OPENING
            self._opened = self._heard
            return [error]
        return [error, *self._close(_JOIN_CLOSE.get(refusal.code, CloseCode.PROTOCOL_ERROR), refusal.code)]

    # Room events.

    def event(self, event: Event) -> list[Effect]:
        """Something happened. Before the welcome only a dismissal counts: the welcome tells the rest."""
        if self.state is State.CLOSED:
            return []
        if isinstance(event, Dismissed):
            self.state = State.CLOSED
            reason = event.reason
            # Whoever ends the call is dismissed with everybody else, before the rooms answer.
            done = [Send(m.Ok(re=self._ending))] if self._ending is not None else []
            return [*done, Send(announce.farewell(reason)), Close(announce.close_code(reason), reason.value)]
        if self.state in (State.OPENING, State.JOINING):
            return []
        if isinstance(event, Admitted):
            self.state = State.PRESENT
        elif isinstance(event, SentBack):
            self.state = State.PREPARED
        return [Send(announce.message_for(event))]

    # Time.

    def next_timeout(self) -> float | None:
        """When to call `timeout`, monotonic seconds; None once closed."""
        if self.state is State.CLOSED:
            return None
        if self.state is State.OPENING:
            return self._opened + self._limits.join_timeout
        return min(self._next_ping, self._heard + self._limits.dead_after)

    def timeout(self, now: float) -> list[Effect]:
        """Time has passed. Early calls are harmless."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.OPENING:
            if now < self._opened + self._limits.join_timeout:
                return []
            return self._bye(CloseCode.PROTOCOL_ERROR, "protocol_error", "No join came in time.")
        if now >= self._heard + self._limits.dead_after:
            return self._bye(CloseCode.HEARTBEAT, Departure.TIMED_OUT.value, "Nothing was heard for 3 s.")
        if now < self._next_ping:
            return []
        # From now, not from the last one: after a stall one ping is right, not a burst of them.
        self._next_ping = now + self._limits.heartbeat
        return [Send(m.Ping(at=int((now - self._opened) * 1000)))]

    def _bye(self, code: CloseCode, reason: str, message: str) -> list[Effect]:
        return [Send(m.Bye(reason=reason, message=message, rejoin=False)), *self._close(code, reason)]

    def _close(self, code: CloseCode, reason: str) -> list[Effect]:
        detach = self.state in (State.JOINING, State.PREPARED, State.PRESENT)
        self.state = State.CLOSED
        return [Close(code, reason, detach)]


def _error(request: int, code: ErrorCode, message: str) -> Send:
    return Send(m.Error(re=request, code=code, message=message))
