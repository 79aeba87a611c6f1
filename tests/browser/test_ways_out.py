"""Every way out of a visit that needs no card, or cannot use it today: none of them is a dead end."""

from __future__ import annotations

import pytest

from app.main import PRACTICE_STATION
from app.rules.content import EXITS
from app.rules.visit.standing import Standing, standing
from app.rules.words.furigana import plain
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Look, Phone

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(params=[Look(), Look("no JavaScript", scripts=False)], ids=str)
def look(request: pytest.FixtureRequest) -> Look:
    """Return a phone with JavaScript and one without."""
    found: Look = request.param
    return found


def test_care_that_continues_may_need_no_card(nurse: Nurse) -> None:
    nurse.starts()
    nurse.says_care_continues()
    nurse.is_at("カードなしで済むかもしれません")
    nurse.reads("事業所に聞いてください")
    nurse.ends_without_registering()


def test_what_the_office_has_seen_may_need_no_card_today(nurse: Nurse, phone: Phone) -> None:
    phone.server.office_has_seen("KA-0042")
    nurse.starts()
    nurse.notes_the_reference("KA-0042")
    nurse.says_care_continues()
    nurse.reads(
        "事業所で確認した登録があります",
        "いまも有効かは、事業所に聞いてください",
        "有効なら、今日はカードも暗証番号も要りません",
    )
    nurse.ends_without_registering()


def test_one_may_register_all_the_same(nurse: Nurse, patient: Patient) -> None:
    nurse.starts()
    nurse.says_care_continues()
    nurse.goes_on_all_the_same()
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.is_at("同意内容の選択")


def test_a_withdrawal_is_carried_out_at_the_office(nurse: Nurse) -> None:
    nurse.starts()
    nurse.says_withdrawal()
    nurse.is_at("同意の取り消し")
    nurse.reads("取り消しは、ふつう事業所の端末で行います。カードは要りません")
    nurse.goes_back()
    nurse.is_at("今日、登録は必要ですか")
    nurse.says_withdrawal()
    nurse.leaves_it_to_the_office()


def test_a_change_goes_through_the_card(nurse: Nurse, patient: Patient) -> None:
    nurse.starts()
    nurse.says_something_changes()
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.is_at("同意内容の選択")


@pytest.mark.parametrize("look", [Look()], ids=str)
def test_nothing_that_may_be_lacking_is_a_dead_end(nurse: Nurse, patient: Patient) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    for way in EXITS.values():
        patient.lacks_something()
        nurse.is_at("ほかの方法があります")
        nurse.reads("カードや番号がなくても、訪問看護は受けられます")
        nurse.takes_the_way(plain(way.row))
        nurse.reads(plain(way.title), plain(way.next))
        nurse.phone.presses("やっぱり登録に進む")
        nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.is_at("同意内容の選択")


def test_a_way_once_taken_ends_the_visit(nurse: Nurse, patient: Patient) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.lacks_something()
    nurse.takes_the_way("疲れた・今日はしたくない")
    nurse.reads("今日でなくて、かまいません")
    nurse.ends_with_this_way()


PATIENTS_PAGES = ["ready", "consent", "check", "handoff"]


def comes_to(patient: Patient, page: str) -> None:
    """Go on as far as this page of the patient's."""
    if page == "ready":
        return
    patient.has_everything()
    if page == "consent":
        return
    patient.agrees_to_all()
    patient.looks_at_the_choices()
    if page == "handoff":
        patient.confirms()


@pytest.mark.parametrize("page", PATIENTS_PAGES)
def test_from_every_page_of_hers_she_stops_in_two_taps(nurse: Nurse, patient: Patient, phone: Phone, page: str) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    comes_to(patient, page)
    taps = phone.taps
    phone.presses("今日はやめる")
    if page != "ready":  # there the nurse holds it still
        patient.hands_the_phone_to(nurse)
    assert phone.taps - taps == (2 if page != "ready" else 1)
    nurse.is_at("ほかの方法があります")
    nurse.reads("今日でなくて、かまいません")
    if page == "handoff":
        nurse.reads("登録されているかもしれません", "事業所が端末で確かめます")
    else:
        nurse.does_not_read("登録されているかもしれません")
    nurse.ends_with_this_way()
    found = phone.server.ask(phone.server.kazasu.importer.worklist.open(PRACTICE_STATION.id))
    followed = max(
        (each for each in found if each.visit.is_stopped), key=lambda each: (each.handed_off_at, each.visit.opened_at)
    )
    expected = Standing.STOPPED_OUTSIDE if page == "handoff" else Standing.STOPPED
    assert standing(followed, phone.server.clock.now()) is expected


def test_who_stops_and_thinks_better_of_it_goes_on_where_she_was(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    phone.presses("今日はやめる")
    patient.hands_the_phone_to(nurse)
    phone.presses("やっぱり登録に進む")
    nurse.hands_the_phone_to(patient)
    patient.agrees_to_all()
    patient.looks_at_the_choices()
    patient.confirms()
