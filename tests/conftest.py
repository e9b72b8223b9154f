"""What all tests share: the event loop that the server runs on, and the databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import uvloop
from audit_fixtures import audit_key, audit_log, audit_witness  # noqa: F401 - fixtures
from storage_fixtures import (  # noqa: F401 - fixtures
    database,
    database_clock,
    database_kind,
    database_url,
    empty_database_url,
    postgresql,
    postgresql_template,
    sqlite_template,
)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop differs from asyncio's loop in ways that have broken a call; so everything runs on it."""
    return {"uvloop": uvloop.new_event_loop}
