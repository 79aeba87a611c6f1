"""The eligibility system is slow, down, or swallows its answer: nothing is lost, and nothing is claimed too early."""

from __future__ import annotations

from typing import Any

import pytest

from app.practice.system import Mood
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Look, Phone

pytestmark = pytest.mark.browser

SCRIPTS = Look()
NO_SCRIPTS = Look("no JavaScript", scripts=False)
BOTH = pytest.mark.parametrize("look", [SCRIPTS, NO_SCRIPTS], ids=str)

CONFIGURED = {
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": True,
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "422", "swap": True},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}


def chooses_and_taps(nurse: Nurse, patient: Patient, mood: Mood) -> None:
    """Go through the visit to the result on a day like this."""
    patient.has_come_to_the_card()
    nurse.phone.server.kazasu.world.mood = mood
    patient.has_tapped_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.is_at("資格確認")


def nothing_is_claimed(nurse: Nurse) -> None:
    """Read that the answer is missing, and that nothing is lost."""
    nurse.reads(
        "登録は、まだ届いていません",
        "えらんだ内容は残っています。カードをもう一度かざす必要はありません",
        "登録の申告は、まだです",
    )
    nurse.does_not_read("登録したと申告されました")


@pytest.mark.parametrize(
    ("look", "mood"), [(SCRIPTS, Mood.SLOW), (SCRIPTS, Mood.FAILING), (NO_SCRIPTS, Mood.FAILING)], ids=str
)
def test_it_does_not_answer_and_is_asked_again(nurse: Nurse, patient: Patient, mood: Mood) -> None:
    chooses_and_taps(nurse, patient, mood)
    nothing_is_claimed(nurse)
    nurse.asks_again()
    nothing_is_claimed(nurse)
    nurse.phone.server.kazasu.world.mood = Mood.NORMAL
    nurse.asks_again()
    nurse.reads("登録したと申告されました", "練習　花子")


@BOTH
def test_its_answer_is_lost_and_it_is_registered_once(nurse: Nurse, patient: Patient) -> None:
    world = nurse.phone.server.kazasu.world
    before = world.system.registrations
    chooses_and_taps(nurse, patient, Mood.SILENT)
    if "まだ届いていません" in nurse.phone.words:
        nurse.asks_again()
    nurse.reads("登録したと申告されました")
    assert world.system.registrations == before + 1


@BOTH
def test_it_is_left_for_later(nurse: Nurse, patient: Patient) -> None:
    chooses_and_taps(nurse, patient, Mood.FAILING)
    nurse.leaves_it_for_later()
    nurse.is_at("おつかれさまでした")
    nurse.reads("登録されたかは、まだ分かりません")
    nurse.ends_the_visit()


@BOTH
def test_it_took_the_registration_and_then_went_down(nurse: Nurse, patient: Patient) -> None:
    patient.has_come_to_the_card()
    patient.has_tapped_the_card()
    nurse.phone.server.kazasu.world.mood = Mood.FAILING
    patient.hands_the_phone_to(nurse)
    nurse.reads("資格の内容は、いま読めません", "登録したと申告されました")
    nurse.phone.server.kazasu.world.mood = Mood.NORMAL
    nurse.phone.follows("もう一度確認する")
    nurse.reads("練習　花子", "有効")


def test_the_page_stays_live(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    chooses_and_taps(nurse, patient, Mood.FAILING)
    phone.page.evaluate("window.sameDocument = true")
    phone.server.kazasu.world.mood = Mood.NORMAL
    phone.shows_soon("登録したと申告されました")
    phone.looks_it_over()
    nurse.does_not_read("まだ届いていません")
    nurse.goes_on()
    nurse.is_at("おつかれさまでした")


def test_htmx_is_configured_as_it_must_be(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    chooses_and_taps(nurse, patient, Mood.FAILING)
    effective: dict[str, Any] = phone.page.evaluate("htmx.config")
    assert {name: effective[name] for name in CONFIGURED} == CONFIGURED
    assert phone.page.evaluate("htmx.version") == "2.0.11"
    kept: list[str] = phone.page.evaluate("Object.keys({...sessionStorage, ...localStorage})")
    assert "htmx-history-cache" not in kept


NAMED = pytest.mark.parametrize("look", [SCRIPTS, NO_SCRIPTS, Look("reduced motion", still=True)], ids=str)


@NAMED
def test_a_name_leaves_the_screen_by_itself(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    chooses_and_taps(nurse, patient, Mood.NORMAL)
    nurse.reads("練習　花子", "お名前は5分で消えます")
    phone.lets_time_pass(4 * 60 + 59)
    nurse.reads("練習　花子")
    phone.lets_time_pass(5 * 60 + 1)
    nurse.does_not_read("練習　花子")
    nurse.reads("登録したと申告されました")


def test_a_name_that_came_while_waiting_leaves_too(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    chooses_and_taps(nurse, patient, Mood.FAILING)
    phone.server.kazasu.world.mood = Mood.NORMAL
    phone.shows_soon("練習　花子")
    phone.lets_time_pass(5 * 60 + 1)
    nurse.does_not_read("練習　花子")


@BOTH
def test_after_five_minutes_the_name_is_not_shown_again(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    chooses_and_taps(nurse, patient, Mood.NORMAL)
    phone.server.clock.ahead += 5 * 60
    phone.opens("/visit/result")
    nurse.does_not_read("練習　花子")
    nurse.reads("登録したと申告されました")
