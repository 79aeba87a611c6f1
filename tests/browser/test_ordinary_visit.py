"""The ordinary visit, from the QR code to the end, on phones of every kind."""

from __future__ import annotations

import pytest

from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Look, Phone

pytestmark = [pytest.mark.browser, pytest.mark.worker]

# Every new page is measured in all other sizes too (`tests.browser.phone.SQUEEZED`), and in the dark.
PHONES = (
    Look(),
    Look("320 px, 200 %", width=320, large_text=True),
    Look("no JavaScript", scripts=False),
    Look("forced colours, reduced motion", forced_colors=True, still=True),
)


@pytest.mark.parametrize("look", PHONES, ids=str)
def test_the_ordinary_visit_takes_fifteen_taps(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each(but=("手術の情報",))
    patient.looks_at_the_choices()
    patient.reads("えらびました。まだ登録されていません")
    patient.confirms()

    patient.taps_the_card()

    patient.hands_the_phone_to(nurse)
    nurse.is_at("資格確認")
    nurse.reads("練習　花子", "登録したと申告されました", "事業所での確認は、まだです")
    nurse.does_not_read("登録完了")
    nurse.goes_on()
    nurse.is_at("おつかれさまでした")
    nurse.reads("患者さまの控え", "手術の情報 同意しない", "登録されたかは、事業所の端末で確かめます")
    nurse.ends_the_visit()
    assert phone.taps == 15


def test_with_one_answer_for_all_it_takes_eleven_taps(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_all()
    patient.looks_at_the_choices()
    patient.confirms()
    patient.comes_to_hold_the_card()
    patient.holds_the_card_still()
    patient.returns_to_the_service()
    patient.hands_the_phone_to(nurse)
    nurse.goes_on()
    nurse.ends_the_visit()
    assert phone.taps == 11


def test_withdrawing_everything_takes_fewer_taps_than_agreeing(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_withdrawal()
    nurse.withdraws_here()
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.is_at("すべての同意を取り消す")
    patient.reads("まだ取り消されていません")
    patient.confirms_the_withdrawal()
    patient.comes_to_hold_the_card()
    patient.holds_the_card_still()
    patient.returns_to_the_service()
    patient.hands_the_phone_to(nurse)
    nurse.reads("取り消したと申告されました")
    nurse.goes_on()
    nurse.reads("すべての同意の取り消しを選びました")
    nurse.ends_the_visit()
    assert phone.taps <= 12
