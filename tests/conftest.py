"""What all tests share."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from app.adapters.passwords import Passwords
from app.adapters.sql import replay
from app.adapters.sql.database import migrate
from app.main import Kazasu
from tests.postgres import Cluster, cluster, in_memory, migrated

# A busy machine is no failure: what must be quick has a bench.
settings.register_profile("kazasu", deadline=None)
settings.load_profile("kazasu")

WORK: Final = Passwords.__init__.__defaults__
"""How much work a password is; hundreds of tests that sign in are spared it."""
Passwords.__init__.__defaults__ = (8, 1)


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every later garbage collection: it stays until the end."""
    gc.collect()
    gc.freeze()


ABOUT_PAGES = {"identity", "practice", "web"}
"""Folders of tests to which a disk is no matter."""


@pytest.fixture
def tmp_path(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return a folder of its own, in memory where a test is about pages and there is room: a busy disk would slow it."""
    memory = in_memory() if ABOUT_PAGES & set(request.path.parts) else None
    if memory is None:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="kazasu-pages-", dir=memory) as folder:
        yield Path(folder)


async def is_as_recorded(kazasu: Kazasu) -> bool:
    """Whether every visit is kept as its record tells it, and every record holds: looked at after each test with pages."""
    engine: Any = kazasu.store.database.engines[1]  # type: ignore[attr-defined]
    key = kazasu.store.database.engines[0].get_execution_options()["record_key"]  # type: ignore[attr-defined]
    with engine.connect() as connection:
        stations = [each.id for each in await kazasu.store.facilities()]
        return not any(replay.check(connection, facility, key, 0)[0] for facility in stations)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty database of the newest schema, to be copied: making it anew takes longer."""
    file = tmp_path_factory.mktemp("migrated") / "kazasu.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def data(migrated_file: Path, tmp_path: Path) -> Path:
    """Return a server's data folder with an empty database: the folder that a test knows as its own."""
    shutil.copy(migrated_file, tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Return a PostgreSQL server, started when the first test asks for it."""
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_database(postgres: Cluster) -> str:
    """Return the name of a database with the newest schema, to be copied: making it anew takes longer."""
    return migrated(postgres)


@pytest.fixture
def postgres_url(postgres: Cluster, migrated_database: str) -> Iterator[str]:
    """Return the address of a fresh database of the newest schema."""
    name = postgres.fresh(migrated_database)
    yield postgres.url(name)
    postgres.drop(name)
