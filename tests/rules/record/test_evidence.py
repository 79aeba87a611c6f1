"""The chain: canonical, unguessable bodies, and broken wherever somebody touched it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from app.rules.record.event import Body, Event, EventType
from app.rules.record.evidence import GENESIS, Entry, Head, VisitState, body_hash, canonical, chained, state
from tests.rules.record.chain import broken_link
from tests.rules.visits import NOW, a_visit, answered

KEYS = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=8)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.text(max_size=20))
JSON = st.recursive(LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner)))


@given(JSON)
def test_canonical_is_rfc_8785(value: object) -> None:
    try:
        expected = rfc8785.dumps(value)  # type: ignore[arg-type]
    except UnicodeEncodeError:
        return
    assert canonical(value) == expected  # type: ignore[arg-type]


def chain(length: int) -> list[tuple[Entry, str]]:
    head, rows = Head(), []
    for number in range(length):
        event = Event(EventType.CONFIRMED, NOW + number, {"n": number})
        entry, _, head = chained(head, "hinatazaka", "v1", event)
        rows.append((entry, head.hash))
    return rows


def test_it_works() -> None:
    rows = chain(5)
    assert broken_link(rows) is None
    assert rows[0][0].prev_hash == GENESIS


@pytest.mark.threat("T17")
@pytest.mark.parametrize("name", ["at", "type", "visit", "body_hash", "event_id", "facility"])
def test_a_changed_field_breaks_the_chain(name: str) -> None:
    rows = chain(5)
    old = getattr(rows[2][0], name)
    new = old + 1 if isinstance(old, int) else old[:-1] + ("0" if old[-1] != "0" else "1")
    changed: Any = {name: new}
    rows[2] = (replace(rows[2][0], **changed), rows[2][1])
    assert broken_link(rows) == 3


def test_a_missing_and_a_swapped_row_break_the_chain() -> None:
    rows = chain(5)
    assert broken_link(rows[:2] + rows[3:]) == 4
    assert broken_link([rows[0], rows[2], rows[1], *rows[3:]]) == 3


def test_the_same_body_hashes_differently_each_time() -> None:
    body: Body = {"choices": {"surgery": "agree"}}
    assert body_hash(b"1" * 16, body) != body_hash(b"2" * 16, body)
    first, _, _ = chained(Head(), "f", "v", Event(EventType.CONFIRMED, NOW, body))
    second, _, _ = chained(Head(), "f", "v", Event(EventType.CONFIRMED, NOW, body))
    assert first.body_hash != second.body_hash


def test_the_claims_climb_and_never_jump() -> None:
    assert state(a_visit(upto="check")) is VisitState.DRAFT
    assert state(a_visit(upto="handoff")) is VisitState.HANDED_OFF
    assert state(a_visit(upto="result")) is VisitState.HANDED_OFF
    assert state(a_visit(upto="done")) is VisitState.REPORTED
    later = answered(a_visit(upto="result"), "result", report="later")
    assert state(later) is VisitState.HANDED_OFF
    lacking = answered(answered(a_visit(upto="ready"), "ready", ready="missing"), "another-way", reason="no_card")
    assert state(lacking) is VisitState.ANOTHER_WAY
    assert state(replace(a_visit(upto="handoff"), transcribed_by="受付 はる")) is VisitState.TRANSCRIBED
