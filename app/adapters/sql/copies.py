"""The patients' copies in SQL: one row each, found by the hash of its letters."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, insert, select, update
from typing_extensions import override

from app.adapters.sql import schema as t
from app.adapters.sql.chain import append, record_key
from app.adapters.sql.database import Connected
from app.adapters.sql.rows import AnyRow, row_of, value_of
from app.ports.office import Copies
from app.ports.store import ReadOnly
from app.rules.record.event import Event
from app.rules.visit.copy import LIVES, Copy

_ALL: Final = select(t.copy)


class SqlCopies(Connected, Copies):
    """Keeps the patients' copies."""

    @override
    async def issue(self, copy: Copy, event: Event, key: str) -> bool:
        def work(connection: Connection) -> bool:
            if connection.execute(select(t.event.c.seq).where(t.event.c.key == key)).first():
                return False
            add(copy, connection)
            append(connection, copy.facility, copy.visit, event, key)
            return True

        return await self.database.durably(work)

    @override
    async def find(self, known_as: str) -> Copy | None:
        return self._found(_ALL.where(t.copy.c.hash == known_as))

    @override
    async def copy(self, copy: str) -> Copy | None:
        return self._found(_ALL.where(t.copy.c.id == copy))

    @override
    async def of(self, facility: str, visit: str) -> tuple[Copy, ...]:
        query = _ALL.where(t.copy.c.facility == facility, t.copy.c.visit == visit)
        rows = self.database.rows(query.order_by(t.copy.c.made_at.desc(), t.copy.c.id))
        return tuple(value_of(Copy, row) for row in rows if is_intact(row, self.database.key))

    def _found(self, query: Select[Any]) -> Copy | None:
        row = self.database.first(query)
        return self._checked(row) if row else None

    def _checked(self, row: AnyRow) -> Copy:
        if not is_intact(row, self.database.key):
            raise ReadOnly(row.facility)
        return value_of(Copy, row)

    @override
    async def call_back(self, copy: Copy, event: Event) -> bool:
        live = _ALL.where(t.copy.c.id == copy.id, t.copy.c.called_back_at.is_(None))

        def work(connection: Connection) -> bool:
            if not _call_back(live, event.at, connection):
                return False
            append(connection, copy.facility, copy.visit, event)
            return True

        return await self.database.durably(work)

    @override
    async def tidy(self, now: int) -> None:
        await self._run(delete(t.copy).where(t.copy.c.made_at < now - LIVES))


def altered(connection: Connection, visits: Sequence[str], key: bytes) -> set[str]:
    """Return which of these visits have a copy whose row was not written with the record key."""
    query = _ALL.where(t.copy.c.visit.in_(visits))
    return {row.visit for row in connection.execute(query) if not is_intact(row, key)}


def is_intact(row: AnyRow, key: bytes) -> bool:
    """Whether the MAC of a copy's row matches its other columns."""
    return hmac.compare_digest(row.mac or "", value_of(Copy, row).mac(key))


def add(copy: Copy, connection: Connection) -> None:
    """Insert a copy, unless there is one with the same hash."""
    if connection.execute(select(t.copy.c.id).where(t.copy.c.hash == copy.hash)).first() is None:
        connection.execute(insert(t.copy).values(_row(copy, connection)))


def call_all_back(facility: str, now: int, connection: Connection) -> int:
    """Call back all copies of a station that still open; return how many."""
    still_open = t.copy.c.facility == facility, t.copy.c.called_back_at.is_(None), t.copy.c.made_at > now - LIVES
    return _call_back(_ALL.where(*still_open), now, connection)


def _call_back(copies: Select[Any], now: int, connection: Connection) -> int:
    rows = connection.execute(copies).all()
    for row in rows:
        over = replace(value_of(Copy, row), called_back_at=now)
        connection.execute(update(t.copy).where(t.copy.c.id == over.id).values(_row(over, connection)))
    return len(rows)


def _row(copy: Copy, connection: Connection) -> dict[str, Any]:
    return row_of(copy) | {"mac": copy.mac(record_key(connection))}
