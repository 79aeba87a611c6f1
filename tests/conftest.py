"""What all tests share."""

from __future__ import annotations

import contextlib
import gc
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx
import pytest
import structlog
from hypothesis import Phase, settings
from typing_extensions import override

from app.adapters.passwords import Passwords
from app.adapters.sql import replay
from app.adapters.sql.database import migrate
from app.log import FIELDS
from app.main import Kazasu
from tests.postgres import Cluster, cluster, in_memory, migrated

# A busy machine is no failure: what must be quick has a bench.
settings.register_profile("kazasu", deadline=None)
# The same examples for every mutant, and no search for a simpler one: it has died with the first that fails.
settings.register_profile("mutants", deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
settings.load_profile("kazasu")

WORK: Final = Passwords.__init__.__defaults__
"""How much work a password is; hundreds of tests that sign in are spared it."""
Passwords.__init__.__defaults__ = (8, 1)


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every later garbage collection: it stays until the end."""
    gc.collect()
    gc.freeze()


_text: Final[Callable[[httpx.Response], str]] = vars(httpx.Response)["text"].fget
_MISPLACED: Final = re.compile(r"<[^<>]*\u200b|<(option|textarea|script|style)\b[^>]*>[^<]*\u200b")


def _without_breaks(response: httpx.Response) -> str:
    """Return a page without the places where its lines may break: no test asks for them in passing.

    Each page that a test reads is looked through for such a place where HTML has none.
    """
    text = _text(response)
    misplaced = _MISPLACED.search(text)
    assert not misplaced, f"a break where none can be: {misplaced[0]}"
    return text.replace("\u200b", "")


httpx.Response.text = property(_without_breaks)  # type: ignore[assignment, method-assign]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run tests on asyncio, the product's loop, whatever others are installed."""
    return "asyncio"


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


class AllowedLogger(structlog.BoundLogger):
    """Collects every field that the product would drop from a line of its own; also of lines that `capture_logs` takes.

    The retry library's lines are not ours: of them the product keeps the event alone.
    """

    dropped: ClassVar[list[str]] = []

    @override
    def _process_event(self, method_name: str, event: str | None, event_kw: dict[str, Any]) -> Any:
        if not str(event).startswith("stamina."):
            self.dropped.extend(f"{name} of {event!r}" for name in {*self._context, *event_kw} - FIELDS)
        return super()._process_event(method_name, event, event_kw)


@contextlib.contextmanager
def only_allowed_fields() -> Iterator[None]:
    """Raise `AssertionError` at the end if a field was logged that the allow-list drops, whoever caught what."""
    structlog.configure(wrapper_class=AllowedLogger)
    AllowedLogger.dropped.clear()
    yield
    dropped = [*AllowedLogger.dropped]
    AllowedLogger.dropped.clear()
    assert not dropped, f"logged, and not on the allow-list in app/log.py: {dropped}"


@pytest.fixture(autouse=True)
def _only_allowed_fields() -> Iterator[None]:
    with only_allowed_fields():
        yield


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
