"""Connections on which nothing is left to a default, and the way to the newest schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import sqlalchemy.event as hooks
from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from app.adapters.direct import failed
from app.adapters.reaching import REACHING
from app.adapters.schema import HEAD
from app.ports import StoreUnsafe

Driver: TypeAlias = Mapping[str, Any]
"""Arguments of `create_engine` that put another driver in the place of the one that Python ships."""

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
"""Name, what is asked for, and what SQLite must say when asked back."""

SESSION: Final = MappingProxyType(
    {
        "lock_timeout": "5s",
        "statement_timeout": "10s",
        # A node that froze or was cut off in the middle keeps the others waiting no longer than this.
        "idle_in_transaction_session_timeout": "5s",
        # With any other, a transaction would not see what was committed while it waited for its turn.
        "default_transaction_isolation": "read committed",
        "client_encoding": "UTF8",
        "TimeZone": "UTC",
    }
)
"""What every connection to PostgreSQL asks for, and what it must say when asked back."""

_MIGRATING: Final = MappingProxyType(
    SESSION | dict.fromkeys(("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"), "0")
)
"""The same where one node waits until another has brought the schema up, however long an index takes."""

SERVER: Final = (
    ("fsync", ("on",)),
    ("full_page_writes", ("on",)),
    ("synchronous_commit", ("on", "remote_write", "remote_apply")),
    ("server_encoding", ("UTF8",)),
)
"""What PostgreSQL must have been set to by whoever runs it: anything else loses writes or letters."""

OLDEST: Final = 15
_SORTING: Final = """
SELECT current_setting('server_version_num')::int / 10000, datlocprovider::text, datcollate
FROM pg_database WHERE datname = current_database()"""
_BYTEWISE: Final = (("c", "C"), ("c", "POSIX"))
_BUILTIN: Final = "b"
"""PostgreSQL's own provider, from 17 on: it knows orders by code point only, which in UTF-8 is the order of bytes."""

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
"""How long a silent network is believed in."""

_BEGIN: Final = "BEGIN IMMEDIATE"
# One writer at a time over all nodes, as BEGIN IMMEDIATE has it: docs/adr/0017.
_TAKE_TURN: Final = "SELECT pg_advisory_xact_lock(5412093166418)"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def writing(url: str, driver: Driver = SHIPPED) -> Engine:
    """Return an engine whose transactions hold the write lock from their first statement on."""
    return _in_turn(_engine(url, driver))


def reading(url: str, driver: Driver = SHIPPED) -> Engine:
    """Return an engine on which each statement stands alone and sees what is committed."""
    return _engine(url, driver, isolation_level="AUTOCOMMIT")


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """Give a connection that sees the database as it is at its first look, however long it reads; it cannot write."""
    is_sqlite = url.startswith("sqlite")
    engine = _engine(url, SHIPPED) if is_sqlite else _engine(url, SHIPPED, isolation_level="REPEATABLE READ")
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


def migrate(url: str) -> None:
    """Bring the database to the newest schema; when it is there already, Alembic is not even loaded."""
    engine = _in_turn(_engine(url, SHIPPED, _MIGRATING))
    try:
        with REACHING, engine.begin() as connection:
            found = revision(connection)
            if found is not None and found > HEAD:
                raise StoreUnsafe(f"the schema is {found}, newer than {HEAD}: start the version that made it")
            if found != HEAD:
                upgrade(connection)
    finally:
        engine.dispose()


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database, or None for another kind."""
    made = make_url(url)
    return Path(made.database or "") if made.get_backend_name() == "sqlite" else None


def truncate_log(engine: Engine) -> None:
    """Move the write-ahead log into the database and empty it: deleted text would stay readable there."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def empty_log(url: str) -> None:
    """Empty the write-ahead log once, from outside a store: while somebody read for long, nobody could."""
    engine = reading(url)
    try:
        truncate_log(engine)
    finally:
        engine.dispose()


def _engine(url: str, driver: Driver, session: Mapping[str, str] = SESSION, **options: str) -> Engine:
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


def _prepare(connection: DBAPIConnection, _record: object) -> None:
    """Set every pragma in its own statement and read it back: SQLite takes a misspelt one without a word."""
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
    """Look whether PostgreSQL keeps what it says it has, took what was asked for, and sorts as SQLite does."""
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
    cursor = connection.connection.cursor()
    try:
        cursor.execute(taking)
    except connection.dialect.loaded_dbapi.Error as error:
        failure = failed(connection, taking, error)
        if not connection.invalidated:
            connection.connection.rollback()  # PostgreSQL's driver has begun by then, and would stay in what failed
        raise failure from error
    finally:
        cursor.close()


def revision(connection: Connection) -> str | None:
    """Return the revision of the schema, or None when there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Bring the schema to a revision, inside the transaction at hand."""
    from alembic import command  # noqa: PLC0415 - half a second that an ordinary start need not spend
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
