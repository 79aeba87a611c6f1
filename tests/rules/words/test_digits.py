"""What must never be typed here is recognised in any spelling; ordinary numbers are let through."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from app.rules.words.digits import Finding, ascii_digits, find, has_my_number

VECTORS: dict[str, list[str]] = json.loads((Path(__file__).parent / "digits.json").read_text(encoding="utf-8"))


@pytest.mark.threat("T11")
@pytest.mark.parametrize("text", VECTORS["my_number"])
def test_a_my_number_is_refused_however_it_is_spelled(text: str) -> None:
    assert has_my_number(text)
    assert find(text, number_expected=True, limit=20) is Finding.MY_NUMBER


@pytest.mark.parametrize("text", VECTORS["long_run"])
def test_any_run_of_twelve_digits_is_refused_in_the_visit(text: str) -> None:
    assert not has_my_number(text)
    assert find(text, number_expected=True, limit=20) is Finding.MY_NUMBER


@pytest.mark.threat("T11")
@pytest.mark.parametrize("text", VECTORS["pin"])
def test_four_digits_are_refused_unless_the_stations_own_number_is_asked(text: str) -> None:
    assert find(text, number_expected=False, limit=20) is Finding.PIN
    assert find("1234", number_expected=True, limit=20) is None


@pytest.mark.parametrize("text", VECTORS["ordinary"])
def test_ordinary_numbers_are_let_through(text: str) -> None:
    assert find(text, number_expected=True, limit=20) is None


@pytest.mark.parametrize("text", [*VECTORS["unfit"], "x" * 21])
def test_names_and_long_texts_do_not_fit(text: str) -> None:
    assert find(text, number_expected=True, limit=20) is Finding.UNFIT


def test_false_alarms_are_rare_among_reference_numbers() -> None:
    rand = random.Random(1)
    numbers = [f"{rand.choice('ABK')}-{rand.randrange(10**8)}" for _ in range(2000)]
    assert sum(find(number, number_expected=True, limit=20) is not None for number in numbers) == 0


def test_control_nfkc_alone_would_miss_other_digits() -> None:
    assert ascii_digits("١٢٣٤") == "1234"
    assert ascii_digits("一二三四") == "1234"
