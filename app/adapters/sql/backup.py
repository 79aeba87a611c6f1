"""A backup: everything that is kept, as lines of JSON, packed and encrypted for somebody who is elsewhere.

The same for every kind of database, so that a backup of one restores into another. `age -d | gunzip` reads it
without us. Nothing readable touches a disk on the way.
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
"""Who was signed in then is not signed in after a restore."""
GZIP: Final = 31
"""What tells zlib to write and read gzip."""
_ROWS: Final = 1_000
_LEVEL: Final = 3
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), default=lambda raw: {"base64": b64encode(raw).decode()}
)


class NoBackup(Exception):
    """The backup cannot be made: says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a backup holds: the end of each record, how many rows, and what of a station does not hold already."""

    heads: Mapping[str, Head]
    rows: int
    broken: Mapping[str, Mapping[str, int]]
    """By station: a visit that is not kept as it was replay (0), or `record` with the first entry that breaks."""


def new_key() -> tuple[str, str]:
    """Return a new pair: the public half for the server, the private one to be kept elsewhere."""
    made = pyrage.x25519.Identity.generate()
    return str(made.to_public()), str(made)


def recipients(text: str) -> list[pyrage.x25519.Recipient]:
    """Return for whom to encrypt: one or more public keys, separated by spaces. Raises `NoBackup`."""
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
    """Write a backup of one moment while others go on; it is there under its name when it is whole, or not at all.

    Every chain is checked with the record key, and visits with an entry `since` then are compared with their record.
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
    """Keep what was found where server and office say it."""
    with unhurried(url) as connection:
        for facility, (found, looked_at) in checked.items():
            replay.note(connection, facility, found, looked_at, now)


@contextmanager
def _appearing(target: Path) -> Iterator[int]:
    """Give a file beside the target that takes its name at the end; on any failure nothing is left."""
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        yield os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        beside.replace(target)
        sync_folder(target.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


class _Dump:
    """The lines of a backup: what it is, the key files, each table with its rows, and what was in it."""

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
    """Return what is kept of a table, in the order of its key; not a file that waits to be taken: it is sent anew."""
    rows = select(table).order_by(*table.primary_key.columns)
    return rows.where(t.upload.c.sealed.is_(None)) if table is t.upload else rows


def _line(value: object) -> bytes:
    return _ENCODER.encode(value).encode() + b"\n"


class _Packed:
    """Lines as a packed stream that is read piece by piece."""

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
