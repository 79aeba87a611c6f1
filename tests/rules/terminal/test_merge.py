"""Who of a file is who of the list, and which file comes too late."""

from __future__ import annotations

import pytest

from app.rules.record.clock import AHEAD
from app.rules.terminal.merge import is_outdated, may_be_same


@pytest.mark.parametrize(
    ("born", "other", "same"), [("a", "a", True), ("a", "b", False), ("", "b", True), (None, "b", True)]
)
def test_two_birth_dates_decide_whose_number_it_is(born: str | None, other: str | None, same: bool) -> None:
    assert may_be_same(born, other) is same
    assert may_be_same(other, born) is same


@pytest.mark.parametrize(
    ("made_at", "seen_at", "outdated"),
    [(99, 100, True), (100, 100, False), (101, 100, False), (99, 100 + AHEAD - 1, True), (99, 100 + AHEAD, False)],
)
def test_an_older_file_changes_nothing_unless_a_wrong_clock_dated_the_newer(
    made_at: int, seen_at: int, outdated: bool
) -> None:
    assert is_outdated(made_at, seen_at=seen_at, now=100) is outdated
