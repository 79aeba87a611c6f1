"""High contrast: black on white, in the dark white on black, chosen or asked for by the phone."""

from __future__ import annotations

from typing import Final

import pytest

from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Phone

pytestmark = pytest.mark.browser

_COLOURS: Final = """() => {
    const of = (selector, part) => getComputedStyle(document.querySelector(selector))[part];
    return [of("main p", "color"), of("html", "backgroundColor"), of("main .kz-button, main .kz-row", "borderTopWidth")];
}"""
BLACK: Final = "rgb(0, 0, 0)"
WHITE: Final = "rgb(255, 255, 255)"
THICK: Final = "3px"


def is_strong(phone: Phone) -> bool:
    """Whether the page at hand is black on white, and in the dark the other way round."""
    light = phone.page.evaluate(_COLOURS)
    phone.page.emulate_media(color_scheme="dark")
    dark = phone.page.evaluate(_COLOURS)
    phone.page.emulate_media(color_scheme="light")
    return bool(light == [BLACK, WHITE, THICK] and dark == [WHITE, BLACK, THICK])


def test_it_is_chosen_for_the_whole_visit(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    assert not is_strong(phone)
    phone.follows("読みやすく")
    phone.presses("くっきり")
    phone.follows("もとの画面にもどる")
    assert is_strong(phone)
    patient.looks_at_the_choices()
    patient.reads("エラー：えらんでいない項目が5つあります")
    patient.agrees_to_all()
    phone.looks_it_over()
    patient.looks_at_the_choices()
    assert is_strong(phone)
    patient.confirms()
    phone.opens("/guide/trouble")
    assert is_strong(phone)
    phone.opens("/visit/handoff")
    patient.taps_the_card()
    patient.hands_the_phone_to(nurse)
    assert is_strong(phone)
    nurse.goes_on()
    nurse.ends_the_visit()


def test_a_phone_that_asks_for_it_gets_it(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    assert not is_strong(phone)
    phone.page.emulate_media(contrast="more")
    assert is_strong(phone)
    phone.page.emulate_media(contrast="more", forced_colors="active")  # there the person's own colours hold
    assert phone.page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--kz-act')") == "Highlight"
