"""A report that comes after the visit expired: taken for two hours of staff, without a choice on the page, and once."""

from __future__ import annotations

import pytest

from app.main import PRACTICE_STATION
from app.rules.record.event import EventType
from app.rules.visit.flow import CHOICES
from app.rules.visit.journey import IDLE, LATE
from app.rules.visit.standing import Standing, standing
from app.rules.visit.visit import Intent
from app.rules.words.furigana import plain
from tests.web.bedside.nurse import Nurse, StillClock

LATE_PAGE = "公式の画面に出たことを知らせる"


async def is_out(nurse: Nurse, intent: Intent) -> None:
    await nurse.needs(intent=intent)
    await nurse.reaches("official" if intent is Intent.SHORT else "handoff")
    if intent is Intent.SHORT:
        await nurse.press("/visit/official", opened="yes")


async def kinds(nurse: Nurse) -> list[str]:
    return [each.entry.type async for each in nurse.kazasu.store.export(PRACTICE_STATION.id)]


@pytest.mark.parametrize("intent", [Intent.SHORT, Intent.FIRST])
@pytest.mark.parametrize("after", [IDLE, IDLE + LATE - 1])
async def test_a_report_is_taken_for_two_hours_more(
    officially: Nurse, clock: StillClock, intent: Intent, after: int
) -> None:
    await is_out(officially, intent)
    visit = await officially.visit()
    clock.pass_(after)
    await officially.kazasu.sweeping.round()
    page = await officially.get("/visit")
    assert page.h1 == LATE_PAGE
    assert not any(plain(words) in page.text.replace("同意せずに", "") for words in CHOICES.values()), (
        "no choice of hers"
    )
    entry = await officially.get(f"/f/{officially.token}")
    assert entry.link(f"前の訪問：{LATE_PAGE}") == "/visit/late"
    await officially.get("/visit/late")
    page = await officially.press("/visit/late", report="other_name")
    assert page.path.startswith("/f/")
    assert (await kinds(officially))[-2:] == [EventType.REPORTED, EventType.ENDED]
    followed = await officially.kazasu.importer.worklist.followed(PRACTICE_STATION.id, visit.id)
    assert followed is not None
    assert standing(followed, clock.now()) is Standing.OTHER_NAME
    assert LATE_PAGE not in (await officially.get(f"/f/{officially.token}")).text


async def test_afterwards_and_of_what_never_went_out_none_is_taken(officially: Nurse, clock: StillClock) -> None:
    await is_out(officially, Intent.SHORT)
    clock.pass_(IDLE + LATE + 1)
    await officially.kazasu.sweeping.round()
    page = await officially.get("/visit", expect=410)
    assert page.h1 == "この訪問は終わっています"
    await officially.needs(intent=Intent.FIRST)
    clock.pass_(IDLE)
    await officially.get("/visit/late", expect=410)


async def test_while_the_patient_holds_the_phone_none_is_taken(officially: Nurse, clock: StillClock) -> None:
    await officially.needs(intent=Intent.FIRST)
    await officially.reaches("check")
    await officially.press("/visit/check", confirmed="yes")
    clock.pass_(IDLE)
    await officially.get("/visit/late", expect=410)


async def test_the_next_visit_ends_it_and_a_report_is_needed(officially: Nurse, clock: StillClock) -> None:
    await is_out(officially, Intent.SHORT)
    clock.pass_(IDLE)
    await officially.get("/visit/late")
    page = await officially.press("/visit/late", report="", expect=422)
    assert page.h1 == LATE_PAGE
    await officially.starts()
    await officially.get("/visit/late", expect=410)


async def test_the_page_of_an_expired_visit_has_the_stations_telephone(nurse: Nurse, clock: StillClock) -> None:
    await nurse.needs()
    clock.pass_(IDLE)
    page = await nurse.get("/visit", expect=410)
    assert PRACTICE_STATION.telephone in page.source


@pytest.mark.parametrize("intent", [Intent.SHORT, Intent.FIRST])
async def test_one_tap_holds_on(officially: Nurse, clock: StillClock, intent: Intent) -> None:
    await is_out(officially, intent)
    before = len(await kinds(officially))
    clock.pass_(IDLE - 60)
    page = await officially.get("/visit")
    (notice,) = [each for each in page.root.all("form") if "data-left" in each.attrs]
    assert notice.attrs["data-left"] == "60"
    page = await officially.press("/visit/stay")
    assert page.path == f"/visit/{'result' if intent is Intent.SHORT else 'handoff'}"
    clock.pass_(IDLE - 1)
    await officially.get("/visit")
    assert len(await kinds(officially)) == before, "nothing was said"


async def test_a_report_from_the_page_on_which_one_held_on_is_taken(officially: Nurse) -> None:
    await is_out(officially, Intent.FIRST)
    page = await officially.get("/visit/result")
    form = page.form_fields("/visit/stay")
    await officially.send("/visit/stay", form)
    page = await officially.send("/visit/result", {**form, "report": "done"})
    assert page.h1 == "おつかれさまでした"


async def test_another_report_under_the_same_key_is_refused(officially: Nurse, clock: StillClock) -> None:
    await is_out(officially, Intent.FIRST)
    form = (await officially.get("/visit/result")).form_fields("/visit/stay")
    await officially.send("/visit/stay", {**form, "key": "one key"})
    clock.pass_(IDLE)
    page = await officially.get("/visit/late")
    sent = {**page.form_fields("/visit/late"), "key": "one key#stay", "report": "done"}
    await officially.send("/visit/late", sent, expect=409)
    assert EventType.REPORTED not in await kinds(officially)
