"""Days in the Japanese eras, as the terminal's list writes them. Pure."""

from __future__ import annotations

from datetime import date
from typing import Final

_FIRST_DAYS: Final = {
    "明治": date(1868, 1, 25),
    "大正": date(1912, 7, 30),
    "昭和": date(1926, 12, 25),
    "平成": date(1989, 1, 8),
    "令和": date(2019, 5, 1),
}


def in_era(day: date) -> str:
    """Return a day as 昭和35年6月2日, with 元年 for the first year; raise `ValueError` before 明治."""
    era = next((name for name in reversed(_FIRST_DAYS) if _FIRST_DAYS[name] <= day), None)
    if era is None:
        raise ValueError("this day lies before the first era")
    year = day.year - _FIRST_DAYS[era].year + 1
    return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日"
