"""The patient's copy: its letters, how long it opens, and what binds it to its visit."""

from __future__ import annotations

import hmac
from dataclasses import replace
from hashlib import sha256

import pytest

from app.rules.visit.copy import Copy, grouped, known_as, letters_from, new_letters, typed
from app.rules.words.furigana import LETTERS
from tests.rules.visits import NOW

DAY = 86_400
COPY = Copy("c1", "hinatazaka", "v1", "a" * 64, NOW, "受付 はる")
ABCD = "ABCDEFGHJKLMNPQRSTUVWXYZABCD"


def test_letters_are_28_of_24_and_new_each_time() -> None:
    found = {new_letters() for _ in range(20)}
    assert len(found) == 20
    assert all(len(each) == 28 and set(each) <= set(LETTERS) for each in found)


def test_a_number_gives_the_same_letters_each_time_and_another_number_others() -> None:
    assert (len(letters_from(7)), letters_from(7)) == (28, letters_from(7))
    assert letters_from(7) != letters_from(8)


@pytest.mark.parametrize(
    ("text", "found"),
    [(ABCD, ABCD), (ABCD.lower(), ABCD), (grouped(ABCD), ABCD), (ABCD[1:], ""), (ABCD + "A", ""), ("", "")],
)
def test_typed_letters_are_a_copys_only_if_all_are_there(text: str, found: str) -> None:
    assert typed(text) == found


def test_letters_are_printed_in_groups_of_four() -> None:
    assert grouped(ABCD) == "ABCD EFGH JKLM NPQR STUV WXYZ ABCD"
    assert grouped("ABCDEF") == "ABCD EF"


def test_a_copy_is_stored_under_a_hash_of_its_own_kind() -> None:
    assert known_as(ABCD) == sha256(b"receipt\0" + ABCD.encode()).hexdigest()


@pytest.mark.parametrize(("passed", "is_live"), [(0, True), (90 * DAY - 1, True), (90 * DAY, False)])
def test_a_copy_opens_for_90_days_unless_it_is_called_back(passed: int, is_live: bool) -> None:
    assert COPY.is_live(NOW + passed) is is_live
    assert not replace(COPY, called_back_at=NOW).is_live(NOW + passed)


def test_a_copys_mac_is_over_all_its_fields() -> None:
    row = f'["c1", "hinatazaka", "v1", "{"a" * 64}", {NOW}, "\\u53d7\\u4ed8 \\u306f\\u308b", null]'
    assert COPY.mac(b"key") == hmac.digest(b"key", b"kazasu/copy/1\0" + row.encode(), "sha256").hex()
    assert COPY.mac(b"other") != COPY.mac(b"key")
