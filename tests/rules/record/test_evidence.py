"""The chain: canonical, unguessable bodies, and broken wherever somebody touched it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from app.rules.content import ITEMS
from app.rules.record.event import Body, Event, EventType
from app.rules.record.evidence import GENESIS, Entry, Head, VisitState, body_hash, canonical, chained, hashed, state
from app.rules.visit.visit import Registration
from app.rules.words.languages import OFFICIAL, wording, wording_hash
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


def test_hashes_are_those_that_anybody_can_compute() -> None:
    entry = Entry(2, "hinatazaka", "e" * 32, "v1", "opened", NOW, "b" * 64, "0" * 64)
    row = (
        f'{{"at":{NOW},"body_hash":"{"b" * 64}","event_id":"{"e" * 32}","facility":"hinatazaka",'
        '"seq":2,"type":"opened","visit":"v1"}'
    )
    assert entry.hashed() == sha256(b"kazasu/event/1\0" + bytes(32) + row.encode()).hexdigest()
    body: Body = {"b": "同意", "a": [1, True, None]}
    written = '{"a":[1,true,null],"b":"同意"}'.encode()
    assert body_hash(b"n" * 16, body) == sha256(b"kazasu/body/1\0" + b"n" * 16 + written).hexdigest()
    assert hashed("秘密") == sha256("秘密".encode()).hexdigest()


def test_what_json_cannot_say_is_not_hashed() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            canonical(value)  # type: ignore[arg-type]


def test_an_entry_holds_its_events_place_type_and_time_and_a_new_secret_each_time() -> None:
    head = Head(4, "a" * 64)
    entry, nonce, after = chained(head, "hinatazaka", "v1", Event(EventType.MOVED, NOW, {"n": 1}))
    assert (entry.seq, entry.facility, entry.visit, entry.type, entry.at) == (5, "hinatazaka", "v1", "moved", NOW)
    assert (entry.prev_hash, entry.body_hash) == (head.hash, body_hash(nonce, {"n": 1}))
    assert (len(nonce), len(entry.event_id), after) == (16, 32, Head(5, entry.hashed()))
    assert str(after) == f"5-{entry.hashed()}"
    other, other_nonce, _ = chained(head, "hinatazaka", "v1", Event(EventType.MOVED, NOW, {"n": 1}))
    assert (other.event_id == entry.event_id, other_nonce == nonce) == (False, False)


def test_the_wording_of_each_item_is_kept_by_version_and_hash() -> None:
    assert wording(OFFICIAL, ITEMS[:1]) == {
        ITEMS[0].id: {"version": ITEMS[0].version, "sha256": wording_hash(OFFICIAL, ITEMS[0])}
    }
    assert wording(OFFICIAL, ITEMS).keys() == {item.id for item in ITEMS}


@pytest.mark.parametrize(
    ("report", "claimed"),
    [
        ("answered", VisitState.REPORTED),
        ("done", VisitState.REPORTED),
        ("trouble", VisitState.REPORTED),
        ("stopped", VisitState.REPORTED),
        ("later", VisitState.HANDED_OFF),
    ],
)
def test_only_a_report_that_was_put_off_claims_nothing(report: str, claimed: VisitState) -> None:
    visit = a_visit(upto="result")
    assert state(replace(visit, answers={**visit.answers, "result": {"report": report}})) is claimed


@pytest.mark.parametrize(
    ("registration", "claimed"), [(Registration.NONE, VisitState.DRAFT), (Registration.PENDING, VisitState.HANDED_OFF)]
)
def test_a_registration_under_way_was_handed_off(registration: Registration, claimed: VisitState) -> None:
    assert state(replace(a_visit(upto="check"), registration=registration)) is claimed


def test_a_withdrawal_is_another_way_until_it_is_done_here() -> None:
    wanted = answered(a_visit(upto="need"), "need", over_40="yes", intent="withdraw")
    assert state(wanted) is VisitState.ANOTHER_WAY
    here = answered(a_visit(upto="need"), "need", over_40="yes", intent="withdraw", go_on="yes")
    assert state(here) is VisitState.DRAFT
    assert state(a_visit(intent="withdraw", upto="handoff")) is VisitState.HANDED_OFF
