"""B9: backups of random moments restore whole; damage and older states are noticed; who was erased stays so."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import Connection, func, insert, select

import app.adapters.sql.schema as t
from app.adapters.ledger import FileLedger
from app.adapters.sql import backup, gap
from app.adapters.sql.chain import Chain, head_of
from app.adapters.sql.database import Database, migrate, reading, writing
from app.adapters.sql.restore import NotRestored, Restored, identities, restore
from app.adapters.sql.store import SqlStore
from app.main import PRACTICE_STATION
from app.rules.record.event import Event, EventType
from app.rules.record.evidence import Head
from app.rules.record.gap import Erasure, LedgerState
from app.rules.station.station import Link, Station, new_token
from app.work import forgetting
from bench.load import percentile
from bench.load_server import aside, subfolder
from bench.report import Control, Finding, Profile

DRILLS: Final = {Profile.CI: 4, Profile.BENCH: 30, Profile.SOAK: 200}
ENTRIES: Final = {Profile.CI: 3_000, Profile.BENCH: 100_000, Profile.SOAK: 1_000_000}
DAMAGED: Final = {Profile.CI: 40, Profile.BENCH: 100, Profile.SOAK: 300}
SLOWEST: Final = 60.0
"""Seconds within which a record of 100,000 entries is back."""
_STATIONS: Final = (
    PRACTICE_STATION,
    Station("otonari", "おとなり訪問看護ステーション", "9960000017", "03-0000-0001"),
)
_NOW: Final = 1_795_000_000
KEY: Final = b"the record key of this bench, 32 letters"
_FEW: Final = 400
_PAUSE: Final = 0.05


class _Still:
    def now(self) -> int:
        return _NOW


class Place:
    """A data folder, with the keys that open its backups."""

    public, private = backup.new_key()

    def __init__(self, folder: Path) -> None:
        """Name what is in it."""
        self.folder = folder
        self.url = f"sqlite:///{folder / 'kazasu.db'}"
        self.ledger = FileLedger(folder / "ledger.jsonl")

    async def begin(self, entries: int) -> SqlStore:
        """Return the store of a new place whose first station has so many entries."""
        migrate(self.url)
        store = SqlStore(Database(self.url, key=KEY), _Still())
        for each in _STATIONS:
            await store.add_facility(each, Link(new_token(), each.id, 1, _NOW))
        for _ in range(-(-entries // 1_000)):
            _write(self.url, _STATIONS[0].id, min(entries, 1_000))
        return store

    def back_up(self, target: Path) -> backup.Made:
        """Write a backup."""
        return backup.make(self.url, {}, target, backup.recipients(self.public), _NOW, key=KEY)

    def restore(self, source: Path, known: LedgerState) -> Restored:
        """Restore a backup here."""
        keys = identities(self.private)
        return restore(source, keys, url=self.url, folder=self.folder, known=known, now=_NOW, key=KEY)


def run(profile: Profile, rand: int) -> Finding:
    """Back up at random moments and restore; damage; go back to older states; then the ways that lose something."""
    seeded = random.Random(rand)
    with aside() as folder:
        place = Place(subfolder(folder, "old"))
        lost, took, last = asyncio.run(_drills(place, folder, seeded, profile))
        damaged = _damaged_taken(last, folder, seeded, DAMAGED[profile])
        unseen = asyncio.run(_older(Place(subfolder(folder, "older")), folder))
        copy_loses = asyncio.run(_copy_loses(Place(subfolder(folder, "copied")), folder))
        with patch.object(gap, "compare", return_value=()):
            accepted = asyncio.run(_older(Place(subfolder(folder, "blind")), folder))
        size = last.stat().st_size
    return Finding(
        n=DRILLS[profile] + DAMAGED[profile] + 2,
        failures=lost + damaged + unseen,
        figures={
            "drills": DRILLS[profile],
            "entries": ENTRIES[profile],
            "lost": lost,
            "restore_s": [round(percentile(took, share), 2) for share in (0.5, 1.0)],
            "backup_bytes": size,
            "damaged": DAMAGED[profile],
            "damaged_taken": damaged,
            "older_or_erased_unseen": unseen,
        },
        control=Control("a copy of the .db alone; an older head accepted", caught=copy_loses and accepted > 0),
        passed=max(took) * 100_000 / max(ENTRIES[profile], 100_000) <= SLOWEST,
    )


def _write(url: str, facility: str, count: int) -> Head:
    """Write entries as everybody does, in one transaction; return the end that is acknowledged."""

    def work(connection: Connection) -> Head:
        chain = Chain(facility, head_of(connection, facility))
        for place in range(count):
            chain.add(f"file {place}", Event(EventType.IMPORTED, _NOW, {"people": place, "new": 0, "matched": 0}))
        chain.write(connection)
        return head_of(connection, facility)

    head: Head = _within(url, work)
    return head


def _within(url: str, work: Any) -> Any:
    engine = writing(url, key=KEY)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def _drills(place: Place, folder: Path, seeded: random.Random, profile: Profile) -> tuple[int, list[float], Path]:
    """Return how many drills lost something, how long restoring took, and the last backup."""
    store = await place.begin(ENTRIES[profile])
    target, lost, took = folder / "none", 0, []
    for each in range(DRILLS[profile]):
        known: dict[str, Head] = {}
        writing_on = asyncio.create_task(asyncio.to_thread(_keep_writing, place.url, seeded.randrange(10, 60), known))
        await asyncio.sleep(seeded.random() * _PAUSE)
        before, target = dict(known), folder / f"{each}.age"
        await asyncio.to_thread(place.back_up, target)
        await writing_on
        new, began = Place(subfolder(folder, f"new{each}")), time.perf_counter()
        new.restore(target, LedgerState())
        took.append(time.perf_counter() - began)
        lost += any(not _has(new.url, facility, head) for facility, head in before.items())
        shutil.rmtree(new.folder)
    await store.close()
    return lost, took, target


def _keep_writing(url: str, count: int, known: dict[str, Head]) -> None:
    for place in range(count):
        facility = _STATIONS[place % 2].id
        known[facility] = _write(url, facility, 2)


def _has(url: str, facility: str, head: Head) -> bool:
    engine = reading(url)
    there = select(t.event.c.hash).where(t.event.c.facility == facility, t.event.c.seq == head.size)
    try:
        with engine.connect() as connection:
            return bool(connection.execute(there).scalar() == head.hash)
    finally:
        engine.dispose()


def _damaged_taken(source: Path, folder: Path, seeded: random.Random, count: int) -> int:
    """Return how many damaged backups were restored, or left anything behind."""
    whole, bad, taken = source.read_bytes(), folder / "bad.age", 0
    for each in range(count):
        at = seeded.randrange(len(whole))
        flipped = whole[:at] + bytes([whole[at] ^ (1 << seeded.randrange(8))]) + whole[at + 1 :]
        bad.write_bytes(flipped if each % 2 else whole[:at])
        new = Place(folder / "bad")
        try:
            new.restore(bad, LedgerState())
            taken += 1
        except NotRestored:
            taken += new.folder.exists()
    return taken


async def _older(place: Place, folder: Path) -> int:
    """Restore a backup from before the newest head and an erasure; return how much of that went unnoticed."""
    store = await place.begin(_FEW)
    _within(place.url, _keep_a_person)
    target = folder / f"{place.folder.name}.age"
    place.back_up(target)
    await forgetting.erase(store, place.ledger, [Erasure(_STATIONS[0].id, "p", _NOW)], "b09", _NOW)
    await forgetting.note(store, place.ledger, _NOW)
    await store.close()
    new = Place(folder / f"{place.folder.name}-new")
    found = new.restore(target, place.ledger.known())
    left = _within(new.url, lambda connection: connection.execute(select(func.count()).select_from(t.person)).scalar())
    head = place.ledger.known().heads[_STATIONS[0].id]
    is_held = [gap.missing for gap in found.gaps] == [(head.size, head.size)]
    return int(not is_held) + int(left > 0)


def _keep_a_person(connection: Connection) -> None:
    person = {"id": "p", "facility": _STATIONS[0].id, "day": 0, "state": "", "validity": "", "seen_at": 0, "body": "{}"}
    connection.execute(insert(t.person).values(**person, key="k", names="n"))


async def _copy_loses(place: Place, folder: Path) -> bool:
    """Whether copying the database file alone, beside a running server, loses what was acknowledged."""
    store = await place.begin(0)
    head = _write(place.url, _STATIONS[0].id, 20)
    copied = folder / "copied.db"
    shutil.copy(place.folder / "kazasu.db", copied)
    with closing(sqlite3.connect(copied)) as connection:
        try:
            found = int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
        except sqlite3.DatabaseError:
            found = 0
    await store.close()
    return found < head.size
