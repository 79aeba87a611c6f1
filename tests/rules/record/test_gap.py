"""What the ledger says, and what a record lacks: pure rules."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.record.evidence import Head
from app.rules.record.gap import (
    Erasure,
    Gap,
    LedgerState,
    backup_line,
    erasure_line,
    gap,
    head_from,
    head_line,
    known_from,
    lines_of,
    merged,
)

HASHES = st.integers(0, 5).map(lambda each: f"{each:064x}")
NAMES = st.sampled_from(["a", "b", "c"])
HEADS = st.dictionaries(NAMES, st.builds(Head, st.integers(1, 9), HASHES))
ERASURES = st.lists(
    st.builds(Erasure, NAMES, st.uuids().map(str), st.integers(0, 99), st.lists(NAMES).map(tuple)),
    unique_by=lambda each: each.person,
).map(tuple)
KNOWN = st.builds(LedgerState, HEADS, ERASURES, st.none() | st.integers(1, 99), is_keyed=st.booleans())


def test_what_is_there_and_longer_lacks_nothing() -> None:
    known = Head(3, "a" * 64)
    assert gap("s", known, Head(3, "a" * 64), "a" * 64, 1) is None
    assert gap("s", known, Head(9, "b" * 64), "a" * 64, 1) is None
    assert gap("s", Head(), Head(), None, 1) is None


def test_what_is_shorter_or_other_is_told() -> None:
    known = Head(5, "a" * 64)
    shorter = gap("s", known, Head(2, "c" * 64), None, 1)
    assert shorter == Gap("s", known, Head(2, "c" * 64), 1)
    assert (shorter.missing, shorter.is_other) == ((3, 5), False)
    another = gap("s", known, Head(7, "c" * 64), "b" * 64, 1)
    assert another is not None
    assert (another.missing, another.is_other) == ((5, 5), True)


@given(KNOWN)
def test_what_is_written_down_is_read_again(known: LedgerState) -> None:
    assert known_from(lines_of(known, 1)) == known


@given(KNOWN, KNOWN)
def test_two_ledgers_know_what_either_knows(one: LedgerState, two: LedgerState) -> None:
    both = merged(one, two)
    for each in (one, two):
        assert all(both.heads[facility].size >= head.size for facility, head in each.heads.items())
        assert {erased.person for erased in each.erasures} <= {erased.person for erased in both.erasures}
    assert both.heads.keys() == one.heads.keys() | two.heads.keys()
    assert merged(both, one) == both


@given(st.lists(st.binary(max_size=60)), KNOWN)
def test_lines_that_say_nothing_harm_nothing(noise: list[bytes], known: LedgerState) -> None:
    assert known_from([*noise, *lines_of(known, 1)]) == known


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_line_that_was_cut_off_says_nothing(cut: int) -> None:
    whole, last = head_line("a", Head(3, "a" * 64), 1), erasure_line(Erasure("a", "p", 1))
    assert known_from([whole, last[: min(cut, len(last) - 2)]]) == LedgerState({"a": Head(3, "a" * 64)})


def test_only_an_accepted_head_takes_the_place_of_a_further_one() -> None:
    further, less = Head(9, "a" * 64), Head(4, "b" * 64)
    assert _after(head_line("a", further, 1), head_line("a", less, 2)) == {"a": further}
    assert _after(head_line("a", further, 1), head_line("a", less, 2, accepted=True)) == {"a": less}


def _after(*lines: bytes) -> Mapping[str, Head]:
    return known_from([*lines, backup_line(3, 0)]).heads


def test_a_head_as_it_is_typed() -> None:
    assert head_from(f"hinata:12-{'a' * 64}") == ("hinata", Head(12, "a" * 64))
    for wrong in ("", "12-" + "a" * 64, f"hinata:12-{'g' * 64}", f"hinata:-1-{'a' * 64}"):
        with pytest.raises(ValueError, match="STATION:SIZE-HASH"):
            head_from(wrong)
