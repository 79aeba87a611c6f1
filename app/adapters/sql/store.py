"""The store in SQL: one transaction per submitted step, every statement built once.

Writes go through one thread, so that a slow disk blocks no reads and writers do not contend. Reads run on the event
loop: one takes about 20 µs, no more than a round trip to a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection
from typing_extensions import override

import app.adapters.sql.statements as sql
from app.adapters.sql import gap, replay, retention, submission
from app.adapters.sql.chain import head_of
from app.adapters.sql.database import Connected, Database, revision
from app.adapters.sql.erasure import forget, matched
from app.adapters.sql.rows import logged_from, row_of, value_of, visit_from
from app.adapters.sql.schema.conventions import HEAD
from app.ports.outside import Clock, Unavailable
from app.ports.store import Alteration, Change, Departure, Logged, Pulse, Store, Written
from app.rules.record.evidence import Head
from app.rules.record.gap import Erasure, Gap
from app.rules.record.retention import over
from app.rules.station.station import Link, Station
from app.rules.visit.visit import Visit


class SqlStore(Connected, Store):
    """Keeps visits, evidence and stations in one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database)
        self._clock = clock

    # --- visits ---------------------------------------------------------------------------------------------

    @override
    async def bedside(self, session: str) -> tuple[Visit, Station] | None:
        row = self.database.read(lambda reader: sql.BEDSIDE.first(reader, {"session": session}))
        return (visit_from(row), value_of(Station, row, "station_")) if row else None

    @override
    async def visit(self, visit: str) -> Visit | None:
        row = self.database.first(sql.VISIT, visit=visit)
        return visit_from(row) if row else None

    @override
    async def across(self, crossing: str) -> Visit | None:
        row = self.database.first(sql.ACROSS, crossing=crossing)
        return visit_from(row) if row else None

    @override
    async def departure(self, departure: str) -> Departure | None:
        row = self.database.first(sql.DEPARTURE, departure=departure)
        return value_of(Departure, row) if row else None

    @override
    async def write(self, change: Change) -> Written:
        return await self.database.durably(partial(submission.write, change))

    # --- evidence -------------------------------------------------------------------------------------------

    @override
    async def head(self, facility: str) -> Head:
        return self.database.read(lambda reader: head_of(reader, facility))

    @override
    async def export(self, facility: str) -> AsyncIterator[Logged]:
        after = 0
        while rows := self.database.rows(sql.EXPORT, facility=facility, after=after):
            for row in rows:
                yield logged_from(row)
            after = rows[-1].seq
            await asyncio.sleep(0)

    @override
    async def expire(self, before: int) -> int:
        removed = settled = 0
        while due := await self.database.durably(partial(retention.expire_idle, before, self._clock.now())):
            removed += sum(row.handed_off_at is None for row in due)
            settled += len(due)
        if await self.database.durably(partial(retention.tidy, before)) or settled:
            await self.database.truncate_log()
        return removed

    @override
    async def purge(self, now: int) -> int:
        gone = 0
        for row in self.database.rows(sql.KEPT_FOR):
            limits = over(row.id, row.days, now)
            while self.database.rows(sql.OVER, **limits):
                gone += await self.database.durably(partial(retention.purge, limits, now))
        if gone:
            await self.database.truncate_log()
        return gone

    @override
    async def overdue(self, now: int) -> tuple[Erasure, ...]:
        return tuple(
            [
                Erasure(row.id, overdue.id, now, await self.matched(row.id, overdue.id))
                for row in self.database.rows(sql.KEPT_FOR)
                for overdue in self.database.rows(sql.OVERDUE, **over(row.id, row.days, now))
            ]
        )

    @override
    async def matched(self, facility: str, person: str) -> tuple[str, ...]:
        return self.database.read(lambda reader: matched(reader, facility, person))

    @override
    async def erase(self, erasures: Sequence[Erasure], by: str) -> None:
        await self.database.durably(partial(_erase, erasures, by))
        await self.database.truncate_log()

    @override
    async def erased(self, since: int) -> tuple[Erasure, ...]:
        return tuple(Erasure(row.facility, row.person, row.at) for row in self.database.rows(sql.ERASED, since=since))

    # --- older records --------------------------------------------------------------------------------------

    @override
    async def heads(self) -> Mapping[str, Head]:
        return {row.id: await self.head(row.id) for row in self.database.rows(sql.KEPT_FOR)}

    @override
    async def gap(self, facility: str) -> Gap | None:
        found = self.database.read(lambda reader: gap.read(reader, facility))
        return found[0] if found else None

    @override
    async def all_held(self) -> tuple[Gap, ...]:
        return self.database.read(gap.read)

    @override
    async def broken(self, facility: str) -> tuple[Alteration, ...]:
        return self.database.read(lambda reader: replay.noted(reader, facility))

    @override
    async def accept(self, facility: str, by: str, now: int) -> Head | None:
        return await self.database.durably(partial(gap.accept, facility, by, now))

    # --- stations -------------------------------------------------------------------------------------------

    @override
    async def link(self, token: str) -> Link | None:
        row = self.database.first(sql.LINK, token=token)
        return value_of(Link, row) if row else None

    @override
    async def live_link(self, facility: str) -> Link | None:
        row = self.database.first(sql.LIVE_LINK, facility=facility)
        return value_of(Link, row) if row else None

    @override
    async def facility(self, facility: str) -> Station | None:
        row = self.database.first(sql.FACILITY, facility=facility)
        return value_of(Station, row) if row else None

    @override
    async def facilities(self) -> tuple[Station, ...]:
        return tuple(value_of(Station, row) for row in self.database.rows(sql.FACILITIES))

    @override
    async def add_facility(self, facility: Station, link: Link) -> None:
        await self.database.durably(partial(_add_facility, facility, link))

    # --- the database ---------------------------------------------------------------------------------------

    @override
    async def is_ready(self) -> bool:
        try:
            self.database.rows(sql.FACILITIES)
            await self.database.durably(_nothing)
        except Unavailable:
            return False
        return True

    @override
    async def pulse(self) -> Pulse:
        is_current = self.database.read(revision) == HEAD
        ends = [self.database.first(sql.END, facility=row.id) for row in self.database.rows(sql.FACILITIES)]
        records = [end for end in ends if end]
        return Pulse(
            is_current=is_current,
            waiting=self.database.writer.waiting,
            commits=self.database.writer.commits,
            writes=self.database.writer.writes,
            records=len(records),
            entries=sum(end.size for end in records),
            newest_at=max((end.at for end in records), default=0),
            broken=len(self.database.read(replay.noted)),
        )


def _erase(erasures: Sequence[Erasure], by: str, connection: Connection) -> None:
    forget(connection, erasures, by, max(each.at for each in erasures))


def _nothing(_: Connection) -> None:
    """Write nothing: BEGIN took the write lock, which is what `is_ready` tests."""


def _add_facility(facility: Station, link: Link, connection: Connection) -> None:
    connection.execute(sql.ADD_FACILITY, row_of(facility))
    connection.execute(sql.ADD_LINK, row_of(link))
