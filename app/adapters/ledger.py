"""The ledger as a file to which lines are added: what must be known outside the database, and survives it."""

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
    known_from,
    lines_of,
)

LARGE: Final = 256 * 1024
"""Bytes from which on the file is written anew, if it could be half as long."""


class FileLedger(Ledger):
    """Keeps the ledger beside the database, or better on another disk."""

    def __init__(self, path: Path) -> None:
        """Keep where it is; it is made when the first line is added."""
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

    def back_up(self, heads: Mapping[str, Head], at: int, compared_at: int) -> None:
        """Keep that a backup was made, how far the records in it have come, and when one last compared all visits."""
        self.note(heads, at)
        self._add([backup_line(at, compared_at)], at)

    def take_in(self, known: LedgerState, at: int) -> None:
        """Keep all that other ledgers said."""
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
    """Open the file for adding, alone: the one that stands under its name once the lock is there."""
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
    """Add lines at the end and wait for the disk; a line that was cut off before is closed first."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        lines = lines if file.read(1) == b"\n" else b"\n" + lines
        file.seek(0, os.SEEK_END)
    file.write(lines)
    file.flush()
    os.fsync(file.fileno())


def _shorten(path: Path, at: int) -> None:
    """Write the file anew with the fewest lines, if that halves it; never a moment without it."""
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
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
