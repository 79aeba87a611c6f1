"""Deletes what has expired: drafts, sessions, submissions, departures, settled visits. The chain stays."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection

import app.adapters.sql.statements as sql
from app.adapters.sql.chain import Chain, head_of, record_key
from app.adapters.sql.replay import Records, note
from app.adapters.sql.rows import AnyRow
from app.rules.record.event import Event, EventType
from app.rules.record.retention import Over

REMEMBERED: Final = 24 * 3600
"""Seconds for which a repeated submission is recognised as the same; later it is refused."""


def expire_idle(before: int, now: int, connection: Connection) -> list[AnyRow]:
    """Expire a batch of visits last touched before a time, append to each chain, and return them."""
    due: list[AnyRow] = [*connection.execute(sql.DUE, {"before": before})]
    due = due or [*connection.execute(sql.AHEAD, {"before": before})]
    drafts = [row for row in due if row.handed_off_at is None and not _has_reached(row, now, connection)]
    kept = [row for row in due if row.handed_off_at is not None]
    _append_to_each(drafts, Event(EventType.EXPIRED, now, {}), connection)
    _append_to_each(kept, Event(EventType.LEFT, now, {}), connection)
    _forget([row.id for row in drafts], connection)
    connection.execute(sql.FORGET_SESSIONS, {"visits": [row.id for row in kept]})
    return due


def _has_reached(row: AnyRow, now: int, connection: Connection) -> bool:
    """Whether the record, unlike the row, says that a visit reached the office: it is kept, and noted as broken."""
    told = Records(record_key(connection)).told(connection, row.facility, [row.id]).get(row.id)
    if told is None or told.reached_at is None:
        return False
    note(connection, row.facility, {row.id: 0}, (), now)
    return True


def purge(over: Over, now: int, connection: Connection) -> int:
    """Remove a batch of a station's visits whose time is over, append to each chain, and return how many."""
    due, facility = [*connection.execute(sql.OVER, over).scalars()], over["facility"]
    chain = Chain(facility, head_of(connection, facility))
    for visit in due:
        chain.add(visit, Event(EventType.PURGED, now, {}))
    chain.write(connection)
    _forget(due, connection)
    return len(due)


def _forget(visits: list[str], connection: Connection) -> None:
    """Delete visits; a trigger refuses it before an entry says that they are over."""
    for statement in (sql.FORGET_BODIES, sql.FORGET_SUBMISSIONS, sql.FORGET_VISITS):
        connection.execute(statement, {"visits": visits})


def _append_to_each(due: list[AnyRow], expired: Event, connection: Connection) -> None:
    of_one = attrgetter("facility")
    for facility, rows in groupby(sorted(due, key=of_one), key=of_one):
        chain = Chain(facility, head_of(connection, facility))
        for row in rows:
            chain.add(row.id, expired)
        chain.write(connection)


def tidy(before: int, connection: Connection) -> int:
    """Delete expired submissions and departures; return how many."""
    submissions = connection.execute(sql.FORGET_OLD_SUBMISSIONS, {"before": before - REMEMBERED})
    departures = connection.execute(sql.FORGET_OLD_DEPARTURES, {"before": before})
    return submissions.rowcount + departures.rowcount
