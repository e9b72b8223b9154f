"""WCAG 2.1 AA by axe-core for every page and state, and what it can't read off the page: a walk with the
keyboard alone, 320 px, and a person who wants no motion.

axe comes as a file of its own, since the pages' policy forbids inline scripts: the test adds a route beside
the server's own files, and the policy of the real page stays in force.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from people import DESKTOP, PHONE, House, Visitor
from playwright.async_api import Route
from test_staff import DEMO, console, give, signin
from test_steps import check_sound, patient, sign, to_waiting

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
RUN = """(tags) => axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] })
    .then(({ violations }) => violations.map(({ id, help, nodes }) =>
        [id, help, nodes.map(({ html, failureSummary }) => html.slice(0, 160) + " :: " + failureSummary)]))"""


async def judge(visitor: Visitor, name: str) -> None:
    """No violation in the page as it is now, once it has come to rest."""
    page = visitor.page
    if not await page.evaluate("typeof axe === 'object'"):

        async def serve(route: Route) -> None:
            await route.fulfill(body=AXE.read_text(), content_type="text/javascript")

        await page.route("**/static/shared/axe.js", serve)
        await page.add_script_tag(url="/static/shared/axe.js")
    await page.wait_for_timeout(350)
    violations: list[Any] = await page.evaluate(RUN, RULES)
    assert violations == [], f"{name}: {violations}"


# The dark colours are judged in the long run.
@pytest.fixture(
    params=[pytest.param(False, id="light"), pytest.param(True, id="dark", marks=pytest.mark.long)]
)
def dark(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.timeout(180)
async def test_the_patients_way(house: House, dark: bool) -> None:
    ask = await patient(house, PHONE, dark=dark, granted=False)
    await ask.sees_text("Turn on camera and microphone")
    await judge(ask, "ask")
    await ask.context.close()
    red = await patient(house, PHONE, dark=dark, clinic={"rate": 120_000})
    await red.sees_text("This will not work yet")
    await check_sound(red, "No")
    await red.press("Save number")
    await judge(red, "red")
    await red.context.close()
    denied = await patient(
        house, PHONE, dark=dark, face={"camera": "NotAllowedError", "microphone": "NotAllowedError"}
    )
    await denied.sees_text("may not use your camera")
    await judge(denied, "denied")
    await denied.context.close()
    maria = await patient(house, PHONE, dark=dark)
    await maria.sees_text("Everything works")
    await judge(maria, "preflight")
    await maria.press("Continue")
    await maria.press("I don\u2019t agree")
    await sign(maria, "Maria")
    await judge(maria, "consent")
    await sign(maria)
    await maria.sees_text("Recording this visit")
    await sign(maria)
    await maria.press("I am here now")
    await maria.sees_text("Choose the state you are in now.")
    await judge(maria, "location")
    await maria.page.get_by_label("State").select_option("NV")
    await maria.press("I am here now")
    await maria.sees_text("You are next, Maria")
    await judge(maria, "waiting")
    for kind in ("birth_date", "code"):
        await maria.page.evaluate(
            f"window.tell('waiting_room', 'waiting', {{ challenge: {{ kind: '{kind}', tries_left: 3 }} }})"
        )
        await maria.sees("#challenge-code" if kind == "code" else "#birth-day")
        await maria.press("Check")
        await maria.sees_text("Fill in every field.")
        await judge(maria, kind)
    await maria.page.evaluate("window.tell('waiting_room', 'waiting', { ready: true, challenge: null })")
    await maria.sees_text("Dr. Okafor is ready for you")
    await judge(maria, "ready")
    await maria.press("Leave the waiting room")
    await judge(maria, "leave")
    await maria.page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    await maria.sees_text("You left the waiting room")
    await judge(maria, "left")


@pytest.mark.timeout(120)
async def test_the_call_of_both(house: House, dark: bool) -> None:
    unknown = await house.visitor(f"{house.server.url}/j/unknown-unknown-unknown-unkn", PHONE, dark=dark)
    await unknown.sees_text("This link no longer works")
    await judge(unknown, "expired")
    maria = await house.person("maria", "Maria Santos", "patient", PHONE, dark=dark)
    await maria.sees_text("Connection works")
    await judge(maria, "ready")
    doctor = await house.person("okafor", "Dr. Adaeze Okafor", "clinician", DESKTOP, dark=dark)
    await doctor.sees_text("Ready when you are")
    await judge(doctor, "lobby")
    await maria.enter()
    await judge(maria, "alone")
    await doctor.enter()
    await maria.sees_face()
    await doctor.sees_face()
    await judge(maria, "call")
    await judge(doctor, "console call")
    await doctor.press("More for Maria Santos")
    await judge(doctor, "menu")
    await doctor.page.keyboard.press("Escape")
    await maria.press(re.compile("^Messages"))
    await judge(maria, "messages")
    await doctor.page.get_by_role("tab", name="Messages").click()
    await judge(doctor, "console messages")
    await doctor.press("Leave the call")
    await judge(doctor, "leave")


@pytest.mark.timeout(120)
async def test_the_pages_of_those_who_work_here(house: House, dark: bool) -> None:
    visitor, door = await signin(house, DESKTOP, dark=dark)
    await judge(visitor, "signin")
    door.say(401, {"status": 401, "code": "unauthorized", "detail": ""})
    await give(visitor)
    await visitor.sees_text("don\u2019t go together")
    await judge(visitor, "wrong")
    door.say(200, {"state": "second_factor", "methods": ["set_up_totp"]})
    door.say(200, {"secret": "JBSWY3DPEHPK3PXP", "uri": "otpauth://totp/x?secret=J"})
    await give(visitor)
    await visitor.sees_text("JBSW Y3DP")
    await judge(visitor, "setup")
    await visitor.page.unroute_all()

    async def start(route: Route) -> None:
        await route.fulfill(body='import "/static/start/start.js";', content_type="text/javascript")

    async def demo(route: Route) -> None:
        await route.fulfill(json=DEMO)

    await visitor.page.route("**/static/signin/**/signin.js*", start)
    await visitor.page.route("**/api/v1/demo", demo)
    await visitor.page.goto(f"{house.server.url}/signin")
    await visitor.sees_text("Who works here")
    await judge(visitor, "start")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_today(house: House, dark: bool, screen: dict[str, Any]) -> None:
    for name, clinic in (
        ("loading", {"slow": True}),
        ("failed", {"failing": True}),
        ("none", {"visits": "none"}),
        ("many", {"visits": "many"}),
    ):
        other = await console(house, screen, dark=dark, clinic=clinic)
        await other.sees(".today")
        await judge(other, name)
        await other.context.close()
    doctor = await console(house, screen, dark=dark)
    await doctor.sees_text("Maria Santos")
    await judge(doctor, "day")
    await doctor.page.evaluate("window.online(false); window.degrade([{plugin: 'consent', reason: 'slow'}])")
    await doctor.press(re.compile("^Maria Santos"))
    await doctor.sees_text("Identity checked")
    await judge(doctor, "visit")
    await doctor.press("Transfer")
    await judge(doctor, "transfer")
    await doctor.press("Cancel")
    await doctor.press("Admit and join")
    await doctor.sees(".console .dock")
    await judge(doctor, "call")


async def tab_to(visitor: Visitor, name: str) -> None:
    """Tab until the element of this name has the focus; it must be seen to have it."""
    for _ in range(40):
        await visitor.page.keyboard.press("Tab")
        found = await visitor.page.evaluate(
            """() => { const e = document.activeElement;
                const label = e.labels?.[0]?.textContent ?? "";
                const outline = getComputedStyle(e).outlineWidth;
                return [(e.ariaLabel || label || e.textContent || e.placeholder).trim(), outline]; }"""
        )
        if found[0] == name:
            assert float(found[1].removesuffix("px")) >= 3, f"{name} is not seen to have the focus"
            return
    raise AssertionError(f"{name} can't be reached")


async def test_the_whole_way_by_keyboard_alone(house: House) -> None:
    maria = await patient(house, DESKTOP)
    keys = maria.page.keyboard
    await maria.sees_text("Everything works")
    await tab_to(maria, "Play a sound")
    await keys.press("Enter")
    await maria.sees_text("Did you hear it?")
    # Focus went on to the answer by itself.
    await maria.until("document.activeElement.textContent === 'Yes, I heard it'")
    await keys.press("Enter")
    await tab_to(maria, "Continue")
    await keys.press("Enter")
    await maria.sees_text("Seeing a doctor by video")
    for _ in range(2):
        await tab_to(maria, "Type your full name to agree")
        await keys.type("Maria Santos")
        await keys.press("Enter")
        await maria.page.wait_for_timeout(200)
    await tab_to(maria, "State")
    await keys.type("Nev")
    await tab_to(maria, "I am here now")
    await keys.press("Enter")
    await maria.sees_text("You are next, Maria")
    await tab_to(maria, "Write a message")
    await keys.type("Hello")
    await keys.press("Enter")
    await maria.sees(".bubble[data-own=true] >> text=Hello")
    await tab_to(maria, "Leave the waiting room")
    await keys.press("Enter")
    await keys.press("Escape")
    await maria.page.locator("dialog").wait_for(state="detached")
    await maria.until("document.activeElement.textContent === 'Leave the waiting room'")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_steps_and_list_at_320_px_in_both_directions(house: House, direction: str) -> None:
    small = {"viewport": {"width": 320, "height": 568}, "has_touch": True}
    turn = f"addEventListener('DOMContentLoaded', () => {{ document.documentElement.dir = '{direction}'; }});"

    async def fits(visitor: Visitor, name: str) -> None:
        await visitor.page.wait_for_timeout(300)
        await visitor.shot(f"small-{name}-{direction}")
        wider = await visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{name}: {wider} px too wide"
        cut = await visitor.page.evaluate(
            """() => [...document.querySelectorAll("button, select, input, a, summary, h1, h2")]
            .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".sr-only"))
            .map((e) => [e.ariaLabel || e.textContent, e.getBoundingClientRect()])
            .filter(([, r]) => r.width > 1 && (r.left < -1 || r.right > innerWidth + 1))
            .map(([label]) => label)"""
        )
        assert cut == [], f"{name}: {cut}"
        small = await visitor.page.evaluate(
            """() => [...document.querySelectorAll("button, select, summary, a.btn")]
            .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.matches(".admit-all"))
            .filter((e) => e.offsetHeight < 44 || e.offsetWidth < 44)
            .map((e) => (e.ariaLabel || e.textContent) + " " + e.offsetWidth + "x" + e.offsetHeight)"""
        )
        assert small == [], f"{name}: smaller than 44 px: {small}"

    maria = await patient(house, small, script=turn)
    await maria.sees_text("Everything works")
    await fits(maria, "preflight")
    await maria.press("Continue")
    await fits(maria, "consent")
    await sign(maria)
    await sign(maria)
    await maria.sees_text("Where are you now?")
    await fits(maria, "location")
    await maria.page.get_by_label("State").select_option("NV")
    await maria.press("I am here now")
    await maria.sees_text("You are next, Maria")
    await maria.page.evaluate(
        "window.tell('waiting_room', 'waiting', { challenge: { kind: 'birth_date', tries_left: 3 } })"
    )
    await maria.sees("#birth-day")
    await fits(maria, "waiting")
    doctor = await console(house, small, script=turn)
    await doctor.sees_text("Maria Santos")
    await fits(doctor, "day")
    await doctor.press(re.compile("^Maria Santos"))
    await doctor.sees_text("Identity checked")
    await fits(doctor, "visit")
    door, _ = await signin(house, small, script=turn)
    await fits(door, "signin")


async def test_who_wants_no_motion_sees_none(house: House) -> None:
    maria = await patient(house, PHONE, reduced_motion="reduce")
    await to_waiting(maria)
    moving = (
        """() => document.getAnimations().filter((a) => a.effect.getComputedTiming().duration > 0).length"""
    )
    assert await maria.page.evaluate(moving) == 0
    doctor = await console(house, DESKTOP, clinic={"slow": True}, reduced_motion="reduce")
    await doctor.sees(".skeleton")
    assert await doctor.page.evaluate(moving) == 0
