"""A process to be killed: acts whose events a plugin hears, for ever. `plugin_emitter.py FOLDER FIRST`.

FOLDER/acknowledged gets a line for each act once its unit has returned, FOLDER/heard one for each event
that the plugin took.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mediaserver.model.roles import Role
from mediaserver.plugins.workbench import Workbench
from workflows.api import ParticipantArrived, Workflow, on

FOLDER, FIRST = Path(sys.argv[1]), int(sys.argv[2])


def line(file: str, text: str) -> None:
    handle = os.open(FOLDER / file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{text}\n".encode())
    os.close(handle)


class Listener(Workflow):
    """Writes down whom it heard of."""

    name = "listener"

    @on(ParticipantArrived)
    async def note(self, visit, event):
        line("heard", event.participant_id)


async def main() -> None:
    async with Workbench.open(Listener, url=f"sqlite:///{FOLDER}/clinic.db") as bench:
        print("ready", flush=True)
        for number in range(FIRST, FIRST + 100_000):
            who = str(number)
            await bench.happen(ParticipantArrived, participant_id=who, role=Role.PATIENT, settle=False)
            line("acknowledged", who)


asyncio.run(main())
