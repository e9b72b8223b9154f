"""The pages of those who work at the clinic: sign-in, the start page of development, and today's list.

They run on answers that the test gives; what the server makes of them is for the tests of the whole visit.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from people import DESKTOP, FACES, HERE, SCREENS, House, Visitor
from playwright.async_api import Route
from test_screens import FOR_STAFF, keep

pytestmark = pytest.mark.browser

SESSION = "**/api/v1/session**"
DEMO = {
    "team": [
        {"id": "okafor", "name": "Dr. Adaeze Okafor", "role": "clinician", "title": "Cardiology"},
        {"id": "lee", "name": "Dr. Min-jun Lee", "role": "clinician", "title": "Family medicine"},
        {"id": "amira", "name": "Amira Khan", "role": "front_desk", "title": ""},
    ],
    "patients": [
        {"name": name, "link": f"/j/{n}", "starts_at": 1_790_000_000_000 + n * 1_200_000, "reason": reason,
         "language": "en"}
        for n, (name, reason) in enumerate([
            ("Maria Santos", "Follow-up"), ("James Featherstonehaugh-Turner of Lakeside", "First visit"),
            ("Linh Nguyễn", "Results"), ("Amina Haddad", "First visit"), ("Piotr Kowalski", "Results"),
        ])
    ],
}  # fmt: skip


async def console(
    house: House, screen: dict[str, Any], *, clinic: dict[str, Any] | None = None, **options: Any
) -> Visitor:
    """Dr. Okafor at today's list, with what `clinic` adds to mock-console.js."""
    script = f"window.CLINIC = {json.dumps(clinic or {})};" + options.pop("script", "")
    visitor = await house.visitor(
        f"{house.server.url}/healthz", screen, script=script, face=FACES["okafor"], **options
    )
    source = (HERE / "mock-console.js").read_text()

    async def mock(route: Route) -> None:
        await route.fulfill(body=source, content_type="text/javascript")

    await visitor.page.route("**/static/console/**/console.js*", mock)
    await visitor.page.route("**/static/console/console.js*", mock)
    await visitor.page.goto(f"{house.server.url}/console")
    return visitor


async def acts(visitor: Visitor) -> list[list[Any]]:
    done: list[list[Any]] = await visitor.page.evaluate("window.clinic.acts")
    return done


class Door:
    """The session routes, answering as told and remembering what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answers: list[tuple[int, dict[str, Any], dict[str, str]]] = []

    def say(self, status: int, body: dict[str, Any], **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, body, named))

    async def handle(self, route: Route) -> None:
        request = route.request
        assert request.headers["x-csrf"] == "1"
        self.asked.append((request.url.partition("/api/v1")[2], request.post_data_json))
        status, body, headers = self.answers.pop(0)
        await route.fulfill(status=status, json=body, headers=headers)


async def signin(
    house: House, screen: dict[str, Any], query: str = "", **options: Any
) -> tuple[Visitor, Door]:
    door = Door()
    visitor = await house.visitor(f"{house.server.url}/healthz", screen, **options)
    await visitor.page.route(SESSION, door.handle)
    await visitor.page.goto(f"{house.server.url}/signin{query}")
    await visitor.page.get_by_label("User name").wait_for()
    return visitor, door


async def give(visitor: Visitor, name: str = "okafor", password: str = "correct horse") -> None:  # noqa: S107
    await visitor.page.get_by_label("User name").fill(name)
    await visitor.page.get_by_label("Password").fill(password)
    await visitor.page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.parametrize(("size", "dark"), FOR_STAFF)
async def test_signing_in_in_every_state(house: House, size: str, dark: bool) -> None:
    end = f"{size}-{'dark' if dark else 'light'}"
    visitor, door = await signin(house, SCREENS[size], dark=dark)
    await keep(visitor, f"signin-{end}")
    await visitor.page.get_by_role("button", name="Sign in", exact=True).click()
    await visitor.sees_text("Fill in your user name and password.")
    door.say(401, {"status": 401, "code": "unauthorized", "detail": ""})
    await give(visitor)
    await visitor.sees_text("don\u2019t go together")
    await keep(visitor, f"signin-wrong-{end}")
    door.say(429, {"status": 429, "code": "locked", "detail": ""}, Retry_After="840")
    await give(visitor)
    await visitor.sees_text("Wait 14 minutes")
    await keep(visitor, f"signin-locked-{end}")
    door.say(200, {"state": "second_factor", "challenge": "c1", "methods": ["totp"]})
    await give(visitor)
    await visitor.sees_text("One more step")
    await keep(visitor, f"signin-code-{end}")
    await visitor.press("Start again")
    door.say(200, {"state": "second_factor", "challenge": "c2", "methods": ["set_up_totp"]})
    door.say(200, {"secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "uri": "otpauth://totp/x?secret=J"})
    await give(visitor)
    await visitor.sees_text("JBSW Y3DP")
    await keep(visitor, f"signin-setup-{end}")


async def test_password_then_code_then_the_page_one_wanted(house: House) -> None:
    visitor, door = await signin(house, DESKTOP, "?next=/healthz?x=1")
    door.say(200, {"state": "second_factor", "challenge": "c1", "methods": ["totp"]})
    await give(visitor)
    code = visitor.page.get_by_label("Six-digit code")
    await code.fill("123")
    await visitor.page.keyboard.press("Enter")
    await visitor.sees_text("Type all six digits.")
    door.say(401, {"status": 401, "code": "unauthorized", "detail": ""})
    await code.fill("123 456")
    await visitor.page.keyboard.press("Enter")
    await visitor.sees_text("That code does not fit.")
    door.say(200, {"state": "signed_in"})
    await code.fill("654321")
    await visitor.page.keyboard.press("Enter")
    await visitor.page.wait_for_url("**/healthz?x=1")
    assert door.asked == [
        ("/session", {"name": "okafor", "password": "correct horse"}),
        ("/session/totp", {"code": "123456", "challenge": "c1"}),
        ("/session/totp", {"code": "654321", "challenge": "c1"}),
    ]


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]
)
async def test_signing_in_leads_nowhere_else(house: House, wanted: str) -> None:
    visitor, _ = await signin(house, DESKTOP, f"?next={wanted}")
    assert await visitor.page.locator("#app").get_attribute("data-next") == "/console"


@pytest.mark.parametrize(("size", "dark"), FOR_STAFF)
async def test_the_start_page(house: House, size: str, dark: bool) -> None:
    """Its module is mounted on the sign-in page's shell: the server of this test invents no clinic."""
    end = f"{size}-{'dark' if dark else 'light'}"
    visitor = await house.visitor(f"{house.server.url}/healthz", SCREENS[size], dark=dark)
    source = 'import "/static/start/start.js";'

    async def mock(route: Route) -> None:
        await route.fulfill(body=source, content_type="text/javascript")

    async def demo(route: Route) -> None:
        await route.fulfill(json=DEMO)

    await visitor.page.route("**/static/signin/**/signin.js*", mock)
    await visitor.page.route(
        "**/static/signin/signin.css*", lambda r: r.continue_(url=r.request.url.replace("signin", "start"))
    )
    await visitor.page.route("**/api/v1/demo", demo)
    await visitor.page.goto(f"{house.server.url}/signin")
    await visitor.sees_text("Who works here")
    assert await visitor.page.get_by_role("listitem").count() == 3 + 3 + 5
    await keep(visitor, f"start-{end}")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("size", "dark"), FOR_STAFF)
async def test_todays_list_in_every_state(house: House, size: str, dark: bool) -> None:
    end = f"{size}-{'dark' if dark else 'light'}"
    screen = SCREENS[size]
    for name, clinic, words in (
        ("loading", {"slow": True}, None),
        ("failed", {"failing": True}, "Today\u2019s visits could not be loaded"),
        ("none", {"visits": "none"}, "No visits today"),
        ("many", {"visits": "many"}, "Maria Santos"),
    ):
        other = await console(house, screen, dark=dark, clinic=clinic)
        if words:
            await other.sees(f"text={words} >> visible=true")
        await keep(other, f"day-{name}-{end}")
        await other.context.close()

    doctor = await console(house, screen, dark=dark)
    await doctor.sees_text("Maria Santos")
    await keep(doctor, f"day-{end}")
    await doctor.page.evaluate(
        "window.online(false); window.degrade([{plugin: 'consent', reason: 'timeout'}])"
    )
    await doctor.sees_text("Offline")
    await keep(doctor, f"day-degraded-{end}")
    await doctor.page.evaluate("window.online(true); window.degrade([])")
    await doctor.press(re.compile("^Maria Santos"))
    await doctor.sees_text("Identity checked")
    await keep(doctor, f"day-visit-{end}")
    await doctor.press("Transfer")
    await keep(doctor, f"day-transfer-{end}")
    await doctor.press("Cancel")
    if size == "phone":
        await doctor.press("Back to the list")
    await doctor.press(re.compile("^Linh"))
    await doctor.sees_text("Call +1 775 555 0199")
    await keep(doctor, f"day-visit-red-{end}")
    await doctor.press("Admit and join")
    await doctor.sees(".console .dock")
    await keep(doctor, f"day-call-{end}")


async def test_admitting_joins_the_room_and_a_front_desk_only_admits(house: House) -> None:
    doctor = await console(house, DESKTOP)
    await doctor.press("Admit Maria Santos")
    await doctor.sees(".console .dock")
    assert await acts(doctor) == [
        ["visit-1", "admit", {"person": "patient-visit-1"}],
        ["visit-1", "enter"],
    ]
    await doctor.press(re.compile("^Admit James"))
    await doctor.sees_text("You are in a call with Maria Santos.")
    await doctor.press("Stay")
    assert len(await acts(doctor)) == 2
    desk = await console(
        house, DESKTOP, clinic={"me": {"id": "amira", "name": "Amira", "role": "front_desk"}}
    )
    await desk.press("Admit Maria Santos")
    await desk.sees_text("Maria Santos was let in")
    await desk.press("Admit all")
    await desk.page.get_by_role("dialog").get_by_role("button", name="Admit all").click()
    await desk.page.get_by_role("button", name=re.compile("^Admit ")).first.wait_for(state="hidden")
    assert await acts(desk) == [["visit-1", "admit", {"person": "patient-visit-1"}], ["admit-all"]]


async def test_the_day_by_keyboard(house: House) -> None:
    doctor = await console(house, DESKTOP)
    await doctor.sees_text("Maria Santos")
    keys = doctor.page.keyboard
    await keys.press("j")
    await doctor.sees("h1:text('Maria Santos')")
    await keys.press("j")
    await doctor.sees("h1:text('James')")
    await keys.press("k")
    await keys.press("Shift+?")
    await doctor.sees_text("Admit the chosen patient")
    await keys.press("Escape")
    await doctor.page.locator("dialog").wait_for(state="detached")
    await doctor.page.get_by_placeholder("Write a message").fill("ajk are only letters here")
    await keys.press("Enter")
    await doctor.sees(".bubble >> text=ajk are only letters here")
    await doctor.page.locator("h1:visible").focus()
    await keys.press("a")
    await doctor.sees(".console .dock")


async def test_who_comes_is_told_of_and_the_list_keeps_their_order(house: House) -> None:
    doctor = await console(house, DESKTOP)
    await doctor.sees_text("Maria Santos")
    await doctor.page.evaluate(
        """window.tell('visit-4', { state: 'arrived' },
            { place: 'waiting', arrived_at: Date.now(), light: 'green' })"""
    )
    await doctor.sees(".toast >> text=Amina Haddad waits")
    names = await doctor.page.locator("[aria-labelledby=today-waiting] .who-name").all_text_contents()
    assert [name.split()[0] for name in names] == ["Maria", "James", "Linh", "Amina"]
    await doctor.page.evaluate("window.clinic.failing = true")
    await doctor.press("Admit Maria Santos")
    await doctor.sees_text("That did not work.")
    assert await doctor.page.locator(".dock").count() == 0
    assert doctor.faults == []


async def test_a_long_list_is_found_by_name_without_accents(house: House) -> None:
    doctor = await console(house, DESKTOP, clinic={"visits": "many"})
    await doctor.page.get_by_placeholder("Find by name").fill("jose sa")
    await doctor.until("document.querySelectorAll('.today-row').length === 2")
    await doctor.page.get_by_placeholder("Find by name").fill("nobody")
    await doctor.sees_text("Nobody by that name")
