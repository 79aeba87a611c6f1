"""The patient's languages: complete, intact, fresh, and easy Japanese that is easy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.rules.content import ITEMS
from app.rules.words.dates import day_of
from app.rules.words.furigana import RUBY, plain
from app.rules.words.languages import EASY, LANGUAGES, OFFICIAL, Language, day_in, has, told, worded, wording_hash
from scripts import catalogues
from tests.rules.visits import NOW

OTHERS = [language for language in LANGUAGES if not language.is_official]
MESSAGES = sorted({text for _, text in catalogues.patients()})
LONGEST = 40
KANJI = re.compile(r"[々〇㐀-䶿一-鿿\U00020000-\U0003ffff]")
ASIDE = re.compile(r"（[^（）]*）|「[^「」]*」")
KANA = re.compile(r"[ぁ-んァ-ン]")
HARD = (
    *("事業所", "訪問看護", "訪問診療", "代理人", "端末", "資格確認", "資格情報", "資格", "同意登録", "同意項目"),
    *("同意内容", "本人確認", "引き継ぎ", "申告", "要対応", "控え", "取消", "再照会", "照会番号", "照会"),
    *("有効期限", "同意年月日", "診療", "薬剤", "特定健診", "限度額", "認定証", "特定疾病", "療養", "受療証"),
    *("処方箋", "包括同意", "暗証番号", "電子証明書", "利用登録", "被保険者", "保険者", "申立書", "目視", "顔認証"),
    *("医療機関", "二次元コード", "連携", "継続", "提供", "更新", "申請", "閲覧", "医療扶助", "正式"),
)
"""The fifty hardest words of the field: in easy Japanese each is replaced, or explained where it stands."""


def named(language: Language) -> str:
    return language.code


def test_five_languages_are_offered() -> None:
    assert [language.code for language in LANGUAGES] == ["ja", "ja-easy", "en", "zh-Hans", "ko"]
    assert len(set(HARD)) == 50


def test_the_catalogues_are_fresh() -> None:
    assert list(catalogues.stale()) == [], "run `make docs`"


def test_what_is_stale_is_written_from_one_reading_of_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[Path] = []

    def read(root: Path) -> Iterator[tuple[str, int, str]]:
        times.append(root)
        yield "templates/bedside/look.html", 1, "{文字|もじ}"

    monkeypatch.setattr(catalogues, "messages", read)
    written = catalogues.write(tmp_path)
    assert times == [tmp_path]
    assert len(written) == 1 + 2 * len(OTHERS)
    assert [name for name in written if not (tmp_path / name).is_file()] == []
    (tmp_path / written[0]).unlink()
    assert catalogues.write(tmp_path) == written[:1]
    assert catalogues.write(tmp_path) == []


@pytest.mark.parametrize("language", OTHERS, ids=named)
def test_nothing_is_missing(language: Language) -> None:
    assert [message for message in MESSAGES if not has(language, message)] == []


def places(message: str) -> list[str]:
    return sorted(re.findall(r"%\([a-z_]+\)s", message))


@pytest.mark.parametrize("language", OTHERS, ids=named)
def test_placeholders_are_intact(language: Language) -> None:
    assert [message for message in MESSAGES if places(message) != places(told(language, message))] == []


@pytest.mark.parametrize("language", [each for each in OTHERS if not each.is_japanese], ids=named)
def test_other_languages_have_no_readings(language: Language) -> None:
    assert [message for message in MESSAGES if RUBY.search(told(language, message))] == []


# --- easy Japanese ------------------------------------------------------------------------------------------------


def sentences(message: str) -> list[str]:
    return [part for part in re.split(r"[。\n]|(?<=）)、", plain(message)) if part]


def bare_kanji(message: str) -> str:
    return "".join(KANJI.findall(RUBY.sub("", message)))


def unexplained(message: str) -> list[str]:
    """Return the hard words of a message that stand without an explanation in brackets behind them or around them."""
    words = ASIDE.sub(lambda aside: "（）" if aside[0].startswith("（") else "", plain(message))
    if "といいます" in words:
        return []
    found = [word for word in HARD if re.search(rf"{word}(?![^、。（]*（）)", words)]
    return [word for word in found if not any(word != other and word in other for other in found)]


EASY_ONES = [told(EASY, message) for message in MESSAGES]


def test_sentences_are_short() -> None:
    assert [each for message in EASY_ONES for each in sentences(message) if len(each) > LONGEST] == []


def test_every_kanji_has_its_reading() -> None:
    assert [message for message in EASY_ONES if bare_kanji(message)] == []


def test_hard_words_are_explained() -> None:
    assert {message: words for message in EASY_ONES if (words := unexplained(message))} == {}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("{限度額|げんどがく}を{見|み}ます", ["限度額"]),
        ("{限度額|げんどがく}（いくらまで{払|はら}うか）を{見|み}ます", []),
        ("いくらまで{払|はら}うか（{限度額|げんどがく}）を{見|み}ます", []),
        ("「{再照会|さいしょうかい}」を{押|お}します", []),
    ],
)
def test_a_hard_word_alone_is_noticed(message: str, words: list[str]) -> None:
    assert unexplained(message) == words


def test_a_long_sentence_and_a_bare_kanji_are_noticed() -> None:
    assert len(sentences("あ" * 41)[0]) > LONGEST
    assert bare_kanji("{漢字|かんじ}と字") == "字"


# --- items and days -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", OTHERS, ids=named)
@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_an_item_is_said_whole(language: Language, item: object) -> None:
    found = next(each for each in ITEMS if each is item)
    words = worded(language, found)
    assert words is not found.wording
    assert language.is_japanese or not KANA.search(ASIDE.sub("", words.sentence))


def test_an_item_with_one_sentence_missing_is_said_in_japanese() -> None:
    item = ITEMS[0]
    newer = replace(item, wording=replace(item.wording, until="まだ訳のない文です。"))
    assert worded(EASY, newer) is newer.wording


def test_each_language_has_its_own_wording_hash() -> None:
    assert len({wording_hash(language, ITEMS[0]) for language in LANGUAGES}) == len(LANGUAGES)


def test_days_are_written_as_people_write_them() -> None:
    day = day_of(NOW)
    assert {language.code: plain(day_in(language, day)) for language in LANGUAGES} == {
        "ja": "2026年（令和8年）11月18日",
        "ja-easy": "2026年（令和8年）11月18日",
        "en": "18 November 2026",
        "zh-Hans": "2026年11月18日",
        "ko": "2026년 11월 18일",
    }


def test_the_first_year_of_an_era_has_its_name() -> None:
    assert plain(day_in(OFFICIAL, day_of(1_556_700_000))) == "2019年（令和元年）5月1日"
