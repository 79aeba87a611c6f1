"""Whether a desk answers: holidays, the turn of the year, five to four on a Saturday."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.station.hours import DAY, Hours, Opening, closed_days, is_holiday, opening
from app.rules.words.dates import JST

CENTRE = Hours((*((8 * 60, 18 * 60),) * 5, (8 * 60, 16 * 60), None), closed_from=(12, 29), closed_to=(1, 3))
"""Like the call centre: weekdays 8–18, Saturdays 8–16, closed on Sundays, holidays and 12/29–1/3."""
ALWAYS = Hours(((0, DAY),) * 7, holidays=True)


def at(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=JST).timestamp())


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-24 08:00", "2026-11-24 18:00"),
        ("2026-11-24 17:59", "2026-11-24 18:00"),
        ("2026-11-28 15:55", "2026-11-28 16:00"),
        ("2026-12-28 12:00", "2026-12-28 18:00"),
        ("2027-01-04 08:00", "2027-01-04 18:00"),
        ("2028-02-29 09:00", "2028-02-29 18:00"),
    ],
)
def test_it_answers_until(moment: str, until: str) -> None:
    assert opening(CENTRE, at(moment)) == Opening(is_open=True, until=at(until))


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-11-24 07:59", "2026-11-24 08:00"),
        ("2026-11-24 18:00", "2026-11-25 08:00"),
        ("2026-11-28 16:00", "2026-11-30 08:00"),
        ("2026-11-29 12:00", "2026-11-30 08:00"),
        ("2026-11-23 10:00", "2026-11-24 08:00"),  # 勤労感謝の日
        ("2026-09-21 10:00", "2026-09-24 08:00"),  # 敬老の日, 国民の休日, 秋分の日
        ("2026-05-06 10:00", "2026-05-07 08:00"),  # 振替休日
        ("2026-12-28 18:00", "2027-01-04 08:00"),
        ("2026-12-29 10:00", "2027-01-04 08:00"),
        ("2027-01-03 23:59", "2027-01-04 08:00"),
    ],
)
def test_it_does_not_answer_before(moment: str, opens: str) -> None:
    assert opening(CENTRE, at(moment)) == Opening(is_open=False, opens=at(opens))


def test_a_desk_that_never_closes_names_no_end() -> None:
    assert opening(ALWAYS, at("2027-01-01 03:00")) == Opening(is_open=True)


def by_the_minute(moment: int) -> bool:
    """Say the same in the plainest way: an oracle for `CENTRE`."""
    now = datetime.fromtimestamp(moment, JST)
    if (
        now.weekday() == 6
        or is_holiday(now.date())
        or (now.month, now.day) in {(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)}
    ):
        return False
    return 8 <= now.hour < (16 if now.weekday() == 5 else 18)


@given(st.integers(at("2026-11-01 00:00"), at("2028-12-31 23:59")))
def test_any_minute_agrees_with_the_plainest_reading(moment: int) -> None:
    found = opening(CENTRE, moment)
    assert found.is_open is by_the_minute(moment)
    turn = found.until if found.is_open else found.opens
    assert turn is not None
    assert turn > moment
    assert by_the_minute(turn - 1) is found.is_open
    assert by_the_minute(turn) is not found.is_open


def test_the_days_that_a_page_without_a_signal_must_know() -> None:
    found = closed_days(CENTRE, date(2026, 11, 22), 60)
    assert found[0] == date(2026, 11, 23)
    assert date(2026, 12, 29) in found
    assert date(2026, 11, 29) not in found, "a Sunday is known by its weekday"
    assert found[-1] == date(2027, 1, 11)
    assert all(first + timedelta(days=1) <= second for first, second in pairwise(found))
