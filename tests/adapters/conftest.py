"""One fresh store of every kind that we have, for every test of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from tests.adapters.samples import FACILITY, LINK, RECORD_KEY, StillClock
from tests.rules.visits import NOW


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a fresh database of every kind that we have."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    request.getfixturevalue("data")
    return f"sqlite:///{tmp_path / 'kazasu.db'}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    """Return a store that knows one station."""
    fresh = SqlStore(Database(url, key=RECORD_KEY), StillClock(NOW + 3600))
    await fresh.add_facility(FACILITY, LINK)
    yield fresh
    await fresh.close()
