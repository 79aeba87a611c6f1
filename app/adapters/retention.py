"""What goes when its time is over: drafts, sessions, submissions, departures, settled visits. The chain stays."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import Final, TypedDict

from sqlalchemy import Connection

import app.adapters.statements as sql
from app.adapters.chain import Chain, head_of
from app.adapters.rows import AnyRow
from app.evidence import Event, EventType


class Over(TypedDict):
    """Of a station: before when a visit must have been settled, and its copies made, for its time to be over."""

    facility: str
    before: int
    copied: int


REMEMBERED: Final = 24 * 3600
"""Seconds for which a repeated submission is recognised as the same; later it is refused."""


def settle(before: int, now: int, connection: Connection) -> list[AnyRow]:
    """Expire a batch of visits last touched before a time, mark each in its chain, and return them."""
    due: list[AnyRow] = [*connection.execute(sql.DUE, {"before": before})]
    drafts = [row.id for row in due if row.handed_off_at is None]
    kept = [row.id for row in due if row.handed_off_at is not None]
    for statement in (sql.FORGET_BODIES, sql.FORGET_SUBMISSIONS, sql.FORGET_VISITS):
        connection.execute(statement, {"visits": drafts})
    connection.execute(sql.FORGET_SESSIONS, {"visits": kept})
    _mark(due, Event(EventType.EXPIRED, now, {}), connection)
    return due


def purge(over: Over, now: int, connection: Connection) -> int:
    """Remove a batch of a station's visits whose time is over, mark each, and return how many."""
    due, facility = [*connection.execute(sql.OVER, over).scalars()], over["facility"]
    for statement in (sql.FORGET_BODIES, sql.FORGET_SUBMISSIONS, sql.FORGET_VISITS):
        connection.execute(statement, {"visits": due})
    chain = Chain(facility, head_of(connection, facility))
    for visit in due:
        chain.add(visit, Event(EventType.PURGED, now, {}))
    chain.write(connection)
    return len(due)


def _mark(due: list[AnyRow], expired: Event, connection: Connection) -> None:
    of_one = attrgetter("facility")
    for facility, rows in groupby(sorted(due, key=of_one), key=of_one):
        chain = Chain(facility, head_of(connection, facility))
        for row in rows:
            chain.add(row.id, expired)
        chain.write(connection)


def tidy(before: int, connection: Connection) -> int:
    """Remove submissions and departures that have had their time; return how many."""
    submissions = connection.execute(sql.FORGET_OLD_SUBMISSIONS, {"before": before - REMEMBERED})
    departures = connection.execute(sql.FORGET_OLD_DEPARTURES, {"before": before})
    return submissions.rowcount + departures.rowcount
