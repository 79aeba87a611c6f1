"""Connections on which nothing is left to a default, and the way to the newest schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import sqlalchemy.event as hooks
from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from app.adapters.direct import wrapped
from app.adapters.schema import HEAD

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

_BEGIN: Final = "BEGIN IMMEDIATE"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class StoreUnsafe(Exception):
    """The database does not run with the settings that keep acknowledged writes: nothing is served."""


def writing(url: str, driver: Driver = SHIPPED) -> Engine:
    """Return an engine whose transactions hold the write lock from their first statement on."""
    engine = _engine(url, driver)
    if engine.dialect.name == "sqlite":
        # A deferred transaction that reads first and writes later fails at once if another wrote in between.
        hooks.listen(engine, "begin", _begin_immediate)
    return engine


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
    engine = writing(url)
    try:
        with engine.begin() as connection:
            if revision(connection) != HEAD:
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


def _engine(url: str, driver: Driver, **options: str) -> Engine:
    engine = create_engine(url, hide_parameters=True, **driver, **options)
    if engine.dialect.name == "sqlite":
        hooks.listen(engine, "connect", _prepare)
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


def _begin_immediate(connection: Connection) -> None:
    cursor = connection.connection.cursor()
    try:
        cursor.execute(_BEGIN)
    except connection.dialect.loaded_dbapi.Error as error:
        raise wrapped(connection.dialect, _BEGIN, error) from error
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
