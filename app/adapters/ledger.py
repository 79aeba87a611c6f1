"""The ledger as an append-only file, outside the database so that it survives it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from typing_extensions import override

from app.ports.outside import Unavailable
from app.ports.store import Ledger
from app.rules.record.clock import Expected
from app.rules.record.evidence import Head
from app.rules.record.gap import (
    Erasure,
    LedgerState,
    backup_line,
    clock_line,
    erasure_line,
    head_line,
    keyed_line,
    known_from,
    lines_of,
)

LARGE: Final = 256 * 1024
"""Bytes above which the file is compacted, if that at least halves it."""


class FileLedger(Ledger):
    """Keeps the ledger beside the database, or better on another disk."""

    def __init__(self, path: Path) -> None:
        """The file is created with the first line."""
        self.path = path

    @override
    def known(self) -> LedgerState:
        try:
            with self.path.open("rb") as lines:
                return known_from(lines)
        except FileNotFoundError:
            return LedgerState()
        except OSError as error:
            raise Unavailable from error

    @override
    def look(self) -> LedgerState:
        try:
            with _locked(self.path):
                pass
        except OSError as error:
            raise Unavailable from error
        return self.known()

    @override
    def note(self, heads: Mapping[str, Head], at: int) -> None:
        moved = self.known().moved(heads)
        self._add([head_line(facility, head, at) for facility, head in sorted(moved.items())], at)

    @override
    def accept(self, facility: str, head: Head, at: int) -> None:
        self._add([head_line(facility, head, at, accepted=True)], at)

    @override
    def erase(self, erasures: Sequence[Erasure], at: int) -> None:
        self._add(list(map(erasure_line, erasures)), at)

    @override
    def note_clock(self, clock: Expected) -> None:
        self._add([clock_line(clock)], clock.at)

    @override
    def note_keyed(self, at: int) -> None:
        self._add([keyed_line(at)], at)

    def back_up(self, heads: Mapping[str, Head], at: int, compared_at: int) -> None:
        """Append a backup: its time, its heads, and when a backup last compared all visits."""
        self.note(heads, at)
        self._add([backup_line(at, compared_at)], at)

    def take_in(self, known: LedgerState, at: int) -> None:
        """Append the state that was read from other ledgers."""
        self._add(lines_of(known, at), at)

    def _add(self, lines: Sequence[bytes], at: int) -> None:
        if not lines:
            return
        try:
            with _locked(self.path) as file:
                _append(file, b"".join(lines))
                sync_folder(self.path.parent)
                if file.tell() > LARGE:
                    _shorten(self.path, at)
        except OSError as error:
            raise Unavailable from error


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """Open for appending under an exclusive lock; opened again if compaction replaced the file meanwhile."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return
        finally:
            file.close()


def _append(file: BinaryIO, lines: bytes) -> None:
    """Append lines and fsync; a last line that a crash cut off is terminated first."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        lines = lines if file.read(1) == b"\n" else b"\n" + lines
        file.seek(0, os.SEEK_END)
    file.write(lines)
    file.flush()
    os.fsync(file.fileno())


def _shorten(path: Path, at: int) -> None:
    """Compact the file, replacing it atomically, if that at least halves it."""
    with path.open("rb") as lines:
        short = b"".join(lines_of(known_from(lines), at))
    if len(short) > path.stat().st_size // 2:
        return
    beside = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(short)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Fsync a folder, so that new and renamed entries survive a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
