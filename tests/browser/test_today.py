"""The day's list in real browsers: the office plans and prints, the nurse types the word, the visit begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.clerk import Clerk, Desk, DeskLook
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Judged, Look, Phone
from tests.browser.server import Server

pytestmark = pytest.mark.browser

LOOKS: Final = (
    DeskLook(),
    Look("390×844, dark", dark=True),
    DeskLook("forced colours, no JavaScript", forced_colors=True, scripts=False),
)


@pytest.fixture
def desk_look() -> Look:
    """Return the ordinary desk; a test may ask for another."""
    return DeskLook()


@pytest.fixture
def clerk(
    browser: Browser, server: Server, desk_look: Look, tmp_path_factory: pytest.TempPathFactory, worker: str
) -> Iterator[Clerk]:
    folder = tmp_path_factory.getbasetemp()
    judged = Judged((folder.parent if worker else folder) / f"judged {desk_look.width} {desk_look.dark}")
    desk = Desk(browser, server, desk_look, judged)
    one = Clerk(desk)
    one.comes_in_unseen()
    yield one
    noticed = desk.noticed
    desk.context.close()
    assert not noticed, noticed


def plans(clerk: Clerk, numbers: str, *, need: str = "はじめて登録", age: str = "40歳以上") -> None:
    """Put numbers on today's list."""
    clerk.desk.opens("/office/today")
    clerk.desk.fills_in("照会番号", numbers)
    clerk.desk.taps_on(clerk.desk.choice("すること", need))
    clerk.desk.taps_on(clerk.desk.choice("年齢", age))
    clerk.desk.taps_on(clerk.desk.page.locator("form.kz-fields button"))
    clerk.desk.page.wait_for_url("**&added=*")
    clerk.desk.looks_it_over()


def word_of(clerk: Clerk) -> str:
    """Read the day's word out to the nurse."""
    return clerk.desk.page.locator(".kz-word").inner_text()


def opens_the_list(clerk: Clerk, phone: Phone, word: str) -> None:
    """Open the station's entry and go on to the list with a word."""
    link = clerk.server.ask(clerk.server.kazasu.store.live_link(clerk.person.facility.id))
    assert link is not None
    phone.opens(f"/f/{link.token}")
    phone.follows("今日の一覧から始める")
    phone.fills_in("今日の合言葉（6文字）", word)
    phone.presses("一覧を見る")


@pytest.mark.parametrize("look", [Look(), Look("no JavaScript", scripts=False)], ids=str)
def test_from_the_offices_mark_to_the_offices_worklist(
    clerk: Clerk, phone: Phone, nurse: Nurse, patient: Patient
) -> None:
    plans(clerk, "T-0001\n00412")
    clerk.desk.reads("2件を入れました")
    word = word_of(clerk)

    opens_the_list(clerk, phone, "zzz zzz")
    nurse.reads("エラー：もう一度見てください", "今日の合言葉と、ちがいます")
    phone.fills_in("今日の合言葉（6文字）", word.lower())
    phone.presses("一覧を見る")
    nurse.is_at("今日の一覧")
    nurse.reads("T-0001 はじめて登録 40歳以上", "00412")
    phone.presses("00412")
    nurse.is_at("スマホを患者さまにお渡しください")
    nurse.does_not_read("T-0001", "00412")
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    assert len(phone.questions) == 5  # the gate knows that the patient is 40 or over
    patient.agrees_to_all()
    patient.looks_at_the_choices()
    patient.confirms()
    patient.has_tapped_the_card()
    patient.hands_the_phone_to(nurse)

    clerk.desk.opens("/office/visits")
    clerk.desk.reads("00412")
    clerk.desk.opens("/office/today")
    row = clerk.desk.page.get_by_role("row").filter(has_text="00412")
    expect(row.get_by_role("link")).to_contain_text("訪問")
    opens_the_list(clerk, phone, word)
    nurse.reads("始めました。もう一度、始められます", "このスマホで続いている訪問は、新しく始めると終わります")


@pytest.mark.parametrize("desk_look", LOOKS, ids=str)
def test_every_page_and_state_of_a_day_at_the_office(clerk: Clerk) -> None:
    desk = clerk.desk
    desk.opens("/office/today")
    desk.reads("この日の一覧に、番号はありません", "番号を入れると、合言葉ができます")
    desk.fills_in("照会番号", "T-0001\n123456789018")
    with desk.arrives():
        desk.taps_on(desk.page.locator("form.kz-fields button"))
    assert desk.has_focus_on_the_error
    desk.reads("2行目：マイナンバー", "すること：どちらかをえらんでください")
    assert desk.field("照会番号").input_value().strip() == "T-0001"
    plans(clerk, "T-0001\n00412\nABCDEFGHIJ-123456789", need="登録のしなおし・変更")
    desk.unfolds("変える")
    desk.looks_it_over()
    desk.presses("40歳未満にする")
    desk.reads("40歳未満")
    desk.unfolds("変える")
    desk.presses("一覧から外す")
    desk.does_not_read("00412")
    desk.follows("印刷する")
    desk.stands_at("今日の一覧を印刷する")
    desk.reads("T-0001 登録のしなおし・変更 40歳以上", "使ったら、シュレッダーへ")
    if desk.look.scripts:
        assert desk.times_printed == 1


def test_the_list_is_live_and_leaves_what_is_unfolded(clerk: Clerk, phone: Phone) -> None:
    clerk.desk.page.clock.install()
    plans(clerk, "T-0001\nT-0002")
    word = word_of(clerk)
    clerk.desk.unfolds("変える")
    clerk.desk.stays()
    opens_the_list(clerk, phone, word)
    phone.presses("T-0002")
    clerk.desk.page.clock.fast_forward(21_000)
    expect(clerk.desk.page.get_by_role("row").filter(has_text="T-0002")).to_contain_text("始めました")
    assert clerk.desk.has_stayed
    expect(clerk.desk.find("button", "一覧から外す：T-0001")).to_be_visible()


def test_the_nurses_pages_can_be_gone_through_with_the_keyboard(clerk: Clerk, phone: Phone) -> None:
    plans(clerk, "T-0001\n00412")
    phone.is_tabbed = True
    opens_the_list(clerk, phone, "zzz zzz")
    opens_the_list(clerk, phone, word_of(clerk))
    phone.stands_at("今日の一覧")
