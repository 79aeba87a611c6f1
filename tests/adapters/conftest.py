"""One fresh store of every kind that we have, for every test of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.store_sql import SqlStore
from tests.adapters.samples import FACILITY, LINK, STORES


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    """Return a store that knows one station."""
    fresh: SqlStore = STORES[request.param](tmp_path)
    await fresh.add_facility(FACILITY, LINK)
    yield fresh
    await fresh.close()
