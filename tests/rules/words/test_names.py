"""Names as they are searched: every spelling of one name is equal, and no shorter beginning tells who somebody is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.words.names import LONGEST, SHORTEST, beginnings, folded, sought

KANA = st.text(st.characters(min_codepoint=0x30A1, max_codepoint=0x30FA), min_size=SHORTEST, max_size=12)
ANY_NAME = st.text(st.characters(codec="utf-8", categories=["L", "M", "N", "Zs", "P"]), max_size=16)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("髙﨑", "高崎"),
        ("𠮷田", "吉田"),
        ("渡邉", "渡邊"),
        ("渡辺", "渡邉"),
        ("齋藤", "斎藤"),
        ("斉藤", "齊藤"),
        ("ﾀｶｻｷ", "タカサキ"),
        ("たかさき", "タカサキ"),
        ("ﾀﾞｲｺﾞ", "だいご"),
        ("ﾊﾟｰｸ", "ぱーく"),
        ("ｷﾖｳｺ", "キョウコ"),
        ("ヴァイオレット", "ゔぁいおれっと"),
        ("みすゞ", "ミスヾ"),
        ("か\u3099く", "がく"),
        ("TARO", "Ｔａｒｏ"),
        ("マリー・アン", "マリーアン"),
        ("Ｍ．アン", "m.アン"),
        ("葛\U000e0100城", "葛城"),
        ("辻\ufe00", "辻"),
    ],
)
def test_spellings_of_one_name_are_equal(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("タ", "ダ"), ("ハン", "パン"), ("高木", "高崎"), ("オノ", "オーノ")])
def test_different_names_stay_different(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@pytest.mark.parametrize(
    ("typed", "compared"),
    [
        ("", ""),
        ("  ", ""),
        ("タ", ""),
        ("た", ""),
        ("ﾀﾞ", ""),
        ("a", ""),
        ("1", ""),
        ("林", "林"),
        ("𠮷", "吉"),
        ("たか", "タカ"),
        ("ﾀｶｻｷ ﾖｼｵｼﾞﾛｳ", "タカサキヨシオジ"),
    ],
)
def test_a_single_kana_is_too_little_and_a_single_kanji_is_enough(typed: str, compared: str) -> None:
    assert sought(typed) == compared


def test_the_whole_name_and_each_part_of_it_begin_with_what_was_typed() -> None:
    assert beginnings("髙﨑　𠮷男") == {"高崎", "高崎吉", "高崎吉男", "吉男"}
    assert beginnings("ﾐﾎﾝ ﾊﾅ") == {"ミホ", "ミホン", "ミホンハ", "ミホンハナ", "ハナ"}


def test_one_kanji_is_found_as_a_whole_part_and_never_as_a_beginning() -> None:
    assert "林" in beginnings("林　次郎")
    assert "林" not in beginnings("林田　次郎")
    assert "ア" not in beginnings("ア　イウ")


def test_there_is_nothing_to_find_in_no_name() -> None:
    assert beginnings("", " 　") == frozenset()


@given(ANY_NAME)
def test_folding_twice_changes_nothing_more(name: str) -> None:
    assert folded(folded(name)) == folded(name)


@given(ANY_NAME, st.sampled_from(["NFC", "NFD", "NFKC"]))
def test_how_letters_are_composed_says_nothing(name: str, form: str) -> None:
    assert folded(unicodedata.normalize(form, name)) == folded(name)  # type: ignore[arg-type]


@given(KANA, KANA)
def test_every_beginning_of_a_part_or_of_the_whole_is_found(family: str, first: str) -> None:
    kept = beginnings(f"{family} {first}")
    for word in (family, first, family + first, f"{family}　{first}"):
        for length in range(SHORTEST, len(word) + 1):
            asked = sought(word[:length])
            assert not asked or asked in kept, word[:length]


@given(ANY_NAME)
def test_nothing_longer_or_shorter_than_compared_is_kept(name: str) -> None:
    assert all(len(each) <= LONGEST for each in beginnings(name))
    assert all(sought(each) == each for each in beginnings(name))
