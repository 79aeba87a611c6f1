"""Restores a backup into an empty folder and database: all of it, verified, or nothing."""

from __future__ import annotations

import json
import os
import secrets
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyrage
from alembic.util import CommandError
from sqlalchemy import Connection, column, func, inspect, select, table
from sqlalchemy.exc import DBAPIError

import app.adapters.sql.schema as t
from app.adapters.ledger import sync_folder
from app.adapters.sql import chain_check, gap
from app.adapters.sql.backup import FORMAT, GZIP
from app.adapters.sql.chain import record_key
from app.adapters.sql.compiled import failed
from app.adapters.sql.database import file_of, unhurried, upgrade
from app.rules.record.evidence import Head
from app.rules.record.gap import Gap, LedgerState

RECORD_KEY: Final = "record-key"
KEY_FILES: Final = ("secret", RECORD_KEY, "identity-keys.json")
"""What a backup may hold beside the tables: the keys that are kept in the data folder."""
_BATCH: Final = 1_000
_LONGEST: Final = 64 * 1024 * 1024
_DAMAGED: Final = "not a backup of Kazasu, or damaged, or cut off"
_PRIVATE: Final = "AGE-SECRET-KEY-"


class NotRestored(Exception):
    """Nothing was restored: says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: the backup's time, its heads, what is missing, and how many were erased again."""

    at: int
    heads: Mapping[str, Head]
    gaps: tuple[Gap, ...]
    absent: tuple[str, ...]
    """Stations that the ledger knows and this backup lacks."""
    erased: int
    files: tuple[str, ...]


def identities(text: str) -> list[Any]:
    """Return the private keys of a key file, one a line; raises `NotRestored`."""
    lines = [line.strip() for line in text.splitlines()]
    try:
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith(_PRIVATE)]
    except pyrage.IdentityError as error:
        raise NotRestored("the key file holds no key that can be read") from error
    if not found:
        raise NotRestored("the key file holds no private key (AGE-SECRET-KEY-...)")
    return found


def restore(  # noqa: PLR0913 - from where, to where, and what is known
    source: Path, keys: list[Any], *, url: str, folder: Path, known: LedgerState, now: int, key: bytes = b""
) -> Restored:
    """Restore a backup into an empty data folder and database. Raises `NotRestored` and leaves nothing behind.

    `key` is the record key where it is not in the backup. A backup from before 0.4 gets a new one.
    """
    with _filling(folder), _becoming(url) as building, unhurried(building) as connection:
        loader = _load(source, keys, connection)
        connection.execution_options(record_key=_record_key(loader, key))
        found = _settled(loader, connection, known, now)
        _write_files(loader.files, folder)
    return found


@contextmanager
def _filling(folder: Path) -> Iterator[None]:
    """Create the data folder; on failure delete what was created."""
    for path in (folder / name for name in KEY_FILES):
        if path.exists():
            raise NotRestored(f"{path}: is there already; restore into an empty folder")
    was_there = folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for name in KEY_FILES:
            (folder / name).unlink(missing_ok=True)
        if not was_there:
            folder.rmdir()
        raise


@contextmanager
def _becoming(url: str) -> Iterator[str]:
    """Yield the URL of a database to build in; a SQLite file gets its name only at the end."""
    path = file_of(url)
    if path is None:
        yield url
        return
    if any(path.with_name(path.name + end).exists() for end in ("", "-wal", "-shm")):
        raise NotRestored(f"{path}: is there already; restore where no database is")
    beside = path.with_name(f".{path.name}.restoring")
    _remove(beside)
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield f"sqlite:///{beside.absolute()}"
        beside.replace(path)
        sync_folder(path.parent)
    finally:
        _remove(beside)


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _load(source: Path, keys: list[Any], connection: Connection) -> _Loader:
    """Decrypt a backup into an empty database. Raises `NotRestored`."""
    if inspect(connection).get_table_names():
        raise NotRestored("the database has tables; restore needs an empty one")
    loader = _Loader(connection)
    try:
        with source.open("rb") as file:
            pyrage.decrypt_io(file, loader, keys)
        loader.finish()
    except FileNotFoundError as error:
        raise NotRestored(f"{source}: no such file") from error
    except pyrage.DecryptError as error:
        raise NotRestored(
            "this key does not open it, or its beginning is damaged" if "key" in str(error) else _DAMAGED
        ) from error
    except (OSError, zlib.error, DBAPIError, ValueError, LookupError, TypeError) as error:
        raise NotRestored(_DAMAGED) from error
    return loader


def _record_key(loader: _Loader, key: bytes) -> bytes:
    """Return the record key: as it is set, from the backup, or new for one from before 0.4."""
    if not key and loader.is_before_keys:
        loader.files[RECORD_KEY] = secrets.token_urlsafe(48)
    found = key or loader.files.get(RECORD_KEY, "").strip().encode()
    if not found:
        raise NotRestored("the record key is not in this backup: set KAZASU_RECORD_KEY as it was")
    return found


def _settled(loader: _Loader, connection: Connection, known: LedgerState, now: int) -> Restored:
    """Verify row counts, chains and heads; then repeat erasures and make older records read-only."""
    for name, count in loader.promised["rows"].items():
        if connection.execute(select(func.count()).select_from(table(name))).scalar() != count:
            raise NotRestored(_DAMAGED)
    upgrade(connection)
    key = b"" if loader.is_before_keys else record_key(connection)
    for facility, seq in chain_check.breaks(connection, key).items():
        raise NotRestored(f"the record of {facility} breaks at entry {seq}: it was altered before it was backed up")
    heads = chain_check.heads(connection)
    if {facility: str(head) for facility, head in heads.items()} != loader.promised["heads"]:
        raise NotRestored(_DAMAGED)
    absent = gap.compare(connection, known, now)
    if loader.is_before_keys:
        chain_check.begin_macs(connection, now)
    erased = gap.erase_again(connection, known.erasures, now)
    gaps = gap.read(connection)
    return Restored(at=loader.at, heads=heads, gaps=gaps, absent=absent, erased=erased, files=tuple(loader.files))


def _write_files(files: Mapping[str, str], folder: Path) -> None:
    for name, text in files.items():
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    sync_folder(folder)


class _Loader:
    """File-like sink: decompresses the stream and inserts its lines into the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._packed = zlib.decompressobj(GZIP)
        self._begun = b""
        self._table = ""
        self._columns: list[str] = []
        self._rows: list[dict[str, Any]] = []
        self.at = 0
        self.is_before_keys = False
        """Whether the backup is from before entries had a MAC."""
        self.files: dict[str, str] = {}
        self.promised: dict[str, Any] = {}

    def write(self, piece: bytes) -> int:
        """Decompress a piece, and insert its complete lines."""
        *lines, self._begun = (self._begun + self._packed.decompress(piece)).split(b"\n")
        if len(self._begun) > _LONGEST:
            raise ValueError(_DAMAGED)
        for line in lines:
            self._take(json.loads(line))
        return len(piece)

    def flush(self) -> None:
        """Do nothing: `finish` marks the end."""

    def finish(self) -> None:
        """Raise `ValueError` for a truncated stream, or data after its end."""
        if not self._packed.eof or self._packed.unused_data or self._begun or not self.promised:
            raise ValueError(_DAMAGED)

    def _take(self, line: Any) -> None:
        if self.promised or (not self.at and (not isinstance(line, dict) or line.get("is") != FORMAT)):
            raise ValueError(_DAMAGED)
        if isinstance(line, list):
            self._rows.append(dict(zip(self._columns, map(_value, line), strict=True)))
            if len(self._rows) >= _BATCH:
                self._insert()
            return
        self._insert()
        if "is" in line:
            self._begin(line)
        elif "file" in line:
            self._keep(line["file"], line["text"])
        elif "table" in line:
            self._open(line["table"], line["columns"])
        else:
            self.promised = {"rows": dict(line["rows"]), "heads": dict(line["heads"])}

    def _begin(self, header: Mapping[str, Any]) -> None:
        """Create the tables of the backup's schema revision."""
        self.at, schema = int(header["at"]), str(header["schema"])
        self.is_before_keys = schema < t.KEYED_SINCE
        try:
            upgrade(self._connection, schema)
        except CommandError as error:
            raise NotRestored("made by a newer version of Kazasu: install that one, then restore") from error

    def _keep(self, name: str, text: str) -> None:
        if name not in KEY_FILES:
            raise ValueError(_DAMAGED)
        self.files[name] = text

    def _open(self, name: str, columns: list[str]) -> None:
        """Begin a table's rows. Raises `ValueError` for a table or columns that the schema does not have."""
        there = {each["name"] for each in inspect(self._connection).get_columns(name)}
        if name not in t.metadata.tables or not set(columns) <= there:
            raise ValueError(_DAMAGED)
        self._table, self._columns = name, columns

    def _insert(self) -> None:
        if self._rows and self._connection.dialect.name == "postgresql":
            _copy(self._connection, self._table, self._columns, self._rows)
        elif self._rows:
            into = table(self._table, *map(column, self._columns))
            self._connection.execute(into.insert(), self._rows)
        self._rows = []


def _copy(connection: Connection, name: str, columns: list[str], rows: list[dict[str, Any]]) -> None:
    """Insert rows by COPY: an INSERT each takes twice as long."""
    quote = connection.dialect.identifier_preparer.quote
    statement = f"COPY {quote(name)} ({', '.join(map(quote, columns))}) FROM STDIN"
    cursor: Any = connection.connection.cursor()
    try:
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
    except connection.dialect.loaded_dbapi.Error as error:
        raise failed(connection, statement, error) from error
    finally:
        cursor.close()


def _value(raw: Any) -> Any:
    return b64decode(raw["base64"]) if isinstance(raw, dict) else raw
