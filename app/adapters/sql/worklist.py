"""The worklist in SQL: each act of the office is an event in the chain; `followup` holds the current state."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Executable, Select, Update, bindparam, select, tuple_, update
from typing_extensions import override

import app.adapters.sql.statements as sql
from app.adapters.sql import schema as t
from app.adapters.sql.chain import append
from app.adapters.sql.database import Connected, Database
from app.adapters.sql.replay import FOLLOWUP, Records, asked_from, followed_from
from app.adapters.sql.rows import logged_from
from app.ports.office import Act, Worklist
from app.ports.store import Logged, ReadOnly, Written
from app.rules.record.event import Event
from app.rules.record.evidence import canonical
from app.rules.visit.standing import Closing, Followed, Sight, StandingWish, closes_too_late, repeats, with_wish

Narrowed = TypeVar("Narrowed", Select[Any], Update)

_LOOKS: Final = 2
OPEN_AT_MOST: Final = 1_000
"""Open visits that a station's list shows at most."""
_UNDER_KEY: Final = (
    select(t.event.c.facility, t.event.c.visit, t.event.c.type, t.event_body.c.body)
    .outerjoin_from(t.event, t.event_body)
    .where(t.event.c.key == bindparam("key"))
)


class SqlWorklist(Connected, Worklist):
    """Keeps what the office saw and decided; shows visits as rebuilt from the record."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._records = Records(database.key)

    def _shown(self, facility: str, visits: Select[Any]) -> tuple[Followed, ...]:
        def work(reader: Connection) -> tuple[Followed, ...]:
            for _ in range(_LOOKS):  # a commit between the two reads would make a valid visit look altered
                kept = [followed_from(row) for row in reader.execute(visits)]
                shown = self._records.shown(reader, facility, kept)
                if not any(each.doubt for each in shown):
                    break
            return shown

        return self.database.read(work)

    @override
    async def open(self, facility: str) -> tuple[Followed, ...]:
        # Visits with a wish come first: as the newest, they would fall off a full list.
        order = t.followup.c.asked.is_(None), t.followup.c.at, t.followup.c.visit
        query = _visits(facility).where(t.followup.c.settled == 0).order_by(*order)
        return self._shown(facility, query.limit(OPEN_AT_MOST))

    @override
    async def settled(self, facility: str, before: tuple[int, str] | None, limit: int) -> tuple[Followed, ...]:
        key = t.followup.c.at, t.followup.c.visit
        query = _visits(facility).where(t.followup.c.settled == 1).order_by(*(each.desc() for each in key)).limit(limit)
        return self._shown(facility, query.where(tuple_(*key) < before) if before else query)

    @override
    async def followed(self, facility: str, visit: str) -> Followed | None:
        return next(iter(self._shown(facility, _visits(facility).where(t.followup.c.visit == visit))), None)

    @override
    async def history(self, facility: str, visit: str) -> tuple[Logged, ...]:
        return tuple(map(logged_from, reversed(self.database.rows(sql.HISTORY, facility=facility, of=visit))))

    @override
    async def last_sight(self, facility: str, reference: str) -> Sight | None:
        query = _visits(facility).where(t.visit.c.reference == reference, t.followup.c.sight.is_not(None))
        found = self._shown(facility, query)
        found = tuple(each for each in found if each.visit.reference == reference)
        counted = [each.sight for each in found if not (each.closed and each.closed.why is Closing.MISTAKE)]
        # By the time of the sight: closing a visit, or a wish from its copy, moves it in the list.
        return max((each for each in counted if each), key=lambda each: each.at, default=None)

    @override
    async def record(self, act: Act) -> Written:
        def work(connection: Connection) -> Written:
            used = connection.execute(_UNDER_KEY, {"key": act.key}).first()
            if used:
                return Written.REPEATED if _is_same(act, used) else Written.KEY_REUSED
            found = connection.execute(
                _mine(select(t.followup.c.asked, sql.IS_BROKEN), act), {"facility": act.facility, "visit": act.visit}
            ).first()
            if found is None or not _is_known(connection, act):
                return Written.STALE  # erased since: what is written of it now would never be deleted
            try:
                asked = asked_from(found.asked)
            except (ValueError, LookupError, TypeError) as error:
                raise ReadOnly(act.facility) from error
            if found.broken:
                raise ReadOnly(act.facility)
            if act.asked and repeats(asked, act.asked):
                return Written.REPEATED
            if act.closed and closes_too_late(asked, act.answers):
                return Written.STALE
            append(connection, act.facility, act.visit, Event(act.type, act.at, act.body), act.key)
            connection.execute(_kept(act, asked))
            return Written.DONE

        return await self.database.durably(work)


def _visits(facility: str) -> Select[Any]:
    return select(t.visit, *FOLLOWUP).join_from(t.followup, t.visit).where(t.followup.c.facility == facility)


def _is_same(act: Act, used: Any) -> bool:
    """Whether a key was used for this very act; an act whose body is deleted counts as the same."""
    is_its = (used.facility, used.visit, used.type) == (act.facility, act.visit, act.type)
    return is_its and used.body in {None, canonical(dict(act.body)).decode()}


def _mine(statement: Narrowed, act: Act) -> Narrowed:
    return statement.where(t.followup.c.visit == act.visit, t.followup.c.facility == act.facility)


def _is_known(connection: Connection, act: Act) -> bool:
    """Whether the person matched by an act, if any, exists."""
    query = select(t.person.c.id).where(t.person.c.facility == act.facility, t.person.c.id == act.person)
    return not act.person or connection.execute(query).first() is not None


def _kept(act: Act, asked: tuple[StandingWish, ...]) -> Executable:
    """Return the update of `followup` for an act: a sight replaces the one before and reopens a closed visit.

    A wish reopens it too, is added to those `asked` before, and stays until the visit is closed.
    """
    change = _mine(update(t.followup), act)
    if act.asked:
        wishes = [asdict(each) for each in with_wish(asked, act.asked)]
        return change.values(at=act.at, settled=0, asked=_as_json(wishes), closed=None)
    if act.sight:
        # A sight from the screen names no person: keep the match, by which an erasure finds the visit.
        matched = {"person": act.person} if act.person else {}
        settled = int(act.is_settled and not asked)
        return change.values(at=act.at, settled=settled, sight=_as_json(asdict(act.sight)), closed=None, **matched)
    return change.values(at=act.at, settled=1, asked=None, closed=_as_json(act.closed and asdict(act.closed)))


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
