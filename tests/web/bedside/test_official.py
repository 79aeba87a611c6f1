"""The official route at the bedside: what its two ways say of the official page."""

from __future__ import annotations

import pytest

from app.main import Kazasu
from app.rules.content import OFFICIAL
from app.rules.content.sources import GRADES
from app.rules.visit.flow import STEPS
from app.rules.visit.journey import errors
from app.rules.visit.visit import Intent, Registration, Route
from tests.rules.visits import a_visit
from tests.web.bedside.nurse import Nurse


@pytest.mark.parametrize("intent", [Intent.SHORT, Intent.FIRST, Intent.CHANGE])
async def test_the_way_out_names_each_grade_of_what_it_says_once(officially: Nurse, intent: Intent) -> None:
    await officially.needs(intent=intent)
    page = await officially.reaches("official" if intent is Intent.SHORT else "handoff")
    (line,) = [each.text for each in page.root.all("p") if "kz-source" in each.attrs.get("class", "")]
    rests_on = {each.grade for each in OFFICIAL.screens_for(intent)} | {each.grade for each in OFFICIAL.backs}
    rests_on |= {"O", "V"}
    assert {letter: line.count(words) for letter, words in GRADES.items()} == {
        letter: int(letter in rests_on) for letter in GRADES
    }


async def test_in_practice_the_short_way_leads_to_the_practice_reception(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.starts()
    page = await nurse.press("/visit/need", intent=Intent.SHORT)
    assert page.path == "/visit/official"
    assert page.link("公式のページを開く") == kazasu.world.reception
    page = await nurse.get("/visit/result")
    assert "公式の画面に、何と出ましたか" in page.text
    page = await nurse.press("/visit/result", report="other_name")
    assert page.h1 == "おつかれさまでした"
    visit = await nurse.visit()
    assert (visit.registers_there, visit.over_40, visit.registration) == (True, False, Registration.NONE)


async def test_the_age_is_asked_in_practice_of_whoever_chooses_here(nurse: Nurse) -> None:
    await nurse.starts()
    page = await nurse.press("/visit/need", intent=Intent.FIRST, expect=422)
    assert "40歳以上か、えらんでください" in page.text


async def test_the_identity_route_has_no_short_way() -> None:
    visit = a_visit(upto="need", route=Route.IDENTITY)
    assert "intent" in errors(STEPS["need"], visit, {"over_40": "yes", "intent": Intent.SHORT})
    assert not errors(STEPS["need"], visit, {"over_40": "yes", "intent": Intent.FIRST})
