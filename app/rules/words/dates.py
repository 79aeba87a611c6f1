"""Days and times in Japan, as pages, papers and the terminal's list write them. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Final

JST: Final = timezone(timedelta(hours=9), "JST")
"""Japan has no summer time."""
_JAPAN_AHEAD: Final = 9 * 3600
_DAY: Final = 24 * 3600
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FIRST_DAYS: Final = {
    "明治": date(1868, 1, 25),
    "大正": date(1912, 7, 30),
    "昭和": date(1926, 12, 25),
    "平成": date(1989, 1, 8),
    "令和": date(2019, 5, 1),
}


def day_of(at: int) -> date:
    """Return the calendar day in Japan of a moment in seconds since 1970."""
    return date.fromordinal(_EPOCH + (at + _JAPAN_AHEAD) // _DAY)


def format_time(at: int | None) -> str:
    """Return a moment in Japan as the office and the terminal's list write it: 2026/11/22 14:05."""
    return datetime.fromtimestamp(at, JST).strftime("%Y/%m/%d %H:%M") if at is not None else ""


def format_day(at: int) -> str:
    """Return the day in Japan as people write it: 2027/2/28."""
    day = day_of(at)
    return f"{day.year}/{day.month}/{day.day}"


def format_clock(at: int) -> str:
    """Return the time of day in Japan: 9:05."""
    time = datetime.fromtimestamp(at, JST)
    return f"{time.hour}:{time.minute:02}"


def in_era(day: date) -> str:
    """Return a day as 昭和35年6月2日, with 元年 for the first year; raise `ValueError` before 明治."""
    era = next((name for name in reversed(_FIRST_DAYS) if _FIRST_DAYS[name] <= day), None)
    if era is None:
        raise ValueError("this day lies before the first era")
    year = day.year - _FIRST_DAYS[era].year + 1
    return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日"
