"""The trouble helper in a hand: whether somebody answers now by the phone's own clock, and a code that stays here."""

from __future__ import annotations

from datetime import datetime

import pytest
from playwright.sync_api import expect

from app.rules.content.trouble import TROUBLES
from app.rules.words.furigana import plain
from tests.browser.nurse import Nurse
from tests.browser.phone import Look, Phone

pytestmark = pytest.mark.browser

CODE = "/guide/trouble/code"
NOW = ".kz-now"


def pass_the_time_to(phone: Phone, moment: str) -> None:
    """Set the phone's clock; it goes on from there."""
    phone.page.clock.install(time=datetime.fromisoformat(f"{moment}+09:00"))


def says(phone: Phone, sentence: str) -> None:
    """Read this, whatever readings stand above, beside the first desk."""
    expect(phone.page.locator(NOW).first).to_have_text(sentence)


# --- whether somebody answers now -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "sentence"),
    [
        ("2026-11-28 15:55:00", "いまは受付時間内です（16:00まで）"),
        ("2026-11-28 16:00:00", "いまは時間外です。つぎは 11/30（月）8:00 からです"),
        ("2027-01-11 10:00:00", "いまは時間外です。つぎは 1/12（火）8:00 からです"),  # 成人の日
        ("2026-12-29 10:00:00", "いまは時間外です。つぎは 1/4（月）8:00 からです"),
        ("2026-12-28 17:59:00", "いまは受付時間内です（18:00まで）"),
    ],
)
def test_the_phone_says_anew_whether_the_desk_answers(phone: Phone, moment: str, sentence: str) -> None:
    pass_the_time_to(phone, moment)
    phone.opens(CODE)
    says(phone, sentence)


def test_at_four_on_a_saturday_the_page_that_lies_open_changes_its_mind(phone: Phone) -> None:
    pass_the_time_to(phone, "2026-11-28 15:55:00")
    phone.opens(CODE)
    says(phone, "いまは受付時間内です（16:00まで）")
    phone.page.clock.run_for(6 * 60_000)
    says(phone, "いまは時間外です。つぎは 11/30（月）8:00 からです")


def test_japan_keeps_its_own_time_on_a_phone_from_elsewhere(phone: Phone) -> None:
    phone.ask_chromium("Emulation.clearDeviceMetricsOverride")
    away = phone.context.new_cdp_session(phone.page)
    away.send("Emulation.setTimezoneOverride", {"timezoneId": "America/Los_Angeles"})
    pass_the_time_to(phone, "2026-11-28 15:55:00")
    phone.page.goto(phone.server.origin + CODE)
    assert phone.page.evaluate("new Date().getHours()") == 22, "the phone believes to be in Los Angeles"
    says(phone, "いまは受付時間内です（16:00まで）")


# --- the number of an error -------------------------------------------------------------------------------------


def test_a_known_number_is_looked_up_and_another_one_is_not(phone: Phone) -> None:
    phone.opens(CODE)
    field, known = phone.page.locator("#code"), phone.page.locator("[data-code]")
    expect(field).to_be_visible()
    field.fill("ｏｑｃ-owse0900000")
    expect(known).to_be_visible()
    expect(phone.page.locator("[data-none]")).to_be_hidden()
    field.fill("ABC-77")
    expect(known).to_be_hidden()
    expect(phone.page.locator("[data-none]")).to_be_visible()
    phone.looks_it_over()


def test_the_number_is_kept_for_this_tab_only_and_never_sent(phone: Phone) -> None:
    phone.opens(CODE)
    sent: list[str] = []
    phone.context.on("request", lambda request: sent.append(f"{request.url} {request.post_data or ''}"))
    phone.page.locator("#code").fill("ZZTOP-99")
    phone.opens("/guide/trouble")
    phone.opens(CODE)
    expect(phone.page.locator("#code")).to_have_value("ZZTOP-99")
    assert sent
    assert not [each for each in sent if "ZZTOP" in each]
    phone.another_tab()
    phone.opens(CODE)
    expect(phone.page.locator("#code")).to_have_value("")


@pytest.mark.parametrize("digits", ["1234", "１２３４", "1-2-3-4", "一二三四", "1234 5678 9012", "123456789012345"])
def test_what_looks_like_a_secret_number_is_taken_out(phone: Phone, digits: str) -> None:
    phone.opens(CODE)
    field = phone.page.locator("#code")
    field.fill(digits)
    field.blur()
    expect(field).to_have_value("")
    phone.shows_soon("暗証番号かマイナンバーのように見えるので、消しました")
    assert not phone.page.evaluate("sessionStorage.getItem('code')")


def test_a_number_that_begins_with_four_digits_can_be_typed(phone: Phone) -> None:
    phone.opens(CODE)
    field = phone.page.locator("#code")
    field.press_sequentially("0900-ERR")
    field.blur()
    expect(field).to_have_value("0900-ERR")


def test_one_line_is_copied_for_whoever_is_called(phone: Phone) -> None:
    phone.context.grant_permissions(["clipboard-read", "clipboard-write"])
    pass_the_time_to(phone, "2026-11-28 15:55:00")
    phone.opens(CODE)
    phone.page.locator("#code").fill("OQC-OWSE0900000")
    phone.taps_on(phone.find("button", "電話で伝える文をコピーする"))
    phone.shows_soon("コピーしました")
    line = phone.page.evaluate("navigator.clipboard.readText()")
    assert line.startswith("OQC-OWSE0900000 / 2026-11-28 15:55 / ")
    assert "Chrome" in line, "which browser it was"
    assert "\n" not in line


# --- all of it, in a hand ---------------------------------------------------------------------------------------


def test_every_answer_fits_every_phone(phone: Phone) -> None:
    for name, answer in TROUBLES.answers.items():
        phone.opens(f"/guide/trouble/{name}")
        phone.stands_at(plain(answer.title).replace(" ", ""))


@pytest.mark.parametrize("look", [Look("no JavaScript", scripts=False)], ids=str)
def test_without_a_script_the_codes_are_a_list(phone: Phone) -> None:
    phone.opens(CODE)
    phone.reads("OQC-OWSE0900000", "という報告があります")
    expect(phone.page.locator("#code")).to_be_hidden()


@pytest.mark.parametrize("look", [Look("dark, narrow", width=320, dark=True)], ids=str)
def test_two_taps_lead_from_a_visit_to_an_answer_and_back(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    before = phone.heading
    taps = phone.taps
    phone.follows("困ったとき")
    phone.follows("カードが読み取れない")
    assert phone.taps - taps == 2
    phone.stands_at(plain(TROUBLES.answers["card-unreadable"].title).replace(" ", ""))
    assert phone.page.locator("a[href='tel:0300000000'], a[href^='tel:03']").count(), (
        "the station that the QR code named"
    )
    phone.follows("訪問の画面にもどる")
    assert phone.heading == before
