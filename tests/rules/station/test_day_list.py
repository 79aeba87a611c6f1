"""The day's list: what may stand on it, how it is typed, and that the gate is whole when a visit begins from it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.station.day_list import INTENT_OF, Need, Planned, new_word, typed
from app.rules.visit import journey
from app.rules.visit.flow import STEPS
from app.rules.words.furigana import LETTERS, SPOKEN, letters
from tests.rules.visits import NOW, a_visit

GATE = STEPS["need"]
DAY = date(2026, 11, 18)


def planned(**more: Any) -> Planned:
    plain: dict[str, Any] = {"reference": "T-0001", "need": Need.FIRST, "over_40": True}
    return Planned(facility="hinatazaka", day=DAY, at=NOW, by="受付 はる", **{**plain, **more})


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("over_40", [True, False])
def test_a_visit_from_the_list_has_its_gate_answered(need: Need, over_40: bool) -> None:
    visit = journey.record(GATE, planned(need=need, over_40=over_40).gate, a_visit(upto="need"))
    assert journey.is_done(GATE, visit)
    assert journey.furthest(visit).id == "ready"
    assert visit.reference == "T-0001"
    assert visit.intent == INTENT_OF[need]
    assert visit.over_40 is over_40


def test_every_need_has_an_answer_that_the_gate_offers() -> None:
    offered = next(question.options for question in GATE.questions(a_visit(upto="need")) if question.name == "intent")
    assert set(INTENT_OF) == set(Need)
    assert set(INTENT_OF.values()) <= set(offered)


def test_one_number_a_line_once_each_in_their_order() -> None:
    found = typed("T-0002\r\n\n  T-0001 \nＴ－０００２\nT-0002\n")
    assert found.numbers == ("T-0002", "T-0001")
    assert found.problems == {}


def test_what_is_no_number_is_said_by_its_line_and_what_may_not_be_seen_is_gone() -> None:
    found = typed("T-0001\n1234 5678 9018\n山田 花子\n" + "9" * 21 + "\nA" * 21)
    assert set(found.problems) == {2, 3, 4}
    assert "マイナンバー" in found.problems[2]
    assert found.again.splitlines()[:4] == ["T-0001", "", "山田 花子", ""]


@pytest.mark.threat("T11")
@pytest.mark.parametrize(
    "text", ["123456789018", "1234-5678-9018", "１２３４５６７８９０１８", "一二三四五六七八九〇一八"]
)
def test_a_my_number_is_never_taken_and_never_shown_again(text: str) -> None:
    found = typed(f"T-0001\n{text}")
    assert found.numbers == ("T-0001",)
    assert list(found.problems) == [2]
    assert found.again.strip() == "T-0001"


@given(st.text(alphabet=st.sampled_from("0123456789０１９ABtz-_./ 　一二あ㏄\n\r\t\u2028"), max_size=120))
def test_what_is_taken_passes_the_gate_and_the_rest_would_not(text: str) -> None:
    found = typed(text)
    for number in found.numbers:
        gate = planned(reference=number).gate
        assert journey.errors(GATE, a_visit(upto="need"), gate) == {}
        assert journey.fit(GATE, a_visit(upto="need"), gate)["reference"] == number
    for place, problem in found.problems.items():
        line = {"over_40": "yes", "intent": "first", "reference": text.splitlines()[place - 1]}
        assert journey.errors(GATE, a_visit(upto="need"), line)["reference"] == problem
    assert len(found.again.splitlines()) <= len(text.splitlines())


def test_a_word_is_six_letters_and_another_one_each_time() -> None:
    words = {new_word() for _ in range(200)}
    assert len(words) == 200
    assert all(len(word) == SPOKEN and set(word) <= set(LETTERS) for word in words)


@pytest.mark.parametrize("text", ["KPM QXR", "kpmqxr", " ｋｐｍ－ｑｘｒ ", "K.P.M.Q.X.R"])
def test_a_word_is_read_as_it_was_meant(text: str) -> None:
    assert letters(text) == "KPMQXR"
