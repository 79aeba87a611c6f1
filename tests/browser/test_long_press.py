"""Old hands press long and drift: where a phone sends no click after a long press, the press chooses all the same."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Phone

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


def hold(phone: Phone, what: Locator, drift: int = DRIFT) -> None:
    """Hold something down for a second and a half, while the finger drifts."""
    what.scroll_into_view_if_needed()
    box = what.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    wire = phone.context.new_cdp_session(phone.page)
    wire.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for part in (1, 2):
        phone.page.wait_for_timeout(HELD_MS / 2)
        moved = {"x": x, "y": y + drift * part / 2}
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
    patient.looks_at_the_choices()
    assert held.page.evaluate("String(getSelection())") == "", "no text is marked under the finger"


def test_a_finger_that_left_the_button_presses_nothing(held: Phone) -> None:
    hold(held, held.choice("患者さまは40歳以上ですか", "はい"), drift=120)
    held.page.wait_for_timeout(200)
    assert not held.choice("患者さまは40歳以上ですか", "はい").locator("input").is_checked()
