"""Every page and state that the stories do not come by: each is judged as it opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.practice.system import Mood
from app.rules.terminal.read import read
from app.rules.terminal.values import Answer02
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Look, Phone

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("address", "heading"),
    [
        ("/", "かざす"),
        ("/offline", "電波がありません"),
        ("/guide/trouble", "今、何が見えますか"),
        ("/nowhere", "このページは見つかりません"),
        ("/f/2222aaaabbbb", "このページは見つかりません"),
        ("/visit", "この訪問は終わっています"),
        ("/return", "このブラウザに、続きの訪問はありません"),
        ("/practice/", "練習の用意"),
        ("/practice/terminal", "練習の端末"),
        ("/practice/myna/abcdefghijklmnopqrstuvwx/card", "この練習は終わっています"),
        ("/practice/myna/authorize?client_id=somebody", "このサービスは登録されていません"),
    ],
)
def test_it_opens(phone: Phone, address: str, heading: str) -> None:
    phone.opens(address)
    phone.stands_at(heading)


def test_a_replaced_qr_code_explains_itself(phone: Phone) -> None:
    old = phone.server.replace_the_link()
    phone.opens(f"/f/{old}")
    phone.stands_at("この二次元コードは古くなりました")
    phone.reads("ひなた坂訪問看護ステーション", "事業所に電話する")


def test_what_an_item_means_unfolds(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    for row in phone.page.locator("summary").all():
        row.tap()
    phone.looks_it_over()
    patient.reads("この情報は、ステーションに提供されません", "あとから変えることも、取り消すこともできます")


def test_under_40_the_checkup_is_not_asked(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=False)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    assert len(phone.questions) == 4
    patient.does_not_read("特定健診")


def test_declining_everything_goes_on_to_the_card(nurse: Nurse, patient: Patient) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.declines_all()
    patient.looks_at_the_choices()
    patient.confirms()
    patient.has_tapped_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.reads("有効", "登録したと申告されました")


def test_a_choice_is_changed_before_it_is_confirmed(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_all()
    patient.chooses("限度額の情報", "同意しない")
    patient.looks_at_the_choices()
    patient.reads("限度額の情報 同意しない")
    patient.changes("限度額の情報")
    assert phone.page.url.endswith("#limit_amount")
    patient.chooses("限度額の情報", "同意する")
    patient.looks_at_the_choices()
    patient.is_at("同意内容の確認")
    patient.reads("限度額の情報 同意する")


@pytest.mark.parametrize("name", ["見本　二郎", "例示　松", "練習寺小路　長左衛門之介"])
def test_the_result_of_every_kind_of_patient(nurse: Nurse, patient: Patient, name: str) -> None:
    patient.name = name
    patient.has_come_to_the_card()
    patient.has_tapped_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.reads(name, "無効" if name == "例示　松" else "有効")


def test_a_visit_that_grew_old_is_over(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    phone.server.clock.ahead += 31 * 60
    phone.opens("/visit/need")
    nurse.is_at("この訪問は終わっています")
    nurse.reads("30分使わないと、自動で終わります")


def test_a_page_that_grew_old_in_another_tab_says_so(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_all()
    old = phone.another_tab()
    phone.opens("/visit/consent")
    patient.declines_all()
    patient.looks_at_the_choices()
    phone.page = old
    patient.looks_at_the_choices()
    patient.reads("この画面は古くなっていました。いまの内容を出しています")


def test_what_cannot_be_kept_is_said(nurse: Nurse, phone: Phone) -> None:
    phone.expects_no_line = True
    nurse.opens_the_entry()
    with phone.server.full_disk():
        phone.presses("はじめる")
    nurse.is_at("いま、保存できません")
    nurse.reads("最後に押したものは、まだ保存されていません")


def test_a_trainer_sets_the_day(phone: Phone) -> None:
    phone.opens("/practice/")
    for words in ("遅い", "失敗する", "返事がなくなる", "普通"):
        phone.taps_on(phone.page.get_by_role("radio", name=words))
        phone.presses("このようすにする")
        assert phone.page.get_by_role("radio", name=words).is_checked()
    assert phone.server.kazasu.world.mood is Mood.NORMAL
    phone.presses("すべてのカードを元にもどす")


def test_a_trainer_makes_a_file_at_the_practice_terminal(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    patient.has_come_to_the_card()
    patient.has_tapped_the_card()
    patient.hands_the_phone_to(nurse)
    phone.opens("/practice/terminal")
    phone.reads("練習　花子", "昭和", "○")
    for row in phone.page.locator("summary").all():
        row.tap()
    phone.looks_it_over()
    # Of the people whom other stories have registered, one has a letter that Shift_JIS lacks
    phone.page.locator("input[name=letters][value='UTF-8']").check(force=True)
    with phone.page.expect_download() as download:
        phone.find("button", "02resをつくる").click()
    content = Path(download.value.path()).read_bytes()
    found = read(content, facility_code="9960000009", filename=download.value.suggested_filename).answer
    assert isinstance(found, Answer02)
    assert "練習　花子" in {person.results[0].name for person in found.persons}


def test_large_letters_and_readings_last_through_the_visit(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.is_at("スマホを患者さまにお渡しください")
    plain = phone.letter_size
    phone.presses("大")
    phone.presses("ふりがな")
    assert phone.letter_size > 1.2 * plain
    assert phone.readings > 0
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    assert phone.readings > 20
    patient.looks_at_the_choices()
    patient.reads("エラー：えらんでいない項目が5つあります")
    patient.agrees_to_all()
    patient.looks_at_the_choices()
    patient.confirms()
    patient.taps_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.goes_on()
    nurse.ends_the_visit()
    nurse.starts()
    assert (phone.letter_size, phone.readings) == (plain, 0)


@pytest.mark.parametrize("look", [Look(), Look("no JavaScript", scripts=False)], ids=str)
def test_letters_are_set_on_the_way_too(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    phone.follows("読みやすく")
    phone.presses("小")
    small = phone.letter_size
    phone.presses("大")
    assert phone.letter_size > small
    phone.follows("もとの画面にもどる")
    patient.is_at("同意内容の選択")
