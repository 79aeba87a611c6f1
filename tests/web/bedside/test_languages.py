"""The patient's language: from the page on which the phone is handed over, to the copy, and into the record."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, time

import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.rules.content import ITEMS
from app.rules.visit import flow
from app.rules.words.dates import JST
from app.rules.words.languages import BY_CODE, LANGUAGES, Language, wording_hash
from tests.practice.world import tapped
from tests.web.bedside.nurse import Nurse, StillClock
from tests.web.bedside.page import Page

OTHERS = [language for language in LANGUAGES if not language.is_official]


def tag(page: Page) -> str:
    return page.root.all("html")[0].attrs["lang"]


async def chooses(nurse: Nurse, language: str) -> Page:
    """Begin a visit, and choose a language where the phone is handed over."""
    await nurse.needs()
    return await nurse.press("/visit/look", language=language)


async def shown(kazasu: Kazasu) -> dict[str, object]:
    record = [each async for each in kazasu.store.export(PRACTICE_STATION.id) if each.entry.type == "items_answered"]
    body: dict[str, object] = json.loads(record[-1].line())["body"]
    return body


@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.code)
async def test_the_record_says_which_words_were_read(nurse: Nurse, kazasu: Kazasu, language: Language) -> None:
    page = await chooses(nurse, language.code)
    assert (tag(page), page.path) == (language.tag, "/visit/hand-over")
    page = await nurse.reaches("consent")
    assert tag(page) == language.tag
    assert "手術情報" in page.text, "the official name stands beside"
    await nurse.press("/visit/consent", **nurse._all(over_40=True))
    body = await shown(kazasu)
    assert body["lang"] == language.code
    assert body["wording"] == {
        item.id: {"version": item.version, "sha256": wording_hash(language, item)} for item in ITEMS
    }


async def test_the_form_says_what_was_read_whatever_the_cookie_says_by_then(nurse: Nurse, kazasu: Kazasu) -> None:
    await chooses(nurse, "en")
    await nurse.reaches("consent")
    nurse.http.cookies.delete("look")
    await nurse.press("/visit/consent", **nurse._all(over_40=True))
    assert (await shown(kazasu))["lang"] == "en"


async def test_staff_read_japanese_and_the_copy_speaks_the_patients_language(nurse: Nurse) -> None:
    await chooses(nurse, "ko")
    await nurse.reaches("consent")
    await nurse.press("/visit/consent", **nurse._all(over_40=True))
    await nurse.press("/visit/check", confirmed="yes")
    assert nurse.page is not None
    out = next(each.attrs["href"] for each in nurse.page.root.all("a") if "/practice/" in each.attrs["href"])
    page = await nurse.get(await tapped(nurse.kazasu.world.app, out, "練習　花子"))
    assert tag(page) == "ko"
    assert "スマホを職員にお渡しください" in page.text, "who takes the phone reads it too"
    page = await nurse.press("/visit/hand-over")
    assert tag(page) == "ja"
    page = await nurse.press("/visit/result", report="answered")
    assert tag(page) == "ja"
    assert BY_CODE["ko"].tag in {each.attrs.get("lang") for each in page.root.all("section")}
    assert "동의함" in page.text


async def test_a_withdrawal_is_kept_in_the_language_in_which_it_was_read(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.needs(intent="withdraw")
    await nurse.press("/visit/withdrawal", go_on="yes")
    await nurse.press("/visit/look", language="en")
    await nurse.reaches("revoke")
    page = await nurse.press("/visit/revoke", confirmed="yes")
    out = next(each.attrs["href"] for each in page.root.all("a") if "/practice/" in each.attrs["href"])
    record = [each async for each in kazasu.store.export(PRACTICE_STATION.id) if each.entry.type == "confirmed"]
    assert json.loads(record[-1].line())["body"]["lang"] == "en"
    await nurse.get(await tapped(nurse.kazasu.world.app, out, "練習　花子"))
    await nurse.press("/visit/hand-over")
    nurse.http.cookies.set("look", "m0sko", path="/")
    page = await nurse.press("/visit/result", report="answered")
    assert "en" in {each.attrs.get("lang") for each in page.root.all("section")}, (
        "as it was read, not as this phone is set"
    )
    assert "It was reported that consent was withdrawn." in page.text


async def test_easy_japanese_begins_with_its_readings(nurse: Nurse) -> None:
    page = await chooses(nurse, "ja-easy")
    assert "<rt>" in page.source
    page = await nurse.press("/visit/look", furigana="off")
    assert "<rt>" not in page.source
    assert tag(page) == "ja"


@pytest.mark.parametrize("language", ["", "xx", "EN", "ja_EASY", "../en"])
async def test_a_language_that_there_is_not_changes_nothing(nurse: Nurse, language: str) -> None:
    assert tag(await chooses(nurse, language)) == "ja"


async def test_the_next_patient_begins_in_japanese(nurse: Nurse) -> None:
    await chooses(nurse, "en")
    await nurse.press("/visit/hand-over")
    await nurse.starts()
    page = await nurse.press("/visit/need", over_40="yes", intent="first")
    assert not (nurse.http.cookies.get("look") or "").endswith("en")
    assert tag(page) == "ja"


@pytest.mark.parametrize("hour", [0, 8, 9, 23])
async def test_an_items_first_day_is_japans(
    nurse: Nurse, clock: StillClock, monkeypatch: pytest.MonkeyPatch, hour: int
) -> None:
    *others, last = ITEMS
    first = date(2026, 12, 1)
    monkeypatch.setattr(flow, "ITEMS", (*others, replace(last, effective_from=first)))
    clock.at = int(datetime.combine(first, time(hour, 30), JST).timestamp())
    page = await nurse.is_ready()
    assert f'name="{last.id}"' in page.source
    assert (await nurse.press("/visit/consent", **nurse._all(over_40=True))).path == "/visit/check"
