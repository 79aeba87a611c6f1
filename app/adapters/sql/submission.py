"""Writes one submitted step in one transaction, or returns why nothing was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

import app.adapters.sql.statements as sql
from app.adapters.sql import copies
from app.adapters.sql.chain import Chain
from app.adapters.sql.rows import AnyRow, row_of, value_of, visit_from, visit_row
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
    found = connection.execute(sql.FOUND, known).first()
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
    return connection.execute(sql.SPEND, live | {"now": now}).rowcount == 1


def _project(change: Change, found: AnyRow, connection: Connection) -> None:
    row = visit_row(change, found.session, found.handed_off_at)
    if found.handed_off_at is not None:
        _open_again(change.visit, connection)
    if found.version is None:
        connection.execute(sql.ADD_VISIT, row)
    else:
        connection.execute(sql.CHANGE_VISIT, {"which": row["id"], **_changed(change, row, found)})
    if found.handed_off_at is None and row["handed_off_at"] is not None:
        reached = {"visit": row["id"], "facility": row["facility"], "at": row["handed_off_at"]}
        connection.execute(sql.REACH_THE_OFFICE, reached)
    if change.copy:
        copies.add(change.copy, connection)
    if change.issue:
        connection.execute(sql.ISSUE, row_of(change.issue))


def _changed(change: Change, row: Mapping[str, Any], found: AnyRow) -> dict[str, Any]:
    is_handed_on = row["session"] != found.session
    indexed = {"session": is_handed_on, "crossing": is_handed_on or change.crossing}
    return {name: row[name] for name in (*sql.CHANGING, *(each for each, is_set in indexed.items() if is_set))}


def _open_again(visit: Visit, connection: Connection) -> None:
    """Reopen a visit that the office settled, if the change is news to the office."""
    before = connection.execute(sql.SETTLED, {"which": visit.id}).first()
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
    connection.execute(sql.ADD_SUBMISSION, submission)
