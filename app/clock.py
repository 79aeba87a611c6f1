"""How far the server's clock may be believed, and whether what has a moment is still young. Pure.

The wall clock knows the date, and may be set by anybody or anything. A steady clock counts seconds and cannot be set.
While both run alike, their difference stays as it is; where it has changed, the wall clock was set, stands, or is slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AHEAD: Final = 24 * 3600
"""Seconds by which the wall clock may be ahead of what is expected: a night without the server, and a day."""
BEHIND: Final = 300
"""Seconds by which it may be behind."""
PATIENCE: Final = 24 * 3600
"""Steady seconds after which a clock in doubt is believed, if it has run on evenly and nobody has set it."""
_HOLDS: Final = 3 * BEHIND
"""Steady seconds for which a difference is compared with: each time anew, no clock that stands would ever be found."""


def is_young(moment: float, lasts: float, now: float) -> bool:
    """Whether what began or was used at a moment still lasts.

    A moment from the future was written by a clock that was wrong, or is read by one: it counts as far ahead as behind.
    """
    return abs(now - moment) < lasts


@dataclass(frozen=True, slots=True)
class ClockNote:
    """What outlives a process of this: the last moment that was right, and the doubt that there was.

    In doubt `at` is what the clock should have said, `doubted_at` what it did, since `doubted_for` steady seconds.
    """

    at: int
    doubted_at: int = 0
    doubted_for: int = 0
    is_alarm: bool = False


@dataclass(frozen=True, slots=True)
class Trust:
    """What to believe of the wall clock. Clocks are compared by their difference: wall minus steady."""

    right: int
    """The difference when the wall clock was last right."""
    since: int
    """The steady second of that; in doubt, since which the wall clock has run on evenly."""
    doubted: int | None = None
    """The difference that is in doubt."""
    is_alarm: bool = False
    """Whether somebody has to look: not after a time with the server off, which looks like a clock that is ahead."""

    @property
    def doubt(self) -> str:
        """Return why the wall clock is in doubt, in a word for the log; nothing while it is not."""
        if self.doubted is None or not self.is_alarm:
            return "" if self.doubted is None else "gap"
        return "ahead" if self.doubted > self.right else "behind"

    @classmethod
    def begun(cls, known: ClockNote, now: int, steady: int) -> Trust:
        """Return what to believe at a start: `known` is all that is known, and how long the server was off is not."""
        right, found = known.at - steady, now - steady
        if _fits(found, right):
            return cls(found, steady)
        goes_on = _fits(now, known.doubted_at)
        since = steady - known.doubted_for if goes_on else steady
        return cls(right, since, found, is_alarm=found < right or (goes_on and known.is_alarm))

    def read(self, now: int, steady: int) -> Trust:
        """Return what to believe after both clocks were read."""
        found = now - steady
        if _fits(found, self.right):
            is_due = self.doubted is not None or steady >= self.since + _HOLDS
            return Trust(found, steady) if is_due else self
        if self.doubted is None or abs(found - self.doubted) > BEHIND:
            return Trust(self.right, steady, found, is_alarm=True)
        return Trust(found, steady) if steady >= self.since + PATIENCE else self

    def note(self, now: int, steady: int) -> ClockNote:
        """Return what should outlive this process."""
        if self.doubted is None:
            return ClockNote(now)
        return ClockNote(self.right + steady, now, steady - self.since, self.is_alarm)


def _fits(found: int, expected: int) -> bool:
    return -BEHIND <= found - expected <= AHEAD
