"""Days in the five eras: every era's first and last day, 元年, and what lies outside."""

from __future__ import annotations

from datetime import date

import pytest

from app.rules.words.dates import in_era

DAYS = [
    ("明治元年1月25日", date(1868, 1, 25)),
    ("明治6年1月1日", date(1873, 1, 1)),
    ("明治45年7月29日", date(1912, 7, 29)),
    ("大正元年7月30日", date(1912, 7, 30)),
    ("大正15年12月24日", date(1926, 12, 24)),
    ("昭和元年12月25日", date(1926, 12, 25)),
    ("昭和35年6月2日", date(1960, 6, 2)),
    ("昭和64年1月7日", date(1989, 1, 7)),
    ("平成元年1月8日", date(1989, 1, 8)),
    ("平成31年4月30日", date(2019, 4, 30)),
    ("令和元年5月1日", date(2019, 5, 1)),
    ("令和8年11月18日", date(2026, 11, 18)),
]


@pytest.mark.parametrize(("text", "day"), DAYS)
def test_a_day_is_written_in_its_era(text: str, day: date) -> None:
    assert in_era(day) == text


def test_a_day_before_the_first_era_is_refused() -> None:
    with pytest.raises(ValueError, match="before the first era"):
        in_era(date(1868, 1, 24))
