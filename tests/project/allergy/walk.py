"""Walks the planted step; runs in a copy of the tree, where `allergy` stands in `FLOW`."""

from __future__ import annotations

import pytest

from app.main import Kazasu
from app.rules.visit.flow import STEPS, path
from app.rules.words.languages import BY_CODE
from app.web.kit.pages import LOOK_COOKIE, Look
from tests.web.bedside.nurse import Nurse
from tests.web.bedside.page import Element, Page

TITLES = {"ja": "薬のアレルギー", "en": "Drug allergies"}


def links(page: Page, address: str) -> list[Element]:
    return [each for each in page.root.all("a") if each.attrs.get("href") == address]


@pytest.mark.parametrize("language", TITLES)
async def test_the_step_has_all_that_a_step_has(nurse: Nurse, kazasu: Kazasu, language: str) -> None:
    await nurse.needs()
    look = Look(language=BY_CODE[language], is_patients=True)
    nurse.http.cookies.set(LOOK_COOKIE, str(look), domain="127.0.0.1")
    page = await nurse.reaches("allergy")
    assert TITLES[language] in page.text
    place = [step.id for step in path(await nurse.visit()) if step.counted].index("allergy") + 1
    assert f"{place} / " in page.text
    assert links(page, "/visit/ready"), "the way back"
    assert (await nurse.get("/visit/check")).path == "/visit/allergy", "no later page opens before"

    wrong = await nurse.press("/visit/allergy", expect=422)
    assert wrong.title.startswith(("エラー", "Error"))
    page = await nurse.press("/visit/allergy", allergy="yes")
    assert page.path == "/visit/consent"
    page = await nurse.reaches("check")
    (change,) = links(page, "/visit/allergy#allergy")
    assert TITLES[language] in change.text

    await nurse.press("/visit/check", confirmed="yes")
    await nurse.get("/visit/allergy")
    page = await nurse.press("/visit/allergy", allergy="no")
    assert page.path == "/visit/check", "what was confirmed is confirmed anew"
    page = await nurse.press("/visit/check", confirmed="yes")
    assert page.path == "/visit/handoff"

    visit = await nurse.visit()
    log = [each async for each in kazasu.store.export(visit.facility) if each.entry.type == "answered"]
    assert [each.body for each in log] == [{"step": "allergy", "allergy": said} for said in ("yes", "no")]


async def test_the_phone_changes_hands_around_it(nurse: Nurse) -> None:
    await nurse.needs()
    assert nurse.page is not None
    assert nurse.page.path == "/visit/hand-over"
    visit = await nurse.visit()
    assert STEPS["allergy"].held_by(visit) is STEPS["ready"].held_by(visit)
