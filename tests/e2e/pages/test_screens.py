"""Every state of the two call pages, as a picture at each size, light and dark, from real calls.

The pictures are kept in tests/output/screens for a person to look at; what a machine can judge is judged: no
script fails, nothing is asked of another server, nothing scrolls sideways, nothing lies outside the window.
"""

from __future__ import annotations

import re

import pytest
from _pytest.mark import ParameterSet
from people import SCREENS, House, Visitor

pytestmark = pytest.mark.browser


def _sizes(often: tuple[str, bool]) -> list[ParameterSet]:
    """Every size by day and by night; all but one are drawn in the long run."""
    return [
        pytest.param(
            size,
            dark,
            id=f"{size}-{'dark' if dark else 'light'}",
            marks=[] if (size, dark) == often else pytest.mark.long,
        )
        for size in SCREENS
        for dark in (False, True)
    ]


FOR_PATIENTS = _sizes(("phone", False))
FOR_STAFF = _sizes(("desktop", True))

WEAK_NETWORK = """
const real = RTCPeerConnection.prototype.getStats;
RTCPeerConnection.prototype.getStats = async function () {
  const report = await real.call(this);
  if (!window.weak) return report;
  window.lost = (window.lost ?? 0) + 40;
  const rows = [...report.values()].map((row) =>
    row.type === "inbound-rtp" ? { ...row, packetsLost: (row.packetsLost ?? 0) + window.lost } : row);
  return new Map(rows.map((row) => [row.id, row]));
};
"""
# A browser that plays no sound before it was tapped.
REFUSES_SOUND = """
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  if (this.tagName === "AUDIO" && !window.tapped)
    return Promise.reject(new DOMException("", "NotAllowedError"));
  return play.call(this);
};
"""


async def keep(visitor: Visitor, name: str) -> None:
    """Takes the picture, and judges what a machine can."""
    await visitor.page.wait_for_timeout(350)  # transitions of up to 240 ms
    await visitor.shot(name)
    overflow = await visitor.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0, f"{name}: {overflow} px wider than the window"
    outside = await visitor.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, summary")]
        .filter((e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true })
            && !e.closest(".stage-strip"))
        .map((e) => [e.ariaLabel || e.textContent, e.getBoundingClientRect()])
        .filter(([, r]) => r.width > 0 && (r.left < -1 || r.right > innerWidth + 1))
        .map(([name]) => name)"""
    )
    assert outside == [], f"{name}: outside the window: {outside}"
    assert visitor.faults == [], f"{name}: {visitor.faults}"


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("size", "dark"), FOR_PATIENTS)
async def test_the_patients_page_in_every_state(house: House, size: str, dark: bool) -> None:
    end = f"{size}-{'dark' if dark else 'light'}"
    screen = SCREENS[size]

    ask = await house.person("maria", "Maria Santos", "patient", screen, dark=dark, granted=False)
    await ask.sees_text("Turn on camera and microphone")
    await keep(ask, f"patient-ask-{end}")
    await ask.context.close()

    denied = await house.person(
        "maria", "Maria Santos", "patient", screen, dark=dark,
        face={"camera": "NotAllowedError", "microphone": "NotAllowedError"},
    )  # fmt: skip
    await denied.sees_text("may not use your camera")
    await keep(denied, f"patient-denied-{end}")
    await denied.context.close()

    maria = await house.person(
        "maria", "Maria Santos", "patient", screen, dark=dark, script=WEAK_NETWORK
    )  # fmt: skip
    await maria.sees_text("Connection works")
    await maria.sees_text("Microphone works")
    await keep(maria, f"patient-ready-{end}")
    await maria.enter()
    await maria.sees_text("first here")
    await keep(maria, f"patient-empty-{end}")

    doctor = await house.person("okafor", "Dr. Adaeze Okafor", "clinician", SCREENS["desktop"])
    await doctor.enter()
    await maria.sees_face()
    await maria.sees(".toast")
    await keep(maria, f"patient-arrival-{end}")
    await maria.page.wait_for_selector(".toast", state="detached", timeout=15_000)
    await keep(maria, f"patient-call-{end}")

    await maria.page.evaluate("window.weak = true")
    await maria.sees_text("Your connection is weak")
    await keep(maria, f"patient-weak-{end}")
    await maria.page.evaluate("window.weak = false")
    await maria.page.get_by_text("Your connection is weak").wait_for(state="hidden")

    await maria.press("Mute")
    await maria.press("More")
    await keep(maria, f"patient-more-{end}")
    await maria.page.keyboard.press("Escape")

    await doctor.page.get_by_role("tab", name="Messages").click()
    await doctor.page.get_by_placeholder("Write a message").fill("Good morning Maria. Can you see me well?")
    await doctor.page.keyboard.press("Enter")
    await maria.press(re.compile("^Messages"))
    await maria.page.get_by_placeholder("Write a message").fill(
        "Yes, very well. I have my medicine list here."
    )
    await maria.page.keyboard.press("Enter")
    await maria.sees_text("I have my medicine list here.")
    await maria.page.wait_for_selector(".toast", state="detached", timeout=15_000)
    await keep(maria, f"patient-messages-{end}")
    await maria.press("Close")

    await doctor.page.get_by_role("tab", name="People").click()
    await doctor.press("Ask Maria Santos to unmute")
    await maria.sees_text("asks you to unmute")
    await keep(maria, f"patient-unmute-{end}")
    await maria.press("Not now")

    await doctor.press("Share your screen")
    await maria.sees(".stage-main .tile[data-whole][data-picture]")
    await maria.sees_face(2)
    await keep(maria, f"patient-screen-{end}")
    await doctor.press("Stop sharing")

    linh = await house.person("linh", "Linh Nguyễn", "interpreter", SCREENS["phone"])
    await linh.enter()
    await maria.sees_face(2)
    await maria.page.wait_for_selector(".toast", state="detached", timeout=15_000)
    await keep(maria, f"patient-speaker-{end}")
    await maria.press("See everybody")
    await keep(maria, f"patient-grid-{end}")

    await maria.press("Leave the call")
    await keep(maria, f"patient-leave-{end}")
    await maria.page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    await maria.sees_text("You left the call")
    await keep(maria, f"patient-left-{end}")
    await maria.press("Join again")
    await maria.sees_face(2)

    await doctor.press("End for everybody")
    await doctor.page.get_by_role("dialog").get_by_role("button", name="End the call").click()
    await maria.sees_text("The call has ended")
    await keep(maria, f"patient-ended-{end}")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("size", "dark"), FOR_STAFF)
async def test_the_console_in_every_state(house: House, size: str, dark: bool) -> None:
    end = f"{size}-{'dark' if dark else 'light'}"
    doctor = await house.person("okafor", "Dr. Adaeze Okafor", "clinician", SCREENS[size], dark=dark)
    await doctor.sees_text("Ready when you are")
    await doctor.sees("video:not([hidden])")
    await keep(doctor, f"console-lobby-{end}")
    await doctor.enter()
    await doctor.sees_text("You\u2019re the first here")
    await keep(doctor, f"console-empty-{end}")

    maria = await house.person("maria", "Maria Santos", "patient", SCREENS["phone"])
    await maria.enter()
    await doctor.sees_face()
    await doctor.page.wait_for_selector(".toast", state="detached", timeout=15_000)
    await doctor.page.wait_for_timeout(2500)  # the figures of the picture settle
    await keep(doctor, f"console-call-{end}")

    for identity, name, role in (
        ("linh", "Linh Nguyễn", "interpreter"),
        ("james", "James Featherstonehaugh-Turner of Lakeside", "carer"),
        ("amina", "Amina Haddad", "carer"),
    ):
        other = await house.person(identity, name, role, SCREENS["phone"])
        await other.enter()
        if identity == "amina":
            await other.press("More")
            await other.page.get_by_role("menuitem", name="Raise your hand").click()
        if identity == "james":
            await other.press("Turn off the camera")
    await doctor.sees_face(3)
    await doctor.page.wait_for_selector(".toast", state="detached", timeout=15_000)
    await keep(doctor, f"console-many-{end}")
    await doctor.press("See everybody")
    await keep(doctor, f"console-grid-{end}")

    await maria.press(re.compile("^Messages"))
    await maria.page.get_by_placeholder("Write a message").fill("Hello, I can see you.")
    await maria.page.keyboard.press("Enter")
    await doctor.page.get_by_role("tab", name="Messages").click()
    await doctor.sees_text("Hello, I can see you.")
    await keep(doctor, f"console-messages-{end}")
    await doctor.page.get_by_role("tab", name="People").click()
    await doctor.press("Lock the room")
    await doctor.sees_text("Locked")
    await doctor.press("More for Maria Santos")
    await keep(doctor, f"console-menu-{end}")
    await doctor.page.get_by_role("menuitem", name="Remove").click()
    await doctor.sees_text("Remove Maria Santos from the call?")
    await keep(doctor, f"console-remove-{end}")
    await doctor.press("Cancel")
    await doctor.page.keyboard.press("Shift+?")
    await doctor.sees_text("Keyboard shortcuts")
    await keep(doctor, f"console-keys-{end}")


@pytest.mark.parametrize(("size", "dark"), FOR_PATIENTS)
async def test_pages_that_cannot_lead_to_a_call(house: House, size: str, dark: bool) -> None:
    end = f"{size}-{'dark' if dark else 'light'}"
    unknown = await house.visitor(
        f"{house.server.url}/j/unknown-unknown-unknown-unkn", SCREENS[size], dark=dark
    )
    await unknown.sees_text("This link no longer works")
    await keep(unknown, f"patient-expired-{end}")
    home = await house.visitor(house.server.url, SCREENS[size], dark=dark)
    await home.sees_text("Open your link")
    await keep(home, f"patient-home-{end}")
