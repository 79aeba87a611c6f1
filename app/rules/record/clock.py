"""How far the server's clock may be believed, and whether what has a moment is still young. Pure.

The wall clock knows the date, and may be set by anybody. A steady clock counts seconds, and cannot be set: it tells
what the wall clock should say, from a moment on at which that was right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AHEAD: Final = 24 * 3600
"""Seconds by which the wall clock may be ahead of what is expected: a night with the server off is no doubt."""
BEHIND: Final = 300
"""Seconds by which it may be behind."""
PATIENCE: Final = 24 * 3600
"""Steady seconds after which a clock in doubt is believed, if it has run evenly."""
_HOLDS: Final = 3 * BEHIND
"""Steady seconds from one right moment to the next: with one each minute, no clock that stands would be found."""


def is_young(moment: float, lasts: float, now: float) -> bool:
    """Whether what has this moment still lasts; ahead no longer than behind, or a wrong clock would make it last."""
    return abs(now - moment) < lasts


@dataclass(frozen=True, slots=True)
class Expected:
    """What the wall clock should say and, while it is in doubt, what it does say."""

    at: int
    held: int = 0
    """Steady seconds since the wall clock was believed; in doubt, for which it has run evenly."""
    said: int = 0
    is_alarm: bool = False
    """Whether somebody has to look: not where the server was off, which looks like a clock that is ahead."""

    @property
    def doubt(self) -> str:
        """Return why the wall clock is in doubt, in a word for the log; nothing while it is not."""
        if not self.said or not self.is_alarm:
            return "gap" if self.said else ""
        return "ahead" if self.said > self.at else "behind"

    def started(self, now: int) -> Expected:
        """Return what is expected at a start, when the wall clock says `now`: how long it was off is not known."""
        if _fits(now, self.at):
            return Expected(now)
        goes_on = _fits(now, self.said)
        return Expected(self.at, self.held if goes_on else 0, now, now < self.at or (goes_on and self.is_alarm))

    def after(self, steady: int, now: int) -> Expected:
        """Return what is expected so many steady seconds later, when the wall clock says `now`."""
        at, held, said = self.at + steady, self.held + steady, self.said and self.said + steady
        if _fits(now, at):
            return Expected(now) if said or held >= _HOLDS else Expected(at, held)
        if not said or abs(now - said) > BEHIND:
            return Expected(at, 0, now, is_alarm=True)
        return Expected(now) if held >= PATIENCE else Expected(at, held, said, self.is_alarm)


def _fits(now: int, expected: int) -> bool:
    return -BEHIND <= now - expected <= AHEAD
