"""Erasing a person: the key and all that it opens go, and what was said of matched visits. The chain stays.

The same for the first erasure and for the one after an older backup was restored: whoever is forgotten stays so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Delete, delete, insert, or_, select, tuple_

import app.adapters.schema as t
import app.adapters.statements as sql
from app.evidence import EventType
from app.registry import Stage
from app.restoring import Erasure

OF_A_PERSON: Final = "person "
"""Before a person's id, this stands where events of a visit name the visit."""


def matched(connection: Connection, facility: str, person: str) -> tuple[str, ...]:
    """Return the visits that were matched with a person: their ids go into the ledger beside the person's."""
    mine = select(t.followup.c.visit).where(t.followup.c.facility == facility, t.followup.c.person == person)
    return tuple(connection.execute(mine.order_by(t.followup.c.visit)).scalars())


def forget(connection: Connection, erasures: Sequence[Erasure], by: str) -> None:
    """Destroy people's keys, names, consents and numbers, and the matched visits' bodies, answers and rows.

    No event is written, and asking again changes nothing. The caller has written the erasures into the ledger before,
    writes the events after, and empties the write-ahead log.
    """
    for erased in erasures:
        _forget(connection, erased, by)
    for facility in sorted({each.facility for each in erasures}):
        _forget_mentions(connection, facility, {each.person for each in erasures if each.facility == facility})
        _forget_waiting(connection, facility)


def _forget(connection: Connection, erased: Erasure, by: str) -> None:
    facility, person = erased.facility, erased.person
    theirs = sorted({*matched(connection, facility, person), *erased.visits})
    numbers = select(t.person_reference.c.number).where(
        t.person_reference.c.facility == facility, t.person_reference.c.person == person
    )
    planned = or_(t.planned.c.reference.in_(numbers), t.planned.c.visit.in_(theirs))
    connection.execute(delete(t.planned).where(t.planned.c.facility == facility, planned))
    connection.execute(_forget_bodies(facility, person))
    _forget_visits(connection, facility, theirs)
    connection.execute(delete(t.person).where(t.person.c.facility == facility, t.person.c.id == person))
    if connection.execute(select(t.erasure.c.person).where(t.erasure.c.person == person)).first() is None:
        connection.execute(insert(t.erasure).values(person=person, facility=facility, at=erased.at, by=by))


def _forget_bodies(facility: str, person: str) -> Delete:
    """Return what removes the bodies of a person's own events; who erased the person, and when, stays to be read."""
    of_person = select(t.event.c.facility, t.event.c.seq).where(
        t.event.c.visit == OF_A_PERSON + person,
        t.event.c.facility == facility,
        t.event.c.type != EventType.ERASED.value,
    )
    return delete(t.event_body).where(tuple_(t.event_body.c.facility, t.event_body.c.seq).in_(of_person))


def _forget_mentions(connection: Connection, facility: str, people: set[str]) -> None:
    """Remove bodies of any visit that name these people: of a match that was corrected, nothing else tells."""
    body = t.event_body.c
    # All that a station's record still says is gone through, once however many are erased: it is asked for so rarely.
    naming = select(body.seq, body.body).where(body.facility == facility, body.body.contains('"person":"'))
    theirs = [row.seq for row in connection.execute(naming) if json.loads(row.body).get("person") in people]
    for seq in theirs:
        connection.execute(delete(t.event_body).where(body.facility == facility, body.seq == seq))


def _forget_waiting(connection: Connection, facility: str) -> None:
    """Remove a station's files that are not taken yet: whoever is erased would come back with them.

    Whether somebody stands in one is not seen from here: they are sealed. The same file can be read again.
    """
    under_way = t.upload.c.facility == facility, t.upload.c.stage != Stage.TAKEN.value
    connection.execute(delete(t.upload).where(*under_way))


def _forget_visits(connection: Connection, facility: str, visits: list[str]) -> None:
    """Remove bodies, submissions, answers and follow-up of visits of this station, as retention does of drafts."""
    known = select(t.visit.c.id).where(t.visit.c.facility == facility, t.visit.c.id.in_(visits))
    mine = {"visits": list(connection.execute(known).scalars())}
    for statement in (sql.FORGET_BODIES, sql.FORGET_SUBMISSIONS, sql.FORGET_VISITS):
        connection.execute(statement, mine)
