"""The lines of the ledger, letter by letter: other nodes and other versions read them."""

from __future__ import annotations

import json

import pytest

from app.rules.record.clock import Expected
from app.rules.record.evidence import Head
from app.rules.record.gap import (
    Erasure,
    LedgerState,
    backup_line,
    clock_line,
    erasure_line,
    gap,
    head_from,
    head_line,
    keyed_line,
    known_from,
    lines_of,
    merged,
)

HASH = "a" * 64
CLOCK = Expected(at=90, held=7, said=50, is_alarm=True)
LINES = {
    head_line("hinata", Head(3, HASH), 9): {"is": "head", "facility": "hinata", "size": 3, "hash": HASH, "at": 9},
    head_line("hinata", Head(3, HASH), 9, accepted=True): {
        "is": "accepted",
        "facility": "hinata",
        "size": 3,
        "hash": HASH,
        "at": 9,
    },
    erasure_line(Erasure("hinata", "p1", 9, ("v1", "v2"))): {
        "is": "erasure",
        "facility": "hinata",
        "person": "p1",
        "at": 9,
        "visits": ["v1", "v2"],
    },
    backup_line(9, 8): {"is": "backup", "at": 9, "compared_at": 8},
    clock_line(CLOCK): {"is": "clock", "at": 90, "held": 7, "said": 50, "is_alarm": True},
    keyed_line(9): {"is": "keyed", "at": 9},
}
KNOWN = LedgerState({"hinata": Head(3, HASH)}, (Erasure("hinata", "p1", 9, ("v1",)),), 8, CLOCK, 7, is_keyed=True)


@pytest.mark.parametrize("line", LINES, ids=lambda line: json.loads(line)["is"])
def test_a_line_is_one_json_object_with_every_field(line: bytes) -> None:
    assert json.loads(line) == LINES[line]
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("line", LINES, ids=lambda line: json.loads(line)["is"])
def test_a_line_that_lacks_a_field_or_has_another_kind_of_value_says_nothing(line: bytes) -> None:
    whole = LINES[line]
    assert known_from([line]) != LedgerState()
    needed = whole.keys() - {"compared_at"}
    for name in needed:
        lacking = {field: value for field, value in whole.items() if field != name}
        assert known_from([json.dumps(lacking).encode()]) == LedgerState(), name
        assert known_from([json.dumps({**whole, name: None}).encode()]) == LedgerState(), name


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"7", b"null", b'"head"', b"{}", b'{"is": "else", "at": 1}', b"\xff", b"{"]
)
def test_what_is_no_line_of_the_ledger_says_nothing(line: bytes) -> None:
    assert known_from([line, backup_line(3, 2)]) == LedgerState(backed_up_at=3, compared_at=2)


def test_all_that_is_known_is_written_in_the_fewest_lines_and_read_again() -> None:
    lines = lines_of(KNOWN, 11)
    assert [json.loads(line)["is"] for line in lines] == ["head", "backup", "clock", "keyed", "erasure"]
    assert [json.loads(line)["at"] for line in lines] == [11, 8, 90, 11, 9]
    assert known_from(lines) == KNOWN
    assert lines_of(LedgerState(), 11) == []


def test_the_last_backup_and_the_last_clock_count() -> None:
    later = Expected(99)
    found = known_from([backup_line(5, 4), backup_line(9, 0), clock_line(CLOCK), clock_line(later)])
    assert (found.backed_up_at, found.compared_at, found.clock, found.is_keyed) == (9, 0, later, False)
    assert known_from([json.dumps({"is": "backup", "at": 5}).encode()]).compared_at == 0


def test_a_further_head_counts_and_one_as_far_does_not() -> None:
    first, same, further = Head(3, HASH), Head(3, "b" * 64), Head(4, "c" * 64)
    assert known_from([head_line("a", first, 1), head_line("a", same, 1)]).heads == {"a": first}
    assert known_from([head_line("a", first, 1), head_line("a", further, 1)]).heads == {"a": further}
    assert known_from([head_line("a", Head(0, HASH), 1)]).heads == {}
    known = LedgerState({"a": first})
    assert known.moved({"a": same, "b": first}) == {"b": first}
    assert known.moved({"a": further}) == {"a": further}


def test_a_person_who_was_erased_twice_is_erased_once_with_all_visits_in_their_order() -> None:
    once, again = Erasure("a", "p1", 1, ("v2", "v1")), Erasure("a", "p1", 5, ("v3", "v2"))
    assert known_from([erasure_line(once), erasure_line(again)]).erasures == (
        Erasure("a", "p1", 1, ("v2", "v1", "v3")),
    )
    fewer = Erasure("a", "p1", 5, ("v1",))
    assert known_from([erasure_line(once), erasure_line(fewer)]).erasures == (once,)


def test_two_ledgers_are_joined_by_the_newest_of_each() -> None:
    other = LedgerState({"hinata": Head(2, "b" * 64), "else": Head(1, HASH)}, (), 9, Expected(80), 3)
    both = LedgerState({"hinata": Head(3, HASH), "else": Head(1, HASH)}, KNOWN.erasures, 9, CLOCK, 7, is_keyed=True)
    assert merged(KNOWN, other) == merged(other, KNOWN) == both
    assert merged() == LedgerState()
    assert merged(LedgerState(), LedgerState()) == LedgerState()


@pytest.mark.parametrize(
    ("known", "knows"),
    [
        (LedgerState(), False),
        (LedgerState({"a": Head(1, HASH)}), True),
        (LedgerState(erasures=KNOWN.erasures), True),
        (LedgerState(backed_up_at=1), True),
        (LedgerState(clock=CLOCK, compared_at=1, is_keyed=True), False),
    ],
)
def test_a_ledger_knows_something_of_records_by_a_head_an_erasure_or_a_backup(known: LedgerState, knows: bool) -> None:
    assert bool(known) is knows


def test_a_record_is_compared_at_the_known_heads_place() -> None:
    known, found = Head(3, HASH), Head(3, "b" * 64)
    lacking = gap("hinata", known, found, "b" * 64, 7)
    assert lacking is not None
    assert (lacking.facility, lacking.known, lacking.found, lacking.at) == ("hinata", known, found, 7)
    assert gap("hinata", Head(0, HASH), found, None, 7) is None
    assert gap("hinata", Head(1, HASH), Head(), None, 7) is not None


@pytest.mark.parametrize(
    ("text", "is_fit"),
    [
        (f"{'x' * 64}:{'9' * 15}-{HASH}", True),
        (f"{'x' * 65}:1-{HASH}", False),
        (f"x:{'9' * 16}-{HASH}", False),
        (f":1-{HASH}", False),
        (f"x:1-{HASH}0", False),
        (f"x:1-{HASH[1:]}", False),
        (f"x:1-{HASH}\n", False),
    ],
)
def test_a_typed_head_fits_whole_or_not_at_all(text: str, is_fit: bool) -> None:
    if is_fit:
        facility, head = head_from(text)
        assert f"{facility}:{head}" == text
    else:
        with pytest.raises(ValueError, match=r"^not of the form STATION:SIZE-HASH$"):
            head_from(text)
