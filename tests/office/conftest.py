"""A whole application with its office, and people who sign in to it without a screen."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.main import Kazasu, create_app, seed_office, seed_practice
from app.settings import Settings
from tests.office.clerk import Clerk
from tests.pages.nurse import StillClock


@pytest.fixture
def clock() -> StillClock:
    """Return a clock that stands until a test moves it."""
    return StillClock()


def settings(folder: Path) -> Settings:
    """Return settings under which passkeys are possible and nobody has to wait."""
    return Settings(data=folder, origin="http://localhost:8000", starts_per_minute=10_000, posts_per_minute=100_000)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the practice station and its accounts, to be copied: making it anew takes longer."""
    folder = tmp_path_factory.mktemp("seeded")

    async def seed() -> None:
        joined = create_app(settings(folder), clock=StillClock())
        await seed_practice(joined.store, joined.clock)
        await seed_office(joined)
        await joined.desk.office.close()
        await joined.store.close()

    asyncio.run(seed())
    return folder


@pytest.fixture
async def kazasu(tmp_path: Path, clock: StillClock, seeded: Path) -> AsyncIterator[Kazasu]:
    """Return the application on a fresh store, with the practice accounts."""
    shutil.copytree(seeded, tmp_path, dirs_exist_ok=True)
    joined = create_app(settings(tmp_path), clock=clock)
    yield joined
    await joined.desk.office.close()
    await joined.store.close()


@pytest.fixture
async def browser(kazasu: Kazasu) -> AsyncIterator[Callable[[], Clerk]]:
    """Return what opens a browser of its own, as often as one likes."""
    async with AsyncExitStack() as open_ones:
        made: list[Clerk] = []

        def one() -> Clerk:
            clerk = Clerk(kazasu)
            made.append(clerk)
            return clerk

        yield one
        for clerk in made:
            open_ones.push_async_callback(clerk.http.aclose)


@pytest.fixture
async def clerk(browser: Callable[[], Clerk]) -> Clerk:
    """Return a browser in which nobody is signed in."""
    return browser()


@pytest.fixture
async def admin(browser: Callable[[], Clerk]) -> Clerk:
    """Return the practice administrator, signed in."""
    one = browser()
    await one.signs_in("sakura")
    return one


@pytest.fixture
async def staff(browser: Callable[[], Clerk]) -> Clerk:
    """Return the practice staff account, signed in."""
    one = browser()
    await one.signs_in("haru")
    return one
