"""What the stores owe to PostgreSQL alone: settings that hold, rows that resist, connections that come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.exc import ProgrammingError

from app.adapters.sql import database, schema, submission, triggers
from app.adapters.sql.database import Database, migrate
from app.adapters.sql.office import SqlOffice
from app.adapters.sql.store import SqlStore
from app.adapters.sql.submission import UnknownFacility
from app.adapters.sql.worklist import SqlWorklist
from app.ports.outside import Unavailable
from app.ports.store import StoreUnsafe, Written
from app.rules.visit.visit import Visit
from tests.adapters.samples import (
    FACILITY,
    LINK,
    RECORD_KEY,
    SESSION,
    StillClock,
    a_change,
    a_departure,
    after,
    handed_off,
    opened,
    visit_of,
)
from tests.postgres import Cluster, cluster, migrated
from tests.rules.record.chain import broken_link
from tests.rules.visits import NOW, a_visit


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[SqlStore]:
    fresh = SqlStore(Database(postgres_url, key=RECORD_KEY), StillClock(NOW + 3600))
    await fresh.add_facility(FACILITY, LINK)
    yield fresh
    await fresh.close()


@pytest.fixture
def name(postgres_url: str) -> str:
    """Return the name of this test's database."""
    return str(psycopg.conninfo.conninfo_to_dict(postgres_url.replace("+psycopg", ""))["dbname"])


@pytest.fixture
def empty(postgres: Cluster) -> Iterator[str]:
    """Return the name of a database without a schema."""
    name = postgres.fresh()
    yield name
    postgres.drop(name)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """Return the connections of somebody else, with the settings that PostgreSQL has by itself."""
    engine = create_engine(postgres_url)
    yield engine
    engine.dispose()


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
@pytest.mark.parametrize("setting", ["synchronous_commit=off", "synchronous_commit=local", "client_encoding=LATIN1"])
def test_a_database_that_would_lose_something_is_refused(postgres: Cluster, empty: str, setting: str) -> None:
    name, _, value = setting.partition("=")
    postgres.tell(f"ALTER DATABASE {empty} SET {name} = '{value}'")
    if name == "client_encoding":
        migrate(postgres.url(empty))  # what is the session's own affair, we set
    else:
        with pytest.raises(StoreUnsafe, match=f"{name} is {value}"):
            migrate(postgres.url(empty))


@pytest.mark.threat("T21")
def test_a_server_that_does_not_wait_for_the_disk_is_refused() -> None:
    refused = pytest.raises(StoreUnsafe, match="fsync is off, not on; full_page_writes is off, not on")
    with cluster("fsync=off", "full_page_writes=off") as careless, refused:
        migrate(careless.url("postgres"))


@pytest.mark.parametrize("locale", ["C.UTF-8", "POSIX"])
def test_text_sorts_by_bytes_or_nothing_is_served(postgres: Cluster, locale: str) -> None:
    name = postgres.fresh(locale=locale)
    if locale == "POSIX":
        migrate(postgres.url(name))
    else:
        with pytest.raises(StoreUnsafe, match=f"text sorts by {locale}"):
            migrate(postgres.url(name))
    postgres.drop(name)


def test_a_misspelt_setting_is_noticed(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SERVER", (("fsink", ("on",)),))
    with pytest.raises(ProgrammingError, match="fsink"):
        migrate(postgres_url)


def test_every_connection_has_the_settings(postgres_url: str) -> None:
    for made in (database.writing, database.reading):
        engine = made(postgres_url)
        with engine.connect() as connection:
            for setting, expected in database.SESSION.items():
                assert connection.exec_driver_sql(f"SHOW {setting}").scalar() == expected
            assert connection.exec_driver_sql("SHOW application_name").scalar() == "kazasu"
        engine.dispose()


# --- evidence resists ---------------------------------------------------------------------------------------

COLUMNS = "facility, seq, event_id, visit, type, at, body_hash, prev_hash, hash, key"
SAME = f"INSERT INTO event ({COLUMNS}) SELECT {COLUMNS} FROM event"  # noqa: S608 - written here
FORBIDDEN = [
    "UPDATE event SET at = 0",
    "UPDATE event SET at = at",
    "DELETE FROM event",
    "DELETE FROM event USING facility",
    "TRUNCATE event CASCADE",
    "TRUNCATE facility CASCADE",
    SAME,
    f"{SAME} ON CONFLICT (facility, seq) DO UPDATE SET at = 0",
    "MERGE INTO event USING facility ON facility.id = event.facility WHEN MATCHED THEN DELETE",
]


@pytest.mark.threat("T17")
@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_an_event_stays(store: SqlStore, engine: Engine, postgres: Cluster, name: str, statement: str) -> None:
    await begun(store)
    before = postgres.ask(name, "SELECT * FROM event")
    with engine.connect() as connection, pytest.raises(Exception, match=r"append-only|duplicate key"):
        connection.exec_driver_sql(statement)
    with pytest.raises(psycopg.IntegrityError, match=r"append-only|duplicate key"):
        postgres.tell(f"SET session_replication_role = replica; {statement}", name)
    assert postgres.ask(name, "SELECT * FROM event") == before


async def test_an_ended_visit_keeps_no_pseudonym(store: SqlStore, postgres: Cluster, name: str) -> None:
    visit = replace(handed_off(await begun(store)), subject="pseudonym")
    await store.write(a_change(visit))
    await store.write(a_change(replace(after(visit), ended=True)))
    assert postgres.ask(name, "SELECT session, subject, ended FROM visit") == [(None, "", 1)]


# --- trouble ------------------------------------------------------------------------------------------------


@pytest.mark.threat("T21")
async def test_a_killed_connection_is_found_and_made_anew(store: SqlStore, postgres: Cluster, name: str) -> None:
    visit = await begun(store)
    for _ in range(3):
        assert postgres.kill_backends(name) >= 1
        assert await visit_of(store) == visit
        assert postgres.kill_backends(name) >= 1
        visit = after(visit)
        assert await store.write(a_change(visit)) is Written.DONE
        assert postgres.kill_backends(name) >= 1
        assert await store.bedside(SESSION) == (visit, FACILITY)
    assert await unbroken(store) == visit.version


async def test_every_store_finds_its_way_back(postgres_url: str, postgres: Cluster, name: str) -> None:
    office, worklist = SqlOffice(Database(postgres_url)), SqlWorklist(Database(postgres_url, key=RECORD_KEY))
    for _ in range(2):
        postgres.kill_backends(name)
        assert await office.account("nobody") is None
        await office.tidy(NOW)
        assert await worklist.open(FACILITY.id) == ()
    await office.close()
    await worklist.close()


@pytest.mark.threat("T21")
async def test_what_was_under_way_is_unavailable_and_counts_once(store: SqlStore, postgres: Cluster, name: str) -> None:
    change = a_change(after(await begun(store)))

    def written_and_cut(connection: Connection) -> None:
        submission.write(change, connection)
        postgres.kill_backends(name)

    with pytest.raises(Unavailable):
        await store.database.durably(written_and_cut)
    assert await unbroken(store) == 1
    assert await store.write(change) is Written.DONE
    assert await store.write(change) is Written.REPEATED
    assert await unbroken(store) == 2


@pytest.mark.threat("T19")
async def test_a_commit_whose_answer_was_lost_is_recognised_when_sent_again(
    store: SqlStore, postgres: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = a_change(after(await begun(store)))
    commit = store.database.engines[0].dialect.do_commit

    def commits_and_breaks(connection: object) -> None:
        commit(connection)  # type: ignore[arg-type]
        postgres.kill_backends(name)
        connection.cursor().execute("SELECT 1")  # type: ignore[attr-defined]

    with monkeypatch.context() as planted:
        planted.setattr(store.database.engines[0].dialect, "do_commit", commits_and_breaks)
        with pytest.raises(Unavailable):
            await store.write(change)
    assert await store.write(change) is Written.REPEATED
    assert await unbroken(store) == 2


async def test_a_restart_of_the_server_is_survived() -> None:
    with cluster() as own:
        url = own.url(migrated(own))
        store = SqlStore(Database(url, key=RECORD_KEY), StillClock(NOW + 3600))
        await store.add_facility(FACILITY, LINK)
        visit = await begun(store)
        own.stop()
        for _ in range(2):
            with pytest.raises(Unavailable):
                await visit_of(store)
            with pytest.raises(Unavailable):
                await store.write(a_change(after(visit)))
            assert not await store.is_ready()
        own.start()
        assert await store.is_ready()
        assert await visit_of(store) == visit
        assert await store.write(a_change(after(visit))) is Written.DONE
        assert await unbroken(store) == 2
        await store.close()


@pytest.mark.threat("T21")
async def test_a_locked_database_is_unavailable(store: SqlStore, engine: Engine) -> None:
    visit = await begun(store)
    await store.database.writer.run(lambda connection: connection.exec_driver_sql("SET SESSION lock_timeout = '1ms'"))
    with engine.begin() as other:
        other.exec_driver_sql(database._TAKE_TURN)
        with pytest.raises(Unavailable):
            await store.write(a_change(after(visit)))
        assert not await store.is_ready()
        assert await visit_of(store) == visit
    assert await store.write(a_change(after(visit))) is Written.DONE


async def test_a_node_that_freezes_in_the_middle_holds_nobody_up(store: SqlStore, postgres_url: str) -> None:
    visit = await begun(store)
    frozen = database.writing(postgres_url)
    with frozen.connect() as connection:
        connection.exec_driver_sql("SET idle_in_transaction_session_timeout = '50ms'")
        connection.commit()
        transaction = connection.begin()
        assert await store.write(a_change(after(visit))) is Written.DONE
        with pytest.raises(Exception, match="idle-in-transaction"):
            connection.exec_driver_sql("SELECT 1")
        transaction.close()
    frozen.dispose()


async def test_who_shares_a_commit_does_not_share_a_fault(store: SqlStore) -> None:
    visit = await begun(store)
    good = a_change(after(visit))
    bad = opened(replace(a_visit(), id="w" * 22, facility="unknown"), session="another")
    held = threading.Event()
    waiting = asyncio.create_task(store.database.writer.run(lambda _: held.wait(5)))
    both = asyncio.gather(store.write(good), store.write(bad), return_exceptions=True)
    await asyncio.sleep(0.05)
    held.set()
    done, fault = await both
    await waiting
    assert done is Written.DONE
    assert isinstance(fault, UnknownFacility)
    assert await unbroken(store) == 2


@pytest.mark.threat("T06")
async def test_two_servers_on_one_database_spend_a_departure_once(store: SqlStore, postgres_url: str) -> None:
    visit = handed_off(await begun(store))
    await store.write(replace(a_change(visit), issue=a_departure(visit)))
    other = SqlStore(Database(postgres_url, key=RECORD_KEY), StillClock())
    changes = [replace(a_change(after(visit)), spend="departure") for _ in range(50)]
    answers = await asyncio.gather(*((store, other)[n % 2].write(each) for n, each in enumerate(changes)))
    await other.close()
    assert answers.count(Written.DONE) == 1
    assert await unbroken(store) == 3


# --- the schema ---------------------------------------------------------------------------------------------


def test_two_nodes_that_start_together_migrate_once(postgres: Cluster, empty: str) -> None:
    with ThreadPoolExecutor(4) as nodes:
        for started in [nodes.submit(migrate, postgres.url(empty)) for _ in range(4)]:
            started.result(60)
    assert postgres.ask(empty, "SELECT version_num FROM alembic_version") == [(schema.HEAD,)]


def test_migrations_make_the_declared_schema(postgres_url: str) -> None:
    engine = database.reading(postgres_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


def test_the_declared_schema_guards_events_as_the_migrated_one_does(postgres: Cluster, empty: str, name: str) -> None:
    with database.unhurried(postgres.url(empty)) as connection:
        schema.metadata.create_all(connection)
        triggers.guard(connection, triggers.EVENT_TRIGGERS, triggers.EVENT_TRIGGERS_POSTGRESQL)
        triggers.guard(connection, triggers.BODY_TRIGGERS, triggers.BODY_TRIGGERS_POSTGRESQL)
    guards = "SELECT tgname, tgtype, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
    assert postgres.ask(empty, guards) == postgres.ask(name, guards)
    assert [row[0] for row in postgres.ask(name, guards)] == sorted(triggers.TRIGGERS_POSTGRESQL)


def test_whole_numbers_hold_more_than_2038(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(schema.facility.insert(), {"id": "f", "name": "f", "code": "1", "telephone": "1"})
        late = {"token": "t", "facility": "f", "revision": 1, "issued_at": 2**40, "issued_by": ""}
        connection.execute(schema.link.insert(), late)
        assert connection.execute(select(schema.link.c.issued_at)).scalar() == 2**40
        assert connection.execute(text("SELECT 'Z' < 'a' AND 'あ' < '髙'")).scalar()
