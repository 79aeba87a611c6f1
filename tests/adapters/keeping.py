"""Records that grow, backups of them and what comes back: with good defaults."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, update

import app.adapters.sql.schema as t
from app.adapters.ledger import FileLedger
from app.adapters.sql import backup, triggers
from app.adapters.sql.chain import Chain, head_of
from app.adapters.sql.database import Database, migrate, writing
from app.adapters.sql.restore import KEY_FILES, Restored, identities, restore
from app.adapters.sql.store import SqlStore
from app.ports.store import Written
from app.rules.record.event import Body, Event, EventType
from app.rules.record.evidence import Head
from app.rules.record.gap import LedgerState
from app.rules.station.station import Station
from app.rules.visit.visit import Visit
from tests.adapters.samples import FACILITY, LINK, RECORD_KEY, StillClock, a_change, handed_off, opened, telling
from tests.rules.record.chain import broken_link
from tests.rules.visits import NOW, a_visit

SECOND = Station("otonari", "おとなり訪問看護ステーション", "9960000017", "03-0000-0001")
PUBLIC, PRIVATE = backup.new_key()
KEYS = backup.recipients(PUBLIC)
IDENTITIES = identities(PRIVATE)
CANARY = "髙﨑 𠮷太郎"


@cache
def migrated() -> bytes:
    """Return an empty SQLite database of the newest schema: making it anew takes longer."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kazasu.db"
        migrate(f"sqlite:///{file}")
        return file.read_bytes()


@dataclass
class Place:
    """A folder with a database, a ledger and keys, as a server has them."""

    folder: Path
    clock: StillClock = field(default_factory=lambda: StillClock(NOW + 3600))
    database: str = ""

    @property
    def url(self) -> str:
        return self.database or f"sqlite:///{self.folder / 'kazasu.db'}"

    @property
    def ledger(self) -> FileLedger:
        return FileLedger(self.folder / "ledger.jsonl")

    @property
    def files(self) -> dict[str, Path]:
        return {name: self.folder / name for name in KEY_FILES}

    def open(self) -> SqlStore:
        migrate(self.url)
        return SqlStore(Database(self.url, key=RECORD_KEY), self.clock)

    async def begun(self) -> SqlStore:
        """Return the store of a new place that knows two stations."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "secret").write_text("k" * 40, encoding="utf-8")
        (self.folder / "record-key").write_bytes(RECORD_KEY)
        if not self.database:
            (self.folder / "kazasu.db").write_bytes(migrated())
        store = self.open()
        await store.add_facility(FACILITY, LINK)
        await store.add_facility(SECOND, replace(LINK, token="bcdefghjkmnp", facility=SECOND.id))
        return store

    def back_up(self, target: Path) -> backup.Made:
        made = backup.make(self.url, self.files, target, KEYS, self.clock.now(), key=RECORD_KEY)
        self.ledger.back_up(made.heads, self.clock.now(), self.clock.now())
        return made

    def restored_from(self, source: Path, known: LedgerState = LedgerState(), keys: Any = None) -> Restored:  # noqa: B008 - frozen
        return restore(
            source,
            keys or IDENTITIES,
            url=self.url,
            folder=self.folder,
            known=known,
            now=self.clock.now(),
            key=RECORD_KEY,
        )


def other(visit: Visit) -> Visit:
    """Return the same visit at the second station."""
    return replace(visit, facility=SECOND.id)


async def wrote(store: SqlStore, rand: random.Random, count: int) -> list[tuple[str, Head]]:
    """Write visits at two stations; return what was acknowledged: each station with its head after a visit."""
    known = []
    for _ in range(count):
        visit = a_visit(upto="need")
        visit = replace(visit, id=f"{rand.getrandbits(128):032x}")
        visit = other(visit) if rand.random() < 0.5 else visit
        assert await store.write(telling(opened(visit, session=f"{rand.getrandbits(256):064x}"))) is Written.DONE
        assert await store.write(telling(a_change(handed_off(visit)))) is Written.DONE
        known.append((visit.facility, await store.head(visit.facility)))
        await asyncio.sleep(0)
    return known


async def hash_at(store: SqlStore, facility: str, head: Head) -> str | None:
    log = [each async for each in store.export(facility)]
    assert broken_link((each.entry, each.hash) for each in log) is None
    return log[head.size - 1].hash if len(log) >= head.size else None


def a_person(connection: Connection, person: str, visit: str = "", *, facility: str = FACILITY.id) -> None:
    """Keep a person as an import does, matched with a visit."""
    connection.execute(
        insert(t.person).values(
            id=person,
            facility=facility,
            day=20261122,
            ends_at=None,
            state="given",
            validity="valid",
            seen_at=NOW,
            body="{}",
            mark="mark",
            born="born",
            key="sealed key",
            names=f"encrypted {CANARY}",
        )
    )
    connection.execute(
        insert(t.person_consent).values(
            person=person, flag="surgery", facility=facility, meaning="given", consented_at=NOW, day=20261122
        )
    )
    connection.execute(insert(t.person_reference).values(facility=facility, number=f"1{person}", person=person))
    connection.execute(insert(t.person_name).values(facility=facility, hash="hash", day=20261122, person=person))
    if visit:
        connection.execute(update(t.followup).where(t.followup.c.visit == visit).values(person=person))


def in_database(url: str, work: Any) -> Any:
    """Do something in a transaction of its own."""
    engine = writing(url, key=RECORD_KEY)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


def behind_our_back(url: str, work: Any) -> Any:
    """Do something that the triggers refuse, as somebody with SQL can: they are dropped, and put back as they were."""

    def altered(connection: Connection) -> Any:
        is_sqlite = connection.dialect.name == "sqlite"
        for table in ("event", "event_body") if not is_sqlite else ():
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for name in triggers.TRIGGERS if is_sqlite else ():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        done = work(connection)
        for statement in triggers.TRIGGERS.values() if is_sqlite else ():
            connection.exec_driver_sql(statement)
        for name in triggers.TRIGGERS_POSTGRESQL if not is_sqlite else ():
            table = "event_body" if name.startswith("event_body") else "event"
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
        return done

    return in_database(url, altered)


def many(url: str, count: int, facility: str = FACILITY.id) -> None:
    """Put a record of so many entries into a database, through the chain that everybody uses."""

    def work(connection: Connection) -> None:
        done = head_of(connection, facility).size
        while done < count:
            chain = Chain(facility, head_of(connection, facility))
            for place in range(min(1_000, count - done)):
                body: Body = {"n": place, "items": {"surgery": "agree", "clinical_drug": "decline"}, "words": "a" * 120}
                chain.add(f"file {done + place}", Event(EventType.IMPORTED, NOW, body))
            chain.write(connection)
            done += 1_000

    in_database(url, work)


def left_in(folder: Path) -> list[str]:
    """Return the names of all files in a folder, hidden ones too."""
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def bytes_of(paths: Iterable[Path]) -> bytes:
    return b"\n".join(path.read_bytes() for path in paths if path.is_file())
