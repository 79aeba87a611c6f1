"""B1p: power cuts. Nothing acknowledged is lost, nothing is half written, whatever the disk kept of the rest.

The product's own store writes through apsw to a disk that forgets what was not synced; what remains is opened
as the product opens it. A killed process (B1) cannot show this: the system keeps the pages that it wrote.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from unittest.mock import patch

import apsw
from sqlalchemy.exc import DBAPIError

from app.adapters.sql import database
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from app.ports.store import Written
from bench import apsw_driver
from bench.aftermath import is_chained, is_whole, kept
from bench.disk import NAME, Disk, FailingDisks
from bench.report import Control, Finding, Profile, Void
from bench.ward import KEY, LINK, STATION, Ward

CUTS: Final = {Profile.CI: 1_000, Profile.BENCH: 10_000, Profile.SOAK: 100_000}
CONTROL_CUTS: Final = 50
LONGEST: Final = 700
"""Disk operations until the power fails, at most: some eighty steps, with checkpoints among them."""
NURSES: Final = 4
SHARES: Final = (0.0, 0.5, 1.0)
"""How much of what was not synced survives: nothing, a part in no order, or all."""
UNSAFE: Final = tuple(
    ("synchronous", "NORMAL", 1) if pragma[0] == "synchronous" else pragma for pragma in database.PRAGMAS
)
"""Settings under which an acknowledged write may still be on its way to the disk."""
_FILE: Final = "kazasu.db"
_NEVER: Final = 1_000_000_000
_ASSERTED: Final = {"journal_mode": "wal", "synchronous": 2}


@dataclass
class Tally:
    """What many cuts did."""

    cuts: int = 0
    acknowledged: int = 0
    lost: int = 0
    broken: int = 0
    retried: int = 0
    retried_that_was_kept: int = 0
    retried_wrongly: int = 0
    found: dict[str, object] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """Everything that must never happen."""
        return self.lost + self.broken + self.retried_wrongly


def run(profile: Profile, rand: int) -> Finding:
    """Cut the power many times; then the same where commits are not synced."""
    tally = _tally(CUTS[profile], rand)
    if tally.found != _ASSERTED:
        raise Void(f"the file under test had {tally.found}")
    with patch.object(database, "PRAGMAS", UNSAFE):
        control = _tally(CONTROL_CUTS, rand)
    return Finding(
        n=tally.cuts,
        failures=tally.failures,
        figures={
            "sqlite": apsw.sqlite_lib_version(),
            **tally.found,
            "acknowledged": tally.acknowledged,
            "lost": tally.lost,
            "broken": tally.broken,
            "retried": tally.retried,
            "retried_that_was_kept": tally.retried_that_was_kept,
            "retried_wrongly": tally.retried_wrongly,
            "control_lost": f"{control.lost} of {control.acknowledged}",
        },
        control=Control("synchronous=NORMAL", caught=control.lost > 0),
    )


def _tally(cuts: int, rand: int) -> Tally:
    tally = Tally()
    with _memory_folder() as folder:
        asyncio.run(_cut_often(cuts, random.Random(rand), folder, tally))
    return tally


async def _cut_often(cuts: int, dice: random.Random, folder: Path, tally: Tally) -> None:
    await _make(folder / _FILE)
    fresh = {_FILE: _content(folder / _FILE)}
    disks = FailingDisks(Disk(dice, _NEVER))
    tally.found = _settings(_placed(folder / "asserted", fresh))
    for _ in range(cuts):
        ward = Ward(random.Random(dice.random()))
        disks.disk = Disk(dice, dice.randrange(1, LONGEST), dict(fresh))
        await _write_until_dark(_placed(folder / "before", fresh), disks.disk, ward)
        remains = disks.disk.remains(share=dice.choice(SHARES))
        await _look(_placed(folder / "after", remains), ward, tally)
        tally.cuts += 1
    disks.unregister()


async def _make(path: Path) -> None:
    """Make a database of the newest schema with one station."""
    database.migrate(f"sqlite:///{path}")
    store = SqlStore(Database(f"sqlite:///{path}", key=KEY), Ward(random.Random()))
    await store.add_facility(STATION, LINK)
    await store.close()


def _content(path: Path) -> bytes:
    return path.read_bytes()


async def _write_until_dark(path: Path, disk: Disk, ward: Ward) -> None:
    try:
        store = SqlStore(Database(f"sqlite:///{path}", _failing(path), key=KEY), ward)
    except DBAPIError:
        if disk.is_on:
            raise
        return
    nurses = [ward.nurse(f"nurse {number}", store) for number in range(NURSES)]
    await asyncio.gather(*nurses, ward.sweeper(store))
    await store.close()


def _failing(path: Path) -> database.Driver:
    """Return what makes the product's engines use the failing disk."""
    return {"module": apsw_driver, "creator": lambda: apsw_driver.Connection(str(path), NAME)}


def _settings(path: Path) -> dict[str, object]:
    """Return how a connection that writes commits."""
    engine = database.writing(f"sqlite:///{path}", _failing(path), key=KEY)
    with engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in _ASSERTED}
    engine.dispose()
    return found


async def _look(path: Path, ward: Ward, tally: Tally) -> None:
    """Open what remains as the product does, and compare it with the ledger."""
    store = SqlStore(Database(f"sqlite:///{path}", key=KEY), ward)
    with closing(sqlite3.connect(path)) as plain:
        tally.acknowledged += len(ward.acknowledged)
        tally.lost += len(ward.acknowledged - kept(plain, ward.acknowledged))
        unanswered = ward.on_its_way.keys()
        there = kept(plain, unanswered)
        tally.retried += len(unanswered)
        tally.retried_that_was_kept += len(there)
        for key, change in ward.on_its_way.items():
            expected = Written.REPEATED if key in there else Written.DONE
            tally.retried_wrongly += await store.write(change) is not expected
        tally.retried_wrongly += len(unanswered - kept(plain, unanswered))
        tally.broken += not (is_whole(plain) and await is_chained(store, STATION.id))
    await store.close()


@contextmanager
def _memory_folder() -> Iterator[Path]:
    """Yield a folder in memory where there is one: the failing disk is slow enough by itself."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own inside it
    with tempfile.TemporaryDirectory(prefix="kazasu-bench-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def _placed(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Put these files, and nothing else, into a folder; return where the database lies."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / _FILE
