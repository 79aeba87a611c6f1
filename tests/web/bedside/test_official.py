"""The official route at the bedside: what its two ways say of the official page."""

from __future__ import annotations

import pytest

from app.rules.content import OFFICIAL
from app.rules.content.sources import GRADES
from app.rules.visit.visit import Intent
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
