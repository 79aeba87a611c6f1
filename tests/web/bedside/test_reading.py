"""What a patient and a family read before the visit, how they read it, and where that may lead."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.rules.content import ITEMS
from app.rules.station.station import Link, new_token
from app.rules.words.dates import day_of
from app.rules.words.furigana import RUBY, plain
from app.rules.words.languages import BY_CODE, LANGUAGES, Language, told
from app.web.guide import reading
from app.web.kit.pages import HOLE
from scripts import docs
from tests.web.bedside.nurse import BROWSER, Nurse
from tests.web.bedside.page import Page

ROOT = Path(__file__).parents[3]
BOTH = ("before", "family")
REFERENCE = "{参考|さんこう}の{訳|やく}です。{正式|せいしき}な{文|ぶん}は、{日本語|にほんご}の{文|ぶん}です。"


def look_of(nurse: Nurse) -> str:
    return nurse.http.cookies.get("look") or ""


def page_of(answer: httpx.Response) -> Page:
    return Page(answer.status_code, dict(answer.headers), answer.text, answer.url.path)


def language_of(answer: httpx.Response) -> str:
    return page_of(answer).root.all("html")[0].attrs["lang"]


# --- what they say ------------------------------------------------------------------------------------------


async def test_before_the_visit_one_reads_what_to_have_and_what_will_be_asked(nurse: Nurse) -> None:
    page = await nurse.get(f"/f/{nurse.token}/before")
    assert page.h1 == "訪問の前に"
    for words in (
        *("マイナンバーカード", "保険証の利用登録", "4けたの暗証番号"),
        *("すべて「同意しない」でも、かまいません", "同意しなくても、資格の確認はできます"),
        *("番号は、ご本人が、公式のマイナアプリに入れます", "看護師も、番号をたずねません"),
        *("訪問看護は受けられます", "変えることも、取り消すこともできます", PRACTICE_STATION.telephone),
    ):
        assert words in page.text, words
    for item in ITEMS:
        assert plain(item.name) in page.text
        assert plain(item.wording.sentence) in page.text
    assert page.link("ステーションに電話する") == f"tel:{PRACTICE_STATION.telephone}"


async def test_only_what_the_official_screen_asks_today_is_named(
    nurse: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = day_of(kazasu.clock.now()) - timedelta(days=1)
    monkeypatch.setattr(reading, "ITEMS", (replace(ITEMS[0], effective_to=over), *ITEMS[1:]))
    page = await nurse.get(f"/f/{nurse.token}/before")
    assert plain(ITEMS[0].name) not in page.text
    assert plain(ITEMS[1].name) in page.text


async def test_the_family_reads_what_only_the_patient_does_and_whom_to_ask(nurse: Nurse) -> None:
    await nurse.get(f"/f/{nurse.token}")
    assert nurse.page is not None
    await nurse.get(nurse.page.link("訪問の前に"))
    page = await nurse.get(nurse.page.link("ご家族の方へ"))
    assert page.h1 == "ご家族の方へ"
    for words in (
        *(
            "手伝えること",
            "ご本人だけがすること",
            "同意するか、しないかを選びます",
            "4けたの暗証番号（利用者証明用）を",
        ),
        *("決まりは、公式の案内に見つかりませんでした", "ステーションに聞いてください"),
        PRACTICE_STATION.telephone,
    ):
        assert words in page.text, words
    assert page.link("もどる") == f"/f/{nurse.token}/before"


@pytest.mark.parametrize("name", BOTH)
async def test_a_page_to_read_holds_nothing_and_leaves_nothing(nurse: Nurse, name: str) -> None:
    answer = await nurse.http.get(f"/f/{nurse.token}/{name}")
    assert "set-cookie" not in answer.headers
    assert "<script" not in answer.text
    assert HOLE not in answer.text
    page = page_of(answer)
    assert [form.attrs["action"] for form in page.root.all("form")] == ["/look"]
    assert page.form_fields("/look") == {"to": f"/f/{nurse.token}/{name}"}


@pytest.mark.parametrize("name", BOTH)
async def test_an_old_code_and_an_unknown_one_are_explained_here_too(nurse: Nurse, kazasu: Kazasu, name: str) -> None:
    old, now = nurse.token, kazasu.clock.now()
    await kazasu.desk.office.replace_entry(Link(new_token(), PRACTICE_STATION.id, 1, now, issued_by="test"))
    page = await nurse.get(f"/f/{old}/{name}", expect=410)
    assert "事業所に電話する" in page.text
    await nurse.get(f"/f/2222aaaabbbb/{name}", expect=404)


# --- in which language --------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
@pytest.mark.parametrize("name", BOTH)
async def test_the_address_chooses_the_language_and_it_stays(nurse: Nurse, name: str, language: Language) -> None:
    code, tag = language.code, language.tag
    answer = await nurse.http.get(f"/f/{nurse.token}/{name}?language={code}")
    assert language_of(answer) == tag
    other = await nurse.http.get(f"/f/{nurse.token}/{BOTH[1 - BOTH.index(name)]}")
    assert language_of(other) == tag
    assert (plain(told(BY_CODE[code], REFERENCE)) in page_of(other).text) is (code != "ja")


async def test_easy_japanese_begins_with_its_readings(nurse: Nurse) -> None:
    plainly = await nurse.http.get(f"/f/{nurse.token}/before")
    easily = await nurse.http.get(f"/f/{nurse.token}/before?language=ja-easy")
    assert ("<ruby>" in plainly.text, "<ruby>" in easily.text) == (False, True)


@pytest.mark.parametrize("language", ["xx", "", "EN", "en;", "ja_EASY"])
async def test_a_language_that_there_is_not_changes_nothing(nurse: Nurse, language: str) -> None:
    answer = await nurse.http.get(f"/f/{nurse.token}/before", params={"language": language})
    assert language_of(answer) == "ja"
    assert "set-cookie" not in answer.headers


async def test_an_old_code_is_explained_in_the_language_of_its_leaflet(nurse: Nurse, kazasu: Kazasu) -> None:
    old, now = nurse.token, kazasu.clock.now()
    await kazasu.desk.office.replace_entry(Link(new_token(), PRACTICE_STATION.id, 1, now, issued_by="test"))
    answer = await nurse.http.get(f"/f/{old}/before?language=ko")
    assert (answer.status_code, language_of(answer)) == (410, "ko")


# --- how one reads ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOTH)
async def test_size_readings_and_language_are_set_on_the_page_itself(nurse: Nurse, name: str) -> None:
    await nurse.get(f"/f/{nurse.token}/{name}")
    page = await nurse.press("/look", size="l")
    assert page.path == f"/f/{nurse.token}/{name}"
    assert page.root.all("html")[0].attrs["data-text"] == "l"
    page = await nurse.press("/look", furigana="on")
    assert "data-ruby" in page.root.all("html")[0].attrs
    assert look_of(nurse) == "l1pja"
    answer = await nurse.http.post(
        "/look", data={**page.form_fields("/look"), "language": "en"}, headers=BROWSER, follow_redirects=True
    )
    assert language_of(answer) == "en"
    assert look_of(nurse) == "l1pen"


@pytest.mark.parametrize("to", ["/f/{token}/before", "/f/{token}/family", "/review", "/review/copy"])
async def test_one_comes_back_to_where_one_reads(nurse: Nurse, to: str) -> None:
    address = to.replace("{token}", nurse.token)
    answer = await nurse.http.post("/look", data={"to": address, "size": "s"}, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, address)


@pytest.mark.threat("T05")
@pytest.mark.parametrize(
    "to",
    [
        *("", "before", "/", "//evil.example", "https://evil.example/f/2222aaaabbbb/before", "/\\evil.example"),
        *("/f/2222aaaabbbb/today", "/f/2222aaaabbbb/before/", "/f/2222aaaabbbb/before?x=1", "/f/2222aaaabbb/before"),
        *("/f/../office/before", "/f/2222aaaabbbb/before\nx", "/review/other", "/review?x", "/office", "/visit/end"),
    ],
)
async def test_it_leads_nowhere_else(nurse: Nurse, to: str) -> None:
    answer = await nurse.http.post("/look", data={"to": to, "size": "s"}, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/start")


@pytest.mark.threat("T12")
async def test_no_other_site_sets_how_one_reads(nurse: Nurse) -> None:
    sent = {"to": f"/f/{nurse.token}/before", "language": "ko"}
    for headers in (
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {},
    ):
        answer = await nurse.http.post("/look", data=sent, headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


@pytest.mark.parametrize("sent", [{"size": "xl"}, {"furigana": "maybe"}, {"language": "tlh"}, {}])
async def test_what_there_is_not_to_choose_changes_nothing(nurse: Nurse, sent: dict[str, str]) -> None:
    await nurse.http.get(f"/f/{nurse.token}/before?language=ja-easy")
    await nurse.http.post("/look", data={"to": "/review", **sent}, headers=BROWSER)
    assert look_of(nurse) == "m1pja-easy"


@pytest.mark.parametrize("address", ["/", "/guide/ready", "/guide", "/guide/nothing", "/f/{token}", "/f/{token}/today"])
async def test_what_staff_read_stays_japanese(nurse: Nurse, address: str) -> None:
    await nurse.http.get(f"/f/{nurse.token}/before?language=en")
    answer = await nurse.http.get(address.replace("{token}", nurse.token))
    assert language_of(answer) == "ja"


async def test_a_visit_begins_as_everybody_finds_it(nurse: Nurse) -> None:
    await nurse.http.get(f"/f/{nurse.token}/before?language=ko")
    await nurse.needs()
    assert nurse.page is not None
    assert nurse.page.path == "/visit/hand-over"
    assert look_of(nurse) == ""
    assert "스마트폰" not in nurse.page.text


# --- gentle Japanese ----------------------------------------------------------------------------------------

LONGEST = 40
KANJI = re.compile(r"[々〆㐀-䶿一-鿿]")
SAID = re.compile(r'\b_\("([^"]+)"')
SOURCES = (
    *sorted((ROOT / "templates" / "guide" / "reading").glob("*.html")),
    ROOT / "templates" / "print" / "leaflet.html",
)


def messages() -> list[str]:
    """Return what these pages say to a patient, but for titles and labels."""
    found = [text for file, _, text in docs.messages() if file == "app/rules/content/before.toml"]
    return found + [text for path in SOURCES for text in SAID.findall(path.read_text(encoding="utf-8"))]


def hard(message: str) -> list[str]:
    """Return what makes a message hard to read."""
    sentences = [part.strip() for part in plain(message).split("。")]
    wrong = [f"long: {sentence}" for sentence in sentences if len(sentence) >= LONGEST]
    return wrong + [f"no reading: {kanji}" for kanji in KANJI.findall(RUBY.sub("", message))]


def test_every_sentence_is_short_and_every_word_has_its_reading() -> None:
    assert {message: wrong for message in messages() if (wrong := hard(message))} == {}
    assert len(messages()) > 40


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("{漢字|かんじ}の字", ["no reading: 字"]),
        ("あ" * 40 + "。", ["long: " + "あ" * 40]),
        ("はい。" + "い" * 45, ["long: " + "い" * 45]),
        ("{番号|ばんごう}。" + "あ" * 39, []),
    ],
)
def test_a_hard_message_is_noticed(message: str, wrong: list[str]) -> None:
    assert hard(message) == wrong


def test_the_day_of_these_tests_is_an_ordinary_one() -> None:
    assert all(item.effective_from < date(2026, 11, 1) and item.effective_to is None for item in ITEMS)
