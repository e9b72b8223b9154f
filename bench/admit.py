"""How long after being admitted a patient and the clinician see each other: Chromium on this machine.

Both are the SDK without a page around it. The patient publishes and waits at the door, so the path is proven
and the encoders run; the server forwards nothing. The clock starts when the server is told to admit (that is
what a clinician's press becomes, a request later) and stops in each page when the first frame of the other is
shown. A fresh patient each time, in a fresh profile.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from playwright.sync_api import Browser, Page, sync_playwright

from bench.chromium import FLAGS
from bench.machine import MissingError, commit, description
from bench.spread import spread
from mediaserver import logs
from mediaserver.config import load
from mediaserver.model.grants import Person, grants_for
from mediaserver.model.ids import RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import HOSTS, Role
from mediaserver.rooms import Enter, Hold, Verdict
from mediaserver.server import Server, listen_localhost

T = TypeVar("T")

ROOM = RoomName("bench")
TIMEOUT = 20.0  # seconds for each step of one patient
SETTLE = 2.0  # seconds at the door before the admission: the encoders have found their rate
FIRST_PORT = 18080

PERSON = """
import { prepare, LocalMedia } from "/sdk/mediaserver.js";
const media = new LocalMedia();
await media.start();
const room = await prepare(location.href.replace("/healthz", ""), { token: document.title, media });
room.on("track", ({ track, on }) => {
  if (!on || track.kind !== "video") return;
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = track.stream;
  video.requestVideoFrameCallback(() => { window.first ??= Date.now(); });
  document.body.append(video);
  video.play();
});
window.room = room;
window.how = await room.enter();
"""
READY = "() => window.how && window.room.connection.media === true"


class _Door:
    """Hosts come in, patients wait."""

    async def ask(self, room: RoomName, person: Person) -> Verdict:
        return Enter() if person.role in HOSTS else Hold("waiting")


class _House:
    """A server on a thread of its own."""

    def __init__(self, data: Path) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        settings = load(None, {"data": data, "media": {"listen": ["127.0.0.1:0"]}})
        logs.configure("warning", "json")
        self._server = Server(settings)
        sockets = listen_localhost(FIRST_PORT)
        self.url = f"http://localhost:{sockets[0].getsockname()[1]}"
        self.run(self._server.start(sockets))
        self._server.house.rooms.guard(_Door())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT)

    def token(self, identity: str, role: Role) -> str:
        """A token for the room."""
        person = Person(identity, Pii(identity), role, grants_for(role, ROOM))
        return self._server.house.identity.tokens.issue(person, 3600)

    def admit(self, identity: str) -> float:
        """When it was told, ms of the wall clock, as `Date.now` has it."""

        async def now() -> float:
            started = time.time() * 1000
            await self._server.house.rooms.admit(ROOM, identity)
            return started

        return self.run(now())

    def close(self) -> None:
        """Ends it."""
        self.run(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


@contextmanager
def _house() -> Iterator[_House]:
    with tempfile.TemporaryDirectory() as data:
        house = _House(Path(data))
        try:
            yield house
        finally:
            house.close()


def measure(runs: int) -> dict[str, Any]:
    """Admits `runs` patients one by one: p50, p95 and the worst in ms of what each side waits for."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise MissingError("chromium is missing; `make browsers` installs it")
    with _house() as house, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(FLAGS))
        try:
            clinician = _enter(browser, house, "clinician", Role.CLINICIAN)
            rows = [_admission(browser, house, clinician, f"patient-{n}") for n in range(runs)]
        finally:
            browser.close()
    return {
        "runs": runs,
        "patient_sees_ms": spread([row["patient"] for row in rows]),
        "clinician_sees_ms": spread([row["clinician"] for row in rows]),
        "both_ms": spread([max(row.values()) for row in rows]),
        "each_run_ms": [{side: round(value) for side, value in row.items()} for row in rows],
        "commit": commit(Path(__file__).parents[1]),
        **description(),
    }


def _enter(browser: Browser, house: _House, identity: str, role: Role) -> Page:
    page = browser.new_context(permissions=["camera", "microphone"], bypass_csp=True).new_page()
    page.goto(house.url + "/healthz")
    page.evaluate("(token) => { document.title = token; }", house.token(identity, role))
    page.add_script_tag(content=PERSON, type="module")
    page.wait_for_function(READY, timeout=TIMEOUT * 1000)
    return page


def _admission(browser: Browser, house: _House, clinician: Page, identity: str) -> dict[str, float]:
    clinician.evaluate("() => { window.first = null; }")
    patient = _enter(browser, house, identity, Role.PATIENT)
    try:
        time.sleep(SETTLE)
        for page in (patient, clinician):
            assert page.evaluate("() => window.first ?? null") is None, "a frame before the admission"  # noqa: S101
        started = house.admit(identity)
        seen = {}
        for side, page in (("patient", patient), ("clinician", clinician)):
            page.wait_for_function("() => window.first", timeout=TIMEOUT * 1000)
            seen[side] = page.evaluate("() => window.first") - started
        return seen
    finally:
        patient.evaluate("() => window.room.leave()")
        patient.context.close()
        time.sleep(1)
