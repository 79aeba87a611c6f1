"""Statements of the hot path: written in Core, compiled once per dialect, executed on the driver's own cursor.

SQLAlchemy's own execution costs 60 µs around the 5 µs that the database takes, and a submitted step has five of
them (docs/adr/0002 has the figures). Nothing else is different: same connection, same transaction, same errors.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, Dialect, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

AnyRow: TypeAlias = Any
"""A named tuple with the statement's own columns."""
_Compiled: TypeAlias = tuple[str, Sequence[str] | None, Mapping[str, object]]
"""SQL of the dialect, the order of its parameters if they are positional, and the fixed parameters."""


def failed(connection: Connection, sql: str, error: Exception) -> BaseException:
    """Return what SQLAlchemy would raise for a driver's error; invalidate a lost connection as it would."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
    if is_lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=is_lost
    )


class Direct:
    """One statement. Its columns have types that need no conversion: whole numbers and text."""

    def __init__(self, statement: Select[Any] | Insert | Update) -> None:
        """Keep the statement; it is compiled on first use."""
        self.statement = statement
        self._compiled: dict[str, _Compiled] = {}
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        names = [str(column.key) for column in columns]
        self._row: Any = namedtuple("_row", names)  # type: ignore[misc] # noqa: PYI024 - known at run time only

    def first(self, connection: Connection, values: Mapping[str, object]) -> AnyRow | None:
        """Return the first row, or None. Raises what SQLAlchemy raises."""
        row = self._execute(connection, values, fetch=True)
        return None if row is None else self._row._make(row)

    def run(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Run the statement once; return how many rows it touched. Raises what SQLAlchemy raises."""
        return int(self._execute(connection, values, fetch=False))

    def _execute(self, connection: Connection, values: Mapping[str, object], *, fetch: bool) -> Any:
        dialect = connection.dialect
        sql, order, fixed = self._compiled.get(dialect.name) or self._compile(dialect)
        named = {**fixed, **values} if fixed else values
        given = named if order is None else [named[name] for name in order]
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql, given)
            return cursor.fetchone() if fetch else cursor.rowcount
        except dialect.loaded_dbapi.Error as error:
            raise failed(connection, sql, error) from error
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled: Any = self.statement.compile(dialect=dialect)
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        made = self._compiled[dialect.name] = (str(compiled), compiled.positiontup, fixed)
        return made
