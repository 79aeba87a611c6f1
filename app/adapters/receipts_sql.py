"""The patients' copies in SQL: a row each, known by a hash."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from app.adapters import schema as t
from app.adapters.chain import append
from app.adapters.connected import Connected
from app.adapters.rows import fields
from app.evidence import Event
from app.receipt import LIVES, Receipt

_ALL = select(t.receipt)


class SqlReceipts(Connected):
    """Keeps the patients' copies. Implements `app.ports.Receipts`."""

    async def issue(self, receipt: Receipt, event: Event, key: str) -> bool:
        """Keep a new copy and write that it was made, both or neither; False when this key was used before."""

        def work(connection: Connection) -> bool:
            if connection.execute(select(t.event.c.seq).where(t.event.c.key == key)).first():
                return False
            add(receipt, connection)
            append(connection, receipt.facility, receipt.visit, event, key)
            return True

        return await self._durably(work)

    async def find(self, known_as: str) -> Receipt | None:
        """Return a copy by the hash of its letters."""
        return _receipt(self._one(_ALL.where(t.receipt.c.hash == known_as)))

    async def receipt(self, receipt: str) -> Receipt | None:
        """Return a copy by its id."""
        return _receipt(self._one(_ALL.where(t.receipt.c.id == receipt)))

    async def of(self, facility: str, visit: str) -> tuple[Receipt, ...]:
        """Return the copies of a station's visit, newest first."""
        mine = _ALL.where(t.receipt.c.facility == facility, t.receipt.c.visit == visit)
        rows = self._all(mine.order_by(t.receipt.c.made_at.desc(), t.receipt.c.id))
        return tuple(Receipt(*row) for row in rows)

    async def call_back(self, receipt: Receipt, event: Event) -> bool:
        """Let a copy open nothing from the event's moment on, and write so; False when it was called back before."""
        live = update(t.receipt).where(t.receipt.c.id == receipt.id, t.receipt.c.called_back_at.is_(None))

        def work(connection: Connection) -> bool:
            if not connection.execute(live.values(called_back_at=event.at)).rowcount:
                return False
            append(connection, receipt.facility, receipt.visit, event)
            return True

        return await self._durably(work)

    async def tidy(self, now: int) -> None:
        """Remove copies whose time is over."""
        over = delete(t.receipt).where(t.receipt.c.made_at < now - LIVES)
        await self._durably(lambda connection: connection.execute(over))


def add(receipt: Receipt, connection: Connection) -> None:
    """Keep a copy; the one that the same letters open stays as it is."""
    if connection.execute(select(t.receipt.c.id).where(t.receipt.c.hash == receipt.hash)).first() is None:
        connection.execute(insert(t.receipt).values(fields(receipt)))


def call_all_back(facility: str, now: int, connection: Connection) -> int:
    """Let no copy of a station open anything from now on; return how many still did."""
    mine = t.receipt.c.facility == facility, t.receipt.c.called_back_at.is_(None), t.receipt.c.made_at > now - LIVES
    return connection.execute(update(t.receipt).where(*mine).values(called_back_at=now)).rowcount


def _receipt(row: Any) -> Receipt | None:
    return Receipt(*row) if row else None
