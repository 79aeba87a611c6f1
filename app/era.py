"""Days in the Japanese eras, as the terminal's list and people write them. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from typing import Final

_FIRST_DAYS: Final = {
    "明治": date(1868, 1, 25),
    "大正": date(1912, 7, 30),
    "昭和": date(1926, 12, 25),
    "平成": date(1989, 1, 8),
    "令和": date(2019, 5, 1),
}
_NAMES: Final = tuple(_FIRST_DAYS)
_WRITTEN: Final = re.compile(rf"({'|'.join(_NAMES)})(元|[0-9]{{1,3}})年([0-9]{{1,2}})月([0-9]{{1,2}})日")


def in_era(day: date) -> str:
    """Return a day as 昭和35年6月2日, with 元年 for the first year; raise `ValueError` before 明治."""
    era = next((name for name in reversed(_NAMES) if _FIRST_DAYS[name] <= day), None)
    if era is None:
        raise ValueError("this day lies before the first era")
    year = day.year - _FIRST_DAYS[era].year + 1
    return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日"


def parsed(text: str) -> date:
    """Return the day that a text names, in any width and spacing; raise `ValueError` for one outside its era."""
    found = _WRITTEN.fullmatch("".join(unicodedata.normalize("NFKC", text).split()))
    if found is None:
        raise ValueError("this names no day of an era")
    era, year, month, day = found.groups()
    in_western = _FIRST_DAYS[era].year - 1 + (1 if year == "元" else int(year))
    named = date(in_western, int(month), int(day))
    if not _FIRST_DAYS[era] <= named <= _last_day(era):
        raise ValueError("this day lies outside its era")
    return named


def _last_day(era: str) -> date:
    following = _NAMES.index(era) + 1
    return _FIRST_DAYS[_NAMES[following]] - timedelta(days=1) if following < len(_NAMES) else date.max
