"""What the store owes to SQLite alone: settings that hold, rows that resist, plans that use an index."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Delete, Engine, Select, Update
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

import app.adapters.sql.statements as sql
from app.adapters.sql import database, schema, triggers
from app.adapters.sql.compiled import Direct
from app.adapters.sql.database import PRAGMAS, Database
from app.adapters.sql.store import SqlStore
from app.adapters.sql.submission import UnknownFacility
from app.ports.outside import Unavailable
from app.ports.store import StoreUnsafe, Written
from app.rules.visit.visit import Visit
from tests.adapters.samples import (
    FACILITY,
    LINK,
    RECORD_KEY,
    StillClock,
    a_change,
    a_departure,
    after,
    handed_off,
    opened,
    visit_of,
)
from tests.rules.record.chain import broken_link
from tests.rules.visits import NOW, a_visit


@pytest.fixture
def path(data: Path) -> Path:
    """Return where a database of the newest schema lies."""
    return data / "kazasu.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    fresh = SqlStore(Database(f"sqlite:///{path}", key=RECORD_KEY), StillClock(NOW + 3600))
    await fresh.add_facility(FACILITY, LINK)
    yield fresh
    await fresh.close()


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection that somebody else opened, with the settings that SQLite has by itself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def begun(store: SqlStore) -> Visit:
    change = opened(a_visit(upto="need"))
    assert await store.write(change) is Written.DONE
    return change.visit


async def unbroken(store: SqlStore) -> int:
    """Return how many entries the chain has, after looking that it holds."""
    log = [each async for each in store.export(FACILITY.id)]
    assert broken_link((each.entry, each.hash) for each in log) is None
    return len(log)


# --- settings -----------------------------------------------------------------------------------------------


@pytest.mark.threat("T21")
@pytest.mark.parametrize("made", [database.writing, database.reading])
def test_every_connection_has_the_settings(path: Path, made: Callable[[str], Engine]) -> None:
    engine = made(f"sqlite:///{path}")
    with engine.connect() as connection:
        for name, _, expected in PRAGMAS:
            assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == expected
    engine.dispose()


MISSPELT = [
    ("synchronous", "FULLL", 2),
    ("journal_mode", "WALL", "wal"),
    ("foreign_keys", "ONN", 1),
    ("recursive_triggers", "TRU", 1),
    ("secure_delet", "ON", 1),
]


@pytest.mark.threat("T21")
@pytest.mark.parametrize("misspelt", MISSPELT, ids=lambda each: each[0])
def test_a_misspelt_setting_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misspelt: tuple[str, str, object]
) -> None:
    monkeypatch.setattr(database, "PRAGMAS", (misspelt,))
    with pytest.raises(StoreUnsafe, match=misspelt[0]):
        SqlStore(Database(f"sqlite:///{tmp_path / 'new.db'}", key=RECORD_KEY), StillClock())


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(StoreUnsafe, match="journal_mode is memory"):
        SqlStore(Database("sqlite://", key=RECORD_KEY), StillClock())


# --- evidence resists ---------------------------------------------------------------------------------------

COLUMNS = "facility, seq, event_id, visit, type, at, body_hash, prev_hash, hash, key"
SAME_PLACE = "SELECT facility, seq, 'e', visit, type, at, body_hash, prev_hash, hash, 'k' FROM event"
SAME_ID = "SELECT facility, 9, event_id, visit, type, at, body_hash, prev_hash, hash, 'k' FROM event"
SAME_KEY = "SELECT facility, 9, 'e', visit, type, at, body_hash, prev_hash, hash, key FROM event"

FORBIDDEN = [
    "UPDATE event SET at = 0",
    "UPDATE OR REPLACE event SET at = 0",
    "UPDATE OR IGNORE event SET at = 0",
    "UPDATE OR ROLLBACK event SET at = 0",
    "UPDATE event SET at = 0 FROM facility",
    "DELETE FROM event",
    "DELETE FROM event WHERE seq = 1",
    *(
        f"{verb} INTO event ({COLUMNS}) {row}"
        for verb in ("INSERT", "REPLACE", "INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL")
        for row in (SAME_PLACE, SAME_ID, SAME_KEY)
    ),
    *(
        f"INSERT INTO event ({COLUMNS}) {row} WHERE true ON CONFLICT DO {action}"
        for action in ("NOTHING", "UPDATE SET at = 0")
        for row in (SAME_PLACE, SAME_ID, SAME_KEY)
    ),
]


@pytest.mark.threat("T17")
@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_an_event_stays(store: SqlStore, raw: sqlite3.Connection, statement: str) -> None:
    await begun(store)
    before = raw.execute("SELECT * FROM event").fetchall()
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    assert raw.execute("SELECT * FROM event").fetchall() == before


async def test_a_value_of_another_kind_is_refused(store: SqlStore, raw: sqlite3.Connection) -> None:
    await begun(store)
    for table in schema.metadata.tables:
        strict = raw.execute("SELECT strict FROM pragma_table_list WHERE name = ?", (table,)).fetchone()
        assert strict == (1,), table
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute("UPDATE visit SET version = 'two'")


async def test_what_expired_is_in_no_file(store: SqlStore, path: Path) -> None:
    canary = "CANARY-20261122"
    visit = await begun(store)
    answers = {"need": {"over_40": "yes", "reference": canary, "intent": "first"}}
    await store.write(a_change(replace(after(visit), answers=answers), body={"note": canary}))
    files = [path, path.with_name(f"{path.name}-wal")]
    assert any(canary.encode() in file.read_bytes() for file in files)
    assert await store.expire(NOW + 9999) == 1
    assert not any(canary.encode() in file.read_bytes() for file in files)


async def test_an_ended_visit_keeps_no_pseudonym(store: SqlStore, raw: sqlite3.Connection) -> None:
    visit = replace(handed_off(await begun(store)), subject="pseudonym")
    await store.write(a_change(visit))
    await store.write(a_change(replace(after(visit), ended=True)))
    assert raw.execute("SELECT session, subject, ended FROM visit").fetchall() == [(None, "", 1)]


# --- trouble ------------------------------------------------------------------------------------------------


def limit(pages: int, connection: Connection) -> None:
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def impatient(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA busy_timeout = 1")


@pytest.mark.threat("T21")
async def test_a_full_disk_leaves_nothing_half_written(store: SqlStore) -> None:
    visit = await begun(store)
    await store.database.writer.run(lambda connection: limit(1, connection))
    with contextlib.suppress(Unavailable):
        while visit.version < 1000:
            await store.write(a_change(after(visit), body={"note": "x" * 500}))
            visit = after(visit)
    assert 1 < visit.version < 1000
    assert await visit_of(store) == visit
    assert await unbroken(store) == visit.version
    await store.database.writer.run(lambda connection: limit(1_000_000, connection))
    assert await store.write(a_change(after(visit))) is Written.DONE


@pytest.mark.threat("T21")
async def test_a_locked_database_is_unavailable(store: SqlStore, raw: sqlite3.Connection) -> None:
    visit = await begun(store)
    await store.database.writer.run(impatient)
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await store.write(a_change(after(visit)))
    assert not await store.is_ready()
    assert await visit_of(store) == visit
    raw.execute("ROLLBACK")
    assert await store.write(a_change(after(visit))) is Written.DONE


async def test_who_shares_a_commit_does_not_share_a_fault(store: SqlStore) -> None:
    visit = await begun(store)
    good = a_change(after(visit))
    bad = opened(replace(a_visit(), id="w" * 22, facility="unknown"), session="another")
    _, done, fault = await asyncio.gather(
        store.database.writer.run(lambda _: time.sleep(0.05)),
        store.write(good),
        store.write(bad),
        return_exceptions=True,
    )
    assert done is Written.DONE
    assert isinstance(fault, UnknownFacility)
    assert await unbroken(store) == 2


async def test_who_stops_waiting_stops_nobody(store: SqlStore) -> None:
    visit = await begun(store)
    blocked = asyncio.create_task(store.database.writer.run(lambda _: time.sleep(0.05)))
    gone = asyncio.create_task(store.write(a_change(after(visit))))
    await asyncio.sleep(0.01)
    gone.cancel()
    await blocked
    assert await store.write(a_change(after(visit))) is Written.STALE


@pytest.mark.threat("T06")
async def test_two_servers_on_one_database_spend_a_departure_once(store: SqlStore, path: Path) -> None:
    visit = handed_off(await begun(store))
    await store.write(replace(a_change(visit), issue=a_departure(visit)))
    other = SqlStore(Database(f"sqlite:///{path}", key=RECORD_KEY), StillClock())
    changes = [replace(a_change(after(visit)), spend="departure") for _ in range(50)]
    answers = await asyncio.gather(*((store, other)[n % 2].write(each) for n, each in enumerate(changes)))
    await other.close()
    assert answers.count(Written.DONE) == 1
    assert await unbroken(store) == 3


# --- plans --------------------------------------------------------------------------------------------------

INDEXED: dict[str, tuple[Direct | Select[Any] | Delete | Update, ...]] = {
    "a submitted step": (sql.FOUND, sql.CHANGE_VISIT, sql.CHANGE_SESSION, sql.SPEND, sql.SETTLED),
    "reading": (sql.BEDSIDE, sql.DEPARTURE, sql.HEAD, sql.EXPORT),
    "retention": (sql.DUE, sql.AHEAD, sql.OVER, sql.OVERDUE, sql.FORGET_BODIES, sql.FORGET_VISITS, sql.FORGET_SESSIONS),
    "stations": (sql.LINK, sql.LIVE_LINK, sql.FACILITY),
}


@pytest.mark.parametrize("about", INDEXED)
def test_statements_find_their_rows_by_an_index(raw: sqlite3.Connection, about: str) -> None:
    for statement in INDEXED[about]:
        built = statement.statement if isinstance(statement, Direct) else statement
        text = str(built.compile(dialect=sqlite_dialect(), column_keys=["version"]))
        text = text.replace("__[POSTCOMPILE_visits]", "?, ?")
        plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {text}", [None] * text.count("?"))]
        assert not [step for step in plan if step.startswith("SCAN") or "TEMP B-TREE" in step], plan


# --- the schema ---------------------------------------------------------------------------------------------


def described(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT type || ' ' || name, sql FROM sqlite_master WHERE tbl_name NOT LIKE 'alembic%'"
        )
        return {name: " ".join((sql or "").split()) for name, sql in rows}


def test_migrations_make_the_declared_schema(tmp_path: Path) -> None:
    migrated, declared = tmp_path / "migrated.db", tmp_path / "declared.db"
    database.migrate(f"sqlite:///{migrated}")
    with database.unhurried(f"sqlite:///{declared}") as connection:
        schema.metadata.create_all(connection)
        triggers.guard(connection, triggers.EVENT_TRIGGERS, triggers.EVENT_TRIGGERS_POSTGRESQL)
        triggers.guard(connection, triggers.BODY_TRIGGERS, triggers.BODY_TRIGGERS_POSTGRESQL)
    assert described(migrated) == described(declared)
    assert [name for name in described(migrated) if name.startswith("trigger")] == [
        "trigger event_no_update",
        "trigger event_no_delete",
        "trigger event_no_replace",
        "trigger event_body_no_update",
        "trigger event_body_no_delete",
        "trigger event_body_no_replace",
    ]


def test_the_newest_revision_is_the_one_that_starts_look_for() -> None:
    assert ScriptDirectory(str(database._MIGRATIONS)).get_current_head() == schema.HEAD


def test_an_ordinary_start_loads_no_alembic(path: Path) -> None:
    code = f"""
import sys
from app.adapters.sql.database import migrate
migrate("sqlite:///{path}")
sys.exit("alembic" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
