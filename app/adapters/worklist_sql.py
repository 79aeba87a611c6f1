"""The worklist in SQL: each act of the office is an event in the chain; what stands now is kept beside the visit."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Executable, Select, case, select, tuple_, update

import app.adapters.statements as sql
from app.adapters import schema as t
from app.adapters.chain import Chain, head_of
from app.adapters.connected import Connected
from app.adapters.rows import logged_from, visit_from
from app.evidence import Event
from app.ports import Act, Logged
from app.receipt import Wish
from app.worklist import Asked, Closed, Closing, Followed, Sight

OPEN_AT_MOST: Final = 1_000
"""Open visits that a station's list holds: more is no list of things to do."""


class SqlWorklist(Connected):
    """Keeps what the office saw and decided. Implements `app.ports.Worklist`."""

    async def open(self, facility: str) -> tuple[Followed, ...]:
        """Return what is not settled yet, oldest first."""
        mine = _visits(facility).where(t.followup.c.settled == 0).order_by(t.followup.c.at, t.followup.c.visit)
        return tuple(_followed(row) for row in self._all(mine.limit(OPEN_AT_MOST)))

    async def settled(self, facility: str, before: tuple[int, str] | None, limit: int) -> tuple[Followed, ...]:
        """Return what is settled, newest first, older than `before` (moment and visit)."""
        key = t.followup.c.at, t.followup.c.visit
        mine = _visits(facility).where(t.followup.c.settled == 1).order_by(*(each.desc() for each in key)).limit(limit)
        return tuple(_followed(row) for row in self._all(mine.where(tuple_(*key) < before) if before else mine))

    async def followed(self, facility: str, visit: str) -> Followed | None:
        """Return one visit of a station that reached the office, or None."""
        rows = self._all(_visits(facility).where(t.followup.c.visit == visit))
        return _followed(rows[0]) if rows else None

    async def history(self, facility: str, visit: str) -> tuple[Logged, ...]:
        """Return what was written of a visit, oldest first."""
        return tuple(map(logged_from, self._all(sql.HISTORY, facility=facility, of=visit)))

    async def last_sight(self, facility: str, reference: str) -> Sight | None:
        """Return what the office last saw of somebody with this reference number, or None."""
        mine = _visits(facility).where(t.visit.c.reference == reference, t.followup.c.sight.is_not(None))
        row = self._one(mine.order_by(t.followup.c.at.desc()).limit(1))
        return _sight(row.sight) if row else None

    async def record(self, act: Act) -> bool:
        """Write what the office saw or decided: the event and what stands now; False when this key was used before."""

        def work(connection: Connection) -> bool:
            if connection.execute(select(t.event.c.seq).where(t.event.c.key == act.key)).first():
                return False
            chain = Chain(act.facility, head_of(connection, act.facility))
            chain.add(act.visit, Event(act.type, act.at, act.body), key=act.key)
            chain.write(connection)
            connection.execute(_kept(act))
            return True

        return await self._durably(work)


def _visits(facility: str) -> Select[Any]:
    office = (
        t.followup.c.at.label("followed_at"),
        t.followup.c.sight,
        t.followup.c.closed,
        t.followup.c.person,
        t.followup.c.asked,
    )
    return select(t.visit, *office).join_from(t.followup, t.visit).where(t.followup.c.facility == facility)


def _kept(act: Act) -> Executable:
    """Return what makes this act stand: a sight takes the place of the one before, and opens what was closed.

    What the patient asks opens it too, and stays until somebody closes it.
    """
    mine = update(t.followup).where(t.followup.c.visit == act.visit, t.followup.c.facility == act.facility)
    if act.asked:
        return mine.values(at=act.at, settled=0, asked=_as_json(act.asked), closed=None)
    if act.sight:
        settled = case((t.followup.c.asked.is_not(None), 0), else_=int(act.is_settled))
        stands = {"at": act.at, "settled": settled, "person": act.person or None}
        return mine.values(**stands, sight=_as_json(act.sight), closed=None)
    return mine.values(at=act.at, settled=1, asked=None, closed=_as_json(act.closed))


def _as_json(value: Sight | Closed | Asked | None) -> str:
    return json.dumps(asdict(value) if value else None, ensure_ascii=False, default=str)


def _followed(row: Any) -> Followed:
    sight, closed = _sight(row.sight), _closed(row.closed)
    return Followed(
        visit_from(row), row.handed_off_at, sight, closed, row.followed_at, row.person or "", _asked(row.asked)
    )


def _sight(raw: str | None) -> Sight | None:
    if raw is None:
        return None
    found = json.loads(raw)
    day = found.pop("consented_on")
    return Sight(**found, consented_on=date.fromisoformat(day) if day else None)


def _asked(raw: str | None) -> Asked | None:
    found = json.loads(raw) if raw else None
    return Asked(found["at"], Wish(found["what"])) if found else None


def _closed(raw: str | None) -> Closed | None:
    found = json.loads(raw) if raw else None
    return Closed(found["at"], found["by"], Closing(found["why"])) if found else None
