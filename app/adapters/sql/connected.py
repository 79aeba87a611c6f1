"""What every store in SQL stands on: one connection to read on, and one thread that writes.

Both find their way back by themselves when the database was away. Reading is tried once more on a new connection, and
so is beginning to write; what was under way when the connection went is `Unavailable`, since nobody knows whether it
was committed. Whoever sends it again with the same key learns that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError

from app.adapters.sql.database import SHIPPED, Driver, reading, writing
from app.adapters.sql.reaching import REACHING
from app.adapters.sql.writer import Writer

T = TypeVar("T")


class Connected:
    """One database, reached."""

    def __init__(self, url: str, driver: Driver = SHIPPED, *, key: bytes = b"") -> None:
        """Connect; raises `StoreUnsafe` when the database would not keep what is acknowledged.

        `key` is the record key, for those who add to records.
        """
        self._key = key
        self._engines = writing(url, driver, key=key), reading(url, driver)
        with REACHING:
            self._reader = self._engines[1].connect()
            self._writer = Writer(self._engines[0])

    async def close(self) -> None:
        """Finish what is being written and let go of every connection."""
        self._writer.close()
        self._reader.close()
        for engine in self._engines:
            engine.dispose()

    def _one(self, statement: Executable, **values: object) -> Any:
        return self._read(lambda reader: reader.execute(statement, values).first())

    def _all(self, statement: Executable, **values: object) -> list[Any]:
        return self._read(lambda reader: list(reader.execute(statement, values)))

    def _read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads."""
        with REACHING:
            try:
                return work(self._reader)
            except DBAPIError:
                if not self._reader.invalidated:
                    raise
            try:
                self._reader.rollback()
                return work(self._reader)
            finally:
                if self._reader.invalidated:
                    self._reader.rollback()

    async def _durably(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, once all that it wrote is durable."""
        with REACHING:
            return await self._writer.run(work)
