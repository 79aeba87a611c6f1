"""What is over, and what explains that a visit is gone."""

from __future__ import annotations

import pytest

from app.rules.record.event import EventType
from app.rules.record.retention import DAY, explains_absence, over
from app.rules.visit.copy import LIVES


def test_a_station_keeps_for_as_many_days_as_it_says_and_copies_for_ninety() -> None:
    now = 1_000 * DAY
    assert over("a", 30, now) == {"facility": "a", "before": 970 * DAY, "copied": now - LIVES}


@pytest.mark.parametrize(
    ("type_", "names_bodies", "is_told_of", "expected"),
    [
        (EventType.PURGED, False, False, True),
        (EventType.PURGED, False, True, True),
        (EventType.ERASED, False, False, True),
        (EventType.ERASED, True, False, False),
        (EventType.EXPIRED, False, False, True),
        (EventType.EXPIRED, False, True, False),
    ],
)
def test_an_entry_explains_that_its_visit_is_gone(
    type_: EventType, names_bodies: bool, is_told_of: bool, expected: bool
) -> None:
    assert explains_absence(type_, names_bodies=names_bodies, is_told_of=is_told_of) is expected
