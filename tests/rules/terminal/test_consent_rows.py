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
    FlagLook,
    asked,
    asked_openly,
    flag_name,
    headings,
    is_40,
    last_end,
    left,
    place_of,
    rows,
    sex,
    validity,
)
from app.rules.words.dates import format_time
from tests.rules.people import LISTED, TARO, a_consent, insured
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
        ("yamada", By.NAME),
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


def test_a_csv_begins_with_the_headings_of_the_terminals_list() -> None:
    flags = ["手術", "診療", "薬剤", "特健", "特適（限適とみられる）", "特疾"]
    rest = ["照会番号", *flags, "同意年月日", "同意有効期限", "状態", "資格", "保険の数"]
    assert headings(names=False) == rest
    assert headings(names=True) == ["氏名", "カナ", "生年月日", "生年月日（西暦）", "性別", *rest]


def test_a_row_without_names_has_all_the_rest() -> None:
    person = known(insured(at=NOW, until=NOW + 3 * DAY), insured("03", at=NOW, until=NOW + 9 * DAY))
    (row,) = rows([replace(person, references=("A-1", "A-2"), validity="2")], NOW, names=False)
    assert row.cells(names=False) == [
        "A-1 A-2", *"○○○○○○", "2026/11/18", format_time(NOW + 3 * DAY), "同意あり", "無効", "2",
    ]  # fmt: skip
    assert (row.id, row.left, row.insurances) == ("p", "あと3日", 2)


def test_a_row_tells_by_its_looks_what_is_odd_or_over() -> None:
    (row,) = rows(
        [known(insured(surgery="0", clinical="2", drug="3", health_checkup="7", limit_amount=""))], NOW, names=True
    )
    assert [each.look.value for each in row.flags] == ["blank", "ended", "odd", "odd", "odd", "given"]
    (mixed,) = rows([known(insured(), insured("03", drug="0"))], NOW, names=True)
    assert (mixed.flags[2].look, mixed.flags[1].look) == (FlagLook.ODD, FlagLook.GIVEN)


def test_an_end_is_that_of_what_is_given_else_the_first_that_came() -> None:
    given = insured(until=NOW + 9 * DAY), insured("03", until=NOW + DAY, **dict.fromkeys(LISTED, "2"))
    assert last_end(known(*given)) == NOW + 9 * DAY
    over = (insured(until=until, **dict.fromkeys(LISTED, "2")) for until in (NOW - DAY, NOW - 2 * DAY))
    assert last_end(known(*over)) == NOW - 2 * DAY
    assert last_end(known(insured(until=None))) is None


@pytest.mark.parametrize(("flag", "name"), [("drug", "薬剤"), ("allergy", "アレルギー"), ("NewThing", "NewThing")])
def test_a_flag_that_nobody_knows_keeps_its_name(flag: str, name: str) -> None:
    assert flag_name(flag) == name


def test_the_next_page_begins_behind_the_last_row_in_the_order_of_its_search() -> None:
    person = known(insured(at=NOW, until=NOW + DAY))
    assert place_of(Search(), person) == (20261118, "p")
    assert place_of(Search(By.ENDS), person) == (NOW + DAY, "p")
    assert place_of(Search(By.ENDS), known(insured(until=None))) == (0, "p")


@pytest.mark.parametrize(
    ("after", "place"),
    [
        ("20261118-p_1-x", (20261118, "p_1-x")),
        (f"{'9' * 12}-{'p' * 40}", (10**12 - 1, "p" * 40)),
        (f"{'9' * 13}-p", None),
        (f"1-{'p' * 41}", None),
        ("-p", None),
        ("1-", None),
        ("1-p\n", None),
    ],
)
def test_a_place_to_go_on_from_fits_whole_or_not_at_all(after: str, place: tuple[int, str] | None) -> None:
    assert asked_openly({"after": after}).after == place
    assert asked({"text": "A-1", "after": after}, keeps_names=True).after == place
    assert asked({"after": after}, keeps_names=True).after == place


@pytest.mark.parametrize(
    ("sent", "words", "kind", "fields"),
    [
        ({}, "すべて", "all", {}),
        ({"only": "ends-over"}, "同意ありのまま、期限を過ぎた", "ends-over", {"only": "ends-over"}),
        ({"first": "2026-11-01"}, "同意年月日：2026/11/01〜", "all+days", {"first": "2026-11-01"}),
        ({"last": "2026-11-01"}, "同意年月日：〜2026/11/01", "all+days", {"last": "2026-11-01"}),
        (
            {"only": "item-health-checkup-not-given", "last": "2026-11-01"},
            "特健：同意なし、同意年月日：〜2026/11/01",
            "item-health-checkup-not-given+days",
            {"only": "item-health-checkup-not-given", "last": "2026-11-01"},
        ),
        ({"text": "たかさき"}, "氏名：たかさき", "name", {"text": "たかさき", "by": "name"}),
        ({"text": "A-1"}, "照会番号：A-1", "reference", {"text": "A-1", "by": "reference"}),
    ],
)
def test_what_was_asked_is_said_in_words_recorded_by_kind_and_repeated_by_fields(
    sent: dict[str, str], words: str, kind: str, fields: dict[str, str]
) -> None:
    what = asked(sent, keeps_names=True)
    assert (what.words, what.kind, what.fields, what.notices) == (words, kind, fields, ())
    assert asked(fields, keeps_names=True) == what


@pytest.mark.parametrize(
    ("days", "search"),
    [
        ({"first": "2026-11-01"}, Search(first_day=20261101)),
        ({"last": "2026-11-01"}, Search(last_day=20261101)),
        ({"first": "2026-11-01", "last": "2026-11-01"}, Search(first_day=20261101, last_day=20261101)),
        ({"only": "validity-2", "last": "2026-11-01"}, Search(By.VALIDITY, "2", last_day=20261101)),
        ({"only": "item-limit-amount-given"}, Search(By.ITEM, "limit_amount", "given")),
        ({"only": "ends-7", "after": "x"}, Search(By.ENDS, moments=(NOW, 1_795_618_799))),
    ],
)
def test_a_day_that_is_left_out_narrows_nothing(days: dict[str, str], search: Search) -> None:
    assert asked_openly(days).search(NOW) == search


def test_each_thing_that_could_not_be_asked_is_said_once() -> None:
    assert [
        len(asked_openly(sent).notices) for sent in ({"only": "x"}, {"first": "x"}, {"first": "x", "last": "y"})
    ] == [1] * 3
    both = asked_openly({"only": "ends-7", "first": "2026-11-01", "last": "2026-11-02"})
    assert (both.first, both.last, len(both.notices)) == (None, None, 1)
    assert len(asked_openly({"only": "x", "first": "20261101"}).notices) == 2


@pytest.mark.parametrize("text", ["あ" * 61, "あ\u200bい", "あ\nい"])
def test_text_that_no_name_or_number_has_is_not_sought(text: str) -> None:
    what = asked({"text": text}, keeps_names=True)
    assert (what.text, what.by, len(what.notices)) == ("", By.ALL, 1)
    longest = asked({"text": " " + "あ" * 60 + " "}, keeps_names=True)
    assert (longest.text, longest.notices) == ("あ" * 60, ())


def test_a_letter_typed_in_two_parts_is_one() -> None:
    assert asked({"text": "か\u3099"}, keeps_names=True).text == "が"
    assert asked({"text": "  "}, keeps_names=True) == ConsentQuery()
    assert asked({"text": "A-1", "by": "state"}, keeps_names=True).by is By.REFERENCE
    assert asked({"text": "A-1", "by": "name"}, keeps_names=True).by is By.NAME
