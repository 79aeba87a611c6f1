"""The list of consents in a real browser: found by half-width kana, printed, opened as a file, and gone by itself."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from subprocess import run
from typing import Final

import pytest
from playwright.sync_api import Request

from app.rules.station.station import StationProfile
from app.rules.terminal.consent_list import ListedPerson
from app.web.office.consent_list import UNSEEN
from tests.browser import test_office
from tests.browser.clerk import Clerk, Desk, DeskLook, KeyboardDesk
from tests.browser.phone import Look
from tests.browser.test_office import BARE, NARROW, WIDE, OpenDesk
from tests.rules.people import TARO, a_person
from tests.web.office.listed import HANAKO, listed, odd_people

pytestmark = pytest.mark.browser

open_desk = test_office.open_desk
LIST: Final = "/office/consents"
MIDDLE: Final = DeskLook("1280×860", width=1280, height=860)


def with_people(desk: Desk, *, names: bool = True) -> tuple[Clerk, list[ListedPerson]]:
    """Return somebody of a station whose list holds one of each kind of person."""
    clerk, kazasu = Clerk(desk), desk.server.kazasu
    facility = clerk.person.facility
    desk.server.ask(kazasu.desk.office.save_station(facility, StationProfile(facility.id, keeps_names=names)))
    people = odd_people(desk.server.clock.now())
    known = desk.server.ask(listed(kazasu, *people, facility=facility.id, names=names))
    clerk.comes_in_unseen()
    return clerk, known


def downloaded(desk: Desk, button: str) -> bytes:
    """Press a button that gives a file; return what is in it."""
    with desk.page.expect_download() as waited:
        desk.page.get_by_role("button", name=button, exact=True).click()
    assert "髙" not in waited.value.suggested_filename
    return Path(waited.value.path()).read_bytes()


@pytest.mark.parametrize("look", [MIDDLE, NARROW, BARE], ids=str)
def test_every_page_of_the_list(open_desk: OpenDesk, look: Look) -> None:
    desk = open_desk(look)
    _, known = with_people(desk)
    desk.opens(LIST)
    desk.stands_at("同意の一覧")
    desk.reads("14日以内に終わる同意があります", "保険でちがう", "不明（7）", "<script>alert(1)</script>")
    desk.opens(f"{LIST}?only=state-none")
    desk.reads("あてはまる方は、いません")
    desk.opens(f"{LIST}?only=nothing")
    desk.reads("この条件では探せません")
    for each in (known[0], known[3], known[4]):
        desk.opens(f"{LIST}/{each.id}")
        desk.stands_at("この方の同意")
    desk.follows("消す前に確かめる")
    desk.presses("この方の記録を消す")
    assert desk.has_focus_on_the_error
    desk.opens("/office/station")
    desk.taps_on(desk.page.locator("input[name=keeps_names][value=no]"))
    desk.presses("保存する")
    assert desk.has_focus_on_the_error
    desk.opens(f"{LIST}/print")
    desk.reads("個人情報", TARO.kana)


def test_without_names_the_list_is_numbers(open_desk: OpenDesk) -> None:
    desk = open_desk(WIDE)
    with_people(desk, names=False)
    desk.opens(LIST)
    desk.reads("この事業所は氏名を残していません", "A-0001", "番号なし")
    assert desk.page.get_by_text("髙﨑").count() == 0


def test_the_list_is_searched_with_the_keyboard_alone(open_desk: OpenDesk) -> None:
    desk = open_desk(WIDE, KeyboardDesk)
    assert isinstance(desk, KeyboardDesk)
    with_people(desk)
    desk.opens(LIST)
    desk.fills_in("氏名・カナ・照会番号", "たかさき")
    desk.presses("探す")
    desk.follows("髙﨑　𠮷男")
    desk.stands_at("この方の同意")
    desk.goes_to(desk.find("button", "今日の一覧に入れる"))


def test_from_half_width_kana_to_paper_and_to_a_file_and_no_name_in_an_address(open_desk: OpenDesk) -> None:
    desk = open_desk(WIDE)
    with_people(desk)
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(f"{request.url} {request.headers.get('referer', '')}")

    desk.context.on("request", note)
    desk.opens("/office")
    desk.follows("同意の一覧")
    desk.fills_in("氏名・カナ・照会番号", "ﾀｶｻｷ")
    desk.presses("探す")
    desk.reads("氏名：ﾀｶｻｷ", "昭和35年6月2日")
    assert desk.path == LIST
    desk.presses("印刷する")
    desk.reads("個人情報", "氏名：ﾀｶｻｷ")
    desk.taps_on(desk.find("button", "印刷する"))
    assert desk.times_printed == 1
    desk.opens(LIST)
    desk.follows("髙﨑　𠮷男")
    desk.stands_at("この方の同意")

    desk.opens(LIST)
    rows = list(csv.reader(io.StringIO(downloaded(desk, "CSV（UTF-8）").decode("utf-8-sig"), newline="")))
    assert len(rows) == 8
    assert rows[1][0] == TARO.name
    desk.presses("CSV（Shift_JIS）")
    assert desk.has_focus_on_the_error
    desk.reads("𠮷（U+20BB7")
    assert len(downloaded(desk, "UTF-8 で出す").splitlines()) == 8
    desk.fills_in("氏名・カナ・照会番号", "みほん")
    desk.presses("探す")
    rows = list(csv.reader(io.StringIO(downloaded(desk, "CSV（Shift_JIS）").decode("cp932"), newline="")))
    assert [row[0] for row in rows[1:]] == [HANAKO.name]
    told = "\n".join(asked)
    assert f"{LIST}/print" in told
    assert not any(name in told for name in ("髙", "ﾀｶ", "%EF%BE%80", "%E9%AB%99", "%E3%81%BF", "B-0002"))


def test_the_list_is_paper_of_the_right_size_and_its_head_stands_on_every_page(open_desk: OpenDesk) -> None:
    desk = open_desk(WIDE)
    clerk, _ = with_people(desk)
    many = [a_person(f"N-{number:03}", names=None) for number in range(60)]
    desk.server.ask(listed(desk.server.kazasu, *many, facility=clerk.person.facility.id))
    desk.opens(f"{LIST}/print")
    paper = desk.page.pdf(prefer_css_page_size=True)
    said = run(["pdftotext", "-layout", "-", "-"], input=paper, capture_output=True, check=True).stdout.decode()  # noqa: S607
    about = run(["pdfinfo", "-"], input=paper, capture_output=True, check=True).stdout.decode()  # noqa: S607
    assert "841.92 x 594.96" in about
    pages = said.split("\f")[:-1]
    assert len(pages) > 2
    assert all("同意有効期限" in page for page in pages if "N-0" in page)
    cut = [page for page in pages if page.count("N-0") != page.replace("同意有効期限", "").count("有効")]
    assert len(cut) <= 1  # the page with those who are no number, at the beginning or at the end


def test_a_list_that_nobody_touches_covers_itself_after_five_minutes(open_desk: OpenDesk) -> None:
    desk = open_desk(WIDE)
    with_people(desk)
    desk.page.clock.install()
    desk.opens(LIST)
    assert desk.page.locator("html").get_attribute("data-idle") == str(UNSEEN)
    desk.page.clock.fast_forward((UNSEEN - 5) * 1000)
    assert not desk.page.locator("[data-cover]").is_visible()
    desk.page.clock.fast_forward(10_000)
    assert desk.page.locator("[data-cover]").is_visible()
    assert not desk.page.get_by_text("髙﨑").first.is_visible()
