"""Engines with explicit settings that are read back, migrations, and the connections that all stores share.

There is one read connection and one writer thread. After a lost connection, a read is retried once on a new one, and
so is the BEGIN of a write. A write that was under way raises `Unavailable`, since it may have been committed; a retry
with the same key is answered by the store's idempotency check.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

import sqlalchemy.event as hooks
from sqlalchemy import Connection, Engine, Executable, create_engine, insert, inspect, make_url, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, ProgrammingError, ResourceClosedError

from app.adapters.sql.chain_check import begin_macs, is_record_key
from app.adapters.sql.schema.conventions import HEAD, KEYED_SINCE
from app.adapters.sql.schema.terminal import installation
from app.adapters.sql.schema.visit import facility
from app.adapters.sql.triggers import TRIGGERS, TRIGGERS_POSTGRESQL
from app.adapters.sql.writer import Writer
from app.ports.outside import Unavailable
from app.ports.store import StoreUnsafe

T = TypeVar("T")


class Reaching:
    """Translates database errors into `Unavailable`, except data, integrity and programming errors: those are bugs."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        ours = isinstance(error, (DataError, IntegrityError, ProgrammingError))
        if not ours and isinstance(error, (DatabaseError, ResourceClosedError)):
            raise Unavailable from error


REACHING: Final = Reaching()


Driver: TypeAlias = Mapping[str, Any]
"""Arguments of `create_engine` that select another driver than the default."""

SHIPPED: Final[Driver] = MappingProxyType({})

PRAGMAS: Final = (
    ("busy_timeout", "5000", 5000),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("recursive_triggers", "ON", 1),
    ("trusted_schema", "OFF", 0),
    ("secure_delete", "ON", 1),
)
"""Name, value to set, and value that SQLite must report when it is read back."""

SESSION: Final = MappingProxyType(
    {
        "lock_timeout": "5s",
        "statement_timeout": "10s",
        # Bounds how long a frozen or disconnected node can hold the write lock.
        "idle_in_transaction_session_timeout": "5s",
        # With any other, a transaction would not see what was committed while it waited for the write lock.
        "default_transaction_isolation": "read committed",
        "client_encoding": "UTF8",
        "TimeZone": "UTC",
    }
)
"""Session settings of every connection to PostgreSQL, read back and compared."""

_UNHURRIED: Final = MappingProxyType(
    SESSION | dict.fromkeys(("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"), "0")
)
"""The same without timeouts: for migrations, backups and restores."""

SERVER: Final = (
    ("fsync", ("on",)),
    ("full_page_writes", ("on",)),
    ("synchronous_commit", ("on", "remote_write", "remote_apply")),
    ("server_encoding", ("UTF8",)),
)
"""Required settings of the PostgreSQL server: any other loses writes or characters."""

OLDEST: Final = 15
_SORTING: Final = """
SELECT current_setting('server_version_num')::int / 10000, datlocprovider::text, datcollate
FROM pg_database WHERE datname = current_database()"""
_BYTEWISE: Final = (("c", "C"), ("c", "POSIX"))
_BUILTIN: Final = "b"
"""PostgreSQL's builtin collation provider, from 17 on: sorts by code point, which in UTF-8 is byte order."""

_LINE: Final = MappingProxyType(
    {
        "application_name": "kazasu",
        "connect_timeout": 3,
        "target_session_attrs": "read-write",
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
)
"""libpq parameters; timeout and keepalives bound how long a silent network goes unnoticed."""

_TRIGGERS: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'", TRIGGERS
# `tgenabled` A: fires in replica sessions, too. `prosrc`: the text of the function that it calls.
_TRIGGERS_POSTGRESQL: Final = (
    """SELECT tgname::text, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgenabled = 'A' AND tgrelid IN (to_regclass('event'), to_regclass('event_body'))""",
    TRIGGERS_POSTGRESQL,
)
_BEGIN: Final = "BEGIN IMMEDIATE"
# One writer at a time over all nodes, as BEGIN IMMEDIATE has it: docs/adr/0017.
_TAKE_TURN: Final = "SELECT pg_advisory_xact_lock(5412093166418)"
_BY_HAND: Final = (
    "somebody has changed this database by hand: {}. `kazasu backup` says what else does not hold; "
    "then restore into an empty place"
)
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def writing(url: str, driver: Driver = SHIPPED, *, key: bytes = b"") -> Engine:
    """Return an engine whose transactions hold the write lock from their first statement on.

    `key` is the record key: without it nothing can be added to a record over this engine.
    """
    return _guarded(_in_turn(_engine(url, driver, key=key)))


def reading(url: str, driver: Driver = SHIPPED) -> Engine:
    """Return an autocommit engine: each statement sees what is committed."""
    return _guarded(_engine(url, driver, isolation_level="AUTOCOMMIT"))


@contextmanager
def unhurried(url: str, key: bytes = b"") -> Iterator[Connection]:
    """Yield a transaction without session timeouts that holds the write lock: for migrations and restores."""
    engine = _in_turn(_engine(url, SHIPPED, _UNHURRIED, key=key))
    try:
        with REACHING, engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """Yield a connection that cannot write and reads one snapshot, taken by its first statement."""
    is_sqlite = file_of(url) is not None
    isolation: dict[str, Any] = {} if is_sqlite else {"isolation_level": "REPEATABLE READ"}
    engine = _engine(url, SHIPPED, _UNHURRIED, **isolation)
    try:
        with engine.connect() as connection:
            if is_sqlite:
                connection.exec_driver_sql("PRAGMA query_only = ON")
                connection.exec_driver_sql("BEGIN")
            else:
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield connection
    finally:
        engine.dispose()


def is_practice(url: str, practice_station: str) -> bool | None:
    """Whether a database belongs to the practice route, or None for a new one.

    One from before 0.4 does not store it: it is practice if it has the practice station.
    """
    with unhurried(url) as connection:
        tables = set(inspect(connection).get_table_names())
        stored = connection.execute(select(installation.c.practice)).scalar() if "installation" in tables else None
        stations = set(connection.execute(select(facility.c.id)).scalars()) if "facility" in tables else set()
    return bool(stored) if stored is not None else practice_station in stations if stations else None


def migrate(url: str, key: bytes = b"", *, practice: bool | None = None, was_keyed: bool = False) -> None:
    """Migrate to the newest schema; Alembic is imported only when there is something to do. Raises `StoreUnsafe`.

    `key` is needed for records from before there was a record key. `practice` is stored if the database has no value.
    `was_keyed`, from the ledger: entries carried MACs before. A schema without MACs was then put back by hand, so that
    this migration would vouch for entries that were never written with the key.
    """
    with unhurried(url, key) as connection:
        found = revision(connection)
        if found is not None and found > HEAD:
            raise StoreUnsafe(f"the schema is {found}, newer than {HEAD}: start the version that made it")
        if was_keyed and found is not None and found < KEYED_SINCE:
            raise StoreUnsafe(_BY_HAND.format(f"the schema is {found} again, and its entries carry no MACs"))
        if found != HEAD:
            upgrade(connection)
        if found is not None and found < KEYED_SINCE:
            begin_macs(connection, int(time.time()))
        if practice is not None and connection.execute(select(installation.c.id)).first() is None:
            connection.execute(insert(installation).values(id=1, practice=int(practice)))
        if key and not is_record_key(connection, key):
            raise StoreUnsafe(
                "KAZASU_RECORD_KEY, or record-key in the data folder, is not the key of these records: put it back"
            )


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database, or None for another kind."""
    made = make_url(url)
    return Path(made.database or "") if made.get_backend_name() == "sqlite" else None


def truncate_log(engine: Engine) -> None:
    """Checkpoint and truncate SQLite's write-ahead log, in which deleted data would stay readable."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def empty_log(url: str) -> None:
    """Truncate the write-ahead log without a store: after a long read, during which no checkpoint could."""
    engine = _engine(url, SHIPPED, isolation_level="AUTOCOMMIT")
    try:
        truncate_log(engine)
    finally:
        engine.dispose()


def _engine(
    url: str, driver: Driver, session: Mapping[str, str] = SESSION, *, key: bytes = b"", **options: Any
) -> Engine:
    # The key travels with the engine (`chain.record_key`), so that no statement and no row ever holds it.
    options |= {"execution_options": {"record_key": key}}
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True, **driver, **options)
        hooks.listen(engine, "connect", _prepare)
        return engine
    asked = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in session.items())
    line = {**_LINE, "options": asked}
    engine = create_engine(url, hide_parameters=True, connect_args=line, **driver, **options)
    hooks.listen(engine, "connect", partial(_examine, session))
    return engine


def _in_turn(engine: Engine) -> Engine:
    # A deferred transaction that reads first and writes later fails at once if another wrote in between.
    taking = _BEGIN if engine.dialect.name == "sqlite" else _TAKE_TURN
    hooks.listen(engine, "begin", partial(_take_turn, taking))
    return engine


def _guarded(engine: Engine) -> Engine:
    made = _TRIGGERS if engine.dialect.name == "sqlite" else _TRIGGERS_POSTGRESQL
    hooks.listen(engine, "connect", partial(_look_for_triggers, *made))
    return engine


def _look_for_triggers(query: str, made: Mapping[str, str], connection: DBAPIConnection, _record: object) -> None:
    """Raise `StoreUnsafe` unless the triggers that keep records append-only are there, word for word."""
    cursor = connection.cursor()
    cursor.execute(query)
    found = dict(cursor.fetchall())
    cursor.close()
    connection.rollback()
    missing = {name for name, does in made.items() if found.get(name) != does}
    if missing:
        connection.close()
        raise StoreUnsafe(_BY_HAND.format(f"{', '.join(sorted(missing))} is not as it was made"))


def _prepare(connection: DBAPIConnection, _record: object) -> None:
    """Set every pragma in its own statement and read it back: SQLite ignores a misspelt one silently."""
    # Without this the driver opens transactions by itself, inside which some pragmas are silently ignored.
    connection.isolation_level = None
    cursor = connection.cursor()
    for name, value, expected in PRAGMAS:
        cursor.execute(f"PRAGMA {name} = {value}")
        cursor.fetchall()
        cursor.execute(f"PRAGMA {name}")
        found = cursor.fetchone()
        if found is None or found[0] != expected:
            connection.close()
            raise StoreUnsafe(f"{name} is {found[0] if found else 'unknown'}, not {expected}")
    cursor.close()


def _examine(session: Mapping[str, str], connection: DBAPIConnection, _record: object) -> None:
    """Raise `StoreUnsafe` unless PostgreSQL's version, durability, session settings and byte order are as required."""
    expected = [*SERVER, *((name, (value,)) for name, value in session.items())]
    cursor = connection.cursor()
    cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name, _ in expected))
    settings = cursor.fetchone() or ()
    cursor.execute(_SORTING)
    version, provider, collation = cursor.fetchone() or (0, "", "")
    cursor.close()
    connection.rollback()
    wrong = [
        f"{name} is {found}, not {' or '.join(right)}"
        for (name, right), found in zip(expected, settings, strict=True)
        if found not in right
    ]
    if version < OLDEST:
        wrong.append(f"PostgreSQL is {version}, not {OLDEST} or newer")
    if provider != _BUILTIN and (provider, collation) not in _BYTEWISE:
        wrong.append(f"text sorts by {collation}, not by bytes: CREATE DATABASE … TEMPLATE template0 LOCALE 'C'")
    if wrong:
        connection.close()
        raise StoreUnsafe("; ".join(wrong))


def _take_turn(taking: str, connection: Connection) -> None:
    try:
        connection.exec_driver_sql(taking)
    except DBAPIError:
        if not connection.invalidated:
            connection.connection.rollback()  # PostgreSQL's driver has begun by then, and would stay in what failed
        raise


def revision(connection: Connection) -> str | None:
    """Return the revision of the schema, or None when there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Migrate to a revision, inside the current transaction."""
    from alembic import command  # noqa: PLC0415 - half a second that an ordinary start need not spend
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


class Database:
    """One read connection and one writer thread, which all stores share."""

    def __init__(self, url: str, driver: Driver = SHIPPED, *, key: bytes = b"") -> None:
        """Connect; raises `StoreUnsafe` when the database would not keep what is acknowledged.

        `key` is the record key, for those who add to records.
        """
        self.key = key
        self.engines = writing(url, driver, key=key), reading(url, driver)
        with REACHING:
            self._reader = self.engines[1].connect()
            self.writer = Writer(self.engines[0])

    async def close(self) -> None:
        """Finish pending writes and close every connection; once more does nothing."""
        self.writer.close()
        self._reader.close()
        for engine in self.engines:
            engine.dispose()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the read connection, once more on a new one if that is lost."""
        with REACHING:
            try:
                return work(self._reader)
            except DBAPIError:
                if not self._reader.invalidated:
                    raise
            try:
                self._reader.rollback()
                return work(self._reader)
            finally:
                if self._reader.invalidated:
                    self._reader.rollback()

    def first(self, statement: Executable, **values: object) -> Any:
        """Return the first row, or None."""
        return self.read(lambda reader: reader.execute(statement, values).first())

    def rows(self, statement: Executable, **values: object) -> list[Any]:
        """Return every row."""
        return self.read(lambda reader: list(reader.execute(statement, values)))

    async def durably(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, once all that it wrote is durable."""
        with REACHING:
            return await self.writer.run(work)

    async def truncate_log(self) -> None:
        """Truncate SQLite's write-ahead log, beside the event loop."""
        with REACHING:
            await asyncio.to_thread(truncate_log, self.engines[1])


class Connected:
    """Base of the stores: what they read and write goes through one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def _run(self, statement: Executable) -> int:
        """Execute one statement; return how many rows it touched, once that is durable."""
        # On some drivers the rowcount of an INSERT is lost when its cursor closes.
        counted = statement.execution_options(preserve_rowcount=True)
        return await self.database.durably(lambda connection: connection.execute(counted).rowcount)

    async def close(self) -> None:
        """Close the database, which every store on it shares."""
        await self.database.close()
