"""What she has chosen stands there again, whatever she did in between; and none of it is an answer before she says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from app.rules.record.event import EventType
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Phone

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHOSEN: Final = {"surgery": "decline", "limit_amount": "agree"}


def looks_for_larger_letters(phone: Phone) -> None:
    phone.follows("読みやすく")
    phone.presses("大")
    phone.follows("もとの画面にもどる")


def asks_for_help(phone: Phone) -> None:
    phone.follows("困ったとき")
    phone.page.go_back()


def goes_back_and_on(phone: Phone) -> None:
    phone.follows("もどる")
    if phone.path == "/visit/ready":
        phone.presses("そろっています")
    phone.passes_by()


def reloads(phone: Phone) -> None:
    phone.page.reload()


def opens_another_tab(phone: Phone) -> None:
    phone.another_tab()
    phone.opens("/visit")


def goes_to_sleep(phone: Phone) -> None:
    phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    phone.opens("/visit")


@pytest.mark.parametrize(
    "between",
    [looks_for_larger_letters, asks_for_help, goes_back_and_on, reloads, opens_another_tab, goes_to_sleep],
    ids=lambda each: each.__name__,
)
def test_what_was_chosen_stands_there_again(
    nurse: Nurse, patient: Patient, phone: Phone, between: Callable[[Phone], None]
) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    before = len(phone.server.record())
    patient.chooses("手術の情報", "同意しない")
    patient.chooses("限度額の情報", "同意する")
    phone.page.wait_for_timeout(300)
    between(phone)
    assert (
        phone.page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('input[type=radio]:checked')].map((one) => [one.name, one.value]))"
        )
        == CHOSEN
    )
    told = [each.entry.type for each in phone.server.record()[before:]]
    assert EventType.ITEMS_ANSWERED not in told
    patient.agrees_to_each()
    patient.looks_at_the_choices()
    patient.is_at("同意内容の確認")


def test_an_error_goes_as_it_is_answered_and_the_card_counts_down(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.chooses("手術の情報", "同意しない")
    patient.looks_at_the_choices()
    phone.reads("えらんでいない項目が4つあります")
    left = phone.questions[1:]
    for count, item in zip((3, 2, 1), left, strict=False):
        patient.chooses(item, "同意する")
        phone.reads(f"えらんでいない項目が{count}つあります")
        assert phone.page.locator(".kz-wrong").count() == phone.page.locator(".kz-errors li").count() == count
    patient.chooses(left[3], "同意する")
    assert phone.page.locator(".kz-errors, .kz-error").count() == 0
