"""Erases a person: deletes the key, the row and the contents of matched visits. The chain stays.

Repeated after an older backup is restored, so that an erased person stays erased.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, delete, insert, or_, select

import app.adapters.sql.schema as t
import app.adapters.sql.statements as sql
from app.adapters.sql.chain import Chain, head_of
from app.rules.record.event import Event, EventType
from app.rules.record.gap import Erasure
from app.rules.terminal.exchange import Stage

OF_A_PERSON: Final = "person "
"""Prefix of a person's id as the `visit` of an event about the person."""


def matched(connection: Connection, facility: str, person: str) -> tuple[str, ...]:
    """Return the visits that were matched with a person: their ids go into the ledger beside the person's."""
    query = select(t.followup.c.visit).where(t.followup.c.facility == facility, t.followup.c.person == person)
    return tuple(connection.execute(query.order_by(t.followup.c.visit)).scalars())


def forget(connection: Connection, erasures: Sequence[Erasure], by: str, now: int, *, is_open: bool = True) -> None:
    """Delete people's keys, names, consents and numbers, and the matched visits' bodies, answers and rows.

    First appends an `erased` event for each person and visit, except to a read-only record (`is_open` is False).
    The caller writes the erasures into the ledger before, and truncates the write-ahead log after.
    """
    for facility in sorted({each.facility for each in erasures}):
        erased_here = [each for each in erasures if each.facility == facility]
        visits = {each.person: _visits_of(connection, each) for each in erased_here}
        mentions = _mentions(connection, facility, set(visits), {visit for each in visits.values() for visit in each})
        if is_open:
            chain = Chain(facility, head_of(connection, facility))
            for subject, bodies in (*_subjects(connection, facility, visits), *mentions.items()):
                chain.add(
                    subject, Event(EventType.ERASED, now, {"by": by, **({"bodies": [*bodies]} if bodies else {})})
                )
            chain.write(connection)
        for erasure in erased_here:
            _forget(connection, erasure, visits[erasure.person], by)
        named = [seq for bodies in mentions.values() for seq in bodies]
        b = t.event_body.c
        connection.execute(delete(t.event_body).where(b.facility == facility, b.seq.in_(named)))
        _forget_waiting(connection, facility)


def mark_erased(connection: Connection, facility: str, now: int, chain: Chain) -> None:
    """Append the `erased` events that this record lacks because it was read-only."""
    query = select(t.erasure.c.person, t.erasure.c.by).where(t.erasure.c.facility == facility)
    for row in connection.execute(query.order_by(t.erasure.c.person)).all():
        if not _is_told(connection, facility, row.person):
            chain.add(OF_A_PERSON + row.person, Event(EventType.ERASED, now, {"by": row.by}))


def _is_told(connection: Connection, facility: str, person: str) -> bool:
    e = t.event.c
    told = select(e.seq).where(
        e.visit == OF_A_PERSON + person, e.facility == facility, e.type == EventType.ERASED.value
    )
    return connection.execute(told).first() is not None


def _visits_of(connection: Connection, erased: Erasure) -> list[str]:
    """Return the visits to erase with a person: matched now, or when the erasure was first done."""
    named = {*matched(connection, erased.facility, erased.person), *erased.visits}
    query = select(t.visit.c.id).where(t.visit.c.facility == erased.facility, t.visit.c.id.in_(sorted(named)))
    return list(connection.execute(query.order_by(t.visit.c.id)).scalars())


def _subjects(
    connection: Connection, facility: str, visits: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield the subjects that need an `erased` event: not a person whom another node has erased already."""
    for person, matched_visits in visits.items():
        yield from ((visit, ()) for visit in matched_visits)
        if not _is_told(connection, facility, person):
            yield OF_A_PERSON + person, ()


def _forget(connection: Connection, erased: Erasure, visits: Sequence[str], by: str) -> None:
    facility, person = erased.facility, erased.person
    numbers = select(t.person_reference.c.number).where(
        t.person_reference.c.facility == facility, t.person_reference.c.person == person
    )
    planned = or_(t.planned.c.reference.in_(numbers), t.planned.c.visit.in_([*visits, *erased.visits]))
    connection.execute(delete(t.planned).where(t.planned.c.facility == facility, planned))
    connection.execute(sql.FORGET_BODIES, {"visits": [OF_A_PERSON + person]})
    for statement in (sql.FORGET_BODIES, sql.FORGET_SUBMISSIONS, sql.FORGET_VISITS):
        connection.execute(statement, {"visits": [*visits]})
    connection.execute(delete(t.person).where(t.person.c.facility == facility, t.person.c.id == person))
    if connection.execute(select(t.erasure.c.person).where(t.erasure.c.person == person)).first() is None:
        connection.execute(insert(t.erasure).values(person=person, facility=facility, at=erased.at, by=by))


def _mentions(connection: Connection, facility: str, people: set[str], but: set[str]) -> dict[str, list[int]]:
    """Return the entries of other visits whose bodies name these people: left over from corrected matches."""
    # Scans all bodies of a station, once per call: erasures are rare.
    naming = (
        select(t.event.c.visit, t.event.c.seq, t.event_body.c.body)
        .join_from(t.event, t.event_body)
        .where(t.event.c.facility == facility, t.event_body.c.body.contains('"person":"'))
    )
    found: dict[str, list[int]] = {}
    for row in connection.execute(naming):
        if row.visit not in but and json.loads(row.body).get("person") in people:
            found.setdefault(row.visit, []).append(row.seq)
    return found


def _forget_waiting(connection: Connection, facility: str) -> None:
    """Delete a station's files not yet taken: encrypted, they may hold an erased person. They can be read again."""
    under_way = t.upload.c.facility == facility, t.upload.c.stage != Stage.TAKEN.value
    connection.execute(delete(t.upload).where(*under_way))
