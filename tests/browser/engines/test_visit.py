"""The ordinary visit on the phones that half of Japan holds, and on those that a few do."""

from __future__ import annotations

import pytest

from tests.browser.engines.conftest import NO_SCRIPTS, SCRIPTS
from tests.browser.engines.window import Window
from tests.browser.nurse import ITEM_NAMES, Nurse, Patient

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ANSWERS = {"agrees": (), "declines": ITEM_NAMES, "mixed": ITEM_NAMES[::2]}


@pytest.mark.parametrize("declined", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("look", [SCRIPTS, NO_SCRIPTS], ids=str)
def test_the_ordinary_visit(nurse: Nurse, patient: Patient, window: Window, declined: tuple[str, ...]) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each(but=declined)
    patient.looks_at_the_choices()
    patient.confirms()
    patient.taps_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.goes_on()
    nurse.ends_the_visit()
    assert window.noticed == []
