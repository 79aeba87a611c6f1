"""Old hands press long and drift: where a phone sends no click after a long press, the press chooses all the same."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Phone

pytestmark = pytest.mark.browser

HELD_MS = 1500
DRIFT = 8
NO_CLICK_AFTER_A_LONG_PRESS = """
let since = 0;
addEventListener("pointerdown", (event) => { since = event.timeStamp }, true);
addEventListener("click", (event) => {
  if (!event.isTrusted || event.timeStamp - since < 500) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
"""
"""What a phone does; a browser without a screen clicks after a press of any length."""


def hold(phone: Phone, what: Locator, *, ms: int = HELD_MS, from_the_edge: float = 0) -> None:
    """Hold something down while the finger drifts; near its right edge where that is said (px)."""
    what.scroll_into_view_if_needed()
    box = what.bounding_box()
    assert box is not None
    x = box["x"] + (box["width"] - from_the_edge if from_the_edge else box["width"] / 2)
    y = box["y"] + box["height"] / 2
    wire = phone.context.new_cdp_session(phone.page)
    wire.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for part in (1, 2):
        phone.page.wait_for_timeout(ms / 2)
        moved = {"x": x + DRIFT * part / 2, "y": y + DRIFT * part / 2}
        wire.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [moved]})
    wire.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    phone.page.wait_for_timeout(100)
    wire.detach()


@pytest.fixture
def held(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> Phone:
    """Return a phone on which everything is pressed for long, from the first page of a visit on."""
    Nurse(phone).starts()
    phone.context.add_init_script(NO_CLICK_AFTER_A_LONG_PRESS)
    phone.opens("/visit/need")
    monkeypatch.setattr(phone, "taps_on", lambda what: hold(phone, what))
    return phone


def test_a_patient_who_presses_long_chooses_and_goes_on(held: Phone) -> None:
    nurse, patient = Nurse(held), Patient(held)
    nurse.says_first_time()
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    question = held.questions[0]
    patient.chooses(question, "同意しない")
    assert held.choice(question, "同意しない").locator("input").is_checked()
    patient.agrees_to_all()
    assert held.choice(question, "同意する").locator("input").is_checked()
    marks = "(one) => getComputedStyle(one).userSelect"
    assert held.choice(question, "同意する").evaluate(marks) == "none", "no text is marked under the finger"
    patient.looks_at_the_choices()


def test_a_finger_that_left_the_button_presses_nothing(held: Phone) -> None:
    first = held.choice("患者さまは40歳以上ですか", "はい")
    hold(held, first, from_the_edge=DRIFT / 2)
    assert not first.locator("input").is_checked()
    hold(held, first, from_the_edge=DRIFT * 3)
    assert first.locator("input").is_checked()


def test_a_hand_that_rests_on_the_glass_presses_nothing(held: Phone) -> None:
    first = held.choice("患者さまは40歳以上ですか", "はい")
    hold(held, first, ms=5200)
    assert not first.locator("input").is_checked()


def test_where_a_click_does_come_it_presses_once(phone: Phone) -> None:
    Nurse(phone).starts()
    hold(phone, phone.page.locator("summary").first)
    assert phone.page.locator("details").first.get_attribute("open") is not None
