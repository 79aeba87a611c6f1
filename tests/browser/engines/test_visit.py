"""The ordinary visit on the phones that half of Japan holds, and on those that a few do."""

from __future__ import annotations

import pytest

from tests.browser.engines.conftest import NO_SCRIPTS, SCRIPTS
from tests.browser.engines.window import Window
from tests.browser.nurse import ITEM_NAMES, Nurse, Patient
from tests.browser.phone import Phone

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


# --- old phones ---

_OF_2022 = """
delete AbortSignal.timeout;
delete AbortSignal.any;
delete HTMLFormElement.prototype.requestSubmit;
globalThis.FormData = class extends FormData { constructor(form) { super(form); } };
"""
"""Takes away what the oldest phones that we serve do not know."""


def test_a_phone_of_2022_completes_a_visit_and_sends_again_by_itself(phone: Phone) -> None:
    phone.context.add_init_script(_OF_2022)
    nurse, patient = Nurse(phone), Patient(phone)
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each()
    phone.expects_no_line = True
    phone.server.cut()
    phone.tries("えらんだ内容を確かめる")
    phone.shows_soon("自動でもう一度送ります")
    with phone.arrives():  # by itself
        phone.server.mend()
    patient.confirms()
    patient.taps_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.goes_on()
    nurse.ends_the_visit()
