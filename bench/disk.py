"""A disk whose power fails: what was synced survives, of the rest any part or nothing."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import apsw

NAME: Final = "failing"
SECTOR: Final = 512


@dataclass
class Disk:
    """The files of one database as they would be found after the power has failed.

    It fails at the operation (a write, a cut or a sync) that makes `left` zero, and is silent from then on.
    """

    dice: random.Random
    left: int
    synced: dict[str, bytes] = field(default_factory=dict)
    unsynced: dict[str, list[tuple[int, bytes | None]]] = field(default_factory=dict)

    @property
    def is_on(self) -> bool:
        """Whether there still is power."""
        return self.left > 0

    def must_be_on(self) -> None:
        """Fail unless there is power."""
        if not self.is_on:
            raise apsw.IOError("no power")

    def work(self) -> None:
        """Do one operation, or fail for good."""
        self.left -= 1
        self.must_be_on()

    def note(self, path: str, offset: int, data: bytes | None) -> None:
        """Remember a write, or a cut when there is no data, until it is synced."""
        self.unsynced.setdefault(path, []).append((offset, data))

    def sync(self, path: str) -> None:
        """Make what was written to a file survive."""
        self.synced[path] = _applied(self.synced.get(path, b""), self.unsynced.pop(path, []))

    def remains(self, *, share: float) -> Mapping[str, bytes]:
        """Return every file as it is found later; a sector that was not synced survives with this chance."""
        found = dict(self.synced)
        for path, operations in self.unsynced.items():
            kept = [part for each in operations for part in _sectors(*each) if self.dice.random() < share]
            if path in found or kept:
                found[path] = _applied(found.get(path, b""), kept)
        return found


def _sectors(offset: int, data: bytes | None) -> list[tuple[int, bytes | None]]:
    if data is None:
        return [(offset, None)]
    return [(offset + start, data[start : start + SECTOR]) for start in range(0, len(data), SECTOR)]


def _applied(content: bytes, operations: list[tuple[int, bytes | None]]) -> bytes:
    file = bytearray(content)
    for offset, data in operations:
        if data is None:
            del file[offset:]
            continue
        file.extend(bytes(max(0, offset - len(file))))
        file[offset : offset + len(data)] = data
    return bytes(file)


class _File(apsw.VFSFile):
    """A file on the failing disk; a real one in memory stands behind it and also shares the lock table."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "").name

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        self._disk.must_be_on()
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.note(self._path, offset, bytes(data))
        self._disk.work()
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.note(self._path, newsize, None)
        self._disk.work()
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802
        self._disk.work()
        self._disk.sync(self._path)

    def excepthook(self, *_: object) -> bool:
        """Say nothing: that the power is gone was meant."""
        return True


class FailingDisks(apsw.VFS):
    """The file system under the name `NAME`; `disk` is the one that new files lie on."""

    def __init__(self, disk: Disk) -> None:
        """Register beside the system's own."""
        super().__init__(NAME, "")
        self.disk = disk

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:  # noqa: N802
        """Open a file."""
        self.disk.must_be_on()
        return _File(self.disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        """Delete a file; without power nothing is deleted."""
        self.disk.must_be_on()
        super().xDelete(filename, syncdir)
        self.disk.synced.pop(Path(filename).name, None)
        self.disk.unsynced.pop(Path(filename).name, None)

    def excepthook(self, *_: object) -> bool:
        """Say nothing: that the power is gone was meant."""
        return True
