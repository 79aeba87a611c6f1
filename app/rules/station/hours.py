"""When a desk answers the telephone: its hours, Japan's holidays, and the turn of the year. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

from app.rules.words.dates import JST

DAY: Final = 24 * 60
_AHEAD: Final = 30
"""Days within which every desk opens again."""

Span: TypeAlias = tuple[int, int]
"""First minute of the day, and the minute after the last."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The week of a desk, Monday first; None is a closed day."""

    week: tuple[Span | None, ...]
    holidays: bool = False
    """Whether it is open on Japan's holidays."""
    closed_from: tuple[int, int] | None = None
    """Month and day from which the desk is closed at the end of the year."""
    closed_to: tuple[int, int] | None = None
    """Month and day of the last closed day in the new year."""

    def on(self, day: date) -> Span | None:
        """Return the span of a day, or None when closed."""
        closed = (not self.holidays and is_holiday(day)) or self._is_between_years(day)
        return None if closed else self.week[day.weekday()]

    def _is_between_years(self, day: date) -> bool:
        if self.closed_from is None or self.closed_to is None:
            return False
        today = (day.month, day.day)
        return today >= self.closed_from or today <= self.closed_to


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a desk answers at a moment; `until` and `opens` are seconds since 1970, UTC."""

    is_open: bool
    until: int | None = None
    """When it closes; None when it never does."""
    opens: int | None = None
    """When it opens next."""


@lru_cache(maxsize=1024)
def is_holiday(day: date) -> bool:
    """Whether a day is a national holiday of Japan, substitute holidays included."""
    import jpholiday  # noqa: PLC0415 - four megabytes, loaded on first use

    return bool(jpholiday.is_holiday(day))


def opening(hours: Hours, at: int) -> Opening:
    """Return whether the desk is open at that moment, and when it closes or else opens."""
    now = datetime.fromtimestamp(at, UTC).astimezone(JST)
    if all(span == (0, DAY) for span in hours.week) and hours.holidays and hours.closed_from is None:
        return Opening(is_open=True)
    minute = now.hour * 60 + now.minute
    span = hours.on(now.date())
    if span is not None and span[0] <= minute < span[1]:
        return Opening(is_open=True, until=_moment(now.date(), span[1]))
    following = (_moment(day, begins) for day, begins in _beginnings(hours, now.date()))
    return Opening(is_open=False, opens=next((each for each in following if each > at), None))


def _beginnings(hours: Hours, first: date) -> Iterator[tuple[date, int]]:
    for ahead in range(_AHEAD):
        day = first + timedelta(days=ahead)
        span = hours.on(day)
        if span is not None:
            yield day, span[0]


def _moment(day: date, minute: int) -> int:
    return int((datetime.combine(day, time(), JST) + timedelta(minutes=minute)).timestamp())


def closed_days(hours: Hours, first: date, days: int) -> tuple[date, ...]:
    """Return the closed days among the open weekdays: a page needs them to compute the hours offline."""
    span = (first + timedelta(days=ahead) for ahead in range(days))
    return tuple(day for day in span if hours.on(day) is None and hours.week[day.weekday()] is not None)
