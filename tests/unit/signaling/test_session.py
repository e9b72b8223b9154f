"""The websocket's machine: what is allowed when, heartbeats, limits, endings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.model import events as ev
from mediaserver.model.ids import ParticipantId
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role, Source
from signaling import messages as m
from signaling.ports import CloseCode, ErrorCode, Refused
from signaling.session import Ask, Close, Effect, Send, Session, SessionLimits, State

T0 = 1000.0
JOIN = {"type": "join", "id": 1, "protocol": 1, "token": "t"}

REQUESTS: dict[str, dict[str, Any]] = {
    "join": JOIN,
    "enter": {},
    "offer": {"sdp": "v=0", "tracks": []},
    "mute": {"source": "camera", "muted": True},
    "mute_other": {"participant": "p", "source": "camera", "muted": True},
    "hand": {"raised": True},
    "chat": {"text": "hello"},
    "layer": {"mid": "4", "quality": "low"},
    "kick": {"participant": "p"},
    "end": {},
    "lock": {"locked": True},
    "leave": {},
    "pong": {},
}


def text(type: str, id: int = 7, **fields: Any) -> str:
    body = {"type": type, **REQUESTS.get(type, {}), **fields}
    if type != "pong":
        body["id"] = id
    return json.dumps(body)


def participant(id: str = "p_1") -> m.Participant:
    return m.Participant(
        id=id,
        identity="i",
        name="n",
        role=Role.PATIENT,
        admin=False,
        hand=False,
        state=ev.Presence.PRESENT,
        tracks=(),
        joined_at=0,
    )


def welcome(re: int = 1, *, prepared: bool = False) -> m.Welcome:
    return m.Welcome(
        re=re,
        protocol=1,
        resumed=False,
        prepared=prepared,
        session=m.SessionKeys(id="p_1", resume="r"),
        room=m.Room(name="room", locked=False, opened_at=0),
        you=participant(),
        participants=(),
        slots=m.SlotCounts(audio=3, video=3),
        heartbeat_ms=1000,
        ice_servers=(),
        chat=(),
        speaker=None,
    )


def session(state: State, limits: SessionLimits | None = None) -> Session:
    s = Session(limits or SessionLimits(), T0)
    if state is State.OPENING:
        return s
    assert s.received(json.dumps(JOIN), T0) == [Ask(m.decode(json.dumps(JOIN)))]  # type: ignore[arg-type]
    if state is State.JOINING:
        return s
    s.joined(welcome(prepared=state is State.PREPARED))
    if state is State.CLOSED:
        s.disconnected()
    assert s.state is state
    return s


def outcome(effects: list[Effect]) -> str:
    """Effects in a word: ask, an error's code, close and its code, or nothing."""
    words = []
    for effect in effects:
        match effect:
            case Ask():
                words.append("ask")
            case Send(message=m.Error(code=code)):
                words.append(code.value)
            case Close(code=close_code):
                words.append(f"close {int(close_code)}")
            case Send(message=message):
                words.append(type(message).__name__.lower())
    return " ".join(words) or "-"


FIRST = "bye close 4000"
TABLE = {
    #              OPENING  JOINING     PREPARED    PRESENT     CLOSED
    "join": ("ask", "conflict", "conflict", "conflict", "-"),
    "enter": (FIRST, "ask", "ask", "ask", "-"),
    "offer": (FIRST, "ask", "ask", "ask", "-"),
    "mute": (FIRST, "ask", "ask", "ask", "-"),
    "mute_other": (FIRST, "ask", "conflict", "ask", "-"),
    "hand": (FIRST, "ask", "conflict", "ask", "-"),
    "chat": (FIRST, "ask", "conflict", "ask", "-"),
    "layer": (FIRST, "ask", "ask", "ask", "-"),
    "kick": (FIRST, "ask", "conflict", "ask", "-"),
    "end": (FIRST, "ask", "conflict", "ask", "-"),
    "lock": (FIRST, "ask", "conflict", "ask", "-"),
    "leave": (FIRST, "ask", "ask", "ask", "-"),
    "pong": ("-", "-", "-", "-", "-"),
}


@pytest.mark.parametrize("type", REQUESTS)
@pytest.mark.parametrize("column", range(5))
def test_every_message_in_every_state(type: str, column: int) -> None:
    state = list(State)[column]
    assert outcome(session(state).received(text(type), T0)) == TABLE[type][column]


def test_the_table_names_every_message() -> None:
    tags = {t.__struct_config__.tag for t in m.ClientMessage.__args__}
    assert tags == set(TABLE)


def test_a_join_may_be_followed_by_an_offer_at_once() -> None:
    s = session(State.JOINING)
    assert outcome(s.received(text("offer"), T0)) == "ask"
    s.joined(welcome())
    assert s.state is State.PRESENT


def test_enter_makes_present_when_granted_not_when_refused() -> None:
    s = session(State.PREPARED)
    (ask,) = s.received(text("enter"), T0)
    assert isinstance(ask, Ask)
    s.refused(ask.request, Refused(ErrorCode.FORBIDDEN, "wait"))
    assert s.state is State.PREPARED
    (ask,) = s.received(text("enter"), T0)
    assert isinstance(ask, Ask)
    assert outcome(s.replied(ask.request)) == "ok"
    assert s.state is State.PRESENT


def test_who_is_held_stays_prepared_until_admitted_and_again_when_sent_back() -> None:
    s = session(State.PREPARED)
    (ask,) = s.received(text("enter", id=9), T0)
    assert isinstance(ask, Ask)
    assert isinstance(ask.request, m.Enter)
    assert s.held(ask.request, "waiting") == [Send(m.Held(re=9, reason="waiting"))]
    assert s.state is State.PREPARED
    assert outcome(s.received(text("chat"), T0)) == "conflict"
    assert outcome(s.event(ev.Admitted())) == "admitted"
    assert s.state is State.PRESENT
    assert outcome(s.received(text("chat"), T0)) == "ask"
    s = session(State.PRESENT)
    assert outcome(s.event(ev.SentBack("later"))) == "sentback"
    assert s.state is State.PREPARED
    assert outcome(s.received(text("hand"), T0)) == "conflict"
    assert outcome(s.received(text("enter"), T0)) == "ask"


def test_replies_carry_the_number_of_the_request() -> None:
    s = session(State.PRESENT)
    (ask,) = s.received(text("offer", id=41), T0)
    assert isinstance(ask, Ask)
    assert s.replied(ask.request, "v=0 answer") == [Send(m.Answer(re=41, sdp="v=0 answer"))]
    (ask,) = s.received(text("chat", id=42), T0)
    assert isinstance(ask, Ask)
    assert s.refused(ask.request, Refused(ErrorCode.FORBIDDEN, "no")) == [
        Send(m.Error(re=42, code=ErrorCode.FORBIDDEN, message="no"))
    ]


@pytest.mark.parametrize(
    ("code", "close"),
    [
        (ErrorCode.UNAUTHORIZED, 4001),
        (ErrorCode.FORBIDDEN, 4003),
        (ErrorCode.NOT_FOUND, 4004),
        (ErrorCode.UNAVAILABLE, 4012),
        (ErrorCode.ROOM_FULL, 4013),
        (ErrorCode.ROOM_LOCKED, 4014),
        (ErrorCode.INTERNAL, 1011),
    ],
)
def test_a_refused_join_closes_with_its_code(code: ErrorCode, close: int) -> None:
    s = session(State.JOINING)
    join = m.decode(json.dumps(JOIN))
    assert isinstance(join, m.Join)
    assert outcome(s.refused(join, Refused(code, "no"))) == f"{code} close {close}"


def test_a_refused_resume_may_be_followed_by_a_join_on_the_same_connection() -> None:
    s = Session(SessionLimits(), T0)
    (ask,) = s.received(text("join", resume="gone", token=None), T0)
    assert isinstance(ask, Ask)
    assert outcome(s.refused(ask.request, Refused(ErrorCode.NOT_FOUND, "over"))) == "not_found"
    assert outcome(s.received(text("join", id=2), T0)) == "ask"


def test_another_protocol_version_is_told_and_closed() -> None:
    s = Session(SessionLimits(), T0)
    assert outcome(s.received(text("join", protocol=2), T0)) == "unsupported_protocol close 4000"


def test_the_first_message_has_ten_seconds() -> None:
    s = Session(SessionLimits(), T0)
    assert s.next_timeout() == T0 + 10
    assert s.timeout(T0 + 9.9) == []
    assert outcome(s.timeout(T0 + 10)) == "bye close 4000"


def test_pings_go_each_second_and_silence_ends_after_three() -> None:
    s = session(State.PRESENT)
    now, pings = T0, 0
    while s.state is not State.CLOSED:
        due = s.next_timeout()
        assert due is not None
        now = due
        effects = s.timeout(now)
        pings += outcome(effects) == "ping"
    assert (now, pings) == (T0 + 3, 2)
    assert effects[-1] == Close(CloseCode.HEARTBEAT, "timed_out", detach=True)


def test_a_client_that_answers_lives_and_is_pinged_once_a_second() -> None:
    s = session(State.PRESENT)
    now, pings = T0, 0
    while now < T0 + 60:
        now = s.next_timeout() or now
        if outcome(s.timeout(now)) == "ping":
            pings += 1
            s.received(text("pong"), now + 0.05)
    assert s.state is State.PRESENT
    assert pings == 60


def test_a_late_event_loop_sends_one_ping_and_not_a_burst() -> None:
    s = session(State.PRESENT)
    s.received(text("pong"), T0 + 9)
    assert outcome(s.timeout(T0 + 10)) == "ping"
    assert s.timeout(T0 + 10) == []


def test_too_many_messages_close_with_1008_and_the_seat_is_told() -> None:
    s = session(State.PRESENT)
    outcomes = [outcome(s.received(text("pong"), T0)) for _ in range(200)]
    assert outcomes.index("bye close 1008") == 59  # the burst is 60, and join was one
    assert set(outcomes[60:]) == {"-"}


def test_ten_times_the_rate_is_closed_and_the_rate_itself_is_not() -> None:
    steady, flood = session(State.PRESENT), session(State.PRESENT)
    for n in range(1200):
        steady.received(text("pong"), T0 + n / 20)
        flood.received(text("pong"), T0 + n / 200)
    assert steady.state is State.PRESENT
    assert flood.state is State.CLOSED


def test_a_message_too_large_closes_with_1009_before_it_is_read() -> None:
    s = session(State.PRESENT)
    huge = '{"type":"chat","id":1,"text":"' + "x" * 300_000
    assert outcome(s.received(huge, T0)) == "bye close 1009"


def test_binary_is_no_message() -> None:
    assert outcome(session(State.PRESENT).received_binary(T0)) == "bye close 4000"


def test_what_is_not_understood_is_told_a_few_times_and_quotes_nothing() -> None:
    s = session(State.PRESENT)
    effects = s.received('{"type":"mute","id":1,"source":"my-secret","muted":true}', T0)
    assert outcome(effects) == "bad_request"
    assert "my-secret" not in repr(effects)
    outcomes = [outcome(s.received("{", T0)) for _ in range(10)]
    assert "bye close 4000" in outcomes


@pytest.mark.parametrize("junk", ["", "null", "[]", "[" * 10_000, "{}", '{"type":1}', '"\ud800"', "\x00"])
def test_junk_before_join_closes(junk: str) -> None:
    assert outcome(Session(SessionLimits(), T0).received(junk, T0)) == "bye close 4000"


def test_requests_under_way_are_bounded_and_their_numbers_distinct() -> None:
    s = session(State.PRESENT)
    for n in range(32):
        assert outcome(s.received(text("hand", id=100 + n), T0)) == "ask"
    assert outcome(s.received(text("hand", id=200), T0)) == "rate_limited"
    assert outcome(s.received(text("hand", id=100), T0)) == "conflict"


@pytest.mark.parametrize("type", ["offer", "chat"])
def test_offers_and_lines_have_rates_of_their_own_which_close_nothing(type: str) -> None:
    s = session(State.PRESENT)
    outcomes = []
    for n in range(15):
        effects = s.received(text(type, id=n), T0)
        outcomes.append(outcome(effects))
        if isinstance(effects[0], Ask):
            s.replied(effects[0].request)
    assert outcomes == ["ask"] * 10 + ["rate_limited"] * 5
    assert outcome(s.received(text(type, id=50), T0 + 1)) == "ask"


@pytest.mark.parametrize("reason", ev.Departure)
def test_every_departure_says_bye_and_closes(reason: ev.Departure) -> None:
    s = session(State.PRESENT)
    bye, close = s.event(ev.Dismissed(reason))
    assert isinstance(bye, Send)
    assert isinstance(bye.message, m.Bye)
    assert isinstance(close, Close)
    assert bye.message.rejoin is (close.code is CloseCode.RESTART)
    assert not close.detach, "the seat is gone: there is nothing to keep"
    assert s.event(ev.Dismissed(reason)) == []


EVENTS: list[ev.Event] = [
    ev.ParticipantLeft(ParticipantId("p"), ev.Departure.LEFT),
    ev.SpeakerChanged(None),
    ev.ChatSaid(ev.ChatLine(1, ParticipantId("p"), Pii("n"), Pii("t"), 0)),
    ev.RoomLocked(True, None),
    ev.SlotsChanged((), 0, 1),
    ev.MutedByHost(Source.CAMERA, True, None),
    ev.UnmuteRequested(Source.CAMERA, ParticipantId("p")),
    ev.MediaPathChanged("connected"),
    ev.Held("waiting"),
    ev.Admitted(),
    ev.SentBack("sent_back"),
    ev.PanelChanged("waiting_room", "waiting"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_events_become_messages_once_welcome_was_said(event: ev.Event) -> None:
    assert session(State.JOINING).event(event) == []
    (effect,) = session(State.PRESENT).event(event)
    assert isinstance(effect, Send)
    assert json.loads(m.encode(effect.message))["type"]


def test_a_drop_tells_the_seat_once() -> None:
    s = session(State.PRESENT)
    assert s.disconnected() == [Close(CloseCode.HEARTBEAT, "connection lost", detach=True)]
    assert s.disconnected() == []
    assert s.next_timeout() is None


def test_an_end_that_was_refused_is_not_answered_again_when_the_call_ends() -> None:
    s = session(State.PRESENT)
    [ask] = s.received(text("end"), T0)
    assert isinstance(ask, Ask)
    s.refused(ask.request, Refused(ErrorCode.FORBIDDEN, "no"))
    farewell, close = s.event(ev.Dismissed(ev.Departure.ENDED))
    assert isinstance(farewell, Send)
    assert isinstance(farewell.message, m.Bye)
    assert isinstance(close, Close)


@given(
    st.lists(st.tuples(st.sampled_from([*REQUESTS, "junk", "time", "drop"]), st.floats(0, 4)), max_size=40)
)
@settings(max_examples=300, deadline=None)
def test_no_order_of_inputs_breaks_it(steps: list[tuple[str, float]]) -> None:
    s, now, asked = Session(SessionLimits(), T0), T0, []
    for n, (step, wait) in enumerate(steps):
        now += wait
        was_closed = s.state is State.CLOSED
        if step == "time":
            effects = s.timeout(now)
        elif step == "drop":
            effects = s.disconnected()
        else:
            effects = s.received("junk" if step == "junk" else text(step, id=n), now)
        asked += [e.request for e in effects if isinstance(e, Ask)]
        if asked and n % 2:
            request = asked.pop(0)
            if isinstance(request, m.Join):
                effects += s.joined(welcome(request.id))
            else:
                effects += s.replied(request)
        assert not (was_closed and effects), "nothing is said after the end"
        closes = [e for e in effects if isinstance(e, Close)]
        assert len(closes) <= 1
        assert (s.state is State.CLOSED) == (was_closed or bool(closes))


@pytest.mark.parametrize("request_type", ["end", "leave"])
def test_who_ends_the_session_is_answered_before_the_bye(request_type: str) -> None:
    s = session(State.PRESENT)
    assert outcome(s.received(text(request_type, 9), T0)) == "ask"
    done, bye, close = s.event(ev.Dismissed(ev.Departure.ENDED))
    assert done == Send(m.Ok(re=9))
    assert isinstance(bye, Send)
    assert isinstance(bye.message, m.Bye)
    assert isinstance(close, Close)
