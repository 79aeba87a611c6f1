"""The list in words: a closed set is asked, nothing is guessed in a row, and no name goes into a record."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from app.rules.terminal.consent_list import By, Insured, ListedPerson, Search
from app.rules.terminal.consent_rows import (
    FILTERS,
    OVER,
    ConsentQuery,
    asked,
    asked_openly,
    headings,
    is_40,
    left,
    rows,
    sex,
    validity,
)
from tests.rules.people import TARO, a_consent, insured
from tests.rules.visits import NOW

DAY = 86_400


def known(*results: Insured, **more: object) -> ListedPerson:
    person = ListedPerson("p", "hinatazaka", ("A-0001",), "1", results or (insured(),), NOW, TARO)
    return replace(person, **more)  # type: ignore[arg-type]


def flags(*results: Insured) -> list[str]:
    (row,) = rows([known(*results)], NOW, names=True)
    return [each.words for each in row.flags]


def test_a_row_reads_as_the_terminals_list() -> None:
    (row,) = rows([known()], NOW, names=True)
    assert row.cells(names=True) == [
        "髙﨑　𠮷男", "ﾀｶｻｷ ﾖｼｵ", "昭和35年6月2日", "1960/06/02", "男", "A-0001",
        *"○○○○○○", "2026/11/18", row.ends, "同意あり", "有効", "1",
    ]  # fmt: skip
    assert len(headings(names=True)) == len(row.cells(names=True))
    assert len(headings(names=False)) == len(row.cells(names=False))


def test_without_names_nothing_of_them_is_in_a_row() -> None:
    (row,) = rows([known()], NOW, names=False)
    assert not any(part in repr(row) for part in ("髙﨑", "ﾀｶｻｷ", "昭和", "1960", "男"))


@pytest.mark.parametrize(
    ("code", "words"),
    [("1", "○"), ("0", ""), ("2", "期限切れ"), ("3", "取得できず"), ("7", "不明（7）"), (" ", "不明（ ）")],
)
def test_each_code_has_its_words(code: str, words: str) -> None:
    assert flags(insured(drug=code))[2] == words


def test_two_insurances_that_differ_are_two_answers() -> None:
    assert flags(insured("01"), insured("03", drug="0"))[2] == "保険でちがう"
    assert flags(insured("01"), insured("03"))[2] == "○"


def test_what_did_not_come_is_no_no() -> None:
    assert flags(Insured("01", (a_consent("surgery"),)))[1:] == ["記載なし"] * 5


@pytest.mark.parametrize(
    ("code", "words"), [("2", "無効"), ("4", "該当なし"), ("6", "有効（未登録）"), ("9", "不明（9）"), ("", "記載なし")]
)
def test_not_registered_is_not_unknown(code: str, words: str) -> None:
    assert validity(code) == words


def test_a_sex_is_never_guessed() -> None:
    assert [sex(code) for code in ("1", "2", "3", "9", "")] == ["男", "女", "未設定", "不明（9）", ""]


@pytest.mark.parametrize(("born", "era"), [("19600230", "19600230"), ("18500101", "18500101"), ("", "")])
def test_a_day_that_is_none_stays_as_it_came(born: str, era: str) -> None:
    (row,) = rows([known(names=replace(TARO, born=born))], NOW, names=True)
    assert row.born == era


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (NOW - 1, "過ぎています"),
        (NOW, "今日まで"),
        (NOW + DAY, "あと1日"),
        (NOW + 14 * DAY, "あと14日"),
        (NOW + 15 * DAY, ""),
        (None, ""),
    ],
)
def test_an_end_that_is_near_says_so(ends: int | None, words: str) -> None:
    assert left(ends, NOW) == words


def test_every_filter_is_a_search() -> None:
    for group in FILTERS.values():
        for word in group:
            what = asked_openly({"only": word})
            assert not what.notices
            assert what.search(NOW).by is not By.ALL
            assert what.fields == {"only": word}
            assert what.kind == word


def test_what_is_no_filter_asks_for_the_plain_list() -> None:
    for wrong in ({"only": "' OR 1=1"}, {"only": "ends-15"}, {"first": "2026-02-30"}, {"last": "きのう"}):
        what = asked_openly(wrong)
        assert what.search(NOW) == Search()
        assert what.notices
    assert asked_openly({"after": "x", "nothing": "y"}) == ConsentQuery()


def test_days_narrow_and_stand_in_order() -> None:
    what = asked_openly({"only": "state-given", "first": "2026-11-20", "last": "2026-11-01"})
    assert what.search(NOW) == Search(By.STATE, "given", "", 20261101, 20261120)
    assert what.words == "状態：同意あり、同意年月日：2026/11/01〜2026/11/20"


def test_ends_and_days_do_not_go_together_and_it_is_said() -> None:
    what = asked_openly({"only": OVER, "first": "2026-11-01"})
    assert what.search(NOW).moments == (0, NOW - 1)
    assert what.notices


def test_the_last_day_counts_whole() -> None:
    begins, ends = asked_openly({"only": "ends-7"}).search(NOW).moments
    assert begins == NOW
    assert (ends + 1 + 9 * 3600) % DAY == 0
    assert 7 * DAY <= ends - NOW < 8 * DAY


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("たかさき", By.NAME),
        ("ﾀｶｻｷ", By.NAME),
        ("A-0001", By.REFERENCE),
        ("Ａ－０００１", By.REFERENCE),
        ("高", By.NAME),
    ],
)
def test_what_is_typed_is_sought_as_what_it_looks_like(text: str, by: By) -> None:
    assert asked({"text": text}, keeps_names=True).search(NOW) == Search(by, text)
    assert asked({"text": text}, keeps_names=False).by is By.REFERENCE
    assert asked({"text": text, "by": "reference"}, keeps_names=True).by is By.REFERENCE


def test_too_little_of_a_name_finds_nothing_and_everything_is_not_shown() -> None:
    assert asked({"text": "た"}, keeps_names=True).finds_nothing
    assert not asked({"text": "高"}, keeps_names=True).finds_nothing


def test_a_my_number_is_not_sought_nor_shown_again() -> None:
    what = asked({"text": "1234-5678-9018"}, keeps_names=True)
    assert what.notices
    assert what.text == ""


def test_no_text_is_in_a_record_or_a_trace() -> None:
    what = asked({"text": "たかさき"}, keeps_names=True)
    assert what.kind == "name"
    assert "たかさき" not in repr(what)


@pytest.mark.parametrize(
    ("born", "over"), [(date(1986, 11, 18), True), (date(1986, 11, 19), False), (date(1984, 2, 29), True)]
)
def test_forty_is_reached_on_the_birthday(born: date, over: bool) -> None:
    assert is_40(born, date(2026, 11, 18)) is over
