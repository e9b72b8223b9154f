"""`clinic` and `strict_clinic`: identity on both databases, without and with a second factor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clinic_desk import Clinic, strict

from mediaserver.model.clock import ManualClock
from mediaserver.storage import Database


@pytest.fixture
def clinic(database: Database, database_clock: ManualClock) -> Iterator[Clinic]:
    made = Clinic(database, database_clock)
    yield made
    made.desk.close()


@pytest.fixture
def strict_clinic(database: Database, database_clock: ManualClock) -> Iterator[Clinic]:
    made = Clinic(database, database_clock, strict())
    yield made
    made.desk.close()
