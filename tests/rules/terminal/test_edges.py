"""Edges that a change of one sign would move."""

from __future__ import annotations

import pytest

from app.rules.content import ITEMS
from app.rules.terminal.consent_list import By
from app.rules.terminal.consent_rows import asked
from app.rules.terminal.values import comparable
from app.rules.visit.consent import TOO_YOUNG, not_asked_reason


@pytest.mark.parametrize(
    ("text", "by"), [("やまだ", By.NAME), ("yamada", By.NAME), ("T-12", By.REFERENCE), ("Ｔ１", By.REFERENCE)]
)
def test_a_digit_makes_a_number_of_what_is_typed(text: str, by: By) -> None:
    assert asked({"text": text}, keeps_names=True).by is by


def test_names_are_compared_with_single_spaces() -> None:
    assert comparable(" 練習　 花子〜 ") == "練習 花子~"


def test_the_record_says_why_an_item_was_not_asked() -> None:
    assert {not_asked_reason(item) for item in ITEMS} == {f"{TOO_YOUNG}40", "not shown"}
