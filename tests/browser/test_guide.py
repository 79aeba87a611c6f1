"""The guide in a hand and on a desk: found as one types, ticked for today, printed whole, the notice alone on its sheet."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.main import PRACTICE_STATION
from app.rules.content.guide import GUIDE
from app.web.bedside.seat import STATION_COOKIE
from tests.browser.clerk import Clerk, Desk, DeskLook, KeyboardDesk
from tests.browser.nurse import Nurse
from tests.browser.phone import Judged, Look, Phone
from tests.browser.server import Server
from tests.browser.test_offline_guide import FILLED

pytestmark = pytest.mark.browser

A4 = 680
"""Pixels between the margins of the sheet."""
DOUBLE = "document.documentElement.style.fontSize = `${2 * parseFloat(getComputedStyle(document.body).fontSize)}px`"
CUT = """() => [...document.querySelectorAll("main *")]
    .filter((one) => one.getClientRects().length && one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => `${one.tagName}.${one.className}`)"""


def belongs_to_the_station(phone: Phone) -> None:
    """Be a phone that opened the station once."""
    phone.context.add_cookies([{"name": STATION_COOKIE, "value": PRACTICE_STATION.id, "url": phone.server.origin}])


@pytest.fixture
def desk(browser: Browser, server: Server, judged: Judged) -> Iterator[Desk]:
    """Return a screen in the office, on which nobody is signed in."""
    held = Desk(browser, server, DeskLook(), judged)
    yield held
    noticed = held.noticed
    held.context.close()
    assert not noticed, noticed


@pytest.fixture
def keyboard(browser: Browser, server: Server, judged: Judged) -> Iterator[KeyboardDesk]:
    """Return a screen without a mouse."""
    held = KeyboardDesk(browser, server, DeskLook(), judged)
    yield held
    noticed = held.noticed
    held.context.close()
    assert not noticed, noticed


# --- every page, in every hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", ["consented-list", "contacts", "notice", "power"])
def test_every_kind_of_page_fits_every_phone(phone: Phone, topic: str) -> None:
    phone.is_tabbed = topic == "power"
    phone.opens(f"/guide/{topic}")
    phone.stands_at(GUIDE.topics[topic].title.replace(" ", ""))


@pytest.mark.parametrize("look", [Look("320 px, dark", width=320, dark=True)], ids=str)
def test_no_topic_is_wider_than_the_narrowest_phone(phone: Phone) -> None:
    for topic in GUIDE.topics:
        phone.page.goto(f"{phone.server.origin}/guide/{topic}")
        phone.page.evaluate(DOUBLE)
        assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), topic
        assert phone.page.evaluate(CUT) == [], topic


def test_the_list_fits_every_phone_and_leads_to_the_readiness_check(phone: Phone) -> None:
    phone.is_tabbed = True
    phone.opens("/guide")
    phone.follows("出かける前の確認")
    phone.stands_at("出かける前の確認")


# --- search ---------------------------------------------------------------------------------------------------------


def test_the_list_grows_shorter_as_one_types(phone: Phone) -> None:
    phone.opens("/guide")
    field, rows = phone.page.get_by_label("ことばで探す"), phone.page.locator("a[data-text]")
    asked: list[str] = []
    phone.context.on("request", lambda request: asked.append(request.url))
    expect(rows.locator("visible=true")).to_have_count(len(GUIDE.topics) + 1)
    for spelling in ("ﾊﾟｽﾜｰﾄﾞ", "ぱすわーど", "パスワード　アップデート"):
        field.fill(spelling)
        found = rows.locator("visible=true")
        assert 0 < found.count() < len(GUIDE.topics)
        expect(phone.page.locator("[href='/guide/passwords']")).to_be_visible()
        phone.shows_soon(f"{found.count()}件あります")
    expect(phone.page.get_by_role("heading", name="訪問とスマホ")).to_be_hidden()
    field.fill("月面")
    phone.shows_soon("見つかりません")
    phone.looks_it_over()
    field.press("Enter")
    expect(rows.locator("visible=true")).to_have_count(0)
    field.fill("")
    expect(rows.locator("visible=true")).to_have_count(len(GUIDE.topics) + 1)
    assert not [each for each in asked if "q=" in each], "the phone searches by itself"


@pytest.mark.parametrize("look", [Look("no JavaScript", scripts=False)], ids=str)
def test_without_a_script_one_searches_with_the_button(phone: Phone) -> None:
    phone.opens("/guide")
    phone.judges = False
    phone.fills_in("ことばで探す", "シャットダウン")
    phone.presses("探す")
    phone.reads("1件あります")
    phone.follows("電源を入れる・切る")
    phone.reads("更新してシャットダウン", "クイックガイドのとおり", "確認した日 2026/11/22")
    expect(phone.page.get_by_role("button", name="印刷する")).to_be_hidden()


@pytest.mark.worker
def test_the_question_is_answered_where_there_is_no_signal(nurse: Nurse, phone: Phone) -> None:
    phone.judges = False
    nurse.starts()
    phone.is_ready_for_dead_zones()
    assert phone.page.evaluate(FILLED)
    phone.expects_no_line = True
    phone.context.set_offline(True)
    phone.page.goto(phone.server.origin + "/guide?q=%E3%82%B7%E3%83%A3%E3%83%83%E3%83%88%E3%83%80%E3%82%A6%E3%83%B3")
    expect(phone.page.locator("a[data-text]").locator("visible=true")).to_have_count(1)
    phone.shows_soon("1件あります")
    phone.context.set_offline(False)


# --- steps ----------------------------------------------------------------------------------------------------------


def test_ticks_hold_for_today_on_this_phone(phone: Phone) -> None:
    belongs_to_the_station(phone)
    phone.judges = False
    phone.page.clock.install(time="2026-11-24T09:00:00+09:00")
    phone.opens("/guide/power")
    ticks = phone.page.locator("[data-tick]")
    phone.taps_on(ticks.nth(0))
    phone.taps_on(ticks.nth(2))
    phone.opens("/guide/lock")
    expect(phone.page.locator("[data-tick]:checked")).to_have_count(0)
    phone.opens("/guide/power")
    expect(phone.page.locator("[data-tick]:checked")).to_have_count(2)
    phone.page.clock.set_fixed_time("2026-11-24T23:59:00+09:00")
    phone.page.reload()
    expect(phone.page.locator("[data-tick]:checked")).to_have_count(2)
    phone.page.clock.set_fixed_time("2026-11-25T00:01:00+09:00")
    phone.page.reload()
    expect(phone.page.locator("[data-tick]:checked")).to_have_count(0)
    phone.taps_on(ticks.nth(1))
    phone.taps_on(phone.find("button", "チェックを消す"))
    phone.page.reload()
    expect(phone.page.locator("[data-tick]:checked")).to_have_count(0)


def test_a_link_to_a_step_leads_to_that_step(phone: Phone) -> None:
    phone.judges = False
    phone.opens("/guide/power#off-3")
    assert phone.page.locator(":target").inner_text().replace("\n", " ").strip().endswith("クリックします。")
    expect(phone.page.locator(":target")).to_be_in_viewport()
    phone.taps_on(phone.page.locator("#off-2 a"))
    assert phone.page.url.endswith("/guide/power#off-2")


# --- paper ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", ["power", "consented-list", "contacts", "phone"])
def test_a_topic_is_printed_whole(desk: Desk, topic: str, tmp_path: Path) -> None:
    desk.page.goto(f"{desk.server.origin}/guide/{topic}")
    if topic == "power":
        desk.page.locator("[data-tick]").first.check()
    text = printed(desk, tmp_path)
    for part in GUIDE.topics[topic].parts:
        for said in (part.title, *(row.text for row in part.rows), *(cell for line in part.cells for cell in line)):
            assert bare(said.replace("%(app)s", "マイナアプリ（旧マイナポータルアプリ）")) in text, said
        assert not part.link.startswith("https") or bare(part.link) in text, "paper shows where a link leads"
    assert "確認した日2026/11/22" in text
    for said in ("困ったとき困", "このページの中", "関係するページ", "印刷する", "チェックを消す", "いまは"):
        assert said not in text, said
    desk.page.set_viewport_size({"width": A4, "height": 900})
    assert desk.page.evaluate(CUT) == []


def test_the_notice_is_put_in_ones_own_words_and_printed_alone(desk: Desk, tmp_path: Path) -> None:
    belongs_to_the_station(desk)
    desk.opens("/guide/notice")
    sheet = desk.page.get_by_role("textbox", name="掲示文の例")
    assert PRACTICE_STATION.name in sheet.inner_text()
    sheet.focus()
    desk.page.keyboard.press("Shift+Tab")
    desk.page.keyboard.press("Tab")
    expect(sheet).to_be_focused()
    sheet.locator("p").first.evaluate("(line) => getSelection().selectAllChildren(line)")
    desk.page.keyboard.type("みなさまへ<b>")
    expect(sheet).to_contain_text("みなさまへ<b>")
    assert sheet.locator("b").count() == 0, "words, no mark-up"
    sent: list[str] = []
    desk.context.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    desk.taps_on(desk.find("button", "掲示文だけを印刷する"))
    assert desk.times_printed == 1
    text = printed(desk, tmp_path)
    assert text.startswith(bare("みなさまへ<b>"))
    assert bare(PRACTICE_STATION.name) in text
    for said in ("練習", "掲示文のひな形", "2026年の改定", "出典", "文は、この画面で"):
        assert bare(said) not in text, said
    desk.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert "2026年の改定" in printed(desk, tmp_path), "and the whole page again"
    assert not [each for each in sent if not each.startswith("GET ") or "?" in each], "the words stay on this screen"


# --- the station's own note -------------------------------------------------------------------------------------------


def test_an_administrator_writes_a_note_with_the_keyboard(keyboard: KeyboardDesk) -> None:
    clerk = Clerk(keyboard)
    clerk.comes_in_unseen()
    keyboard.opens("/office/guide")
    keyboard.follows("メモをつける：困ったときの電話")
    keyboard.fills_in("事業所のメモ", "暗証番号 1234")
    keyboard.presses("メモを残す")
    assert keyboard.has_focus_on_the_error
    keyboard.reads("4けたの数字があります")
    keyboard.fills_in("事業所のメモ", "レセコンの会社は内線12")
    keyboard.fills_in("電話番号", "03-1111-2222")
    keyboard.presses("メモを残す")
    keyboard.follows("困ったときの電話")
    keyboard.reads("この事業所のメモ", "レセコンの会社は内線12", "03-1111-2222")


def printed(desk: Desk, folder: Path) -> str:
    """Return the words on paper, without blanks."""
    desk.page.emulate_media(media="print")
    file = folder / "page.pdf"
    file.write_bytes(desk.page.pdf(prefer_css_page_size=True))
    command = ["pdftotext", "-raw", str(file), "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return bare(done.stdout)


def bare(text: str) -> str:
    """Return a text without blanks, in the letters that a printed page gives back."""
    return re.sub(r"[\s\u200b]+", "", text)
