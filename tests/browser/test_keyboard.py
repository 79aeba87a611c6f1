"""Without a finger: where focus goes, that it can be seen, and that an error takes one by the hand."""

from __future__ import annotations

from urllib.parse import unquote_plus

import pytest

from tests.browser import craft
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Look, Phone

pytestmark = pytest.mark.browser

LOOKS = (Look(), Look("forced colours", forced_colors=True))


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_every_page_of_the_visit_can_be_gone_through_with_the_keyboard(
    nurse: Nurse, patient: Patient, phone: Phone
) -> None:
    phone.is_tabbed = True
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.looks_at_the_choices()
    patient.agrees_to_each()
    patient.looks_at_the_choices()
    patient.confirms()
    patient.taps_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.goes_on()
    nurse.ends_the_visit()


@pytest.mark.parametrize("page", ["/", "/guide/trouble", "/offline", "/practice/", "/nowhere"])
def test_every_other_page_too(phone: Phone, page: str) -> None:
    phone.is_tabbed = True
    phone.opens(page)


def test_a_ring_that_is_taken_away_is_noticed(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    phone.page.evaluate("document.querySelector('button').style.outline = 'none'")
    assert [one for one in craft.ways_of_focus(phone.page) if one.startswith("no ring: BUTTON")]


def test_what_lies_over_the_focus_is_noticed(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    phone.page.evaluate(
        """() => {
            const cover = document.body.appendChild(document.createElement("div"));
            Object.assign(cover.style, {position: "fixed", inset: 0, background: "white"});
        }"""
    )
    assert [one for one in craft.ways_of_focus(phone.page) if one.startswith("covered: BUTTON")]


def test_another_order_than_the_reading_order_is_noticed(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    phone.page.evaluate("document.querySelector('button[value=withdraw]').tabIndex = 1")
    assert [one for one in craft.ways_of_focus(phone.page) if one.startswith("focus goes")]


class Mistaken:
    """What to look for on a page that says what is missing."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        assert phone.page.title().startswith("エラー：")
        self.links = phone.page.get_by_role("alert").get_by_role("link")

    def is_met_first(self) -> None:
        """The summary has the focus as the page opens."""
        summary = self.phone.page.get_by_role("alert").filter(has=self.phone.page.get_by_role("heading"))
        assert summary.evaluate("(summary) => summary === document.activeElement")

    def leads_to(self) -> list[str]:
        """Follow each line of the summary, and say which field it leads to."""
        fields = []
        for place in range(self.links.count()):
            self.links.nth(place).tap()
            fields.append(str(self.phone.page.evaluate(_FIELD)))
        return fields


_FIELD = """() => {
    const { activeElement: field } = document;
    const { top, bottom } = field.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight ? `${field.type} ${field.name}` : "off the screen";
}"""


def test_items_left_out_are_named_and_a_tap_leads_to_each(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=False)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.chooses("手術の情報", "同意する")
    patient.looks_at_the_choices()
    patient.reads("エラー：えらんでいない項目が3つあります")
    mistaken = Mistaken(phone)
    mistaken.is_met_first()
    assert mistaken.leads_to() == ["radio clinical_drug", "radio limit_amount", "radio specific_disease"]
    assert phone.choice("手術の情報", "同意する").locator("input").is_checked()


def test_a_forgotten_age_is_asked_for(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    phone.presses("はじめて登録する")
    mistaken = Mistaken(phone)
    mistaken.is_met_first()
    assert mistaken.leads_to() == ["radio over_40"]


@pytest.mark.parametrize("look", [Look("no JavaScript", scripts=False)], ids=str)
def test_the_summary_leads_on_without_scripts_too(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    nurse.notes_the_reference("123456789018")
    phone.presses("はじめて登録する")
    nurse.reads("マイナンバー（12けた）のように見えます", "入力は消しました")
    assert phone.page.get_by_label("照会番号", exact=True).input_value() == ""
    assert Mistaken(phone).leads_to() == ["radio over_40", "text reference"]


def test_a_my_number_never_leaves_the_page(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    sent: list[str] = []
    phone.page.on("request", lambda request: sent.append(unquote_plus(request.post_data or request.url)))
    nurse.says_the_age(over_40=True)
    nurse.notes_the_reference("１２３４ ５６７８ ９０１８")
    phone.tries("はじめて登録する")
    phone.shows_soon("マイナンバー（12けた）のように見えるので、消しました")
    field = phone.page.get_by_label("照会番号", exact=True)
    assert field.input_value() == ""
    assert field.evaluate("(field) => field === document.activeElement")
    phone.page.wait_for_timeout(300)  # a draft would be on its way by now
    assert [each for each in sent if "９０１８" in each or "9018" in each] == []
    assert [each for each in sent if "draft=yes" not in each] == []
    phone.looks_it_over()
