"""Backups: all rows and key files as lines of JSON, compressed with gzip and encrypted with age.

The format is the same for every database, so that SQLite and PostgreSQL restore each other's. `age -d | gunzip` reads
it without us. No plain text is written to disk.
"""

from __future__ import annotations

import json
import os
import secrets
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyrage
from sqlalchemy import Connection, Select, Table, select

import app.adapters.sql.schema as t
from app.adapters.ledger import sync_folder
from app.adapters.sql import chain_check, replay
from app.adapters.sql.database import empty_log, file_of, revision, snapshot, unhurried
from app.rules.record.evidence import Head

FORMAT: Final = "kazasu backup 1"
LEFT_OUT: Final = frozenset({"sign_in"})
"""Tables that are left out: a restore signs everybody out."""
GZIP: Final = 31
"""zlib's `wbits` for the gzip format."""
_ROWS: Final = 1_000
_LEVEL: Final = 3
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), default=lambda raw: {"base64": b64encode(raw).decode()}
)


class NoBackup(Exception):
    """The backup cannot be made: says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Made:
    """The heads in a backup, its number of rows, and what was found broken."""

    heads: Mapping[str, Head]
    rows: int
    broken: Mapping[str, Mapping[str, int]]
    """By station: each visit that differs from its record, with 0, or `record` with the first invalid entry."""


def new_key() -> tuple[str, str]:
    """Return a new age key pair: public for the server, private to be kept elsewhere."""
    made = pyrage.x25519.Identity.generate()
    return str(made.to_public()), str(made)


def recipients(text: str) -> list[pyrage.x25519.Recipient]:
    """Parse the public keys to encrypt to, separated by spaces. Raises `NoBackup`."""
    try:
        found = [pyrage.x25519.Recipient.from_str(each) for each in text.split()]
    except pyrage.RecipientError as error:
        raise NoBackup("KAZASU_BACKUP_RECIPIENT: not a public key (age1...)") from error
    if not found:
        raise NoBackup("KAZASU_BACKUP_RECIPIENT: set the public key that `kazasu backup-key` prints")
    return found


def make(  # noqa: PLR0913 - of what, to where, and how it is looked through
    url: str, files: Mapping[str, Path], target: Path, keys: Sequence[Any], now: int, *, key: bytes, since: int = 0
) -> Made:
    """Write a backup of one snapshot while the server runs; the target appears complete or not at all.

    Verifies every chain with the record key, and compares visits that have an entry since `since` with their record.
    """
    if target.exists():
        raise NoBackup(f"{target}: is there already; nothing is overwritten")
    file = file_of(url)
    if file is not None and not file.exists():
        raise NoBackup(f"{file}: there is no database yet")
    with snapshot(url) as connection:
        if revision(connection) != t.HEAD:
            raise NoBackup("the database has another schema than this version; start `kazasu serve` once")
        heads = chain_check.heads(connection)
        checked = {facility: replay.check(connection, facility, key, since) for facility in heads}
        dump = _Dump(connection, files, heads, now)
        with _appearing(target) as beside, os.fdopen(beside, "wb") as written:
            pyrage.encrypt_io(_Packed(dump.lines()), written, keys)
            written.flush()
            os.fsync(written.fileno())
    empty_log(url)
    _note(url, checked, now)
    return Made(heads, sum(dump.counts.values()), {each: found for each, (found, _) in checked.items() if found})


def _note(url: str, checked: Mapping[str, tuple[Mapping[str, int], set[str] | None]], now: int) -> None:
    """Store the findings where the server and the office report them."""
    with unhurried(url) as connection:
        for facility, (found, looked_at) in checked.items():
            replay.note(connection, facility, found, looked_at, now)


@contextmanager
def _appearing(target: Path) -> Iterator[int]:
    """Yield a temporary file that is renamed to the target at the end, or deleted on failure."""
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        yield os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        beside.replace(target)
        sync_folder(target.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


class _Dump:
    """The lines of a backup: header, key files, each table with its rows, then row counts and heads."""

    def __init__(self, connection: Connection, files: Mapping[str, Path], heads: Mapping[str, Head], now: int) -> None:
        self._connection = connection
        self._files = files
        self._heads = heads
        self._now = now
        self.counts: dict[str, int] = {}

    def lines(self) -> Iterator[bytes]:
        """Yield every line."""
        yield _line({"is": FORMAT, "schema": t.HEAD, "at": self._now})
        for name, path in self._files.items():
            if path.exists():
                yield _line({"file": name, "text": path.read_text(encoding="utf-8")})
        for table in t.metadata.sorted_tables:
            if table.name not in LEFT_OUT:
                yield _line({"table": table.name, "columns": [column.name for column in table.columns]})
                yield from self._rows(table)
        heads = {facility: str(head) for facility, head in self._heads.items()}
        yield _line({"rows": self.counts, "heads": heads})

    def _rows(self, table: Table) -> Iterator[bytes]:
        self.counts[table.name] = 0
        found = self._connection.execution_options(yield_per=_ROWS).execute(_kept(table))
        for rows in found.partitions():
            self.counts[table.name] += len(rows)
            yield b"".join(_line(list(row)) for row in rows)


def _kept(table: Table) -> Select[Any]:
    """Select a table by primary key; without uploads whose file is not taken yet, which has to be sent again."""
    rows = select(table).order_by(*table.primary_key.columns)
    return rows.where(t.upload.c.sealed.is_(None)) if table is t.upload else rows


def _line(value: object) -> bytes:
    return _ENCODER.encode(value).encode() + b"\n"


class _Packed:
    """File-like reader of the compressed lines."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._pieces = _gzip(lines)
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        """Return up to that many bytes; none at the end."""
        while len(self._ready) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._ready += piece
        given = bytes(self._ready[:size])
        del self._ready[:size]
        return given


def _gzip(lines: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, GZIP)
    for line in lines:
        yield packer.compress(line)
    yield packer.flush()
