# ruff: noqa: S101 - a test
"""Hello, on the workbench."""

from __future__ import annotations

import asyncio

from hello import Greeted, Hello

from mediaserver.model.roles import Role
from mediaserver.plugins.workbench import Workbench
from workflows.api import Badge, ParticipantArrived


def test_who_comes_is_greeted_and_may_answer() -> None:
    asyncio.run(_play())


async def _play() -> None:
    async with Workbench.open(Hello, settings={"hello": {"most": 2}}) as bench:
        assert await bench.view("badge") is None
        for _ in range(3):
            await bench.happen(ParticipantArrived, participant_id="patient", role=Role.PATIENT)
        said = [act for act in bench.visits.acts if act[0] == "say"]
        assert said == [("say", "patient", "Hello, good to see you. Your clinician will let you in.")] * 2
        assert await bench.view("greeting_panel", by="patient") == Greeted(2, "")
        assert await bench.request("POST", "/reply", by="patient", body={"text": "Hi"}) == Greeted(2, "Hi")
        assert isinstance(await bench.view("badge"), Badge)
        assert [event.type for event in bench.audited] == ["hello.reply"]
