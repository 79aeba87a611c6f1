"""The practice number pad in a real browser: digits are compared in the page and leave it in no request."""

from __future__ import annotations

import re
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Request, expect

from tests.browser.nurse import Patient
from tests.browser.phone import Look, Phone

pytestmark = pytest.mark.browser


@pytest.fixture
def sent(phone: Phone, patient: Patient) -> list[Request]:
    """Open the practice app with a card on the table; return what is sent from then on."""
    asks = {
        "response_type": "code",
        "client_id": phone.server.kazasu.world.provider.client.client_id,
        "redirect_uri": f"{phone.server.origin}/return",
        "scope": "openid",
        "state": "state",
        "nonce": "nonce",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }
    phone.opens(f"/practice/myna/authorize?{urlencode(asks)}")
    requests: list[Request] = []

    def keep(request: Request) -> None:
        requests.append(request)

    phone.page.on("request", keep)
    patient.lays_down_the_card()
    return requests


def must_hold_no_digit(requests: list[Request]) -> None:
    pages = [request for request in requests if request.resource_type == "document"]
    assert pages
    for request in pages:
        assert not re.search(r"\d", urlsplit(request.url).path + (request.post_data or "")), request.url
        assert not urlsplit(request.url).query
    assert not [request for request in requests if request.resource_type in {"fetch", "xhr", "ping"}]


def test_the_right_number_goes_on(phone: Phone, patient: Patient, sent: list[Request]) -> None:
    patient.enters_the_number()
    patient.is_at("カードをかざしてください")
    must_hold_no_digit(sent)


def test_wrong_numbers_warn_and_then_lock(phone: Phone, patient: Patient, sent: list[Request]) -> None:
    patient.enters_a_wrong_number()
    patient.reads("番号がちがいます。あと2回")
    patient.enters_a_wrong_number()
    patient.reads("番号がちがいます。あと1回", "ここで止めましょう")
    patient.enters_a_wrong_number()
    patient.is_at("カードがロックされました")
    must_hold_no_digit(sent)


def test_a_digit_can_be_taken_back_and_keys_work_too(phone: Phone, patient: Patient, sent: list[Request]) -> None:
    dots = phone.page.locator(".dot.full")
    phone.taps_on(phone.find("button", "9"))
    expect(dots).to_have_count(1)
    phone.taps_on(phone.find("button", "1つ消す"))
    expect(dots).to_have_count(0)
    phone.page.keyboard.type("19")
    phone.page.keyboard.press("Backspace")
    expect(dots).to_have_count(1)
    with phone.arrives():
        phone.page.keyboard.type("234")
    patient.is_at("カードをかざしてください")
    must_hold_no_digit(sent)


def test_coming_back_finds_an_empty_pad(phone: Phone, patient: Patient, sent: list[Request]) -> None:
    phone.taps_on(phone.find("button", "1"))
    phone.follows("ほかのカードにする")
    with phone.arrives():
        phone.page.evaluate("history.back()")
    expect(phone.page.locator(".dot")).to_have_count(4)
    expect(phone.page.locator(".dot.full")).to_have_count(0)


def test_holding_still_reads_the_card_after_three_seconds(phone: Phone, patient: Patient, sent: list[Request]) -> None:
    patient.enters_the_number()
    patient.holds_the_card_still()
    patient.is_at("本人確認ができました")
    must_hold_no_digit(sent)


@pytest.mark.parametrize("look", [Look("without scripts", scripts=False)], ids=str)
def test_without_scripts_outcomes_are_chosen(phone: Phone, patient: Patient, sent: list[Request]) -> None:
    assert phone.page.get_by_role("button", name="1", exact=True).count() == 0
    patient.enters_a_wrong_number()
    patient.reads("番号がちがいます。あと2回")
    patient.enters_the_number()
    patient.sees_the_card("読み取れた")
    patient.is_at("本人確認ができました")
