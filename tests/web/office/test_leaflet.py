"""The patient's leaflet: in which language, what it says, and that its prints live and die like the others."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.rules.content import ITEMS
from app.rules.words.furigana import plain
from app.rules.words.languages import LANGUAGES, Language
from app.web.print.leaflet import kind_of
from tests.web.office.clerk import Clerk

BARE = re.compile(r"\s+")


def paper(source: str) -> str:
    """Return the source of what is printed."""
    return source.split("<main", 1)[1].split("</main>", 1)[0]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
async def test_a_print_is_remembered_with_its_language(kazasu: Kazasu, admin: Clerk, language: Language) -> None:
    await admin.get(f"/office/leaflet?language={language.code}")
    page = await admin.press("/office/leaflet", copies="12")
    assert page.path == "/office/leaflet"
    assert "data-print-now" in page.source
    assert re.search(f'<section class="kz-s kz-s-a4 kz-s-leaflet[a-z -]*" lang="{language.tag}"', page.source)
    (printed, lives), *others = await kazasu.desk.office.prints(PRACTICE_STATION.id)
    assert (printed.which, printed.kind, printed.copies, lives) == ("entry", kind_of(language), 12, True)
    assert (printed.revision, printed.by, others) == (1, "事務 さくら", [])
    page = await admin.get("/office/prints")
    assert f"患者さまへの案内（{language.name}）" in page.text
    assert "12枚" in page.text


async def test_a_replaced_entry_puts_every_leaflet_on_the_list(kazasu: Kazasu, admin: Clerk) -> None:
    for code in ("ja", "en"):
        await admin.get(f"/office/leaflet?language={code}")
        await admin.press("/office/leaflet", copies="2")
    page = await admin.get("/office/links/replace")
    assert "患者さまへの案内（English） 2枚" in page.text
    page = await admin.press("/office/links/replace", understood="yes")
    assert page.path == "/office/prints"
    dead = [row.text for row in page.root.all("tr") if "使えません" in row.text]
    assert sorted("English" in row for row in dead) == [False, True]
    assert [lives for _, lives in await kazasu.desk.office.prints(PRACTICE_STATION.id)] == [False, False]
    assert "第2版" in (await admin.get("/office/leaflet")).text


async def test_it_says_whose_it_is_how_old_and_what_kills_it(kazasu: Kazasu, admin: Clerk) -> None:
    live = await kazasu.store.live_link(PRACTICE_STATION.id)
    assert live is not None
    page = await admin.get("/office/leaflet")
    text = BARE.sub("", page.text)
    for words in (
        *("ひなた坂訪問看護ステーション", PRACTICE_STATION.telephone, "練習", "第1版", f"末尾{live.tail}"),
        "入口のURLが変わると、この二次元コードは使えません",
        *(plain(item.name) for item in ITEMS),
        *("マイナンバーカード", "番号を入れるのは、ご本人だけ", "訪問看護は受けられます"),
    ):
        assert words in text, words
    assert live.token not in paper(page.source)


@pytest.mark.parametrize(
    ("query", "has_readings"),
    [
        *(("", False), ("?furigana=1", True), ("?furigana=0", False)),
        *(("?language=ja-easy", True), ("?language=ja-easy&furigana=0", False), ("?language=en&furigana=1", False)),
    ],
)
async def test_readings_are_printed_where_they_are_wanted(admin: Clerk, query: str, has_readings: bool) -> None:
    page = await admin.get(f"/office/leaflet{query}")
    assert ("<ruby>" in paper(page.source)) is has_readings
    assert "<ruby>" not in page.source.replace(paper(page.source), "")


async def test_what_was_set_is_printed(admin: Clerk) -> None:
    await admin.get("/office/leaflet?language=ja&furigana=1")
    page = await admin.press("/office/leaflet", copies="1")
    assert "<ruby>" in paper(page.source)


@pytest.mark.parametrize("query", ["?language=xx", "?language=", "?furigana=on", "?language=EN"])
async def test_a_language_that_there_is_not_is_japanese(admin: Clerk, query: str) -> None:
    page = await admin.get(f"/office/leaflet{query}")
    assert re.search('kz-s-leaflet[a-z -]*" lang="ja">', page.source)


async def test_the_bar_stays_japanese(admin: Clerk) -> None:
    page = await admin.get("/office/leaflet?language=ko")
    assert page.root.all("html")[0].attrs["lang"] == "ja"
    assert "印刷物にもどる" in page.text
    current = [each.text for each in page.root.all("a") if "aria-current" in each.attrs]
    assert current == ["한국어"]


@pytest.mark.parametrize("copies", ["0", "1000", "x", ""])
async def test_a_number_of_copies_that_is_none_is_refused(kazasu: Kazasu, admin: Clerk, copies: str) -> None:
    await admin.get("/office/leaflet?language=ja-easy&furigana=0")
    page = await admin.press("/office/leaflet", copies=copies, expect=422)
    assert "1〜999" in page.text
    assert re.search('kz-s-leaflet[a-z -]*" lang="ja">', page.source)
    assert [each.text for each in page.root.all("a") if "aria-current" in each.attrs] == ["やさしい日本語"]
    assert page.form_fields("/office/leaflet").items() >= {"language": "ja-easy", "furigana": "0"}.items()
    assert "<ruby>" not in paper(page.source)
    (field,) = [each for each in page.root.all("input") if each.attrs.get("name") == "copies"]
    assert (field.attrs["value"], field.attrs["aria-invalid"]) == (copies, "true")
    (error,) = [each for each in page.root.all("a") if "1〜999" in each.text]
    assert error.attrs["href"] == f"#{field.attrs['id']}"
    assert await kazasu.desk.office.prints(PRACTICE_STATION.id) == ()
    page = await admin.press("/office/leaflet", copies="2")
    assert "data-print-now" in page.source
    assert page.form_fields("/office/leaflet").items() >= {"language": "ja-easy", "furigana": "0"}.items()


async def test_what_looks_like_a_my_number_is_not_shown_again(admin: Clerk) -> None:
    await admin.get("/office/leaflet")
    page = await admin.press("/office/leaflet", copies="123456789018", expect=422)
    assert "123456789018" not in page.source


async def test_it_is_found_at_the_printers_desk_and_on_the_first_page(staff: Clerk) -> None:
    for address in ("/office", "/office/prints"):
        page = await staff.get(address)
        assert "/office/leaflet" in {each.attrs["href"] for each in page.root.all("a")}


async def test_after_signing_in_one_stands_where_one_wanted(browser: Callable[[], Clerk]) -> None:
    one = browser()
    answer = await one.http.get("/office/leaflet?language=zh-Hans&furigana=0")
    assert answer.headers["location"].startswith("/office/sign-in?next=/office/leaflet")
