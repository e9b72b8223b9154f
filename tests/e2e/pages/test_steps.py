"""The patient's way from the link to the call, step by step, on a Services port that the test drives.

What plugins and server do with it is for the tests of the whole visit; here it is the pages: every state as a
picture at each size, what a person may do in it, and what is said when something is missing or fails.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from people import FACES, HERE, PHONE, SCREENS, House, Visitor
from test_screens import FOR_PATIENTS, keep

pytestmark = pytest.mark.browser


async def patient(
    house: House, screen: dict[str, Any], *, clinic: dict[str, Any] | None = None, **options: Any
) -> Visitor:
    """Maria, with a clinic that says what `clinic` adds to mock-join.js."""
    script = f"window.CLINIC = {json.dumps(clinic or {})};" + options.pop("script", "")
    options.setdefault("face", FACES["maria"])
    visitor = await house.visitor(f"{house.server.url}/healthz", screen, script=script, **options)
    source = (HERE / "mock-join.js").read_text()

    async def mock(route: Any) -> None:
        await route.fulfill(body=source, content_type="text/javascript")

    await visitor.page.route("**/static/join/**/join.js*", mock)
    await visitor.page.route("**/static/join/join.js*", mock)
    await visitor.page.goto(f"{house.server.url}/j/some-code-of-a-link-that-is-mocked")
    return visitor


async def check_sound(visitor: Visitor, answer: str) -> None:
    await visitor.press("Play a sound")
    await visitor.press(answer)


async def sign(visitor: Visitor, name: str = "Maria Santos") -> None:
    await visitor.page.get_by_label("Type your full name to agree").fill(name)
    await visitor.press("I agree")


async def to_waiting(visitor: Visitor) -> None:
    """All steps, with nothing in the way."""
    await visitor.sees_text("Everything works")
    await visitor.press("Continue")
    await visitor.sees_text("Seeing a doctor by video")
    await sign(visitor)
    await visitor.sees_text("Recording this visit")
    await visitor.press("I don\u2019t agree")
    await visitor.page.get_by_label("State").select_option("NV")
    await visitor.press("I am here now")
    await visitor.sees_text("You are next, Maria")


async def acts(visitor: Visitor) -> list[list[Any]]:
    done: list[list[Any]] = await visitor.page.evaluate("window.clinic.acts")
    return done


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("size", "dark"), FOR_PATIENTS)
async def test_every_step_in_every_state(house: House, size: str, dark: bool) -> None:
    end = f"{size}-{'dark' if dark else 'light'}"
    screen = SCREENS[size]

    ask = await patient(house, screen, dark=dark, granted=False)
    await ask.sees_text("Turn on camera and microphone")
    await keep(ask, f"step-ask-{end}")
    await ask.context.close()

    slow = await patient(house, screen, dark=dark, clinic={"rate": 120_000})
    await slow.sees_text("This will not work yet")
    await check_sound(slow, "No")
    await slow.sees_text("You would not hear the doctor.")
    await keep(slow, f"step-preflight-red-{end}")
    await slow.page.get_by_label("Your phone number").fill("775 555 0199")
    await slow.press("Save number")
    await slow.sees_text("the doctor calls you on 775 555 0199")
    await slow.page.get_by_label("Your phone number").scroll_into_view_if_needed()
    await keep(slow, f"step-preflight-phone-{end}")
    await slow.context.close()

    weak = await patient(house, screen, dark=dark, clinic={"rate": 450_000})
    await weak.sees_text("It will work, with less")
    await keep(weak, f"step-preflight-amber-{end}")
    await weak.context.close()

    maria = await patient(house, screen, dark=dark)
    await maria.sees_text("Everything works")
    await maria.press("Play a sound")
    await maria.sees_text("Did you hear it?")
    await keep(maria, f"step-preflight-sound-{end}")
    await maria.press("Yes, I heard it")
    await keep(maria, f"step-preflight-green-{end}")
    await maria.press("Continue")
    await maria.sees_text("Seeing a doctor by video")
    await keep(maria, f"step-consent-{end}")
    await maria.press("I don\u2019t agree")
    await maria.page.get_by_label("Type your full name to agree").fill("Maria")
    await maria.press("I agree")
    await maria.sees_text("Type your first and last name.")
    await keep(maria, f"step-consent-refused-{end}")
    await sign(maria)
    await maria.sees_text("Recording this visit")
    await keep(maria, f"step-consent-choice-{end}")
    await maria.press("I don\u2019t agree")
    await maria.sees_text("Where are you now?")
    await maria.press("I am here now")
    await maria.sees_text("Choose the state you are in now.")
    await keep(maria, f"step-location-{end}")
    await maria.page.get_by_label("State").select_option("NV")
    await maria.page.evaluate(
        "window.clinic.views['waiting_room/waiting'].challenge = { kind: 'birth_date', tries_left: 3 }"
    )
    await maria.press("I am here now")
    await maria.sees_text("First, is it you?")
    await keep(maria, f"step-challenge-{end}")
    await maria.page.evaluate("window.tell('waiting_room', 'waiting', { challenge: null })")
    await maria.page.get_by_text("First, is it you?").wait_for(state="detached")
    await keep(maria, f"step-waiting-{end}")
    await maria.page.evaluate(
        "window.tell('waiting_room', 'waiting',"
        " { position: 4, estimate_minutes: null, messages: [], desk: null })"
    )
    await maria.sees_text("There are 3 people before you, Maria")
    await keep(maria, f"step-waiting-empty-{end}")
    await maria.page.evaluate("window.tell('waiting_room', 'waiting', { ready: true })")
    await maria.sees_text("Dr. Okafor is ready for you")
    await keep(maria, f"step-waiting-ready-{end}")
    await maria.page.evaluate("window.tell('waiting_room', 'waiting', { ready: false, back: true })")
    await maria.sees_text("You are back in the waiting room, Maria")
    await maria.page.get_by_label("Language").select_option("es")
    await maria.sees_text("Está de nuevo en la sala de espera, Maria")
    await keep(maria, f"step-waiting-spanish-{end}")
    await maria.press("Salir de la sala de espera")
    await keep(maria, f"step-waiting-leave-{end}")
    await maria.page.get_by_role("dialog").get_by_role("button", name="Salir").click()
    await maria.sees_text("Salió de la sala de espera")
    await keep(maria, f"step-waiting-left-{end}")


async def test_what_a_person_says_reaches_the_plugins_as_they_expect_it(house: House) -> None:
    maria = await patient(house, PHONE)
    await check_sound(maria, "Yes, I heard it")
    await to_waiting(maria)
    preflight, consent, location = await acts(maria)
    result = preflight[2]
    assert preflight[:2] == ["preflight", "result"]
    assert result["verdict"] == "green"
    assert [result[key] for key in ("camera", "microphone", "speaker", "media")] == [True] * 4
    assert result["rtt_ms"] >= 20
    assert 1_000_000 < result["down_bps"] < 5_000_000
    assert consent == [
        "consent",
        "sign",
        {"form": "telehealth", "version": "3", "language": "en", "name": "Maria Santos"},
    ]
    assert location == ["consent", "location", {"country": "US", "state": "NV"}]
    assert maria.faults == []


async def test_the_challenge_counts_down_locks_and_opens(house: House) -> None:
    maria = await patient(house, PHONE)
    await to_waiting(maria)
    await maria.page.evaluate(
        "window.tell('waiting_room', 'waiting', { challenge: { kind: 'birth_date', tries_left: 2 } })"
    )
    await maria.press("Check")
    await maria.sees_text("Fill in every field.")

    async def answer(year: str) -> None:
        await maria.page.get_by_label("Your full name").fill("Maria Santos")
        await maria.page.get_by_label("Month").select_option("3")
        await maria.page.get_by_label("Day", exact=True).fill("14")
        await maria.page.get_by_label("Year").fill(year)
        await maria.press("Check")

    await answer("1986")
    await maria.until("window.clinic.views['waiting_room/waiting'].challenge.tries_left === 1")
    await answer("1968")
    await maria.page.get_by_text("First, is it you?").wait_for(state="detached")
    await maria.page.evaluate(
        "window.tell('waiting_room', 'waiting', { challenge: { kind: 'code', tries_left: 0 } })"
    )
    await maria.sees_text("Please write to the front desk")
    assert await maria.page.get_by_role("button", name="Check").count() == 0


async def test_what_was_written_outlives_a_failure_and_a_change_of_the_queue(house: House) -> None:
    maria = await patient(house, PHONE)
    await to_waiting(maria)
    box = maria.page.get_by_placeholder("Write a message")
    await box.fill("I am parking the car")
    await maria.page.evaluate("window.tell('waiting_room', 'waiting', { position: 2, estimate_minutes: 9 })")
    await maria.sees_text("There is 1 person before you, Maria")
    assert await box.input_value() == "I am parking the car"
    await maria.page.evaluate("window.clinic.failing = true")
    await maria.press("Send")
    await maria.sees_text("Not sent.")
    assert await box.input_value() == "I am parking the car"
    await maria.page.evaluate("window.clinic.failing = false")
    await maria.press("Send")
    await maria.sees(".bubble[data-own=true] >> text=I am parking the car")
    assert await box.input_value() == ""


async def test_admitted_sent_back_and_admitted_again(house: House) -> None:
    maria = await patient(house, PHONE)
    await to_waiting(maria)
    await maria.page.evaluate("window.room.emit('admitted', {})")
    await maria.sees(".call-patient")
    await maria.page.evaluate("window.tell('waiting_room', 'waiting', { back: true })")
    await maria.page.evaluate("window.room.emit('sentback', { reason: 'a moment' })")
    await maria.sees_text("You are back in the waiting room, Maria")
    assert await maria.page.locator(".call-patient").count() == 0
    await maria.page.evaluate("window.room.emit('admitted', {})")
    await maria.sees(".call-patient")
    assert maria.faults == []


async def test_a_step_that_its_plugin_takes_away_or_cannot_give_keeps_nobody_out(house: House) -> None:
    maria = await patient(
        house,
        PHONE,
        clinic={
            "views": {"preflight/check": {}},
            "panels": [
                {"plugin": "preflight", "panel": "check", "slot": "patient.step", "order": 10},
                {"plugin": "gone", "panel": "gone", "slot": "patient.step", "order": 5, "module": "/n.js"},
                {"plugin": "consent", "panel": "unknown", "slot": "patient.step", "order": 20},
            ],
        },
    )  # fmt: skip
    await maria.sees_text("Everything works")
    await maria.press("Continue")
    await maria.sees_text("You are in the waiting room, Maria")


async def test_a_language_is_chosen_anywhere_and_remembered(house: House) -> None:
    maria = await patient(house, PHONE)
    await maria.sees_text("Camera and sound")
    assert await maria.page.evaluate("document.documentElement.lang") == "en"
    await maria.page.get_by_label("Language").select_option("es")
    await maria.sees_text("Cámara y sonido")
    assert await maria.page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == [
        "es",
        "ltr",
    ]
    await maria.page.reload()
    await maria.sees_text("Todo funciona")
