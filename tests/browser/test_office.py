"""The office in a real browser: what a clerk does, how long it takes, and that every page and state is well made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from app.main import PRACTICE_STATION
from app.rules.station.account import IDLE
from app.web.kit.qr_codes import code
from app.web.office.desk import COVERED_AFTER
from tests.browser import craft
from tests.browser.clerk import OFFICIAL, PASSWORD, Clerk, Desk, DeskLook, KeyboardDesk
from tests.browser.phone import Judged, Look
from tests.browser.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDE: Final = DeskLook()
NARROW: Final = Look("390×844, dark", dark=True)
FORCED: Final = DeskLook("forced colours", forced_colors=True)
PLAIN: Final = DeskLook("no JavaScript", scripts=False)
BARE: Final = DeskLook("forced colours, no JavaScript", forced_colors=True, scripts=False)
COVERED: Final = {"landmark-one-main", "page-has-heading-one"}
"""What axe misses while everything but the cover is hidden: that is what the cover is for."""

OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(
    browser: Browser, server: Server, tmp_path_factory: pytest.TempPathFactory, worker: str
) -> Iterator[OpenDesk]:
    """Return what opens a window in the office; at the end nothing may have gone wrong unseen in any."""
    opened: list[Desk] = []
    folder = tmp_path_factory.getbasetemp()

    def open_one(look: Look = WIDE, kind: type[Desk] = Desk) -> Desk:
        judged = Judged((folder.parent if worker else folder) / f"judged {look.width} {look.dark}")
        opened.append(kind(browser, server, look, judged))
        return opened[-1]

    yield open_one
    noticed = [one for desk in opened for one in desk.noticed]
    for desk in opened:
        desk.context.close()
    assert not noticed, noticed


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk()


@pytest.fixture
def clerk(desk: Desk) -> Clerk:
    return Clerk(desk)


# --- five clicks ------------------------------------------------------------------------------------------------


def reads_the_practice_account(desk: Desk) -> None:
    """Sign in with what the practice login shows."""
    shown = desk.page.locator(".kz-given dl").first.locator("code").all_inner_texts()
    for label, text in zip(("名前（ログイン用）", "パスワード", "コード"), shown, strict=True):
        desk.fills_in(label, text)
    desk.presses("ログイン")


def test_from_signing_in_to_a_printed_poster_in_five_clicks(desk: Desk) -> None:
    desk.opens("/office")
    desk.stands_at("事務所のログイン")
    reads_the_practice_account(desk)
    desk.stands_at("はじめの画面")
    desk.presses("ポスターを印刷する")
    assert desk.path == "/office/prints/entry/poster"
    assert desk.times_printed == 1
    assert desk.clicks <= 5
    office = desk.server.kazasu.desk.office
    (printed, lives), *_ = desk.server.ask(office.prints(PRACTICE_STATION.id))
    assert (printed.kind, printed.copies, lives) == ("poster", 1, True)


def test_a_longer_way_is_counted(clerk: Clerk) -> None:
    clerk.enters()
    clerk.desk.follows("印刷物")
    clerk.desk.fills_in("枚数：かざすの入口 事業所用のポスター", "2")
    clerk.desk.presses("印刷する：かざすの入口 事業所用のポスター")
    assert clerk.desk.times_printed == 1
    assert clerk.desk.clicks == 7


# --- every page and state ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [WIDE, NARROW], ids=str)
def test_every_page_of_a_month(open_desk: OpenDesk, look: Look) -> None:
    desk = open_desk(look)
    clerk = Clerk(desk)
    clerk.enters(password="not-the-right-one")
    assert desk.has_focus_on_the_error
    desk.reads("どれかがちがいます")
    clerk.signs_in()
    desk.reads("つぎにすること", "公式のURLを取りこみます")

    desk.opens("/office/links")
    desk.reads("まだありません")
    clerk.pastes("http://example.com/")
    assert desk.has_focus_on_the_error
    desk.reads("https:// で始まっていません")
    clerk.takes_in_the_official_address()
    desk.presses("この住所で開けることを確かめました")
    desk.reads("確かめた日を残しました")
    clerk.pastes("https://elsewhere.example.jp/start?k=1")
    desk.reads("いまの公式のURL（第1版）とちがいます")

    desk.opens("/office/prints?only=dead")
    desk.reads("差し替えるものは、ありません")
    clerk.prints("かざすの入口 事業所用のポスター")
    clerk.prints("公式のURL 訪問バッグのカード")
    desk.opens("/office/prints")
    desk.reads("使えます")
    desk.opens("/office/links/replace")
    desk.presses("入口を新しくする")
    assert desk.has_focus_on_the_error
    clerk.replaces_the_entry()
    desk.opens("/office")
    desk.reads("古い印刷物が1件")
    desk.follows("差し替えるものを見る")
    desk.presses("差し替えました")
    desk.reads("差し替えるものは、ありません")

    desk.opens("/office/checklist/monthly")
    desk.opens("/office/checklist/setup")
    desk.presses("済みにする")
    desk.reads("あと 9件です")


@pytest.mark.parametrize("look", [WIDE, NARROW], ids=str)
def test_every_page_of_an_administrator(open_desk: OpenDesk, look: Look) -> None:
    desk = open_desk(look)
    clerk = Clerk(desk)
    clerk.brings_a_colleague()
    clerk.also_belongs_to(PRACTICE_STATION)
    clerk.comes_in_unseen()
    desk.opens("/office")
    desk.reads("切り替える")
    desk.opens("/office/account")
    desk.opens("/office/station")
    desk.fills_in("事業所の名前", "")
    desk.fills_in("訪問看護ステーションのコード（10けた）", "12")
    desk.presses("保存する")
    assert desk.has_focus_on_the_error
    desk.taps_on(desk.find("link", "事業所の名前：入れてください"))
    expect(desk.field("事業所の名前")).to_be_focused()
    desk.opens("/office/station")
    desk.presses("保存する")
    desk.reads("保存しました")

    desk.opens("/office/accounts")
    desk.unfolds("変える")
    desk.looks_it_over()
    desk.fills_in("お名前", "　")
    desk.taps_on(desk.page.locator("input[name=role][value=staff]"))
    desk.presses("招待を作る")
    assert desk.has_focus_on_the_error
    clerk.invites("若葉 みどり")


@pytest.mark.parametrize("look", [WIDE, NARROW], ids=str)
def test_every_page_of_somebody_invited(open_desk: OpenDesk, look: Look) -> None:
    clerk = Clerk(open_desk(look))
    clerk.desk.judges = False
    clerk.comes_in_unseen()
    way_in = clerk.invites("若葉 みどり")

    invited, secrets = open_desk(look), clerk.server.kazasu.desk.secrets
    invited.opens(way_in)
    assert invited.page.url == f"{clerk.server.origin}/office/join"
    invited.fills_in("お名前", "若葉 みどり")
    invited.fills_in("ログイン用の名前", "み")
    invited.fills_in("新しいパスワード", "short")
    invited.presses("次へ")
    assert invited.has_focus_on_the_error
    invited.fills_in("ログイン用の名前", clerk.person.login + "x")
    invited.fills_in("新しいパスワード", PASSWORD)
    invited.presses("次へ")
    invited.unfolds("読み取れないとき")
    invited.looks_it_over()
    invited.fills_in("コード（6けた）", "000000")
    invited.presses("確かめて、使いはじめる")
    assert invited.has_focus_on_the_error
    secret = "".join((invited.page.locator("details code").text_content() or "").split())
    invited.fills_in("コード（6けた）", secrets.code(secret, clerk.server.clock.now()))
    invited.presses("確かめて、使いはじめる")
    invited.stands_at("予備コードを紙に残してください")
    invited.follows("残しました")
    invited.reads("管理者に頼んでください")
    invited.opens("/office/links")
    invited.does_not_read("公式のURLを取りこむ")
    invited.opens("/office/station")
    invited.opens("/office/no-such-page")


def test_what_is_too_wide_is_noticed(clerk: Clerk) -> None:
    clerk.comes_in_unseen()
    clerk.desk.opens("/office")
    clerk.desk.page.evaluate("document.querySelector('main').style.width = '2000px'")
    assert any("scrolls sideways" in one for one in craft.complaints(clerk.desk.page, ours=False))


def test_on_a_phone_the_ways_are_behind_a_button(open_desk: OpenDesk) -> None:
    for look in (NARROW, Look("no JavaScript", scripts=False)):
        desk = open_desk(look)
        clerk = Clerk(desk)
        clerk.comes_in_unseen()
        desk.opens("/office")
        assert not desk.page.get_by_role("link", name="印刷物", exact=True).is_visible()
        desk.taps_on(desk.find("button", "メニュー"))
        if look.scripts:
            assert craft.violations(desk.page) == []
            assert craft.complaints(desk.page, ours=False) == []
        desk.taps_on(desk.find("button", "とじる"))
        assert not desk.page.get_by_role("link", name="印刷物", exact=True).is_visible()
        desk.taps_on(desk.find("button", "メニュー"))
        desk.follows("印刷物")
        desk.stands_at("印刷物")


@pytest.mark.parametrize(
    ("page", "look"),
    [
        ("/office", WIDE),
        ("/office/links", WIDE),
        ("/office/today", WIDE),
        ("/office/prints", FORCED),
        ("/office/checklist/monthly", WIDE),
        ("/office/accounts", WIDE),
        ("/office/station", FORCED),
    ],
    ids=str,
)
def test_every_page_can_be_gone_through_with_the_keyboard(open_desk: OpenDesk, look: Look, page: str) -> None:
    desk = open_desk(look)
    Clerk(desk).comes_in_unseen()
    desk.is_tabbed = True
    desk.opens(page)


# --- the same journeys in other ways ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "look"), [(KeyboardDesk, WIDE), (Desk, PLAIN)], ids=["keyboard alone", "no JavaScript"]
)
def test_a_week_in_the_office(open_desk: OpenDesk, kind: type[Desk], look: Look) -> None:
    desk = open_desk(look, kind)
    desk.judges = False
    clerk = Clerk(desk)
    clerk.enters(password="not-the-right-one")
    assert desk.has_focus_on_the_error
    clerk.signs_in()
    desk.presses("ポスターを印刷する")
    assert desk.times_printed == look.scripts
    clerk.takes_in_the_official_address()
    clerk.replaces_the_entry()
    desk.presses("差し替えました")
    clerk.prints("かざすの入口 訪問バッグのカード")
    clerk.invites("若葉 みどり")
    desk.opens("/office")
    desk.presses("ログアウト")
    desk.stands_at("事務所のログイン")


def test_the_first_stop_leads_past_the_navigation(open_desk: OpenDesk) -> None:
    desk = open_desk(WIDE, KeyboardDesk)
    Clerk(desk).comes_in_unseen()
    desk.opens("/office/prints")
    desk.page.keyboard.press("Tab")
    expect(desk.page.get_by_role("link", name="本文へ")).to_be_focused()
    desk.page.keyboard.press("Enter")
    desk.page.keyboard.press("Tab")
    assert desk.page.locator("main").evaluate("(main) => main.contains(document.activeElement)")


# --- a picture of the code --------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [WIDE, PLAIN], ids=str)
def test_a_picture_of_the_official_code_is_taken_in(open_desk: OpenDesk, look: Look) -> None:
    clerk = Clerk(open_desk(look))
    clerk.comes_in_unseen()
    clerk.desk.opens("/office/links")
    picture = FilePayload(name="url.png", mimeType="image/png", buffer=code(OFFICIAL).png(8))
    clerk.desk.field("二次元コードの画像").set_input_files(picture)
    clerk.desk.presses("画像から取りこむ")
    clerk.confirms_the_host("reception.example.go.jp")
    clerk.desk.reads("https://reception.example.go.jp/…c123")
    clerk.desk.does_not_read("houmon/start")


def test_a_picture_without_a_code_says_what_to_do(clerk: Clerk) -> None:
    clerk.comes_in_unseen()
    clerk.desk.opens("/office/links")
    picture = FilePayload(name="no.png", mimeType="image/png", buffer=b"not a picture")
    clerk.desk.field("二次元コードの画像").set_input_files(picture)
    clerk.desk.presses("画像から取りこむ")
    assert clerk.desk.has_focus_on_the_error
    clerk.desk.reads("画像として読めませんでした")


# --- rows that change -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [WIDE, PLAIN], ids=str)
def test_the_list_of_prints_is_filtered_and_goes_back(open_desk: OpenDesk, look: Look) -> None:
    desk = open_desk(look)
    clerk = Clerk(desk)
    clerk.has_printed(35)
    clerk.comes_in_unseen()
    desk.opens("/office/prints")
    rows = desk.page.locator("#printed tbody tr")
    desk.stays()
    assert rows.count() == 30
    desk.taps_on(desk.find("link", "もっと前を見る"))
    expect(rows).to_have_count(5)
    expect(rows.last).to_contain_text("35枚")
    assert desk.has_stayed is look.scripts
    desk.taps_on(desk.find("link", "差し替えるもの"))
    expect(desk.page.locator("#printed")).to_contain_text("差し替えるものは、ありません")
    assert desk.has_stayed is look.scripts
    assert urlsplit(desk.page.url).query == "only=dead"
    desk.looks_it_over()
    desk.taps_on(desk.find("link", "使えるもの"))
    expect(rows).to_have_count(30)
    desk.page.reload()
    expect(desk.page.locator("#printed [aria-current]")).to_have_text("使えるもの")


# --- nobody there -----------------------------------------------------------------------------------------------


def test_after_a_quarter_of_an_hour_the_page_is_covered_and_one_comes_back_to_it(clerk: Clerk) -> None:
    desk = clerk.desk
    desk.page.clock.install()
    clerk.enters(at="/office/prints?only=dead")
    desk.stands_at("印刷物")
    desk.page.clock.fast_forward((COVERED_AFTER - 60) * 1000)
    expect(desk.page.locator("[data-cover]")).to_be_hidden()
    desk.page.clock.fast_forward(61 * 1000)
    expect(desk.page.get_by_role("dialog")).to_be_visible()
    assert desk.page.get_by_role("link", name="ログインしてもどる").evaluate("(one) => one === document.activeElement")
    assert not desk.page.get_by_role("heading", level=1).is_visible()
    assert craft.complaints(desk.page, ours=False) in ([], ["0 h1"])
    assert {one.split(":")[0] for one in craft.violations(desk.page)} <= COVERED
    clerk.server.clock.ahead += IDLE + 1
    desk.judges = False
    desk.follows("ログインしてもどる")
    desk.stands_at("事務所のログイン")
    clerk.signs_in()
    assert urlsplit(desk.page.url)[2:4] == ("/office/prints", "only=dead")


def test_the_way_back_leads_to_a_page_even_where_a_form_was_answered(clerk: Clerk) -> None:
    clerk.comes_in_unseen()
    backs = []
    clerk.pastes("http://example.com/")
    backs.append(clerk.desk.page.locator("[data-cover] a").get_attribute("href"))
    clerk.pastes(OFFICIAL)
    backs.append(clerk.desk.page.locator("[data-cover] a").get_attribute("href"))
    assert backs == ["/office/links", "/office/links"]


def test_the_server_forgets_too_and_keeps_the_place(clerk: Clerk) -> None:
    clerk.enters()
    clerk.server.clock.ahead += IDLE + 1
    clerk.desk.opens("/office/checklist/monthly")
    clerk.desk.stands_at("事務所のログイン")
    assert re.search(r"next=(/|%2F)office", clerk.desk.page.url)
    clerk.signs_in()
    assert clerk.desk.path == "/office/checklist/monthly"
