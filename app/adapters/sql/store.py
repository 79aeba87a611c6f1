"""The store in SQL: one transaction per submitted submission, every statement built once.

Writes go through one thread, so that a slow disk stops nobody's reading and no two writers meet. Reads run
where they are asked for: one takes about 20 µs, no more than the way to a thread and back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Final

from sqlalchemy import Connection

import app.adapters.sql.statements as sql
from app.adapters.sql import gap, replay, retention, submission
from app.adapters.sql.chain import head_of
from app.adapters.sql.database import REACHING, SHIPPED, Connected, Driver, revision, truncate_log
from app.adapters.sql.erasure import forget, matched
from app.adapters.sql.retention import Over
from app.adapters.sql.rows import AnyRow, fields, logged_from, visit_from
from app.adapters.sql.schema.base import HEAD
from app.ports.outside import Clock, Unavailable
from app.ports.store import Alteration, Change, Departure, Logged, Pulse, Written
from app.rules.record.evidence import Head
from app.rules.record.gap import Erasure, Gap
from app.rules.station.station import Facility, Link
from app.rules.visit.copy import LIVES
from app.rules.visit.flow import Visit

DAY: Final = 24 * 3600


class SqlStore(Connected):
    """Keeps visits, evidence and stations in one database. Implements `app.ports.Store`."""

    def __init__(self, url: str, clock: Clock, driver: Driver = SHIPPED, *, key: bytes = b"") -> None:
        """Connect; raises `StoreUnsafe` when the database would not keep what is acknowledged."""
        super().__init__(url, driver, key=key)
        self._clock = clock

    # --- visits ---------------------------------------------------------------------------------------------

    async def bedside(self, session: str) -> tuple[Visit, Facility] | None:
        """Return the visit of a browser session with its station; an ended one has none."""
        row = self._read(lambda reader: sql.BEDSIDE.first(reader, {"session": session}))
        return (visit_from(row), Facility(row.facility, row.station, row.code, row.telephone)) if row else None

    async def visit(self, visit: str) -> Visit | None:
        """Return a visit by its id, ended or not, or None when it is gone."""
        row = self._one(sql.VISIT, visit=visit)
        return visit_from(row) if row else None

    async def across(self, crossing: str) -> Visit | None:
        """Return the open visit that another browser may take up under this crossing."""
        row = self._one(sql.ACROSS, crossing=crossing)
        return visit_from(row) if row else None

    async def departure(self, departure: str) -> Departure | None:
        """Return a departure by its id."""
        row = self._one(sql.DEPARTURE, departure=departure)
        return Departure(*row) if row else None

    async def write(self, change: Change) -> Written:
        """Write one submitted submission; what it wrote is durable when this returns."""
        return await self._durably(partial(submission.write, change))

    # --- evidence -------------------------------------------------------------------------------------------

    async def head(self, facility: str) -> Head:
        """Return the end of a facility's chain."""
        return self._read(lambda reader: head_of(reader, facility))

    async def export(self, facility: str) -> AsyncIterator[Logged]:
        """Yield a facility's chain from the first entry on; others are served between its pages."""
        after = 0
        while rows := self._all(sql.EXPORT, facility=facility, after=after):
            for row in rows:
                yield logged_from(row)
            after = rows[-1].seq
            await asyncio.sleep(0)

    async def expire(self, before: int) -> int:
        """Remove visits that never reached the handoff; the others lose their session. Both leave a mark."""
        removed = settled = 0
        while due := await self._durably(partial(retention.settle, before, self._clock.now())):
            removed += sum(row.handed_off_at is None for row in due)
            settled += len(due)
        if await self._durably(partial(retention.tidy, before)) or settled:
            await self._empty_log()
        return removed

    async def purge(self, now: int) -> int:
        """Remove settled visits whose station keeps them no longer; return how many. Each leaves a mark."""
        gone = 0
        for row in self._all(sql.KEPT_FOR):
            over = _over(row, now)
            while self._all(sql.OVER, **over):
                gone += await self._durably(partial(retention.purge, over, now))
        if gone:
            await self._empty_log()
        return gone

    async def overdue(self, now: int) -> tuple[Erasure, ...]:
        """Return some of the people who were in no file for as long as their station keeps them, to be erased."""
        return tuple(
            [
                Erasure(row.id, person, now, await self.matched(row.id, person))
                for row in self._all(sql.KEPT_FOR)
                for (person,) in self._all(sql.OVERDUE, **_over(row, now))
            ]
        )

    async def matched(self, facility: str, person: str) -> tuple[str, ...]:
        """Return the visits that were matched with a person."""
        return self._read(lambda reader: matched(reader, facility, person))

    async def erase(self, erasures: Sequence[Erasure], by: str) -> None:
        """Destroy people's keys and all that was said of them, and mark it; only after the ledger knows of it."""
        await self._durably(partial(_erase, erasures, by))
        await self._empty_log()

    async def erased(self, since: int) -> tuple[Erasure, ...]:
        """Return who was erased since then, as far as the database knows: pseudonyms alone."""
        return tuple(Erasure(row.facility, row.person, row.at) for row in self._all(sql.ERASED, since=since))

    async def _empty_log(self) -> None:
        with REACHING:
            await asyncio.to_thread(truncate_log, self._engines[1])

    # --- older records --------------------------------------------------------------------------------------

    async def heads(self) -> Mapping[str, Head]:
        """Return the end of every station's chain, but of those that are held."""
        return {row.id: await self.head(row.id) for row in self._all(sql.KEPT_FOR)}

    async def held(self, facility: str) -> Gap | None:
        """Return what a station's record lacks while it is read-only, or None."""
        found = self._read(lambda reader: gap.held(reader, facility))
        return found[0] if found else None

    async def all_held(self) -> tuple[Gap, ...]:
        """Return the gaps of all stations whose record is read-only."""
        return self._read(gap.held)

    async def broken(self, facility: str) -> tuple[Alteration, ...]:
        """Return what the last checks found of a station that is not as it was replay."""
        return self._read(lambda reader: replay.noted(reader, facility))

    async def accept(self, facility: str, by: str, now: int) -> Head | None:
        """Let a held record go on as it is, marked as restored, its copies called back; None when it is not held."""
        return await self._durably(partial(gap.accept, facility, by, now))

    # --- stations -------------------------------------------------------------------------------------------

    async def link(self, token: str) -> Link | None:
        """Return a station link, live or replaced."""
        row = self._one(sql.LINK, token=token)
        return Link(*row) if row else None

    async def live_link(self, facility: str) -> Link | None:
        """Return the station's live link."""
        row = self._one(sql.LIVE_LINK, facility=facility)
        return Link(*row) if row else None

    async def facility(self, facility: str) -> Facility | None:
        """Return a station by its public id."""
        row = self._one(sql.FACILITY, facility=facility)
        return Facility(*row) if row else None

    async def facilities(self) -> tuple[Facility, ...]:
        """Return all stations."""
        return tuple(Facility(*row) for row in self._all(sql.FACILITIES))

    async def add_facility(self, facility: Facility, link: Link) -> None:
        """Keep a new station with its first link."""
        await self._durably(partial(_add_facility, facility, link))

    # --- the database ---------------------------------------------------------------------------------------

    async def is_ready(self) -> bool:
        """Whether the store can be read and written now."""
        try:
            self._all(sql.FACILITIES)
            await self._durably(_nothing)
        except Unavailable:
            return False
        return True

    async def pulse(self) -> Pulse:
        """Return how the store is."""
        is_current = self._read(revision) == HEAD
        ends = [self._one(sql.END, facility=row.id) for row in self._all(sql.FACILITIES)]
        records = [end for end in ends if end]
        return Pulse(
            is_current,
            self._writer.waiting,
            self._writer.commits,
            self._writer.writes,
            len(records),
            sum(end.seq for end in records),
            max((end.at for end in records), default=0),
            len(self._read(replay.noted)),
        )


def _over(row: AnyRow, now: int) -> Over:
    """Return before when a station's visits must have been settled, and their copies made, to be over."""
    return {"facility": row.id, "before": now - row.days * DAY, "copied": now - LIVES}


def _erase(erasures: Sequence[Erasure], by: str, connection: Connection) -> None:
    forget(connection, erasures, by, max(each.at for each in erasures))


def _nothing(_: Connection) -> None:
    """Write nothing: beginning has taken the write lock, which is what was asked."""


def _add_facility(facility: Facility, link: Link, connection: Connection) -> None:
    connection.execute(sql.ADD_FACILITY, fields(facility))
    connection.execute(sql.ADD_LINK, fields(link))
