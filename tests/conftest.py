"""What all tests share: the event loop that the server runs on."""

from __future__ import annotations

import pytest
import uvloop


@pytest.fixture(scope="session")
def event_loop_policy() -> uvloop.EventLoopPolicy:
    """uvloop differs from asyncio's loop in ways that have broken a call; so everything runs on it."""
    return uvloop.EventLoopPolicy()
