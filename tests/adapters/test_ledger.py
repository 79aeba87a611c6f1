"""The ledger on the disk: every line it has taken is there, whatever happens to the last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.adapters import ledger as ledger_file
from app.adapters.ledger import FileLedger
from app.ports.outside import Unavailable
from app.rules.record.clock import Expected
from app.rules.record.evidence import Head
from app.rules.record.gap import Erasure, LedgerState, merged


@pytest.fixture
def ledger(tmp_path: Path) -> FileLedger:
    """Return a ledger that nobody has written into."""
    return FileLedger(tmp_path / "ledger.jsonl")


def test_it_begins_with_nothing_and_is_for_its_owner_only(ledger: FileLedger) -> None:
    assert ledger.known() == LedgerState()
    assert not ledger.path.exists()
    ledger.erase([Erasure("a", "p", 1, ("v",))], 1)
    assert ledger.path.stat().st_mode & 0o777 == 0o600
    assert FileLedger(ledger.path).known() == LedgerState(erasures=(Erasure("a", "p", 1, ("v",)),))


def test_a_head_that_has_not_moved_adds_nothing(ledger: FileLedger) -> None:
    ledger.note({"a": Head(2, "a" * 64), "b": Head()}, 1)
    before = ledger.path.read_bytes()
    ledger.note({"a": Head(2, "a" * 64), "b": Head()}, 2)
    assert ledger.path.read_bytes() == before
    ledger.note({"a": Head(3, "b" * 64)}, 3)
    assert ledger.known().heads == {"a": Head(3, "b" * 64)}


def test_the_last_word_about_the_time_stands_whatever_other_lines_carry(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_file, "LARGE", 500)
    later = Expected(10**9, held=60, said=2 * 10**9, is_alarm=True)
    for clock in (Expected(10**9 + 5), later):
        ledger.note_clock(clock)
        ledger.back_up({"a": Head(2, "a" * 64)}, 2 * 10**9, 7)  # by a clock that is ahead
    ledger.back_up({}, 10**9, 7)
    assert ledger.known() == LedgerState({"a": Head(2, "a" * 64)}, (), 10**9, later, 7)
    assert not LedgerState(clock=later)  # of the records it says nothing
    other = LedgerState(clock=Expected(10**9 + 1))
    assert merged(ledger.known(), other).clock == other.clock


def test_a_line_that_was_cut_off_spoils_no_later_one(ledger: FileLedger) -> None:
    ledger.note({"a": Head(2, "a" * 64)}, 1)
    with ledger.path.open("ab") as file:
        file.write(b'{"is":"erasure","fac')
    ledger.erase([Erasure("a", "p", 1)], 1)
    assert ledger.known() == LedgerState({"a": Head(2, "a" * 64)}, (Erasure("a", "p", 1),))


def test_it_grows_no_further_than_it_must(ledger: FileLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_file, "LARGE", 4_000)
    erased = [Erasure("a", f"p{each}", each) for each in range(5)]
    for size in range(1, 500):
        ledger.note({"a": Head(size, f"{size:064x}")}, size)
        ledger.erase(erased[size - 1 : size], size)
    assert ledger.path.stat().st_size < 5_000
    assert ledger.known() == LedgerState({"a": Head(499, f"{499:064x}")}, tuple(erased))
    assert [path.name for path in ledger.path.parent.iterdir()] == ["ledger.jsonl"]


def test_several_write_at_once_and_no_line_is_lost(ledger: FileLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_file, "LARGE", 4_000)

    def one(person: int) -> None:
        FileLedger(ledger.path).erase([Erasure("a", f"p{person}", 1)], 1)
        FileLedger(ledger.path).note({"a": Head(person + 1, "a" * 64)}, 1)

    with ThreadPoolExecutor(8) as several:
        list(several.map(one, range(120)))
    known = ledger.known()
    assert {erased.person for erased in known.erasures} == {f"p{each}" for each in range(120)}
    assert known.heads["a"].size == 120


def test_a_disk_that_takes_nothing_is_unavailable(ledger: FileLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.adapters.ledger.os.fsync", full)
    with pytest.raises(Unavailable):
        ledger.erase([Erasure("a", "p", 1)], 1)
    nowhere = FileLedger(ledger.path.parent / "no" / "ledger.jsonl")
    with pytest.raises(Unavailable):
        nowhere.look()
    assert nowhere.known() == LedgerState()
