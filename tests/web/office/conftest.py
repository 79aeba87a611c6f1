"""A whole application with its office, and people who sign in to it without a screen."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.cli.seed import seed_office, seed_practice
from app.main import Kazasu, create_app
from app.settings import Settings
from tests.adapters.samples import RECORD_KEY
from tests.conftest import is_as_recorded
from tests.postgres import Cluster
from tests.web.bedside.nurse import StillClock
from tests.web.office.clerk import Clerk


@pytest.fixture
def clock() -> StillClock:
    """Return a clock that stands until a test moves it."""
    return StillClock()


ON_BOTH = {
    "test_clock",
    "test_consents",
    "test_files",
    "test_importing",
    "test_links",
    "test_restored",
    "test_worklist",
}
"""Modules in which a page rests on what a store orders, locks or finds; the contracts of `tests/adapters/sql` try the rest."""


def settings(folder: Path, database_url: str = "") -> Settings:
    """Return settings under which passkeys are possible and nobody has to wait."""
    keys = "a key for every node, of 32 characters or more".replace(" ", "-") if database_url else ""
    return Settings(
        data=folder,
        origin="http://localhost:8000",
        starts_per_minute=10_000,
        posts_per_minute=100_000,
        database_url=database_url,
        secret_keys=keys,
        record_key=RECORD_KEY.decode(),
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let the office's tests run on the kinds of store that matter to them."""
    if "store_kind" in metafunc.fixturenames:
        both = metafunc.module.__name__.rpartition(".")[2] in ON_BOTH
        metafunc.parametrize("store_kind", ["sqlite", "postgresql"] if both else ["sqlite"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep one of each test's variants on PostgreSQL: they differ in what is typed, not in what is stored."""
    seen: set[str] = set()
    kept: list[pytest.Item] = []
    for item in items:
        variant, name = getattr(item, "callspec", None), item.nodeid.partition("[")[0]
        if variant is not None and variant.params.get("store_kind") == "postgresql":
            if name in seen:
                continue
            seen.add(name)
        kept.append(item)
    items[:] = kept


def seed(folder: Path, database_url: str = "") -> None:
    """Make the practice station and its accounts."""

    async def make() -> None:
        joined = create_app(settings(folder, database_url), clock=StillClock())
        await seed_practice(joined.store, joined.clock)
        await seed_office(joined)
        await joined.close()

    asyncio.run(make())


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the practice station and its accounts, to be copied: making it anew takes longer."""
    folder = tmp_path_factory.mktemp("seeded")
    seed(folder)
    return folder


@pytest.fixture(scope="session")
def seeded_database(postgres: Cluster, migrated_database: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the same as a database."""
    name = postgres.fresh(migrated_database)
    seed(tmp_path_factory.mktemp("seeded"), postgres.url(name))
    return name


@pytest.fixture
def database_url(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of a store with the practice accounts; empty where it lies in the data folder."""
    if store_kind == "sqlite":
        shutil.copytree(request.getfixturevalue("seeded"), tmp_path, dirs_exist_ok=True)
        yield ""
    else:
        postgres: Cluster = request.getfixturevalue("postgres")
        name = postgres.fresh(request.getfixturevalue("seeded_database"))
        yield postgres.url(name)
        postgres.drop(name)


@pytest.fixture
async def kazasu(tmp_path: Path, clock: StillClock, database_url: str) -> AsyncIterator[Kazasu]:
    """Return the application on a fresh store, with the practice accounts."""
    joined = create_app(settings(tmp_path, database_url), clock=clock)
    yield joined
    as_recorded = await is_as_recorded(joined)
    await joined.close()
    assert as_recorded


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
    await one.comes_in_unseen("sakura")
    return one


@pytest.fixture
async def staff(browser: Callable[[], Clerk]) -> Clerk:
    """Return the practice staff account, signed in."""
    one = browser()
    await one.comes_in_unseen("haru")
    return one
