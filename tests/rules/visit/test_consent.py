"""Consent items: dated, versioned, and worded without leaning to either answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from app.rules.content import EXITS, ITEMS
from app.rules.content.file import ContentError, ContentFile
from app.rules.visit.consent import QUESTIONS, Item, asked, complete, in_force, not_asked_reason
from app.rules.words.dates import day_of, format_time
from app.rules.words.furigana import plain
from app.rules.words.languages import OFFICIAL, wording_hash
from tests.rules.visits import NOW


def test_the_five_items_stand_in_the_official_order() -> None:
    assert [item.id for item in ITEMS] == [
        "surgery",
        "clinical_drug",
        "health_checkup",
        "limit_amount",
        "specific_disease",
    ]


def test_the_checkup_is_asked_from_40_on() -> None:
    under = {item.id for item in asked(ITEMS, at=NOW, over_40=False)}
    assert "health_checkup" not in under
    assert len(under) == 4
    assert {item.id: not_asked_reason(item) for item in ITEMS if item.id not in under} == {"health_checkup": "under 40"}
    assert not_asked_reason(ITEMS[0]) == "not shown"


def test_an_item_counts_only_while_it_is_in_force() -> None:
    ended = replace(ITEMS[3], effective_to=date(2026, 10, 31))
    assert ended not in in_force((ended,), NOW)
    assert ended in in_force((ended,), NOW - 40 * 24 * 3600)
    assert complete((ended,), {"limit_amount": "agree"}, at=NOW) == {}


def test_an_item_is_asked_from_its_first_day_to_its_last_both_in_japan() -> None:
    first, last = date(2026, 11, 18), date(2026, 11, 19)
    item = replace(ITEMS[3], effective_from=first, effective_to=last)
    begins = 1_795_014_000 - 24 * 3600  # the first day, in Japan
    asked_at = [bool(in_force((item,), begins + seconds)) for seconds in (-1, 0, 2 * 24 * 3600 - 1, 2 * 24 * 3600)]
    assert asked_at == [False, True, True, False]


def test_a_day_in_japan_begins_nine_hours_early() -> None:
    assert day_of(1_795_014_000 - 1) == date(2026, 11, 18)
    assert day_of(1_795_014_000) == date(2026, 11, 19)


def test_a_moment_is_written_as_the_office_and_the_terminal_write_it() -> None:
    assert format_time(1_795_014_000 - 1) == "2026/11/18 23:59"
    assert format_time(1_795_014_000) == "2026/11/19 00:00"
    assert format_time(None) == ""


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_every_item_says_what_is_seen_and_what_declining_means(item: Item) -> None:
    words = item.wording
    assert "見ます" in plain(words.sentence)
    assert "提供されません" in plain(words.declined)
    assert "同意しなくてもできます" in plain(words.declined)
    assert len(words.answers) == len(QUESTIONS)
    assert all(words.answers)
    assert item.version >= 1
    assert item.grade in {"S", "O", "V", "2"}


def test_the_wording_hash_changes_with_one_letter() -> None:
    item = ITEMS[0]
    other = replace(item, wording=replace(item.wording, declined=item.wording.declined + "。"))
    assert wording_hash(OFFICIAL, item) != wording_hash(OFFICIAL, other)
    assert len(wording_hash(OFFICIAL, item)) == 64


def test_content_without_a_printable_grade_does_not_load() -> None:
    with pytest.raises(ContentError):
        ContentFile("items.toml").graded({"id": "x", "grade": "I", "source": "somebody"})
    with pytest.raises(ContentError):
        ContentFile("items.toml").graded({"id": "x", "grade": "S"})


def test_every_exit_has_a_source() -> None:
    assert all(way.source and way.grade for way in EXITS.values())
