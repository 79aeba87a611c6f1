"""Writing one submitted step, inside one transaction: all of it, or the reason why nothing."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

import app.adapters.statements as sql
from app.adapters.chain import Chain
from app.adapters.rows import CHANGING, AnyRow, fields, visit_row
from app.evidence import Head
from app.ports import Change, Written

SPENDABLE: Final = 600
"""Seconds for which a departure may be spent."""


def write(change: Change, connection: Connection) -> Written:
    """Write a change, unless it was written before, is stale, or its departure cannot be spent."""
    visit = change.visit
    known = {"visit": visit.id, "facility": visit.facility, "key": change.key}
    found = connection.execute(sql.FOUND, known).one()
    refusal = _refusal(change, found)
    if refusal:
        return refusal
    if change.spend and not _spend(change, found.session, connection):
        return Written.SPENT
    _project(change, found, connection)
    _record(change, Head(found.size, found.hash) if found.size else Head(), connection)
    return Written.DONE


def _refusal(change: Change, found: AnyRow) -> Written | None:
    if found.fingerprint is not None:
        return Written.REPEATED if found.fingerprint == change.fingerprint else Written.KEY_REUSED
    return None if change.visit.version == (found.version or 0) + 1 else Written.STALE


def _spend(change: Change, session: str | None, connection: Connection) -> bool:
    """Use up a departure if it is this visit's and this browser's, young, and was not used before."""
    now = change.visit.touched_at
    live = {
        "which": change.spend,
        "of_visit": change.visit.id,
        "of_session": session,
        "earliest": now - SPENDABLE,
    }
    return connection.execute(sql.SPEND, live | {"now": now}).rowcount == 1


def _project(change: Change, found: AnyRow, connection: Connection) -> None:
    row = visit_row(change, found.session, found.handed_off_at)
    if found.version is None:
        connection.execute(sql.ADD_VISIT, row)
    else:
        changed = {name: row[name] for name in CHANGING}
        # A column that is set, even to what it was, has its index written anew.
        if row["session"] != found.session:
            changed["session"] = row["session"]
        connection.execute(sql.CHANGE_VISIT, changed | {"which": row["id"]})
    if change.issue:
        connection.execute(sql.ISSUE, fields(change.issue))


def _record(change: Change, head: Head, connection: Connection) -> None:
    visit = change.visit
    chain = Chain(visit.facility, head)
    for place, event in enumerate(change.events):
        chain.add(visit.id, event, key=None if place else change.key)
    chain.write(connection)
    submission = {
        "key": change.key,
        "fingerprint": change.fingerprint,
        "visit": visit.id,
        "at": visit.touched_at,
    }
    connection.execute(sql.ADD_SUBMISSION, submission)
