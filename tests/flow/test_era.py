"""Days in the five eras: every era's first and last day, 元年, and what lies outside."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.era import in_era, parsed

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
def test_a_day_is_written_in_its_era_and_read_back(text: str, day: date) -> None:
    assert in_era(day) == text
    assert parsed(text) == day


def test_every_day_of_two_hundred_years_is_read_back() -> None:
    day, last = date(1868, 1, 25), date(2068, 1, 25)
    while day <= last:
        assert parsed(in_era(day)) == day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    "text", ["昭和３５年６月２日", " 昭和 35 年 6 月 2 日", "昭和35年06月02日", "昭和　35年6月2日"]
)
def test_width_spaces_and_leading_zeros_do_not_matter(text: str) -> None:
    assert parsed(text) == date(1960, 6, 2)


@pytest.mark.parametrize("text", ["平成元年1月8日", "平成1年1月8日", "平成01年1月8日"])
def test_the_first_year_has_two_spellings(text: str) -> None:
    assert parsed(text) == date(1989, 1, 8)


@pytest.mark.parametrize(
    "text",
    [
        "昭和64年1月8日",
        "平成元年1月7日",
        "平成31年5月1日",
        "明治元年1月24日",
        "明治45年7月30日",
        "大正元年7月29日",
        "大正15年12月25日",
        "昭和元年12月24日",
        "令和元年4月30日",
        "令和0年5月1日",
    ],
)
def test_a_day_outside_its_era_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="outside its era"):
        parsed(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1960-06-02",
        "昭和35年",
        "昭和35年2月30日",
        "昭和35年13月1日",
        "江戸35年6月2日",
        "昭和三十五年六月二日",
        "昭和35年6月2日生まれ",
        "昭和1000年1月1日",
        "昭和-1年1月1日",
    ],
)
def test_what_names_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the standard library's own words for some of them
        parsed(text)


def test_a_day_before_the_first_era_is_refused() -> None:
    with pytest.raises(ValueError, match="before the first era"):
        in_era(date(1868, 1, 24))
