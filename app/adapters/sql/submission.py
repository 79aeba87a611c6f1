"""Writes one submitted step in one transaction, or returns why nothing was written."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

import app.adapters.sql.statements as sql
from app.adapters.sql import copies
from app.adapters.sql.chain import Chain
from app.adapters.sql.compiled import AnyRow
from app.adapters.sql.rows import row_of, value_of, visit_from, visit_row
from app.ports.store import Change, ReadOnly, Written
from app.rules.record.evidence import Head
from app.rules.visit.standing import is_news
from app.rules.visit.visit import Visit

SPENDABLE: Final = 600
"""Seconds for which a departure may be spent."""


class UnknownFacility(LookupError):
    """A visit belongs to a station that does not exist."""


def write(change: Change, connection: Connection) -> Written:
    """Write a change, unless it was written before, is stale, or its departure cannot be spent. Raises `ReadOnly`."""
    visit = change.visit
    known = {"visit": visit.id, "facility": visit.facility, "key": change.submission.key}
    found = sql.FOUND.first(connection, known)
    if found is None:
        raise UnknownFacility(visit.facility)
    refusal = _refusal(change, found)
    if refusal:
        return refusal
    if found.read_only:
        raise ReadOnly(visit.facility)
    if change.spend and not _spend(change, found.session, connection):
        return Written.SPENT
    _project(change, found, connection)
    _record(change, value_of(Head, found) if found.size else Head(), connection)
    return Written.DONE


def _refusal(change: Change, found: AnyRow) -> Written | None:
    if found.fingerprint is not None:
        return Written.REPEATED if found.fingerprint == change.submission.fingerprint else Written.KEY_REUSED
    return None if change.submission.version == (found.version or 0) else Written.STALE


def _spend(change: Change, session: str | None, connection: Connection) -> bool:
    """Spend a departure, if it is unspent, of this visit and browser, and at most `SPENDABLE` seconds old."""
    now = change.visit.touched_at
    live = {"which": change.spend, "of_visit": change.visit.id, "of_session": session, "earliest": now - SPENDABLE}
    return sql.SPEND.run(connection, live | {"now": now}) == 1


def _project(change: Change, found: AnyRow, connection: Connection) -> None:
    row = visit_row(change, found.session, found.handed_off_at)
    if found.handed_off_at is not None:
        _open_again(change.visit, connection)
    if found.version is None:
        sql.ADD_VISIT.run(connection, row)
    else:
        sql.CHANGE_VISIT.run(connection, row | {"which": row["id"]})
        if row["session"] != found.session:
            sql.CHANGE_SESSION.run(connection, {"which": row["id"], "session": row["session"]})
        if change.crossing or row["session"] != found.session:
            sql.CHANGE_CROSSING.run(connection, {"which": row["id"], "crossing": row["crossing"]})
    if found.handed_off_at is None and row["handed_off_at"] is not None:
        reached = {"visit": row["id"], "facility": row["facility"], "at": row["handed_off_at"]}
        sql.REACH_THE_OFFICE.run(connection, reached)
    if change.copy:
        copies.add(change.copy, connection)
    if change.issue:
        sql.ISSUE.run(connection, row_of(change.issue))


def _open_again(visit: Visit, connection: Connection) -> None:
    """Reopen a visit that the office settled, if the change is news to the office."""
    before = sql.SETTLED.first(connection, {"which": visit.id})
    if before is not None and is_news(visit_from(before), visit, was_closed=before.closed is not None):
        connection.execute(sql.OPEN_AGAIN, {"which": visit.id, "since": visit.touched_at})


def _record(change: Change, head: Head, connection: Connection) -> None:
    visit = change.visit
    chain = Chain(visit.facility, head, is_open=True)
    for place, event in enumerate(change.events):
        chain.add(visit.id, event, key=None if place else change.submission.key)
    chain.write(connection)
    submission = {
        "key": change.submission.key,
        "fingerprint": change.submission.fingerprint,
        "visit": visit.id,
        "at": visit.touched_at,
    }
    sql.ADD_SUBMISSION.run(connection, submission)
