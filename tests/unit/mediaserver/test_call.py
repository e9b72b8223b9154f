"""Two people call each other through the whole server: websocket, rooms, the real media core, aiortc."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from running_house import ROOM, Running, running
from websocket_peer import Peer

from mediaserver import logs
from mediaserver.model.ids import ParticipantId
from mediaserver.model.roles import Role
from signaling.ports import CloseCode


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as running_server:
        yield running_server


@pytest.fixture
async def call(server: Running) -> AsyncIterator[tuple[Peer, Peer]]:
    patient = Peer(server.client, server.token("patient"))
    clinician = Peer(server.client, server.token("clinician", Role.CLINICIAN))
    await patient.connect()
    await clinician.connect()
    await asyncio.gather(patient.publish(hertz=440, level=200), clinician.publish(hertz=1000, level=60))
    yield patient, clinician
    await asyncio.gather(patient.close(), clinician.close())


def me(peer: Peer) -> str:
    return str(peer.welcome["you"]["id"])


async def frames(one: Peer, other: Peer, source: str, count: int = 10) -> None:
    """Waits until `one` got `count` more frames of a source of `other`."""
    await one.until(lambda: one.sees(me(other), source), what=f"a slot for {source}")
    start = one.of(me(other), source).frames
    await one.until(lambda: one.of(me(other), source).frames >= start + count, what=f"frames of {source}")


async def silence(one: Peer, other: Peer, source: str) -> bool:
    """Whether nothing comes of a source for half a second, once what was under way has arrived."""
    await asyncio.sleep(0.3)
    before = one.of(me(other), source).frames
    await asyncio.sleep(0.5)
    return one.of(me(other), source).frames == before


async def test_two_people_hear_and_see_each_other(call: tuple[Peer, Peer]) -> None:
    patient, clinician = call
    for one, other, pitch, level in ((patient, clinician, 1000, 60), (clinician, patient, 440, 200)):
        await frames(one, other, "camera", 20)
        await frames(one, other, "microphone", 30)
        assert abs(one.of(me(other), "camera").level - level) < 12
        assert abs(one.of(me(other), "microphone").pitch - pitch) < 60


async def test_a_muted_microphone_is_silent_and_everyone_knows(call: tuple[Peer, Peer]) -> None:
    patient, clinician = call
    await frames(clinician, patient, "microphone")
    assert (await patient.ask("mute", source="microphone", muted=True))["type"] == "ok"
    assert await silence(clinician, patient, "microphone")
    tracks = {t["source"]: t for t in clinician.messages("updated")[-1]["participant"]["tracks"]}
    assert tracks["microphone"]["muted"]
    assert not tracks["microphone"]["muted_by_host"]
    await clinician.until(lambda: any(s["muted"] for s in clinician.slots.values()))
    await patient.ask("mute", source="microphone", muted=False)
    await frames(clinician, patient, "microphone")


async def test_a_host_mutes_and_asks_to_unmute(call: tuple[Peer, Peer]) -> None:
    patient, clinician = call
    await frames(clinician, patient, "microphone")
    refused = await patient.ask("mute_other", participant=me(clinician), source="camera", muted=True)
    assert refused["code"] == "forbidden"
    await clinician.ask("mute_other", participant=me(patient), source="microphone", muted=True)
    assert await silence(clinician, patient, "microphone")
    assert patient.messages("muted")[-1] == {
        "type": "muted",
        "source": "microphone",
        "muted": True,
        "by": me(clinician),
    }
    assert (await patient.ask("mute", source="microphone", muted=False))["code"] == "forbidden"
    await patient.ask("mute", source="microphone", muted=True)
    await clinician.ask("mute_other", participant=me(patient), source="microphone", muted=False)
    await patient.until(lambda: bool(patient.messages("unmute_request")))
    assert await silence(clinician, patient, "microphone"), "only the patient can unmute"
    await patient.ask("mute", source="microphone", muted=False)
    await frames(clinician, patient, "microphone")


async def test_what_was_written_outlives_a_reload_and_not_the_call(server: Running) -> None:
    former = Peer(server.client, server.token("former"))
    await former.connect()
    await former.ask("chat", text="my knee hurts")
    reloaded = Peer(server.client, server.token("former"))
    await reloaded.connect(prepare=True)
    await reloaded.ask("enter")
    assert [line["text"] for line in reloaded.messages("chat")] == ["my knee hurts"]
    following = Peer(server.client, server.token("following"))
    await following.connect(prepare=True)
    await reloaded.ask("leave")
    await following.ask("enter")
    assert following.messages("chat") == []
    await asyncio.gather(former.close(), reloaded.close(), following.close())


def held(watcher: Peer, source: str) -> bool:
    """Whether the last that was heard of anybody is that a host holds this source."""
    news = [message for message in watcher.heard if message["type"] in ("joined", "updated")]
    tracks = news[-1]["participant"]["tracks"]
    return any(track["source"] == source and track["muted_by_host"] for track in tracks)


async def test_what_a_host_muted_stays_so_however_it_is_sent_anew(
    call: tuple[Peer, Peer], server: Running
) -> None:
    patient, clinician = call
    await frames(clinician, patient, "microphone")
    await clinician.ask("mute_other", participant=me(patient), source="microphone", muted=True)
    offer = patient.pc.localDescription.sdp  # type: ignore[union-attr]
    assert (await patient.ask("offer", sdp=offer, tracks=[]))["type"] == "answer"  # ends both sources
    await clinician.until(lambda: clinician.messages("updated")[-1]["participant"]["tracks"] == [])
    await patient.offer()
    await clinician.until(lambda: held(clinician, "microphone"))
    told = {"type": "muted", "source": "microphone", "muted": True, "by": None}
    assert patient.messages("muted")[-1] == told
    assert (await patient.ask("mute", source="microphone", muted=False))["code"] == "forbidden"
    reloaded = Peer(server.client, server.token("patient"))
    await reloaded.connect(prepare=True)
    await reloaded.publish()
    assert reloaded.messages("muted") == [told]
    await reloaded.ask("enter")
    await frames(clinician, reloaded, "camera")
    assert held(clinician, "microphone")
    await clinician.ask("mute_other", participant=me(reloaded), source="microphone", muted=False)
    await frames(clinician, reloaded, "microphone")
    await reloaded.close()


async def test_one_who_is_hidden_watches_and_gives_no_sign(server: Running) -> None:
    patient = Peer(server.client, server.token("patient"))
    hidden = Peer(server.client, server.token("watcher", Role.CLINICIAN, hidden=True))
    await patient.connect()
    await hidden.connect()
    assert (await hidden.ask("chat", text="hello"))["code"] == "forbidden"
    assert (await hidden.ask("hand", raised=True))["code"] == "forbidden"
    assert (await hidden.ask("lock", locked=True))["type"] == "ok"
    await patient.until(lambda: bool(patient.messages("locked")))
    assert patient.messages("locked")[0]["by"] is None
    await hidden.ask("leave")
    assert (await patient.ask("hand", raised=True))["type"] == "ok"
    assert not any(me(hidden) in str(message) for message in patient.heard)
    await asyncio.gather(patient.close(), hidden.close())


async def test_one_who_is_removed_while_they_enter_fails_nothing(server: Running) -> None:
    waiting = Peer(server.client, server.token("patient"))
    await waiting.connect(prepare=True)
    room = server.house.rooms._rooms[ROOM]
    seat = room.people[ParticipantId(me(waiting))]
    async with seat.leg.lock:
        entering = asyncio.create_task(seat.enter())
        await asyncio.sleep(0)
        room.remove(seat.id)
    await entering
    assert not room.people
    await waiting.close()


async def test_chat_hand_and_the_active_speaker(call: tuple[Peer, Peer]) -> None:
    patient, clinician = call
    await patient.ask("chat", text="my knee hurts")
    await patient.ask("hand", raised=True)
    await clinician.until(lambda: bool(clinician.messages("chat")))
    line = clinician.messages("chat")[0]
    assert (line["from"], line["text"], line["name"]) == (me(patient), "my knee hurts", "Name of patient")
    await clinician.until(lambda: any(u["participant"]["hand"] for u in clinician.messages("updated")))
    await patient.ask("mute", source="microphone", muted=True)
    await patient.until(
        lambda: any(s["participant"] == me(clinician) for s in patient.messages("speaker")), 15, "speaker"
    )


async def test_the_host_removes_someone_who_may_come_back_unless_locked(
    call: tuple[Peer, Peer], server: Running
) -> None:
    patient, clinician = call
    assert (await patient.ask("kick", participant=me(clinician)))["code"] == "forbidden"
    await clinician.ask("lock", locked=True)
    await clinician.ask("kick", participant=me(patient))
    await patient.until(lambda: patient.close_code is not None)
    assert patient.close_code == CloseCode.REMOVED
    assert patient.messages("bye")[-1]["reason"] == "removed"
    await clinician.until(lambda: bool(clinician.messages("left")))
    assert clinician.messages("left")[-1] == {"type": "left", "participant": me(patient), "reason": "removed"}
    again = Peer(server.client, server.token("patient"))
    assert (await again.connect())["code"] == "room_locked"
    await again.until(lambda: again.close_code == CloseCode.ROOM_LOCKED)
    await clinician.ask("lock", locked=False)
    again = Peer(server.client, server.token("patient"))
    assert (await again.connect())["type"] == "welcome"
    await again.close()


async def test_a_dropped_websocket_resumes_while_media_goes_on(call: tuple[Peer, Peer]) -> None:
    patient, clinician = call
    await frames(patient, clinician, "camera")
    old, session = me(patient), patient.welcome["session"]
    transport = patient.ws._response.connection.transport  # type: ignore[union-attr]
    transport.abort()
    await clinician.until(
        lambda: any(u["participant"]["state"] == "reconnecting" for u in clinician.messages("updated"))
    )
    await frames(patient, clinician, "camera")  # the PeerConnection goes on meanwhile
    welcome = await patient.connect(resume=session["resume"])
    assert (welcome["resumed"], welcome["you"]["id"]) == (True, old)
    await clinician.until(lambda: clinician.messages("updated")[-1]["participant"]["state"] == "present")
    await patient.until(lambda: patient.sees(me(clinician), "camera"))
    await frames(patient, clinician, "camera")
    await frames(clinician, patient, "camera")


async def test_a_resumed_page_with_another_peer_connection_gets_another_path(call: tuple[Peer, Peer]) -> None:
    patient, clinician = call
    await frames(clinician, patient, "camera")
    former = patient.pc
    patient.received.clear()
    await patient.publish(hertz=440, level=120)
    await former.close()  # type: ignore[union-attr]
    await frames(clinician, patient, "camera")
    await clinician.until(lambda: abs(clinician.of(me(patient), "camera").level - 120) < 12)
    await frames(patient, clinician, "camera")


async def test_a_second_window_replaces_the_first(call: tuple[Peer, Peer], server: Running) -> None:
    patient, clinician = call
    second = Peer(server.client, server.token("patient"))
    await second.connect()
    await patient.until(lambda: patient.close_code == CloseCode.REPLACED)
    await second.publish(level=90)
    await frames(clinician, second, "camera")
    await second.close()


async def test_who_prepares_is_neither_seen_nor_sees_until_they_enter(server: Running) -> None:
    clinician = Peer(server.client, server.token("clinician", Role.CLINICIAN))
    await clinician.connect()
    await clinician.publish(level=60)
    waiting = Peer(server.client, server.token("patient"))
    welcome = await waiting.connect(prepare=True)
    assert (welcome["prepared"], welcome["participants"], welcome["chat"]) == (True, [], [])
    await waiting.publish(level=200)
    await waiting.until(lambda: any(m["state"] == "dtls_connected" for m in waiting.messages("media")))
    assert (await waiting.ask("chat", text="hello?"))["code"] == "conflict"
    await asyncio.sleep(0.3)
    assert not clinician.messages("joined")
    assert not clinician.slots
    assert not waiting.slots
    await waiting.ask("enter")
    await clinician.until(lambda: clinician.messages("joined") != [])
    assert waiting.messages("joined")[0]["participant"]["id"] == me(clinician)
    started = asyncio.get_running_loop().time()
    await frames(clinician, waiting, "camera", 1)
    await frames(waiting, clinician, "camera", 1)
    assert asyncio.get_running_loop().time() - started < 1.0
    await asyncio.gather(waiting.close(), clinician.close())


async def test_more_slots_are_asked_for_when_they_run_out(server: Running) -> None:
    viewer = Peer(server.client, server.token("viewer"))
    await viewer.connect()
    await viewer.publish(audio_slots=1, video_slots=1)
    others = [Peer(server.client, server.token(f"other-{n}")) for n in range(2)]
    for other in others:
        await other.connect()
        await other.publish(audio_slots=1, video_slots=1)
    await viewer.until(lambda: viewer.need == {"audio": 1, "video": 1})
    viewer.add_slots(1, 1)
    await viewer.offer()
    for other in others:
        await frames(viewer, other, "camera", 5)
        await frames(viewer, other, "microphone", 5)
    assert viewer.need == {"audio": 0, "video": 0}
    await asyncio.gather(viewer.close(), *(other.close() for other in others))


async def test_the_host_ends_the_call_for_everyone(call: tuple[Peer, Peer], server: Running) -> None:
    patient, clinician = call
    assert (await patient.ask("end"))["code"] == "forbidden"
    await clinician.ask("end")
    for peer in call:
        await peer.until(lambda peer=peer: peer.close_code == CloseCode.ENDED)
        assert peer.messages("bye")[-1]["rejoin"] is False
    assert list(server.house.rooms.list()) == []
    await server.house.rooms.shut_down()
    stats = await server.house.engine.stats()
    assert stats.transports == {}


async def test_shutdown_tells_everyone_to_come_again(call: tuple[Peer, Peer], server: Running) -> None:
    await server.house.rooms.shut_down()
    for peer in call:
        await peer.until(lambda peer=peer: peer.close_code == CloseCode.RESTART)
        assert peer.messages("bye")[-1]["rejoin"] is True
    response = await server.client.get("/readyz")
    assert response.status == 503


async def test_a_worker_that_panics_ends_its_rooms_and_they_may_rejoin(
    call: tuple[Peer, Peer], server: Running
) -> None:
    from sfu._native import Command

    patient, _ = call
    server.house.engine._control.send(0, Command.panic())
    await patient.until(lambda: patient.close_code == CloseCode.RESTART)
    assert patient.messages("bye")[-1]["rejoin"] is True
    again = Peer(server.client, server.token("patient"))
    assert (await again.connect())["type"] == "welcome"
    await again.publish()
    await again.until(lambda: any(m["state"] == "connected" for m in again.messages("media")))
    await again.close()


async def test_a_silent_websocket_is_dead_after_three_seconds(server: Running) -> None:
    peer, other = Peer(server.client, server.token("a")), Peer(server.client, server.token("b"))
    await peer.connect()
    await other.connect()
    peer.answers_pings = False
    started = asyncio.get_running_loop().time()
    await peer.until(lambda: peer.close_code == CloseCode.HEARTBEAT)
    assert 2.5 < asyncio.get_running_loop().time() - started < 3.6
    assert other.messages("updated")[-1]["participant"]["state"] == "reconnecting"
    await other.close()


async def test_metrics_tell_of_legs_and_of_nobody(call: tuple[Peer, Peer], server: Running) -> None:
    patient, clinician = call
    await frames(clinician, patient, "camera")
    await server.house.metrics.refresh()
    response = await server.client.get("/metrics")
    text = await response.text()
    for peer in call:
        assert re.search(rf'mediaserver_leg_connected{{participant="{me(peer)}",room="r_[^"]+"}} 1.0', text)
        assert re.search(rf'mediaserver_track_packets_total{{layer="0",participant="{me(peer)}"', text)
    assert "Name of" not in text
    assert str(ROOM) not in text


async def test_the_log_of_a_call_holds_nothing_about_anybody(
    server: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug", "json")
    try:
        token = server.token("patient-identity")
        patient = Peer(server.client, token)
        await patient.connect()
        await patient.publish()
        await patient.ask("chat", text="confidential words")
        await patient.ask("offer", sdp="v=0\r\nsecret-sdp", tracks=[])
        await patient.ws.send_str('{"type":"secret-type"}')
        stranger = Peer(server.client, token[:-4] + "AAAA")
        assert (await stranger.connect())["code"] == "unauthorized"
        logging.getLogger("aiohttp.server").error(
            "Error handling %s", "secret-path", exc_info=ValueError("x")
        )
        await patient.ask("leave")
        await patient.close()
    finally:
        logs.configure("info", "json")
    log = capfd.readouterr().err
    assert '"joined"' in log
    assert "token refused" in log
    resume = patient.welcome["session"]["resume"]
    for secret in (
        "Name of",
        "patient-identity",
        "confidential",
        "secret-",
        str(ROOM),
        token,
        resume,
        "127.0.0",
    ):
        assert secret not in log, f"{secret} is in the log"
    assert not re.search(r"a=|eyJ", log)
