"""Reading aloud: where the phone has a voice, sentence by sentence, one part at a time, and never a reading twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import PATIENCE, Look, Phone

pytestmark = pytest.mark.browser

_VOICES: Final = Path(__file__).with_name("voices.js").read_text(encoding="utf-8")
_MARKED: Final = """() => {
    const copy = document.querySelector(".kz-read-now").cloneNode(true);
    copy.querySelectorAll("rt, rp").forEach((reading) => reading.remove());
    return copy.textContent.replace(/\u200b/g, "").trim();
}"""
_PEN: Final = """(element) => {
    const { textDecorationLine, textDecorationThickness, textDecorationColor } = getComputedStyle(element);
    const ground = getComputedStyle(document.documentElement).backgroundColor;
    return [textDecorationLine, parseFloat(textDecorationThickness) >= 5, textDecorationColor !== ground];
}"""
LEAD: Final = [
    "同意内容の選択",
    "ひなた坂訪問看護ステーションが、次の情報を見てもよいですか。",
    "同意しなくても、資格の確認はできます。",
    "ステーションから：同意しなくても、訪問看護は、いままでと同じです。",
]
SURGERY: Final = ["手術の情報", "これまでに受けた手術の記録を、訪問看護のために見ます。", "同意する", "同意しない"]
DETAILS: Final = ["これは何ですか", "これまでに受けた手術の記録です。"]


def a_voice(lang: str, *, name: str = "", is_own: bool = True) -> dict[str, Any]:
    """Return a voice as browsers describe it."""
    return {"name": name or lang, "lang": lang, "localService": is_own, "default": False}


class Voice:
    """The phone's voice, and what it was given to say."""

    def __init__(self, phone: Phone, *voices: dict[str, Any]) -> None:
        """Give the phone these voices, for every page that it opens from now on."""
        self.phone = phone
        phone.context.add_init_script(f"({_VOICES})({json.dumps(voices)})")

    def _tell(self, what: str) -> Any:
        return self.phone.page.evaluate(what)

    @property
    def heard(self) -> list[list[str]]:
        """All that happened, on this page and those before."""
        found: list[list[str]] = self._tell("JSON.parse(sessionStorage.heard ?? '[]')")
        return found

    @property
    def said(self) -> list[str]:
        """The sentences that it was given, each once."""
        return [what[1] for what in self.heard if what[0] == "says"]

    def forgets(self) -> None:
        """Begin a new list."""
        self._tell("sessionStorage.removeItem('heard')")

    def finishes(self) -> None:
        """Come to the end of a sentence."""
        self._tell("speechSynthesis.finishes()")

    def learns(self, *voices: dict[str, Any]) -> None:
        """Have other voices from now on."""
        self._tell(f"speechSynthesis.learns({json.dumps(voices)})")

    @property
    def buttons(self) -> Locator:
        """The buttons that can be seen."""
        return self.phone.page.locator("[data-aloud] button").filter(visible=True)

    def button(self, name: str) -> Locator:
        """Return the button with exactly this name."""
        return self.phone.page.get_by_role("button", name=name.replace("（", " （"), exact=True)

    def marks(self, words: str) -> None:
        """Wait until this, and nothing else, is marked as being read."""
        marked = self.phone.page.locator(".kz-read-now")
        expect(marked).to_have_count(1 if words else 0, timeout=PATIENCE)
        if words:
            assert self._tell(_MARKED) == words


def opens_the_choices(phone: Phone, look: str = "m0pja") -> None:
    """Come to the choices unseen, with this look."""
    phone.hurries_to_the_card(over_40=True)
    phone.context.add_cookies([{"name": "look", "value": look, "url": phone.server.origin}])
    phone.opens("/visit/consent")


def test_a_browser_without_voices_offers_nothing(phone: Phone) -> None:
    opens_the_choices(phone)
    assert phone.page.evaluate("speechSynthesis.getVoices().length") == 0
    assert phone.page.locator("[data-aloud]").count() == 6
    assert phone.page.locator("[data-aloud]").filter(visible=True).count() == 0
    assert phone.page.locator("[data-aloud] button").count() == 0


def test_a_voice_of_another_language_or_of_a_server_is_none_and_one_may_come_late(phone: Phone) -> None:
    others = (a_voice("en-US"), a_voice("ja-JP", is_own=False))
    voice = Voice(phone, *others)
    opens_the_choices(phone)
    assert voice.buttons.count() == 0
    voice.learns(*others, a_voice("ja_JP", name="the phone's"))
    assert voice.buttons.count() == 6
    phone.looks_it_over()
    voice.button("読み上げる（手術の情報）").tap()
    assert {(what[2], what[3]) for what in voice.heard} == {("ja_JP", "the phone's")}
    voice.learns(*others)
    assert voice.buttons.count() == 0
    assert voice.heard[-1] == ["stops"]
    voice.marks("")


def test_sentences_are_read_in_order_and_readings_are_not(phone: Phone) -> None:
    voice = Voice(phone, a_voice("ja-JP"))
    opens_the_choices(phone, "m1pja")
    assert phone.readings > 20
    voice.buttons.first.tap()
    assert voice.said == LEAD
    assert {(what[2], what[3]) for what in voice.heard} == {("ja-JP", "")}
    for sentence in LEAD:
        voice.marks(sentence)
        phone.looks_it_over()
        assert phone.page.locator("[data-reading]").count() == 1
        voice.finishes()
    voice.marks("")
    assert phone.page.locator("[data-reading]").count() == 0
    voice.forgets()
    voice.buttons.nth(1).tap()
    assert voice.said == SURGERY
    voice.buttons.nth(1).tap()
    phone.unfolds("くわしく")
    voice.forgets()
    phone.page.wait_for_timeout(300)
    voice.buttons.nth(1).tap()
    assert voice.said[: len(DETAILS) + 1] == [SURGERY[0], *DETAILS]
    assert voice.said[-3:] == SURGERY[1:]


def test_one_part_at_a_time_and_it_can_be_stopped(phone: Phone) -> None:
    voice = Voice(phone, a_voice("ja-JP"))
    opens_the_choices(phone)
    voice.button("読み上げる（手術の情報）").tap()
    voice.marks(SURGERY[0])
    voice.button("止める（手術の情報）").tap()
    voice.marks("")
    assert voice.heard[-1] == ["stops"]
    assert phone.page.get_by_role("button", name="止める").count() == 0

    voice.button("読み上げる（手術の情報）").tap()
    voice.marks(SURGERY[0])
    voice.forgets()
    voice.button("読み上げる（限度額の情報）").tap()
    voice.marks("限度額の情報")
    assert [what[0] for what in voice.heard[:2]] == ["stops", "says"]  # and not "swallows"
    assert voice.said[0] == "限度額の情報"
    expect(voice.button("読み上げる（手術の情報）")).to_be_visible()
    expect(voice.button("止める（限度額の情報）")).to_be_visible()


def test_the_next_page_begins_in_silence(patient: Patient, phone: Phone) -> None:
    voice = Voice(phone, a_voice("ja-JP"))
    opens_the_choices(phone)
    voice.button("読み上げる（手術の情報）").tap()
    voice.marks(SURGERY[0])
    patient.declines_all()
    patient.looks_at_the_choices()
    assert voice.heard[-1] == ["stops"]
    voice.forgets()
    voice.button("読み上げる（同意内容の確認）").tap()
    row = voice.said.index("手術の情報")
    assert (voice.said[0], voice.said[row + 1]) == ("同意内容の確認", "同意しない")
    assert voice.said[-3:] == ["えらびました。", "まだ登録されていません", "次に、カードで登録します。"]
    assert "変更" not in "".join(voice.said)


def test_a_language_is_read_by_its_own_country_first_and_foreign_words_by_theirs(phone: Phone) -> None:
    phone.judges = False  # whether the page is well made in that language is asked elsewhere
    voice = Voice(phone, a_voice("zh-HK"), a_voice("zh-CN"), a_voice("ja-JP"))
    opens_the_choices(phone, "m0pzh-Hans")
    phone.page.locator(".kz-item [data-aloud] button").first.tap()
    spoken = [(what[1], what[2]) for what in voice.heard]
    assert ("手術情報", "ja-JP") in spoken
    assert {lang for words, lang in spoken if words != "手術情報"} == {"zh-CN"}
    phone.page.locator(".kz-item [data-aloud] button").first.tap()
    voice.learns(a_voice("zh-HK"))
    voice.forgets()
    phone.page.wait_for_timeout(300)
    phone.page.locator(".kz-item [data-aloud] button").nth(1).tap()
    assert {what[2] for what in voice.heard if what[0] == "says"} == {"zh-HK"}


@pytest.mark.parametrize("look", [Look("reduced motion", still=True)], ids=str)
def test_every_page_of_the_patient_has_the_button(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    voice = Voice(phone, a_voice("ja-JP"))
    phone.is_tabbed = True

    def reads_aloud(heading: str) -> None:
        voice.forgets()
        voice.button(f"読み上げる（{heading}）").tap()
        voice.marks(heading)
        phone.looks_it_over()
        assert voice.said[0] == heading
        voice.button(f"止める（{heading}）").tap()

    nurse.starts()
    nurse.says_first_time(over_40=True)
    reads_aloud("スマホを患者さまにお渡しください")
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    phone.opens("/visit/ready")
    reads_aloud("同意登録の準備")
    patient.has_everything()
    reads_aloud("同意内容の選択")
    phone.follows("読みやすく")
    reads_aloud("読みやすくする")
    phone.follows("もとの画面にもどる")
    patient.agrees_to_all()
    patient.looks_at_the_choices()
    reads_aloud("同意内容の確認")
    patient.confirms()
    reads_aloud("本人確認")
    assert voice.said[-1] == "左上の「◀」を押すか、ブラウザを開きます"


def test_a_mark_can_be_seen_in_every_kind_of_colours(phone: Phone) -> None:
    voice = Voice(phone, a_voice("ja-JP"))
    opens_the_choices(phone)
    voice.button("読み上げる（手術の情報）").tap()
    voice.marks(SURGERY[0])
    kinds: tuple[dict[str, Any], ...] = (
        {},
        {"color_scheme": "dark"},
        {"contrast": "more"},
        {"forced_colors": "active"},
    )
    for media in kinds:
        phone.page.emulate_media(**media)
        assert phone.page.locator(".kz-read-now").evaluate(_PEN) == ["underline", True, True]
