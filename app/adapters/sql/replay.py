"""Rebuilds visits from their record, and finds rows that differ from it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, insert, select

import app.adapters.sql.schema as t
from app.adapters.sql import chain_check, copies
from app.adapters.sql.chain import OF_THE_RECORD
from app.adapters.sql.database import unhurried
from app.adapters.sql.erasure import OF_A_PERSON
from app.adapters.sql.rows import AnyRow, value_of, visit_from
from app.ports.store import Alteration, ReadOnly
from app.rules.record.event import EventType
from app.rules.record.evidence import Entry
from app.rules.record.replay import Rebuilt, Replayed, UnreadableRecord, rebuilt
from app.rules.record.retention import OVER_TYPES, explains_absence
from app.rules.visit.copy import Wish
from app.rules.visit.standing import Closed, Closing, Doubt, Followed, Sight, StandingWish
from app.rules.visit.visit import Visit
from app.verify import Missing

_MANY: Final = 500
_KEPT: Final = 2_000
"""Rebuilt visits that are cached; one is rebuilt again after an entry is added."""
FOLLOWUP: Final = (
    t.followup.c.visit.label("followed"),
    t.followup.c.at.label("followed_at"),
    t.followup.c.settled,
    t.followup.c.sight,
    t.followup.c.closed,
    t.followup.c.person,
    t.followup.c.asked,
)


@dataclass
class Records:
    """Rebuilds visits from verified entries, with a cache."""

    key: bytes
    _read: dict[str, tuple[int, Rebuilt]] = field(default_factory=dict)
    """By visit: the number of its last entry, and the visit rebuilt from its entries."""
    _vouched: dict[str, int] = field(default_factory=dict)
    """By station: the first entry with a MAC, which vouches for those before it (records from before 0.4)."""

    def shown(self, connection: Connection, facility: str, kept: Sequence[Followed]) -> tuple[Followed, ...]:
        """Return visits as their record tells; without content, and with `Doubt.BROKEN`, where it is not valid."""
        told = self.told(connection, facility, [each.visit.id for each in kept])
        return tuple(_shown(each, told.get(each.visit.id)) for each in kept)

    def told(self, connection: Connection, facility: str, visits: Sequence[str]) -> Mapping[str, Rebuilt | None]:
        """Return each visit rebuilt from its record; None where that is invalid or has nothing of it."""
        e = t.event.c
        query = select(e.visit, func.max(e.seq).label("last")).where(e.facility == facility, e.visit.in_(visits))
        ends = {row.visit: row.last for row in connection.execute(query.group_by(e.visit))}
        new = [visit for visit, seq in ends.items() if self._read.get(visit, (0, None))[0] != seq]
        found: dict[str, Rebuilt | None] = {visit: self._read[visit][1] for visit in ends if visit not in new}
        gone = _gone_before(connection, facility, self.key) if new else set[int]()
        for start in range(0, len(new), _MANY):
            for visit, entries in _entries(connection, facility, new[start : start + _MANY]):
                found[visit] = told = self._rebuilt(connection, facility, entries, gone)
                if told is not None:
                    self._read[visit] = ends[visit], told
        while len(self._read) > _KEPT:
            del self._read[next(iter(self._read))]
        return found

    def _rebuilt(self, connection: Connection, facility: str, rows: Sequence[AnyRow], gone: set[int]) -> Rebuilt | None:
        if rows[0].mac is None and not self._vouched.get(facility):
            self._vouched[facility] = chain_check.first_mac(connection, facility, self.key)
        try:
            return rebuilt(facility, self._replayed(rows, self._vouched.get(facility, 0), gone))
        except UnreadableRecord:
            return None

    def _replayed(self, rows: Iterable[AnyRow], vouched: int, gone: set[int]) -> Iterator[Replayed]:
        """Yield valid entries that have a body. Raises `UnreadableRecord` for an invalid entry or unexplained gap."""
        missing = Missing()
        for row in rows:
            entry = value_of(Entry, row)
            body = chain_check.checked_body(row, entry, None if row.body is None else row, self.key)
            if body is None or (row.mac is None and row.seq >= vouched):
                raise UnreadableRecord
            if row.body is None and row.seq not in gone:
                missing.add(entry.visit, entry.seq)
            if row.body is None:
                continue
            if entry.type != EventType.EXPIRED:  # before 0.4 it was also written of visits whose bodies stayed
                missing.explain(entry.type, entry.visit, body)
            yield entry, body
        if missing.unexplained():
            raise UnreadableRecord


def _shown(kept: Followed, told: Rebuilt | None) -> Followed:
    if told is not None:
        return told.shown(kept)
    nothing = replace(kept.visit, answers={}, transcribed_by="")
    return replace(kept, visit=nothing, sight=None, closed=None, asked=(), doubt=Doubt.BROKEN)


def followed_from(row: AnyRow) -> Followed:
    """Parse a row of `visit` and `FOLLOWUP`; without content where it is malformed, as only tampering makes it."""
    try:
        visit, sight, closed = visit_from(row), _sight(row.sight), _closed(row.closed)
        asked = asked_from(row.asked)
    except (ReadOnly, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        visit = Visit(row.id, row.facility, row.opened_at, row.touched_at, row.version)
        sight, closed, asked = None, None, ()
    return Followed(
        visit=visit,
        handed_off_at=row.handed_off_at or 0,
        sight=sight,
        closed=closed,
        settled_at=row.followed_at,
        person=row.person or "",
        asked=asked,
    )


def _sight(raw: str | None) -> Sight | None:
    if raw is None:
        return None
    found = json.loads(raw)
    day = found.pop("consented_on")
    return Sight(**found, consented_on=date.fromisoformat(day) if day else None)


def asked_from(raw: str | None) -> tuple[StandingWish, ...]:
    """Parse the column `asked`: wishes from copies."""
    return tuple(StandingWish(each["at"], Wish(each["what"])) for each in json.loads(raw or "[]"))


def _closed(raw: str | None) -> Closed | None:
    found = json.loads(raw) if raw else None
    return Closed(found["at"], found["by"], Closing(found["why"])) if found else None


# --- rows that differ from the record ---------------------------------------------------------------------------


_WITH_OPEN_VISITS: Final = select(t.visit.c.facility).where(t.visit.c.session.is_not(None)).distinct()


def open_visits(connection: Connection, facility: str) -> list[str]:
    """Return the visits of a station that a browser has open."""
    query = select(t.visit.c.id).where(t.visit.c.facility == facility, t.visit.c.session.is_not(None))
    return list(connection.execute(query).scalars())


def all_visits(connection: Connection, facility: str, since: int) -> list[str]:
    """Return the visits of a station that have an entry since `since`; with 0 also those that have only a row."""
    e, v = t.event.c, t.visit.c
    told = select(e.visit).where(e.facility == facility, e.at >= since).distinct()
    found = {each for each in connection.execute(told).scalars() if _is_visit(each)}
    if not since:
        found |= set(connection.execute(select(v.id).where(v.facility == facility)).scalars())
    return sorted(found)


def _is_visit(subject: str) -> bool:
    return subject not in {OF_THE_RECORD, "list"} and not subject.startswith((OF_A_PERSON, "file "))


def differing(connection: Connection, facility: str, key: bytes, visits: Sequence[str]) -> set[str]:
    """Return which of these visits differ from their record, have no valid one, or have a copy that was altered."""
    found, records = set[str](), Records(key)
    for start in range(0, len(visits), _MANY):
        batch = visits[start : start + _MANY]
        told, kept = records.told(connection, facility, batch), _kept(connection, facility, batch)
        over = _over(connection, facility, batch, told)
        found |= copies.altered(connection, batch, key)
        for visit in batch:
            row, tells = kept.get(visit), told.get(visit)
            if row is None:
                found |= set() if over.get(visit, tells is None) else {visit}
            elif tells is None or not _fits(tells, row):
                found.add(visit)
    return found


def _fits(told: Rebuilt, row: AnyRow) -> bool:
    kept = followed_from(row)
    is_off_the_list = row.settled and (kept.asked or not (kept.sight or kept.closed))
    is_listed = bool(row.followed) and not is_off_the_list
    is_found = not told.tells_number or (row.reference or "") == told.visit.reference
    return told.fits(kept) and is_found and is_listed is (told.reached_at is not None)


def _kept(connection: Connection, facility: str, visits: Sequence[str]) -> dict[str, AnyRow]:
    rows = select(t.visit, *FOLLOWUP).join_from(t.visit, t.followup, isouter=True)
    query = rows.where(t.visit.c.facility == facility, t.visit.c.id.in_(visits))
    return {row.id: row for row in connection.execute(query)}


def _over(connection: Connection, facility: str, visits: Sequence[str], told: Mapping[str, object]) -> dict[str, bool]:
    """Map visits with an entry of `OVER_TYPES` to whether one explains that they have no row."""
    e = t.event.c
    query = select(e.visit, e.type, t.event_body.c.body).outerjoin_from(t.event, t.event_body)
    is_over = e.type.in_([each.value for each in OVER_TYPES])
    found: dict[str, bool] = {}
    for row in connection.execute(query.where(e.facility == facility, e.visit.in_(visits), is_over)):
        names_bodies = '"bodies"' in (row.body or "")  # not parsed: it may have been altered
        is_told_of = told.get(row.visit) is not None
        is_explained = explains_absence(EventType(row.type), names_bodies=names_bodies, is_told_of=is_told_of)
        found[row.visit] = found.get(row.visit, False) or is_explained
    return found


def _gone_before(connection: Connection, facility: str, key: bytes) -> set[int]:
    """Return the entries without a body when MACs began or after a restore, as listed by entries with a valid MAC."""
    found = set[int]()
    for _, rows in _entries(connection, facility, [OF_THE_RECORD]):
        for row in rows:
            entry = value_of(Entry, row)
            body = chain_check.checked_body(row, entry, None if row.body is None else row, key) if row.mac else None
            found |= set((body or {}).get("without_body", ()))
    return found


def _entries(connection: Connection, facility: str, visits: Sequence[str]) -> Iterator[tuple[str, list[AnyRow]]]:
    e = t.event.c
    query: Select[Any] = (
        select(t.event, t.event_body.c.nonce, t.event_body.c.body)
        .outerjoin_from(t.event, t.event_body)
        .where(e.facility == facility, e.visit.in_(visits))
        .order_by(e.visit, e.seq)
    )
    for visit, rows in groupby(connection.execute(query).all(), key=lambda row: row.visit):
        yield str(visit), list(rows)


# --- what was found ---------------------------------------------------------------------------------------------


def compare_open(url: str, key: bytes, now: int) -> int:
    """Compare the visits that are open in a browser with their record, and store what differs; return how many."""
    count = 0
    with unhurried(url) as connection:
        for facility in connection.execute(_WITH_OPEN_VISITS).scalars().all():
            visits = open_visits(connection, facility)
            found = differing(connection, facility, key, visits)
            note(connection, facility, dict.fromkeys(found, 0), visits, now)
            count += len(found)
    return count


def check(connection: Connection, facility: str, key: bytes, since: int) -> tuple[dict[str, int], set[str] | None]:
    """Return what is broken at a station, by visit or `record`, and the subjects that were checked (None: all).

    Verifies the whole chain each time; compares visits that have an entry since `since`, or all with 0.
    """
    visits = all_visits(connection, facility, since)
    found = dict.fromkeys(differing(connection, facility, key, visits), 0)
    seq = chain_check.first_break(connection, facility, key)
    return found | ({OF_THE_RECORD: seq} if seq else {}), {*visits, OF_THE_RECORD} if since else None


def note(
    connection: Connection, facility: str, found: Mapping[str, int], looked_at: Collection[str] | None, now: int
) -> None:
    """Store a check's findings at a station, in place of earlier ones on the same subjects."""
    b, known = t.broken.c, {each.subject for each in noted(connection, facility)}
    for subject in known - found.keys():
        if looked_at is None or subject in looked_at:
            connection.execute(delete(t.broken).where(b.facility == facility, b.subject == subject))
    for subject in found.keys() - known:
        row = {"facility": facility, "subject": subject, "seq": found[subject], "at": now}
        connection.execute(insert(t.broken).values(row))


def noted(connection: Connection, facility: str = "") -> tuple[Alteration, ...]:
    """Return what the last checks found, of one station or of all."""
    query = select(t.broken).order_by(t.broken.c.facility, t.broken.c.subject)
    rows = connection.execute(query.where(t.broken.c.facility == facility) if facility else query)
    return tuple(value_of(Alteration, row) for row in rows)
