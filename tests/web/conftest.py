"""A whole application on a temporary store, with a clock that tests move, and a client that refuses bad pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.cli.seed import seed_practice
from app.main import Kazasu, create_app
from app.rules.visit.visit import Route
from app.settings import Settings
from tests.conftest import is_as_recorded
from tests.web.bedside.nurse import Nurse, StillClock

ORIGIN = "http://127.0.0.1:8000"


@pytest.fixture
def clock() -> StillClock:
    """Return a clock that stands until a test moves it."""
    return StillClock()


@pytest.fixture
async def kazasu(data: Path, clock: StillClock) -> AsyncIterator[Kazasu]:
    """Return the application on a fresh store."""
    settings = Settings(data=data, starts_per_minute=10_000, posts_per_minute=100_000)
    joined = create_app(settings, clock=clock)
    await seed_practice(joined.store, clock)
    yield joined
    as_recorded = await is_as_recorded(joined)
    await joined.close()
    assert as_recorded


@pytest.fixture
async def officially(tmp_path: Path, clock: StillClock) -> AsyncIterator[Nurse]:
    """Return a nurse on the official route, over TLS as far as the pages can tell."""
    origin = "https://kazasu.example"
    joined = create_app(Settings(data=tmp_path / "official", route=Route.OFFICIAL, origin=origin), clock=clock)
    await seed_practice(joined.store, clock)
    async with Nurse(joined, origin) as one:
        yield one
    as_recorded = await is_as_recorded(joined)
    await joined.close()
    assert as_recorded


@pytest.fixture
async def nurse(kazasu: Kazasu) -> AsyncIterator[Nurse]:
    """Return a nurse with a browser of her own."""
    async with Nurse(kazasu) as one:
        yield one
