"""Who waits is neither seen nor heard until they are let in, by no way round: reload, WHIP, races."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from running_house import ROOM, Running, running
from test_call import frames, me
from websocket_peer import Peer

from mediaserver.model.grants import Person
from mediaserver.model.ids import ParticipantId, RoomName
from mediaserver.model.roles import HOSTS, Role
from mediaserver.model.visits import Place
from mediaserver.rooms import Deny, Enter, Hold, RoomFact, Verdict, What


class Door:
    """A gate: hosts come in, all others wait. `before` runs while it thinks."""

    def __init__(self) -> None:
        self.asked = 0
        self.verdict: Verdict = Hold("waiting")
        self.before: Callable[[], Awaitable[object]] | None = None

    async def ask(self, room: RoomName, person: Person) -> Verdict:
        if person.role in HOSTS:
            return Enter()
        self.asked += 1
        verdict = self.verdict
        if self.before is not None:
            before, self.before = self.before, None
            await before()
        return verdict


class Case:
    def __init__(self, server: Running, door: Door) -> None:
        self.server = server
        self.door = door
        self.rooms = server.house.rooms
        self.facts: list[RoomFact] = []
        self.rooms.watch(self.facts.append)
        self.peers: list[Peer] = []

    async def connect(self, identity: str, role: Role = Role.PATIENT, **join: object) -> Peer:
        peer = Peer(self.server.client, self.server.token(identity, role))
        await peer.connect(**join)
        self.peers.append(peer)
        return peer

    async def clinician(self) -> Peer:
        peer = await self.connect("clinician", Role.CLINICIAN)
        await peer.publish(level=60)
        return peer

    async def held(self) -> Peer:
        """A patient who publishes, asked to come in, and waits."""
        peer = await self.connect("patient", prepare=True)
        await peer.publish(level=200)
        reply = await peer.ask("enter")
        assert (reply["type"], reply["reason"]) == ("held", "waiting")
        await peer.until(lambda: any(m["state"] == "dtls_connected" for m in peer.messages("media")))
        return peer

    async def consumed(self) -> int:
        stats = await self.server.house.engine.stats()
        return sum(consumer.packets for consumer in stats.consumers.values())

    async def received(self) -> int:
        stats = await self.server.house.engine.stats()
        return sum(s.packets for producer in stats.producers.values() for s in producer.streams)


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[Case]:
    door = Door()
    async with running(tmp_path) as server:
        server.house.rooms.guard(door)
        case = Case(server, door)
        yield case
        await asyncio.gather(*(peer.close() for peer in case.peers))


async def test_who_waits_sends_and_nothing_of_it_is_forwarded_to_anybody(case: Case) -> None:
    clinician, patient = await case.clinician(), await case.held()
    before = await case.received()
    await asyncio.sleep(1)
    assert await case.received() > before + 30, "the path is warm"
    assert await case.consumed() == 0
    assert not clinician.slots
    assert not patient.slots
    assert not clinician.messages("joined")
    assert (await patient.ask("chat", text="hello?"))["code"] == "conflict"
    for seat in case.rooms.seats():
        assert all(track.producer.paused for track in seat.tracks) == (seat.person.role is Role.PATIENT)
    assert case.rooms.places(ROOM) == {"clinician": Place.PRESENT, "patient": Place.WAITING}


async def test_admission_opens_both_ways_at_once(case: Case) -> None:
    clinician, patient = await case.clinician(), await case.held()
    started = asyncio.get_running_loop().time()
    assert await case.rooms.admit(ROOM, "patient")
    assert not await case.rooms.admit(ROOM, "patient")
    await patient.until(lambda: bool(patient.messages("joined")))
    order = [m["type"] for m in patient.heard if m["type"] != "media"]
    assert order[:2] == ["admitted", "joined"]
    await asyncio.gather(frames(clinician, patient, "camera", 1), frames(patient, clinician, "camera", 1))
    assert asyncio.get_running_loop().time() - started < 1.0
    assert (await patient.ask("chat", text="hello"))["type"] == "ok"


async def test_who_is_sent_back_is_out_of_sight_at_once_and_comes_again(case: Case) -> None:
    clinician, patient = await case.clinician(), await case.held()
    await case.rooms.admit(ROOM, "patient")
    await asyncio.gather(frames(clinician, patient, "camera"), frames(patient, clinician, "microphone"))
    await patient.ask("hand", raised=True)
    assert await case.rooms.send_back(ROOM, "patient", "sent_back")
    await patient.until(lambda: bool(patient.messages("sent_back")))
    await clinician.until(lambda: bool(clinician.messages("left")))
    assert clinician.messages("left")[-1] == {
        "type": "left", "participant": me(patient), "reason": "sent_back"
    }  # fmt: skip
    await patient.until(lambda: not patient.slots)
    await clinician.until(lambda: not clinician.slots)
    stats = await case.server.house.engine.stats()
    assert stats.consumers == {}
    assert patient.close_code is None
    clinician.heard.clear()
    assert (await patient.ask("chat", text="hello?"))["code"] == "conflict"
    assert (await patient.ask("enter"))["type"] == "held"
    await case.rooms.admit(ROOM, "patient")
    await asyncio.gather(frames(clinician, patient, "camera"), frames(patient, clinician, "camera"))
    assert not clinician.messages("joined")[0]["participant"]["hand"]
    told = [f.what for f in case.facts if f.identity == "patient" and f.what is not What.MEDIA]
    assert told == [What.ARRIVED, What.HELD, What.ENTERED, What.SENT_BACK, What.ENTERED]


async def test_a_join_without_prepare_waits_too_and_is_told(case: Case) -> None:
    clinician, patient = await case.clinician(), await case.connect("patient")
    assert patient.welcome["prepared"] is True
    assert patient.welcome["participants"] == []
    await patient.until(lambda: bool(patient.messages("held")))
    assert patient.messages("held") == [{"type": "held", "reason": "waiting"}]
    await asyncio.sleep(0.1)
    assert not clinician.messages("joined")
    await case.rooms.admit(ROOM, "patient")
    await clinician.until(lambda: bool(clinician.messages("joined")))


async def test_reload_resume_and_a_second_device_keep_what_was_decided(case: Case) -> None:
    clinician, _ = await case.clinician(), await case.held()
    reloaded = await case.connect("patient")
    assert reloaded.welcome["prepared"] is True
    resumed = Peer(case.server.client, None)
    case.peers.append(resumed)
    welcome = await resumed.connect(resume=reloaded.welcome["session"]["resume"])
    assert (welcome["resumed"], welcome["prepared"]) == (True, True)
    await resumed.until(lambda: bool(resumed.messages("held")))
    assert not clinician.messages("joined")
    await case.rooms.admit(ROOM, "patient")
    asked = case.door.asked
    third = await case.connect("patient")
    assert third.welcome["prepared"] is False
    assert case.door.asked == asked
    await case.rooms.send_back(ROOM, "patient", "sent_back")
    case.door.verdict = Enter()
    fourth = await case.connect("patient")
    assert fourth.welcome["prepared"] is True, "sent back is sent back, whatever the gate says"
    await fourth.until(lambda: bool(fourth.messages("held")))
    assert fourth.messages("held")[0]["reason"] == "sent_back"


async def test_an_admission_while_the_gate_thinks_is_not_lost(case: Case) -> None:
    patient = await case.connect("patient", prepare=True)
    case.door.before = lambda: case.rooms.admit(ROOM, "patient")
    assert (await patient.ask("enter"))["type"] == "ok"


async def test_who_is_sent_back_while_the_gate_thinks_does_not_slip_in(case: Case) -> None:
    clinician = await case.clinician()
    patient = await case.connect("patient", prepare=True)
    case.door.verdict = Enter()
    case.door.before = lambda: case.rooms.send_back(ROOM, "patient", "sent_back")
    assert (await patient.ask("enter"))["type"] == "held"
    assert not clinician.messages("joined")


async def test_nobody_gets_in_by_racing(case: Case) -> None:
    """Admissions and their taking back, resumes and requests at once: who waits in the end is in no slot."""
    clinician, patient = await case.clinician(), await case.held()
    for n in range(12):
        case.door.before = lambda: asyncio.sleep(0.002)
        await asyncio.gather(
            patient.ask("enter"),
            case.rooms.admit(ROOM, "patient"),
            case.rooms.send_back(ROOM, "patient", f"back-{n}"),
            patient.offer(),
        )
    await case.rooms.send_back(ROOM, "patient", "last")
    await asyncio.sleep(0.2)
    seat = next(seat for seat in case.rooms.seats() if seat.person.identity == "patient")
    assert not seat.present
    assert all(track.producer.paused for track in seat.tracks)
    stats = await case.server.house.engine.stats()
    assert stats.consumers == {}
    assert not clinician.slots


async def test_whip_and_whep_of_one_who_waits_are_refused_and_fall_with_their_owner(case: Case) -> None:
    await case.clinician()
    await case.held()
    offer = (Path(__file__).parents[2] / "golden/sdp/chromium-whip.offer.sdp").read_bytes()
    headers = {
        "Authorization": f"Bearer {case.server.token('patient')}",
        "Content-Type": "application/sdp",
    }
    refused = await case.server.client.post(f"/whip/{ROOM}", data=offer, headers=headers)
    assert refused.status == 403
    view = (Path(__file__).parents[2] / "golden/sdp/chromium-whep.offer.sdp").read_bytes()
    assert (await case.server.client.post(f"/whep/{ROOM}", data=view, headers=headers)).status == 403
    await case.rooms.admit(ROOM, "patient")
    accepted = await case.server.client.post(f"/whip/{ROOM}", data=offer, headers=headers)
    assert accepted.status == 201
    await case.rooms.send_back(ROOM, "patient", "sent_back")
    gone = await case.server.client.get(accepted.headers["Location"], headers=headers)
    assert gone.status == 404


async def test_a_gate_that_denies_or_fails_lets_nobody_in(case: Case) -> None:
    case.door.verdict = Deny("This visit is over.")
    patient = await case.connect("patient", prepare=True)
    refused = await patient.ask("enter")
    assert (refused["code"], refused["message"]) == ("forbidden", "This visit is over.")
    assert (await Peer(case.server.client, case.server.token("other")).connect())["code"] == "forbidden"

    async def fail() -> None:
        raise RuntimeError("no database")

    case.door.before = fail
    assert (await patient.ask("enter"))["type"] == "held"


async def test_one_who_is_removed_while_the_gate_thinks_fails_nothing(case: Case) -> None:
    patient = await case.connect("patient", prepare=True)
    seat = case.rooms.seats()[0]
    case.door.before = lambda: case.rooms.remove(ROOM, ParticipantId(me(patient)))
    await patient.ask("enter")
    await patient.until(lambda: patient.close_code is not None)
    assert seat.closed
