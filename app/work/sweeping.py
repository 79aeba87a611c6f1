"""Runs every minute: deletes what has expired, and writes the heads of the records into the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from app.log import place_of
from app.ports.outside import Clock, Unavailable
from app.ports.store import Ledger, ReadOnly, Store, StoreUnsafe
from app.rules.record.clock import Expected
from app.rules.visit.journey import IDLE
from app.work import forgetting

EVERY: Final = 60
"""Seconds between two rounds."""
_LATELY: Final = 24 * 3600
"""Seconds by which rounds overlap: many times what the nodes' clocks may differ."""
Sweep: TypeAlias = Callable[[int], Awaitable[object]]
log = structlog.get_logger()


@dataclass
class Sweeping:
    """Deletes what has expired, but nothing while the clock is in doubt."""

    clock: Clock
    steady: Callable[[], float]
    """Monotonic seconds, whatever is done to the wall clock."""
    store: Store
    ledger: Ledger
    tidied: tuple[Sweep, ...]
    _expected: Expected | None = None
    _noted: Expected | None = None
    _seen: int = 0
    _erased_since: int = 0  # at first all: this node's ledger may be new

    async def forever(self) -> None:
        """Do one round after the other."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """Check the clock, delete what has expired, and write the ledger."""
        now = self.clock.now()
        await self._do(self._look, now)
        if self._is_sure():
            for chore in (*self.tidied, self._expire, self._retain):
                await self._do(chore, now)
        await self._do(self.note, now)

    @staticmethod
    async def _do(sweep: Sweep, now: int) -> None:
        try:
            await sweep(now)
        except (Unavailable, ReadOnly, StoreUnsafe):
            return
        except Exception as error:  # noqa: BLE001 - one failed sweep must not stop the others
            log.error("sweep_broken", error_type=type(error).__name__, error_at=place_of(error))  # noqa: TRY400

    async def _expire(self, now: int) -> None:
        gone = await self.store.expire(now - IDLE)
        if gone:
            log.info("expired", count=gone)

    async def _retain(self, now: int) -> None:
        over = sum(await forgetting.delete_over(self.store, self.ledger, now))
        if over:
            log.info("purged", count=over)

    async def note(self, now: int) -> None:
        """Write heads and erasures into the ledger."""
        try:
            await forgetting.note(self.store, self.ledger, now, self._erased_since)
            self._erased_since = now - _LATELY if self._is_sure() else 0
        except Unavailable:
            log.error("ledger_not_written")  # noqa: TRY400 - the message of the cause may name a path

    # --- the clock ----------------------------------------------------------------------------------------------

    def _is_sure(self) -> bool:
        return self._expected is not None and not self._expected.doubt

    def is_clock_right(self) -> bool:
        """Whether the clock raises no alarm now."""
        expected = self._expected and self._expected.after(int(self.steady()) - self._seen, self.clock.now())
        return not (expected and expected.is_alarm)

    async def known(self, now: int) -> Expected:
        """Return the last known time: of the ledger, else of the newest entry, else `now`."""
        noted = (await asyncio.to_thread(self.ledger.known)).clock
        return noted or Expected((await self.store.pulse()).newest_at or now)

    async def _look(self, now: int) -> None:
        """Compare the clock with the expected time, and write that into the ledger for the next start."""
        steady, before = int(self.steady()), self._expected
        if before is None:
            self._noted = known = await self.known(now)
            self._expected = known.started(now)
        else:
            self._expected = before.after(steady - self._seen, now)
        self._seen = steady
        if self._expected.doubt and await self._is_said_to_be_right(now):
            self._expected = Expected(now)
        doubt, say = self._expected.doubt, log.error if self._expected.is_alarm else log.info
        if doubt != (before.doubt if before else ""):
            say("clock_in_doubt" if doubt else "clock_right", reason=doubt)
        if doubt or not self._expected.held:
            await asyncio.to_thread(self.ledger.note_clock, self._expected)
            self._noted = self._expected

    async def _is_said_to_be_right(self, now: int) -> bool:
        """Whether `kazasu purge --sure` has since written a time into the ledger by which `now` is right."""
        try:
            clock = (await asyncio.to_thread(self.ledger.known)).clock
        except Unavailable:
            return False
        return bool(clock and clock != self._noted and not clock.started(now).doubt)
