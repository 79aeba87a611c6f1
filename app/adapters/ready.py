"""A statement made ready for the driver: for the one read that every page of a visit begins with.

SQLAlchemy's own way costs 60 µs around the 5 µs that the database takes (docs/adr/0002). The statement is still
written in Core, compiled for whichever database is there; only its execution goes straight to the driver.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.exc import DBAPIError


class Ready:
    """One SELECT, compiled once, on one connection."""

    def __init__(self, statement: Select[Any], connection: Connection) -> None:
        """Compile the statement for the connection's database."""
        compiled = statement.compile(dialect=connection.dialect)
        self._sql = str(compiled)
        self._order = compiled.positiontup
        self._row = namedtuple("Row", [column.key for column in statement.selected_columns])  # type: ignore[misc] # noqa: PYI024
        self._connection = connection
        self._failures = connection.dialect.loaded_dbapi.Error

    def first(self, **values: object) -> Any | None:  # noqa: ANN401 - a row, with the statement's own columns
        """Return the first row, or None. Raises SQLAlchemy's `DBAPIError` as an ordinary execution would."""
        given = [values[name] for name in self._order] if self._order else values
        try:
            cursor = self._connection.connection.cursor()
            cursor.execute(self._sql, given)
            row = cursor.fetchone()
            cursor.close()
        except self._failures as error:
            raise DBAPIError.instance(self._sql, None, error, self._failures) from error
        return self._row(*row) if row else None
