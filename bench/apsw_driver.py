"""SQLite through apsw, dressed as a DB-API module, so that the product's own store can drive it.

apsw lets a file system be written in Python; the `sqlite3` that Python ships does not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw

paramstyle: Final = "qmark"
sqlite_version: Final = apsw.sqlite_lib_version()
sqlite_version_info: Final = tuple(int(part) for part in sqlite_version.split("."))

Row = Sequence[Any]


class Error(Exception):
    """Anything that SQLite refuses."""


class DatabaseError(Error):
    """The database's fault."""


class OperationalError(DatabaseError):
    """The machine's fault: the disk, a lock, a lost file."""


class IntegrityError(DatabaseError):
    """A constraint's word."""


class ProgrammingError(DatabaseError):
    """The caller's fault; SQLAlchemy asks for the name."""


class Cursor:
    """Runs a statement to its end at once and hands out its rows."""

    def __init__(self, connection: apsw.Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._rows: list[Row] = []
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run one statement."""
        cursor = self._connection.cursor()
        cursor.exec_trace = self._describe
        before = self._connection.total_changes()
        try:
            self._rows = [*cursor.execute(statement, tuple(parameters))]
        except apsw.ConstraintError as error:
            raise IntegrityError(str(error)) from error
        except apsw.Error as error:
            raise OperationalError(str(error)) from error
        self.rowcount = -1 if self.description else self._connection.total_changes() - before
        return self

    def executemany(self, statement: str, many: Iterable[Sequence[Any]]) -> Cursor:
        """Run one statement with each of these parameters."""
        for parameters in many:
            self.execute(statement, parameters)
        return self

    def _describe(self, cursor: apsw.Cursor, _statement: str, _bindings: object) -> bool:
        self.description = cursor.get_description() or None
        return True

    def fetchone(self) -> Row | None:
        """Return the next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Row]:
        """Return the next rows."""
        taken, self._rows = self._rows[:size], self._rows[size:]
        return taken

    def fetchall(self) -> list[Row]:
        """Return the remaining rows."""
        return self.fetchmany(len(self._rows))

    def close(self) -> None:
        """Let go of the rows."""
        self._rows = []


class Connection:
    """A connection that begins no transaction by itself."""

    isolation_level = None

    def __init__(self, path: str, vfs: str) -> None:
        """Open a file on a file system of that name."""
        try:
            self._connection = apsw.Connection(path, vfs=vfs)
        except apsw.Error as error:
            raise OperationalError(str(error)) from error

    def cursor(self) -> Cursor:
        """Return a cursor."""
        return Cursor(self._connection)

    def commit(self) -> None:
        """Commit if a transaction is open."""
        if self._connection.in_transaction:
            self.cursor().execute("COMMIT")

    def rollback(self) -> None:
        """Roll back if a transaction is open."""
        if self._connection.in_transaction:
            self.cursor().execute("ROLLBACK")

    def create_function(self, *_: object, **__: object) -> None:
        """Leave out the functions that SQLAlchemy would add; the store uses none."""

    def close(self) -> None:
        """Close, also when the disk no longer answers."""
        with contextlib.suppress(apsw.Error):
            self._connection.close(force=True)
