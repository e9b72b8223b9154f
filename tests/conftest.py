"""What all tests share: the event loop that the server runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop differs from asyncio's loop in ways that have broken a call; so everything runs on it."""
    return {"uvloop": uvloop.new_event_loop}
