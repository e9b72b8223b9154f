"""Browsers in a call through the server, judged by what getStats says they decoded."""

from __future__ import annotations

import asyncio

import pytest
from browser import Inbound, Participant
from call_room import Room

pytestmark = pytest.mark.browser

SETTLED = 4.0  # seconds of a settled call that are judged


def playing(count: int, least_height: int = 1):
    return lambda streams: (
        len(streams) == count and all(s.frames > 10 and s.height >= least_height for s in streams)
    )


def sounding(count: int):
    return lambda streams: len(streams) == count and all(s.energy > 0 for s in streams)


async def judge_settled(person: Participant, others: int) -> None:
    """Over some seconds of a running call: frames and sound go on, nothing is lost, nothing freezes."""
    before = {s.mid: s for s in await person.inbound("video")}
    sound_before = {s.mid: s for s in await person.inbound("audio")}
    await asyncio.sleep(SETTLED)  # a span that is judged, not a wait
    video, audio = await person.inbound("video"), await person.inbound("audio")
    assert len(video) == len(audio) == others
    for stream in video:
        assert stream.frames - before[stream.mid].frames >= 10 * SETTLED, stream
        assert stream.freezes == before[stream.mid].freezes, stream
    for stream in audio:
        assert stream.energy > sound_before[stream.mid].energy, stream
    for stream in [*video, *audio]:
        assert stream.lost == 0, stream


async def test_two_people_see_and_hear_each_other(room: Room) -> None:
    patient = await room.join("maria")
    clinician = await room.join("okafor", "clinician")
    for person in (patient, clinician):
        # The whole resolution of the camera: the highest simulcast layer arrived.
        await person.until_inbound("video", playing(1, 360), "one picture of full size", within=45)
        await person.until_inbound("audio", sounding(1), "one voice")
    for person in (patient, clinician):
        await judge_settled(person, 1)


async def test_three_people_see_and_hear_each_other(room: Room) -> None:
    people = [await room.join(name) for name in ("maria", "amir", "lena")]
    for person in people:
        await person.until_inbound("video", playing(2), "two pictures")
        await person.until_inbound("audio", sounding(2), "two voices")
    for person in people:
        await judge_settled(person, 2)


@pytest.mark.parametrize(
    ("codec", "mime"),
    [("vp8", "video/VP8"), ("vp9", "video/VP9"), ("h264", "video/H264"), ("av1", "video/AV1")],
)
async def test_each_codec_goes_through_as_it_was_sent(room: Room, codec: str, mime: str) -> None:
    await room.join("maria", codec=codec)
    viewer = await room.join("okafor", "clinician", codec=codec)

    def arrived(streams: list[Inbound]) -> bool:
        return len(streams) == 1 and streams[0].codec == mime and streams[0].frames > 30

    (stream,) = await viewer.until_inbound("video", arrived, f"{mime} decoded")
    assert stream.lost == 0
    (sound,) = await viewer.until_inbound("audio", sounding(1), "a voice")
    assert sound.codec in ("audio/opus", "audio/red")


async def test_redundant_audio_goes_through_beside_plain(room: Room) -> None:
    # Chromium's receiver reports the codec inside, Opus, for both: the size of a packet tells them apart.
    await room.join("maria", red=True)
    await room.join("amir", red=False)
    viewer = await room.join("okafor", "clinician")

    def many(streams: list[Inbound]) -> bool:
        return len(streams) == 2 and all(s.packets > 150 and s.energy > 0 for s in streams)

    streams = await viewer.until_inbound("audio", many, "two voices")
    assert all(s.lost == 0 for s in streams)
    plain, redundant = sorted(s.bytes / s.packets for s in streams)
    assert redundant > 1.5 * plain


async def test_a_viewer_chooses_a_layer_and_the_picture_never_stops(room: Room) -> None:
    await room.join("maria")
    viewer = await room.join("okafor", "clinician")
    (full,) = await viewer.until_inbound("video", playing(1, 360), "full size", within=45)
    prefer = """(quality) => {
      const [other] = window.room.participants;
      window.room.prefer(other.tracks.get("camera"), quality);
    }"""
    await viewer.page.evaluate(prefer, "low")
    (low,) = await viewer.until_inbound(
        "video", lambda s: bool(s) and 0 < s[0].height <= full.height // 4, "a quarter of the size"
    )
    await viewer.page.evaluate(prefer, "high")
    (again,) = await viewer.until_inbound("video", playing(1, full.height), "full size again")
    assert again.lost == 0
    assert again.freezes == full.freezes
    assert again.frames > low.frames


async def test_a_screen_is_shown_beside_the_camera(room: Room) -> None:
    patient = await room.join("maria")
    clinician = await room.join("okafor", "clinician")
    await patient.until_inbound("video", playing(1), "the clinician's camera")
    await clinician.page.evaluate("""() => {
      window.problems = [];
      window.room.on("problem", (problem) => window.problems.push(problem.code));
      return window.room.media.screen.start();
    }""")
    await patient.until_inbound("video", playing(2), "camera and screen")
    await patient.until("document.getElementById('v-okafor-screen')?.videoWidth > 0")
    await clinician.page.evaluate("() => window.room.media.screen.stop()")
    await patient.until("document.getElementById('v-okafor-screen') === null")
    # Asked and answered after whatever the stop has sent, so a refusal of that has come by now.
    await clinician.page.evaluate("() => window.room.raiseHand(true)")
    assert await clinician.page.evaluate("window.problems") == []
    before = {s.mid: s for s in await patient.inbound("video")}
    await patient.until_inbound(
        "video",
        lambda streams: any(s.frames > before[s.mid].frames + 10 for s in streams if s.mid in before),
        "the camera goes on",
    )


async def test_mute_chat_remove_and_end(room: Room) -> None:
    patient = await room.join("maria")
    clinician = await room.join("okafor", "clinician")
    await clinician.until_inbound("audio", sounding(1), "the patient's voice")

    await patient.page.evaluate("() => window.room.media.microphone.mute()")
    await clinician.until("room.participants[0].tracks.get('microphone').muted")
    (muted,) = await clinician.inbound("audio")
    await patient.page.evaluate("() => window.room.media.microphone.unmute()")
    await clinician.until("!room.participants[0].tracks.get('microphone').muted")
    await clinician.until_inbound("audio", lambda s: s[0].energy > muted.energy, "the voice is back")

    await clinician.page.evaluate("() => room.muteOther(room.participants[0].id, 'microphone', true)")
    await patient.until("!room.media.microphone.live")

    await patient.page.evaluate("() => room.say('Can you hear me?')")
    await clinician.until("heard.includes('Can you hear me?')")

    with pytest.raises(Exception, match=r"can.t do that"):
        await patient.page.evaluate("() => room.remove(room.participants[0].id)")
    await clinician.page.evaluate("() => room.remove(room.participants[0].id)")
    assert await patient.until("window.ended") == "removed"
    await clinician.until("room.participants.length === 0")

    lena = await room.join("lena")
    await clinician.until("room.participants.length === 1")
    await clinician.page.evaluate("() => room.end()")
    assert await lena.until("window.ended") == "room_closed" or await lena.until("window.ended") == "ended"
