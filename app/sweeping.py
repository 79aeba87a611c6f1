"""What is done every minute: what is over goes, and it is noted outside the database how far the records have come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from app import keeping
from app.clock import ClockNote, Trust
from app.log import place_of
from app.ports import Clock, Ledger, ReadOnly, Store, StoreUnsafe, Unavailable
from app.web.bedside import IDLE

EVERY: Final = 60
"""Seconds between two rounds."""
_LATELY: Final = 24 * 3600
"""Seconds in which other nodes' clocks and ours may be apart, many times over."""
Sweep: TypeAlias = Callable[[int], Awaitable[object]]
log = structlog.get_logger()


@dataclass
class Sweeping:
    """Removes what is over, and nothing while the clock is in doubt."""

    clock: Clock
    steady: Callable[[], float]
    """Seconds that pass evenly, whatever is done to the clock."""
    store: Store
    ledger: Ledger
    tidied: tuple[Sweep, ...]
    _trust: Trust | None = None
    _noted: ClockNote | None = None
    _erased_since: int = 0  # at first all: this node's ledger may be new

    async def forever(self) -> None:
        """Do one round after the other."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """Look at the clock, remove what is over by then, and note how far the records have come."""
        now = self.clock.now()
        await self._do(self._look, now)
        if self._is_sure:
            for each in (*self.tidied, self._expire, self._retain):
                await self._do(each, now)
        await self._do(self.note, now)

    @staticmethod
    async def _do(sweep: Sweep, now: int) -> None:
        try:
            await sweep(now)
        except (Unavailable, ReadOnly, StoreUnsafe):
            return
        except Exception as error:  # noqa: BLE001 - what one cannot do keeps nobody else from forgetting
            log.error("sweep_broken", error_type=type(error).__name__, error_at=place_of(error))  # noqa: TRY400

    async def _expire(self, now: int) -> None:
        """Remove visits whose time is over."""
        gone = await self.store.expire(now - IDLE)
        if gone:
            log.info("expired", count=gone)

    async def _retain(self, now: int) -> None:
        """Remove visits and people whose station keeps them no longer."""
        over = sum(await keeping.retain(self.store, self.ledger, now))
        if over:
            log.info("purged", count=over)

    async def note(self, now: int) -> None:
        """Write down outside the database how far each record has come."""
        try:
            await keeping.note(self.store, self.ledger, now, self._erased_since)
            self._erased_since = now - _LATELY if self._is_sure else 0
        except Unavailable:
            log.error("ledger_not_written")  # noqa: TRY400 - the message of the cause may name a path

    # --- the clock ----------------------------------------------------------------------------------------------

    @property
    def _is_sure(self) -> bool:
        return self._trust is not None and not self._trust.doubt

    def is_clock_right(self) -> bool:
        """Whether nobody has to look at the clock now."""
        return not (self._trust and self._trust.read(self.clock.now(), int(self.steady())).is_alarm)

    async def known(self, now: int) -> ClockNote:
        """Return the last moment known to be right: from the ledger, else from the record; `now` where both are new."""
        noted = (await asyncio.to_thread(self.ledger.known)).clock
        return noted or ClockNote((await self.store.pulse()).newest_at or now)

    async def _look(self, now: int) -> None:
        steady, before = int(self.steady()), self._trust
        if before is None:
            self._noted = await self.known(now)
            self._trust = Trust.begun(self._noted, now, steady)
        else:
            self._trust = before.read(now, steady)
        if self._trust.doubt:
            with contextlib.suppress(Unavailable):
                await self._ask(now, steady)
        was, doubt = before.doubt if before else "", self._trust.doubt
        if doubt != was:
            (log.error if self._trust.is_alarm else log.info)(
                "clock_in_doubt" if doubt else "clock_right", reason=doubt
            )
        if doubt or self._trust is not before:
            noted = self._trust.note(now, steady)
            await asyncio.to_thread(self.ledger.note_clock, noted)
            self._noted = noted

    async def _ask(self, now: int, steady: int) -> None:
        """Believe the clock again if somebody has said into the ledger that it is right (`kazasu purge --sure`)."""
        said = (await asyncio.to_thread(self.ledger.known)).clock
        if said and said != self._noted:
            found = Trust.begun(said, now, steady)
            self._trust = self._trust if found.doubt else found
