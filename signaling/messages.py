"""The websocket protocol's messages, version 1. `docs/protocol.md` tells it in prose; the SDK's types
are generated from this file by `python -m signaling.schema`.

JSON text, one object a message, tagged by `type`. Requests carry `id`, replies the same number as
`re`. Times are milliseconds since 1970 (UTC).
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from mediaserver.model.events import Departure, Presence
from mediaserver.model.ids import MAX_IDENTITY
from mediaserver.model.roles import Role, Source
from sfu.types import Kind
from signaling.ports import ErrorCode, Quality

PROTOCOL = 1
SUBPROTOCOL = "mediaserver.v1"

# 53 bits, so that a JavaScript number holds it.
RequestId = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Mid = Annotated[str, Meta(min_length=1, max_length=16)]
ParticipantRef = Annotated[str, Meta(min_length=1, max_length=64)]
# A whole offer of a client with many slots and four codecs stays under 64 KiB.
Sdp = Annotated[str, Meta(min_length=1, max_length=200_000)]
Text = Annotated[str, Meta(min_length=1, max_length=4_000)]
Secret = Annotated[str, Meta(min_length=1, max_length=8_192)]


class _Message(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", omit_defaults=True):
    """Common settings: unknown fields are an error, so that a typo is heard of at once."""


# Client to server.


class Request(_Message):
    """A message that is answered by `ok`, `error` or its own reply."""

    id: RequestId


class Join(Request, tag="join"):
    """First message of a connection, within 10 s. `token` on `/rtc`; nothing on a join link's
    endpoint, whose cookie says who it is; `resume` takes a dropped session up again. With `prepare`
    the media path is set up, but nobody sees or hears you until `enter`.
    """

    protocol: int
    token: Secret | None = None
    resume: Secret | None = None
    prepare: bool = False


class Enter(Request, tag="enter"):
    """A prepared participant asks to become present. Answered by `ok`, or by `held` when they have to wait
    to be admitted; to ask again is allowed.
    """


class Track(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an m-section of the offer sends."""

    mid: Mid
    source: Source
    muted: bool = False


class Offer(Request, tag="offer"):
    """An SDP offer; the client always offers. Answered by `answer`."""

    sdp: Sdp
    tracks: Annotated[tuple[Track, ...], Meta(max_length=16)] = ()


class Mute(Request, tag="mute"):
    """Mutes or unmutes a track of one's own."""

    source: Source
    muted: bool


class MuteOther(Request, tag="mute_other"):
    """Admin. True pauses at the server; false lifts that and asks the other to unmute."""

    participant: ParticipantRef
    source: Source
    muted: bool


class Hand(Request, tag="hand"):
    """Raises or lowers one's hand."""

    raised: bool


class Chat(Request, tag="chat"):
    """Says a line to everyone present."""

    text: Text


class Layer(Request, tag="layer"):
    """Highest simulcast layer wanted in a slot."""

    mid: Mid
    quality: Quality


class Kick(Request, tag="kick"):
    """Admin. Removes someone."""

    participant: ParticipantRef


class End(Request, tag="end"):
    """Admin. Ends the call for everyone."""


class Lock(Request, tag="lock"):
    """Admin. Nobody new comes in while locked."""

    locked: bool


class Leave(Request, tag="leave"):
    """Leaves for good. Answered by `bye`."""


class Pong(_Message, tag="pong"):
    """Answer to `ping`, at once."""


ClientMessage = (
    Join | Enter | Offer | Mute | MuteOther | Hand | Chat | Layer | Kick | End | Lock | Leave | Pong
)


# Server to client.


class TrackState(msgspec.Struct, frozen=True, kw_only=True):
    """A track of a participant. `muted_by_host`: paused at the server, the owner can't lift it."""

    source: Source
    muted: bool
    muted_by_host: bool


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """Someone in the room. `admin`: may mute, remove, lock and end."""

    id: str
    identity: Annotated[str, Meta(max_length=MAX_IDENTITY)]
    name: str
    role: Role
    admin: bool
    hand: bool
    state: Presence
    tracks: tuple[TrackState, ...]
    joined_at: int


class SessionKeys(msgspec.Struct, frozen=True, kw_only=True):
    """`resume` is the secret for `join {resume}`; keep it in memory or sessionStorage only."""

    id: str
    resume: str


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """The room."""

    name: str
    locked: bool
    opened_at: int


class SlotCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many recvonly m-sections of each kind the first offer should hold."""

    audio: int
    video: int


class IceServer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RTCIceServer."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class ChatLine(_Message, tag="chat"):
    """A line of chat."""

    id: int
    sender: Annotated[str, Meta(description="participant id")] = msgspec.field(name="from")
    name: str
    text: str
    at: int


class Welcome(_Message, tag="welcome", omit_defaults=False):
    """Answer to `join`: the room as it is. `chat` holds the last lines."""

    re: RequestId
    protocol: int
    resumed: bool
    prepared: bool
    session: SessionKeys
    room: Room
    you: Participant
    participants: tuple[Participant, ...]
    slots: SlotCounts
    heartbeat_ms: int
    ice_servers: tuple[IceServer, ...]
    chat: tuple[ChatLine, ...]
    speaker: str | None


class Answer(_Message, tag="answer"):
    """The SDP answer to `offer`."""

    re: RequestId
    sdp: str


class Ok(_Message, tag="ok"):
    """Done."""

    re: RequestId


class Error(_Message, tag="error"):
    """A request was refused (`re`), or a message could not be understood. The call goes on."""

    code: ErrorCode
    message: str
    re: RequestId | None = None


class SlotState(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot carries."""

    mid: str
    participant: str
    source: Source
    kind: Kind
    muted: bool


class Tracks(_Message, tag="tracks", omit_defaults=False):
    """The whole mapping of slots, each time it changes; `need`: offer that many more of each kind."""

    slots: tuple[SlotState, ...]
    need: SlotCounts


class Joined(_Message, tag="joined"):
    """Someone came in."""

    participant: Participant


class Updated(_Message, tag="updated"):
    """Someone's tracks, hand or state changed."""

    participant: Participant


class Left(_Message, tag="left"):
    """Someone is gone."""

    participant: str
    reason: Departure


class Speaker(_Message, tag="speaker", omit_defaults=False):
    """The active speaker, or null after a silence."""

    participant: str | None


class Locked(_Message, tag="locked", omit_defaults=False):
    """The room was locked or opened."""

    locked: bool
    by: str | None


class Muted(_Message, tag="muted", omit_defaults=False):
    """A host muted one of your tracks, or lifted that."""

    source: Source
    muted: bool
    by: str | None


class UnmuteRequest(_Message, tag="unmute_request"):
    """A host asks you to unmute."""

    source: Source
    by: str


class Held(_Message, tag="held"):
    """You wait to be admitted: the answer to `enter` (`re`), or told after `welcome`. Nothing you send is
    forwarded to anybody; go on sending, so that you are seen and heard as soon as you are let in.
    """

    reason: Annotated[str, Meta(description="a stable word, or a sentence")]
    re: RequestId | None = None


class Admitted(_Message, tag="admitted"):
    """You waited, and are present now. Who and what is in the room follows."""


class SentBack(_Message, tag="sent_back"):
    """You were present, and wait to be admitted again: forget who and what was in the room."""

    reason: Annotated[str, Meta(description="a stable word, or a sentence")]


class Panel(_Message, tag="panel"):
    """A plugin's panel on your page shows something else now: fetch its view anew. Also while you wait."""

    plugin: str
    panel: str


class Ping(_Message, tag="ping"):
    """Each second; answer `pong` at once. Who hears nothing for 3 s takes the websocket as dead."""

    at: int


class Media(_Message, tag="media"):
    """What the server knows of your media path: new, connected, silent, consent_lost,
    dtls_connected, dtls_failed.
    """

    state: str


class Bye(_Message, tag="bye", omit_defaults=False):
    """The last message; the close code follows. `rejoin`: join again by yourself."""

    reason: str
    message: str
    rejoin: bool


ServerMessage = (
    Welcome
    | Answer
    | Ok
    | Error
    | Tracks
    | Joined
    | Updated
    | Left
    | Speaker
    | ChatLine
    | Locked
    | Muted
    | UnmuteRequest
    | Held
    | Admitted
    | SentBack
    | Panel
    | Ping
    | Media
    | Bye
)

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_encoder = msgspec.json.Encoder()


class MalformedError(Exception):
    """Not a message of the protocol. The text names the field, never its value."""


def decode(text: str | bytes) -> ClientMessage:
    """Reads a client's message. Raises MalformedError."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise MalformedError(_where(error)) from None


def encode(message: ServerMessage) -> str:
    """Writes a server's message as JSON text."""
    return _encoder.encode(message).decode()


# msgspec quotes a client's values ('..') and unknown fields (after "field"); paths (`$.a`) are ours.
_QUOTED = re.compile(r" '.*?'(?= - at |$)|(?<=unknown field) `.*?`(?= - at |$)", re.DOTALL)


def _where(error: Exception) -> str:
    # A client's text has no place in logs or replies.
    return _QUOTED.sub("", str(error))[:200]
