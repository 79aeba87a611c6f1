"""Everything that can go wrong between leaving for the app and coming back, walked by two people with one phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Judged, Look, Phone, new_phone

pytestmark = pytest.mark.browser


SCRIPTS = Look()
NO_SCRIPTS = Look("no JavaScript", scripts=False)


BOTH = pytest.mark.parametrize("look", [SCRIPTS, NO_SCRIPTS], ids=str)
"""On a phone without JavaScript too: one story for each page of ours that a trouble leads to."""


@pytest.fixture
def patient(phone: Phone) -> Patient:
    """Return a patient who has chosen and is about to open the app."""
    one = Patient(phone)
    one.has_come_to_the_card()
    return one


def is_registered(nurse: Nurse, patient: Patient) -> None:
    """Come to the good end after all."""
    patient.hands_the_phone_to(nurse)
    nurse.is_at("資格確認")
    nurse.reads("登録したと申告されました")


@BOTH
def test_the_card_is_held_for_as_long_as_it_takes(nurse: Nurse, patient: Patient, look: Look) -> None:
    patient.comes_to_hold_the_card()
    if look.scripts:
        patient.holds_the_card_still()
    else:
        patient.sees_the_card("読み取れた")
    patient.reads("本人確認ができました", "練習　花子 さま")
    patient.returns_to_the_service()
    is_registered(nurse, patient)


def test_a_wrong_number_leaves_two_tries(nurse: Nurse, patient: Patient) -> None:
    patient.opens_the_app()
    patient.lays_down_the_card()
    patient.enters_a_wrong_number()
    patient.reads("番号がちがいます", "あと2回")
    patient.enters_the_number()
    patient.sees_the_card("読み取れた")
    patient.returns_to_the_service()
    is_registered(nurse, patient)


def test_after_two_wrong_numbers_it_is_time_to_stop(patient: Patient) -> None:
    patient.opens_the_app()
    patient.lays_down_the_card()
    patient.enters_a_wrong_number()
    patient.enters_a_wrong_number()
    patient.reads("あと1回", "本物のカードなら、ここで止めましょう")
    patient.phone.presses("ここで止める")
    patient.is_at("やめました")
    patient.returns_to_the_service()
    patient.is_at("本人確認")
    patient.reads("アプリで「やめる」が押されました", "えらんだ内容は、そのまま残っています")


@BOTH
def test_the_third_wrong_number_locks_the_card(nurse: Nurse, patient: Patient) -> None:
    patient.opens_the_app()
    patient.lays_down_the_card()
    patient.enters_a_wrong_number()
    patient.enters_a_wrong_number()
    patient.enters_a_wrong_number()
    patient.is_at("カードがロックされました")
    patient.returns_to_the_service()
    patient.reads("暗証番号がロックされています", "今日は、ほかの方法にしましょう")
    patient.looks_for_another_way()
    patient.hands_the_phone_to(nurse)
    nurse.is_at("ほかの方法があります")
    nurse.reads("ロックは、窓口でなおせます")
    nurse.ends_with_this_way()


def test_a_card_that_moved_is_held_again(nurse: Nurse, patient: Patient) -> None:
    patient.comes_to_hold_the_card()
    patient.sees_the_card("カードが動いた")
    patient.reads("カードが動きました", "もう一度、同じところに置いてください")
    patient.sees_the_card("読み取れた")
    patient.returns_to_the_service()
    is_registered(nurse, patient)


@BOTH
def test_a_card_that_cannot_be_read_may_be_tried_again(nurse: Nurse, patient: Patient) -> None:
    patient.comes_to_hold_the_card()
    patient.sees_the_card("読み取れない")
    patient.is_at("カードを読み取れませんでした")
    patient.returns_to_the_service()
    patient.is_at("本人確認")
    patient.reads("カードを読み取れませんでした", "金属の机からはなして、もう一度ためせます")
    patient.taps_the_card()
    is_registered(nurse, patient)


def test_an_expired_certificate_leads_to_another_way(nurse: Nurse, patient: Patient) -> None:
    patient.name = "仮名　菊"
    patient.comes_to_hold_the_card()
    patient.sees_the_card("読み取れた")
    patient.is_at("電子証明書の期限が切れています")
    patient.returns_to_the_service()
    patient.reads("カードの電子証明書の期限が切れています")
    patient.looks_for_another_way()
    patient.hands_the_phone_to(nurse)
    nurse.reads("期限を確かめます", "資格確認書を見せてもらってください")
    nurse.ends_with_this_way()


@BOTH
def test_a_card_that_is_no_insurance_card_yet_leads_to_another_way(nurse: Nurse, patient: Patient) -> None:
    patient.name = "練習　未登"
    patient.has_tapped_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.is_at("資格確認")
    nurse.reads("保険証としての利用登録が、まだです", "同意は登録されていません")
    nurse.does_not_read("登録したと申告されました")
    nurse.looks_at_the_other_way()
    nurse.reads("先に、利用登録をします")
    nurse.ends_with_this_way()


def test_whoever_cancels_may_come_back(nurse: Nurse, patient: Patient) -> None:
    patient.comes_to_hold_the_card()
    patient.sees_the_card("やめる")
    patient.is_at("やめました")
    patient.returns_to_the_service()
    patient.reads("アプリで「やめる」が押されました")
    patient.has_tapped_the_card()
    is_registered(nurse, patient)


@BOTH
def test_the_app_is_closed_and_nothing_came_back(nurse: Nurse, patient: Patient) -> None:
    patient.comes_to_hold_the_card()
    patient.phone.follows("アプリを閉じる")
    patient.is_at("本人確認")
    patient.reads("アプリからの返事は、まだ届いていません", "えらんだ内容は、残っています", "登録は、まだです")
    patient.phone.follows("もう一度、アプリの画面へ")
    patient.has_tapped_the_card()
    is_registered(nurse, patient)


REPORTS = (
    (SCRIPTS, "終わったという表示が出た", "登録したと申告されました。"),
    (NO_SCRIPTS, "エラーや番号が出た", "エラーが出たと申告されました。"),
    (SCRIPTS, "途中でやめた", "途中でやめたと申告されました。"),
    (NO_SCRIPTS, "分からない・あとで報告する", "登録されたかは、まだ分かりません。"),
)


@pytest.mark.parametrize(("look", "said", "kept"), REPORTS, ids=str)
def test_what_the_app_said_is_told_by_hand(nurse: Nurse, patient: Patient, said: str, kept: str) -> None:
    patient.opens_the_app()
    patient.phone.opens("/return")
    patient.phone.presses("アプリで見たことを伝える")
    patient.hands_the_phone_to(nurse)
    nurse.reads("登録の申告は、まだです", "事業所での確認は、まだです")
    nurse.reports(said)
    if said.startswith("エラー"):
        nurse.phone.presses("書きとめて、つぎへ")
    nurse.is_at("おつかれさまでした")
    nurse.reads(kept, "登録されたかは、事業所の端末で確かめます")
    nurse.ends_the_visit()


def test_an_answer_that_comes_twice_counts_once(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    before = phone.server.kazasu.world.system.registrations
    patient.comes_to_hold_the_card()
    patient.sees_the_card("読み取れた")
    with phone.page.expect_request(lambda request: "/return?" in request.url) as answer:
        patient.returns_to_the_service()
    phone.opens(answer.value.url)
    is_registered(nurse, patient)
    assert phone.server.kazasu.world.system.registrations == before + 1


@BOTH
def test_a_way_out_that_has_grown_old_is_made_anew(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    phone.server.clock.ahead += 11 * 60
    phone.opens("/visit/handoff")
    patient.reads("アプリへの道を、用意し直します", "えらんだ内容は残っています")
    phone.presses("もう一度用意する")
    patient.has_tapped_the_card()
    is_registered(nurse, patient)


def test_coming_back_in_another_browser_says_what_is_unknown(
    patient: Patient, browser: Browser, judged: Judged, look: Look
) -> None:
    patient.comes_to_hold_the_card()
    patient.sees_the_card("読み取れた")
    address = patient.phone.find("link", "サービスにもどる").get_attribute("href")
    other = new_phone(browser, patient.phone.server, look, judged)
    other.opens(address or "")
    other.stands_at("このブラウザに、続きの訪問はありません")
    other.reads("登録されたかどうかは、ここからは分かりません")
    other.context.close()
    patient.returns_to_the_service()
