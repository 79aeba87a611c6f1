"""On the smallest screen that Safari shows, 390×664, the one primary button is in sight, and rows come before it on `check`."""

from __future__ import annotations

import json
from typing import Final

import pytest

from tests.browser.engines.conftest import OpenWindow, as_phone
from tests.browser.engines.window import Window
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Look
from tests.browser.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOWN: Final = 664


def is_in_sight(window: Window, css: str) -> None:
    """Raise `AssertionError` unless it stands within the screen before anything is moved."""
    window.asks("void(scrollTo(0, 0))")
    bottom, height = window.asks(
        f"[document.querySelector({json.dumps(css)}).getBoundingClientRect().bottom, innerHeight]"
    )
    assert height <= SHOWN
    assert bottom <= height, (window.path, css)


def test_the_primary_button_is_in_sight(open_window: OpenWindow, server: Server) -> None:
    window = open_window(server, Look("390×664", height=SHOWN))
    nurse, patient = Nurse(as_phone(window)), Patient(as_phone(window))
    nurse.starts()
    is_in_sight(window, "[name=intent][value=first]")
    nurse.says_first_time(over_40=True)
    is_in_sight(window, "[name=ready][value=all]")
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each()
    patient.looks_at_the_choices()
    rows, button = window.asks(
        "[Math.max(...[...document.querySelectorAll('.kz-answers > div')].map((one) => one.getBoundingClientRect().bottom)),"
        " document.querySelector('[name=confirmed]').getBoundingClientRect().top]"
    )
    assert rows < button
    patient.confirms()
    is_in_sight(window, "#outcome > a.kz-button")
    patient.taps_the_card()
    is_in_sight(window, "form[action='/visit/hand-over'] button")
    patient.hands_the_phone_to(nurse)
    is_in_sight(window, "#report")
