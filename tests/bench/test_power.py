"""The instruments of the power-cut bench: the disk forgets what it should, and damage is seen."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch

import apsw
import pytest

from app.adapters.sql import database, triggers
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from bench import b01p_power_cut
from bench.aftermath import is_chained, is_whole, kept
from bench.disk import SECTOR, Disk
from bench.ward import KEY, LINK, STATION, Ward


def a_disk(left: int = 100) -> Disk:
    return Disk(random.Random(1), left)


def test_it_works() -> None:
    disk = a_disk()
    disk.note("file", 0, b"first")
    disk.sync("file")
    disk.note("file", 5, b" second")
    assert disk.remains(share=0.0) == {"file": b"first"}
    assert disk.remains(share=1.0) == {"file": b"first second"}


def test_a_file_that_was_never_synced_is_not_found() -> None:
    disk = a_disk()
    disk.note("file", 0, b"first")
    assert disk.remains(share=0.0) == {}


def test_sectors_survive_apart() -> None:
    disk = a_disk()
    disk.note("file", 0, b"x" * SECTOR * 100)
    found = disk.remains(share=0.5)["file"]
    assert 20 < found.count(b"x" * SECTOR) < 80


def test_a_cut_file_is_shorter_once_synced() -> None:
    disk = a_disk()
    disk.note("file", 0, b"first")
    disk.sync("file")
    disk.note("file", 2, None)
    assert disk.remains(share=0.0) == {"file": b"first"}
    disk.sync("file")
    assert disk.remains(share=0.0) == {"file": b"fi"}


def test_without_power_nothing_is_done() -> None:
    disk = a_disk(left=2)
    disk.work()
    for _ in range(2):
        with pytest.raises(apsw.IOError, match="no power"):
            disk.work()
    assert not disk.is_on


@pytest.mark.threat("T21")
def test_what_was_acknowledged_outlives_the_power() -> None:
    tally = b01p_power_cut._tally(12, rand=1)
    assert (tally.cuts, tally.failures) == (12, 0)
    assert tally.acknowledged > 100


def test_a_commit_that_is_not_synced_is_caught() -> None:
    with patch.object(database, "PRAGMAS", b01p_power_cut.UNSAFE):
        assert b01p_power_cut._tally(12, rand=1).lost > 0


# --- damage -------------------------------------------------------------------------------------------------


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Return a database into which a nurse has written one visit."""
    path = tmp_path / "kazasu.db"
    database.migrate(f"sqlite:///{path}")
    ward = Ward(random.Random(1))
    store = SqlStore(Database(f"sqlite:///{path}", key=KEY), ward)
    await store.add_facility(STATION, LINK)
    for change in ward.steps("visit"):
        await store.write(change)
    await store.close()
    return path


def opened(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


@contextmanager
def unguarded(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database without the triggers that keep records append-only; they are there again at the end."""
    with opened(path) as connection:
        for name in triggers.TRIGGERS:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for statement in triggers.TRIGGERS.values():
            connection.execute(statement)


async def chained(path: Path) -> bool:
    store = SqlStore(Database(f"sqlite:///{path}", key=KEY), Ward(random.Random(1)))
    holds = await is_chained(store, STATION.id)
    await store.close()
    return holds


async def test_an_undamaged_database_is_whole(path: Path) -> None:
    with opened(path) as connection:
        assert is_whole(connection)
        assert kept(connection, ["visit/1", "visit/5", "visit/6"]) == {"visit/1", "visit/5"}
    assert await chained(path)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE visit SET version = version + 1",
        "DELETE FROM event_body WHERE seq = 3",
        "UPDATE visit SET facility = 'unknown'",
    ],
)
async def test_what_is_half_written_is_seen(path: Path, damage: str) -> None:
    with unguarded(path) as connection:
        connection.execute(damage)
        assert not is_whole(connection)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE event SET at = at + 1 WHERE seq = 3",
        "DELETE FROM event WHERE seq = 3",
        "UPDATE event_body SET body = '{}' WHERE seq = 3",
    ],
)
async def test_a_broken_chain_is_seen(path: Path, damage: str) -> None:
    with unguarded(path) as connection:
        connection.execute(damage)
    assert not await chained(path)
