"""Plausibility of the server's wall clock, and expiry. Pure.

Anybody may set the wall clock; nobody can set the monotonic ("steady") clock. From a moment at which the wall clock was
right, the monotonic clock tells what the wall clock should say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AHEAD: Final = 24 * 3600
"""Seconds by which the wall clock may be ahead of the expected time: a night with the server off is no doubt."""
BEHIND: Final = 300
"""Seconds by which it may be behind."""
PATIENCE: Final = 24 * 3600
"""Monotonic seconds after which a doubted clock is accepted, if it has run evenly."""
_HOLDS: Final = 3 * BEHIND
"""Monotonic seconds between two reference moments: with one each minute, a stopped clock would never be detected."""


def is_young(moment: float, lasts: float, now: float) -> bool:
    """Whether a moment is less than `lasts` seconds in the past or future: a wrong clock must prolong nothing."""
    return abs(now - moment) < lasts


@dataclass(frozen=True, slots=True)
class Expected:
    """What the wall clock should say and, while it is in doubt, what it does say."""

    at: int
    held: int = 0
    """Monotonic seconds since the reference moment; in doubt, those for which the wall clock has run evenly."""
    said: int = 0
    is_alarm: bool = False
    """Whether to alert: not after downtime, which looks like a clock that is ahead."""

    @property
    def doubt(self) -> str:
        """The reason of the doubt for the log: gap, ahead or behind; empty without doubt."""
        if not self.said or not self.is_alarm:
            return "gap" if self.said else ""
        return "ahead" if self.said > self.at else "behind"

    def started(self, now: int) -> Expected:
        """Return the state at a start, when the wall clock says `now`: the downtime is unknown."""
        if _fits(now, self.at):
            return Expected(now)
        goes_on = _fits(now, self.said)
        return Expected(self.at, self.held if goes_on else 0, now, now < self.at or (goes_on and self.is_alarm))

    def after(self, steady: int, now: int) -> Expected:
        """Return the state `steady` monotonic seconds later, when the wall clock says `now`."""
        at, held, said = self.at + steady, self.held + steady, self.said and self.said + steady
        if _fits(now, at):
            return Expected(now) if said or held >= _HOLDS else Expected(at, held)
        if not said or abs(now - said) > BEHIND:
            return Expected(at, 0, now, is_alarm=True)
        return Expected(now) if held >= PATIENCE else Expected(at, held, said, self.is_alarm)


def _fits(now: int, expected: int) -> bool:
    return -BEHIND <= now - expected <= AHEAD
