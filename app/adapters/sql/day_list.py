"""The day lists in SQL: one row per reference number, and one per day for its word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Table, and_, delete, insert, or_, select, update
from typing_extensions import override

from app.adapters.sql import schema as t
from app.adapters.sql.database import Connected
from app.adapters.sql.rows import AnyRow, row_of, value_of
from app.ports.office import DayLists
from app.rules.station.day_list import AHEAD, KEPT, Need, Planned
from app.rules.words.dates import day_of

_REACHED: Final = select(t.visit.c.id).where(t.visit.c.handed_off_at.is_not(None))
_IS_FREE: Final = or_(t.planned.c.visit.is_(None), t.planned.c.visit.not_in(_REACHED))
"""No visit was begun with this number, or it has not reached the handoff: a lost response, an empty battery."""


class SqlDayLists(Connected, DayLists):
    """Keeps the days' lists."""

    @override
    async def put(self, planned: Sequence[Planned]) -> None:
        def work(connection: Connection) -> None:
            for each in planned:
                _put(each, connection)

        await self.database.durably(work)

    @override
    async def remove(self, facility: str, day: date, reference: str) -> None:
        await self._run(delete(t.planned).where(_of(t.planned, facility, day), t.planned.c.reference == reference))

    @override
    async def on(self, facility: str, day: date) -> tuple[Planned, ...]:
        found = self.database.rows(select(t.planned).where(_of(t.planned, facility, day)))
        # Sorted here: databases differ in collation.
        return tuple(sorted(map(_planned, found), key=attrgetter("reference")))

    @override
    async def begun(self, facility: str, day: date, reference: str, visit: str) -> bool:
        noted = update(t.planned).where(_of(t.planned, facility, day), t.planned.c.reference == reference, _IS_FREE)
        return await self._run(noted.values(visit=visit)) == 1

    @override
    async def word(self, facility: str, day: date) -> str | None:
        row = self.database.first(select(t.day_word.c.word).where(_of(t.day_word, facility, day)))
        return row.word if row else None

    @override
    async def give_word(self, facility: str, day: date, word: str) -> str:
        def work(connection: Connection) -> str:
            has: str | None = connection.scalar(select(t.day_word.c.word).where(_of(t.day_word, facility, day)))
            if has is None:
                connection.execute(insert(t.day_word).values(facility=facility, day=str(day), word=word))
            return has or word

        return await self.database.durably(work)

    @override
    async def tidy(self, now: int) -> None:
        today = day_of(now)
        kept = str(today - timedelta(days=KEPT)), str(today + timedelta(days=AHEAD))
        for table in (t.planned, t.day_word):
            await self._run(delete(table).where(~table.c.day.between(*kept)))


def _of(table: Table, facility: str, day: date) -> Any:
    return and_(table.c.facility == facility, table.c.day == str(day))


def _put(planned: Planned, connection: Connection) -> None:
    row = row_of(planned) | {"day": str(planned.day), "need": planned.need.value}
    del row["visit"]
    change = update(t.planned).where(_of(t.planned, planned.facility, planned.day))
    if not connection.execute(change.where(t.planned.c.reference == planned.reference).values(row)).rowcount:
        connection.execute(insert(t.planned).values(row))


def _planned(row: AnyRow) -> Planned:
    day, need = date.fromisoformat(row.day), Need(row.need)
    return value_of(Planned, row, day=day, need=need, over_40=bool(row.over_40), visit=row.visit or "")
