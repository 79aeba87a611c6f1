"""Before the visit, at home and at the office: a daughter in another town, and a leaflet in another language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from app.main import PRACTICE_STATION
from tests.browser import craft
from tests.browser.clerk import Clerk, Desk, DeskLook
from tests.browser.phone import Judged, Look, Phone
from tests.browser.server import Server

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("look", [Look(), Look("no JavaScript", scripts=False)], ids=str)
def test_a_daughter_in_another_town_reads_what_she_may_help_with(phone: Phone) -> None:
    phone.opens(phone.server.entry)
    phone.follows("患者さまへ：訪問の前に")
    phone.stands_at("訪問の前に")
    phone.reads("すべて「同意しない」でも、かまいません", "看護師も、番号をたずねません")
    phone.follows("ご家族の方へ")
    phone.stands_at("ご家族の方へ")
    phone.reads(
        "ご本人だけがすること", "番号を使わない方法もあります。ステーションに聞いてください", PRACTICE_STATION.telephone
    )
    plain = phone.letter_size
    phone.presses("大")
    phone.stands_at("ご家族の方へ")
    assert phone.letter_size > 1.2 * plain
    phone.unfolds("日本語")
    phone.presses("やさしい日本語")
    phone.stands_at("ご家族の方へ")
    assert phone.readings > 20
    phone.follows("もどる")
    phone.stands_at("看護師が来る前に")
    assert (phone.letter_size > 1.2 * plain, phone.readings > 20) == (True, True)
    assert {cookie["name"] for cookie in phone.context.cookies()} <= {"look", "station"}


@pytest.mark.worker
def test_what_one_reads_at_home_asks_the_phone_to_keep_nothing(phone: Phone) -> None:
    phone.opens(f"{phone.server.entry}/before?language=ja-easy")
    assert phone.page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
    assert [cookie["name"] for cookie in phone.context.cookies()] == ["look"]


@pytest.fixture
def clerk(browser: Browser, server: Server, judged: Judged) -> Iterator[Clerk]:
    """Return somebody of the office, signed in."""
    desk = Desk(browser, server, DeskLook(), judged)
    one = Clerk(desk)
    one.comes_in_unseen()
    yield one
    noticed = desk.noticed
    desk.context.close()
    assert not noticed, noticed


def test_a_leaflet_in_another_language_is_printed_from_the_printers_desk(clerk: Clerk) -> None:
    desk = clerk.desk
    desk.opens("/office/prints")
    desk.follows("見て、ことばをえらぶ：患者さまへの案内")
    desk.stands_at("患者さまへの案内かざすの入口・第1版")
    desk.follows("ふりがなをつける")
    assert desk.readings > 20
    desk.follows("English")
    desk.fills_in("枚数", "20")
    desk.presses("印刷する")
    assert desk.times_printed == 1
    desk.follows("印刷物にもどる")
    desk.reads("患者さまへの案内（English）", "20枚")


def test_a_wrong_number_of_leaflets_is_asked_again_where_one_stands(clerk: Clerk) -> None:
    desk = clerk.desk
    desk.opens("/office/leaflet?language=en")
    desk.page.locator("form[action='/office/leaflet']").evaluate("(form) => { form.noValidate = true }")
    desk.fills_in("枚数", "1000")
    desk.presses("印刷する")
    assert desk.has_focus_on_the_error
    assert desk.field("枚数").input_value() == "1000"
    assert (craft.complaints(desk.page, ours=False), craft.violations(desk.page)) == ([], [])
    desk.page.get_by_role("link", name="1〜999にしてください").click()
    desk.page.keyboard.press("Control+A")
    desk.page.keyboard.type("20")
    desk.presses("印刷する")
    assert desk.times_printed == 1
    desk.follows("印刷物にもどる")
    desk.reads("患者さまへの案内（English）", "20枚")
