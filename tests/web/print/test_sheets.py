"""What a sheet says, and that an entry's sheet is never taken for an official one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path

import pytest

from app.rules.content import load_phone_steps
from app.rules.content.file import ContentError
from app.web.kit.pages import Look
from app.web.kit.qr_codes import TooLong, code
from app.web.print import code_size
from app.web.print.sheets import LABELS, PHONE, WORDS, Sheet, SheetKind, Which
from tests.web.print.desk import (
    ASSETS,
    ENTRY,
    HINATAZAKA,
    OFFICIAL_LONG,
    SHEETS,
    every_sheet,
    html,
    request,
    sheet,
)

ALL = every_sheet()
LABEL = sheet(SheetKind.LABELS, Which.ENTRY)


def paper(page: str) -> str:
    """Return what is printed of a page, as text."""
    body = page.split("<main", 1)[1]
    return re.sub(r"[\s\u200b]+", "", unescape(re.sub(r"<[^>]+>", "", body).split(">", 1)[1]))


def said(of: Sheet) -> Iterator[str]:
    """Yield what every sheet must say."""
    dies = {SheetKind.LABELS: of.words.short_dies, SheetKind.CARD: of.words.card_dies}.get(of.kind, of.words.dies)
    yield from (
        of.facility.name,
        of.facility.telephone,
        of.edition,
        of.day,
        of.host,
        f"末尾{of.tail}",
        of.words.name,
        dies,
    )
    if of.practice:
        yield "練習"


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_every_sheet_says_whose_it_is_how_old_and_what_kills_it(name: str) -> None:
    text = paper(html(ALL[name]))
    assert [words for words in said(ALL[name]) if re.sub(r"\s+", "", words) not in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_no_sheet_shows_the_address_itself(name: str) -> None:
    assert ALL[name].url not in html(ALL[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_real_station_prints_no_practice(name: str) -> None:
    real = replace(ALL[name], practice=False)
    assert "練習" not in paper(html(real))


@pytest.mark.parametrize("kind", SheetKind)
def test_neither_sheet_says_that_it_is_the_other(kind: SheetKind) -> None:
    entry, official = (html(sheet(kind, which)) for which in Which)
    assert WORDS[Which.OFFICIAL].dies not in paper(entry)
    assert WORDS[Which.ENTRY].dies not in paper(official)
    assert "kz-s-official" not in entry
    assert "kz-s-entry" not in official
    assert ("kz-s-brand" in entry, "kz-s-brand" in official) == (kind is not SheetKind.LABELS, False)
    assert "print-outside" in official
    assert "print-outside" not in entry


@pytest.mark.parametrize("name", ALL)
def test_pages_bear_the_strict_policy(name: str) -> None:
    page = html(ALL[name])
    assert re.findall(r"\sstyle=|<style|\son[a-z]+=|<script(?! src=)", page) == []


@pytest.mark.parametrize("name", [file.name for file in sorted(Path("static/pictures").glob("print-*.svg"))])
def test_drawings_bear_it_too_and_are_small(name: str) -> None:
    content = ASSETS[f"pictures/{name}"].content
    assert b"style" not in content
    assert len(content) < 4096


def test_the_bar_above_the_paper_prints_without_javascript_too() -> None:
    page = html(ALL["entry-poster"]).replace("\u200b", "")
    assert re.search(r'<button type="button" class="kz-button" data-print>', page)
    assert 'href="/office/prints"' in page
    assert "メニューの「印刷」" in page
    assert "100%" in page


def test_furigana_of_the_screen_does_not_reach_the_paper() -> None:
    asked = request()
    look = Look("l", furigana=True, is_patients=True)
    asked.scope["headers"] = [(b"cookie", f"look={look}".encode())]
    page = bytes(SHEETS.page(asked, ALL["entry-setup"]).body).decode()
    assert 'data-text="l"' in page
    assert "<ruby>" not in page


# --- labels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "count", "printed"), [(1, 24, 24), (24, 24, 1), (10, 24, 15), (10, 3, 3), (23, 5, 2)]
)
def test_labels_begin_where_the_used_sheet_is_free(start: int, count: int, printed: int) -> None:
    of = replace(LABEL, start=start, count=count)
    assert of.places.index(True) == start - 1
    assert sum(of.places) == printed
    page = html(of)
    assert page.count("端末名") == printed
    assert page.count("kz-s-used") == LABELS - printed


@pytest.mark.parametrize(("start", "count"), [(0, 1), (25, 1), (1, 0), (1, 25)])
def test_a_place_that_no_sheet_has_is_refused(start: int, count: int) -> None:
    with pytest.raises(ValueError, match="1 to 24"):
        replace(LABEL, start=start, count=count)


def test_a_long_address_fits_no_label_and_the_page_says_why() -> None:
    long = sheet(SheetKind.LABELS, Which.OFFICIAL, address=OFFICIAL_LONG)
    answer = SHEETS.page(request(), long)
    text = paper(bytes(answer.body).decode())
    assert answer.status_code == 422
    assert "46文字まで" in text
    assert "256文字" in text
    assert "訪問バッグのカード" in text


@pytest.mark.parametrize(
    ("kind", "longest"),
    [(SheetKind.LABELS, 46), (SheetKind.POSTER, 256), (SheetKind.CARD, 256), (SheetKind.SETUP, 256)],
)
def test_it_says_how_long_an_address_may_be(kind: SheetKind, longest: int) -> None:
    url = "https://a.example/" + "x" * 300
    fits = sheet(kind, Which.ENTRY, address=url[:longest])
    assert fits.longest == longest
    assert fits.module >= 0.8 - 1e-9
    with pytest.raises(TooLong):
        _ = replace(fits, address=url[: longest + 1]).width


# --- words that derive from others ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "tail"),
    [
        (ENTRY, "kazasu.example", "9xtz"),
        ("http://127.0.0.1:8000/f/8h3kq2m49xtz", "127.0.0.1:8000", "9xtz"),
        ("https://user:word@a.example/x/abcd", "a.example", "abcd"),
    ],
)
def test_the_address_in_words(url: str, host: str, tail: str) -> None:
    of = sheet(SheetKind.CARD, Which.ENTRY, address=url)
    assert (of.host, of.tail) == (host, tail)


def test_the_day_and_the_edition_in_words() -> None:
    of = sheet(SheetKind.CARD, Which.ENTRY, revision=12, issued_on=date(2027, 3, 4))
    assert (of.edition, of.day) == ("第12版", "2027年3月4日")


# --- facts ---------------------------------------------------------------------------------------------------


def test_both_stores_fit_their_place_on_the_sheet() -> None:
    assert [store.phone for store in PHONE.stores] == ["iPhone", "Android"]
    for store in PHONE.stores:
        assert code_size.STORE.width(code(store.url)) == code_size.STORE.wanted


def test_the_switch_of_ios_26_is_told_to_be_off() -> None:
    alerts = [line for step in PHONE.steps for line in step.lines if line.alert]
    assert [line.phone for line in alerts] == ["iPhone"]
    assert "「Webアプリとして開く」などの切りかえは、オフ" in alerts[0].text


def test_what_is_known_at_second_hand_stands_beside_the_official_page() -> None:
    grades = {line.grade for step in PHONE.steps for line in step.lines} | {dont.grade for dont in PHONE.donts}
    assert "2" in grades
    for name in ("entry-setup", "entry-card", "official-setup", "official-two"):
        assert PHONE.official in html(ALL[name])


@pytest.mark.parametrize("change", [("grade", "F"), ("source", "")])
def test_hearsay_does_not_load(monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]) -> None:
    read = tomllib.loads

    def spoiled(text: str) -> dict[str, object]:
        found = read(text)
        found["step"][0]["line"][0] |= [change]
        return found

    monkeypatch.setattr("app.rules.content.file.tomllib.loads", spoiled)
    with pytest.raises(ContentError):
        load_phone_steps()


def test_the_station_of_these_tests_is_an_ordinary_one() -> None:
    assert HINATAZAKA.name_parts == ("ひなた坂", "訪問看護ステーション")
