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
from app.adapters.sql.rows import RECEIPT, AnyRow, fields
from app.ports.office import Copies
from app.ports.store import ReadOnly
from app.rules.record.evidence import Event
from app.rules.visit.copy import LIVES, Copy

_ALL: Final = select(*RECEIPT, t.receipt.c.mac)


class SqlCopies(Connected, Copies):
    """Keeps the patients' copies."""

    @override
    async def issue(self, receipt: Copy, event: Event, key: str) -> bool:
        def work(connection: Connection) -> bool:
            if connection.execute(select(t.event.c.seq).where(t.event.c.key == key)).first():
                return False
            add(receipt, connection)
            append(connection, receipt.facility, receipt.visit, event, key)
            return True

        return await self._durably(work)

    @override
    async def find(self, known_as: str) -> Copy | None:
        return self._found(_ALL.where(t.receipt.c.hash == known_as))

    @override
    async def receipt(self, receipt: str) -> Copy | None:
        return self._found(_ALL.where(t.receipt.c.id == receipt))

    @override
    async def of(self, facility: str, visit: str) -> tuple[Copy, ...]:
        mine = _ALL.where(t.receipt.c.facility == facility, t.receipt.c.visit == visit)
        rows = self._all(mine.order_by(t.receipt.c.made_at.desc(), t.receipt.c.id))
        return tuple(Copy(*row[:-1]) for row in rows if is_intact(row, self._key))

    def _found(self, mine: Select[Any]) -> Copy | None:
        row = self._one(mine)
        return self._checked(row) if row else None

    def _checked(self, row: AnyRow) -> Copy:
        if not is_intact(row, self._key):
            raise ReadOnly(row.facility)
        return Copy(*row[:-1])

    @override
    async def call_back(self, receipt: Copy, event: Event) -> bool:
        live = _ALL.where(t.receipt.c.id == receipt.id, t.receipt.c.called_back_at.is_(None))

        def work(connection: Connection) -> bool:
            if not _call_back(live, event.at, connection):
                return False
            append(connection, receipt.facility, receipt.visit, event)
            return True

        return await self._durably(work)

    @override
    async def tidy(self, now: int) -> None:
        over = delete(t.receipt).where(t.receipt.c.made_at < now - LIVES)
        await self._durably(lambda connection: connection.execute(over))


def altered(connection: Connection, visits: Sequence[str], key: bytes) -> set[str]:
    """Return which of these visits have a copy whose row was not written with the record key."""
    theirs = _ALL.where(t.receipt.c.visit.in_(visits))
    return {row.visit for row in connection.execute(theirs) if not is_intact(row, key)}


def is_intact(row: AnyRow, key: bytes) -> bool:
    """Whether the MAC of a copy's row, its last column, matches the others."""
    return hmac.compare_digest(row.mac or "", Copy(*row[:-1]).mac(key))


def add(receipt: Copy, connection: Connection) -> None:
    """Insert a copy, unless there is one with the same hash."""
    if connection.execute(select(t.receipt.c.id).where(t.receipt.c.hash == receipt.hash)).first() is None:
        connection.execute(insert(t.receipt).values(_row(receipt, connection)))


def call_all_back(facility: str, now: int, connection: Connection) -> int:
    """Call back all copies of a station that still open; return how many."""
    mine = t.receipt.c.facility == facility, t.receipt.c.called_back_at.is_(None), t.receipt.c.made_at > now - LIVES
    return _call_back(_ALL.where(*mine), now, connection)


def _call_back(copies: Select[Any], now: int, connection: Connection) -> int:
    rows = connection.execute(copies).all()
    for row in rows:
        over = replace(Copy(*row[:-1]), called_back_at=now)
        connection.execute(update(t.receipt).where(t.receipt.c.id == over.id).values(_row(over, connection)))
    return len(rows)


def _row(receipt: Copy, connection: Connection) -> dict[str, Any]:
    return fields(receipt) | {"mac": receipt.mac(record_key(connection))}
