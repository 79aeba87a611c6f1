"""What a copy claims of each kind of visit, before and after the office has looked at the terminal, in each language."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.main import PRACTICE_STATION
from app.ports.office import Act
from app.rules.record.event import EventType
from app.rules.visit.standing import Sight
from app.rules.visit.visit import Intent
from app.rules.words.furigana import N_, plain
from app.rules.words.languages import LANGUAGES, Language, told
from app.web.kit.pages import LOOK_COOKIE, Look
from tests.rules.visits import NOW
from tests.web.bedside.codes import read
from tests.web.bedside.nurse import Nurse
from tests.web.bedside.page import Page

NOT_YET = N_(
    "どれに{同意|どうい}するかは、{公式|こうしき}の{画面|がめん}で{選|えら}ばれました。この{控|ひか}えには、まだ{書|か}いてありません。"
)
CHOSEN_THERE = N_(
    "どれに{同意|どうい}するかは、{公式|こうしき}の{画面|がめん}で{選|えら}びます。この{控|ひか}えには、{書|か}いてありません。"
)
SEEN = N_("ステーションの{端末|たんまつ}に{出|で}ている{内容|ないよう}")
REPORTED = N_("{登録|とうろく}したと{申告|しんこく}されました。")
STOPPED = N_("{途中|とちゅう}でやめたと{申告|しんこく}されました。")
OTHER_NAME = N_(
    "ほかの{事業所|じぎょうしょ}の{名前|なまえ}が{出|で}たので、{何|なに}も{選|えら}ばずに{止|と}めたと{申告|しんこく}されました。"
)
WITHDREW = N_("{取|と}り{消|け}したと{申告|しんこく}されました。")
CHOSE = N_("えらんだ{内容|ないよう}")
UNKNOWN = N_("{登録|とうろく}されたかは、まだ{分|わ}かりません。")
PLAIN = {NOT_YET, CHOSEN_THERE, UNKNOWN}
EVERY = {NOT_YET, CHOSEN_THERE, SEEN, REPORTED, STOPPED, OTHER_NAME, WITHDREW, CHOSE, UNKNOWN}
CLAIMS = {
    (Intent.SHORT, "done"): {REPORTED, NOT_YET},
    (Intent.SHORT, "already"): {NOT_YET},
    (Intent.SHORT, "later"): {CHOSEN_THERE, UNKNOWN},
    (Intent.SHORT, "trouble"): {CHOSEN_THERE, UNKNOWN},
    (Intent.SHORT, "stopped"): {STOPPED, UNKNOWN},
    (Intent.SHORT, "other_name"): {OTHER_NAME, UNKNOWN},
    (Intent.FIRST, "done"): {REPORTED, CHOSE},
    (Intent.FIRST, "stopped"): {STOPPED, CHOSE, UNKNOWN},
    (Intent.WITHDRAW, "done"): {WITHDREW},
}
"""Intent and report to all that the copy claims of them before the office has looked."""
SHOWN = [
    N_("{同意|どうい}する"),
    N_("{同意|どうい}する"),
    N_("{同意|どうい}しない"),
    N_("{同意|どうい}する"),
    N_("{分|わ}かりません"),
]
"""What the copy says of each item once `FLAGS` were seen."""
FLAGS = {"surgery": True, "clinical": True, "drug": True, "health_checkup": False, "limit_amount": True}


async def takes_home(nurse: Nurse, intent: str, report: str) -> str:
    """Walk a visit of the official route to its end; return the letters of its copy."""
    await nurse.needs(intent=intent)
    if intent == Intent.WITHDRAW:
        await nurse.press("/visit/withdrawal", go_on="yes")
    await nurse.reaches("official" if intent == Intent.SHORT else "handoff")
    await nurse.get("/visit/result")
    page = await nurse.press("/visit/result", report=report)
    if report == "trouble":
        page = await nurse.press("/visit/error-code", code="")
    return read(page.source).partition("#")[2]


async def copy_in(nurse: Nurse, letters: str, language: Language) -> Page:
    """Open a copy elsewhere in a language."""
    async with Nurse(nurse.kazasu, nurse.origin) as patient:
        await patient.get("/review", expect=403)
        await patient.press("/review", letters=letters)
        patient.http.cookies.set(LOOK_COOKIE, str(Look(language=language, is_patients=True)))
        return await patient.get("/review/copy")


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def said(language: Language, message: str) -> str:
    return bare(plain(told(language, message)))


def claims(page: Page, language: Language) -> set[str]:
    """Return the claims on the page: what is bold there as a whole, what is not within the text."""
    bold, text = {bare(each.text) for each in page.root.all("b")}, bare(page.text)
    return {each for each in EVERY if said(language, each) in (text if each in PLAIN else bold)}


async def is_seen(nurse: Nurse) -> None:
    """Record that the office has seen the row of this visit."""
    visit, seen = (await nurse.visit()).id, Sight(NOW, "事務 さくら", found=True, flags=FLAGS)
    body: dict[str, Any] = {"by": "x", "found": True, "flags": FLAGS, "consented_on": "", "available_until": ""}
    act = Act(PRACTICE_STATION.id, visit, "office 1", EventType.VERIFIED, NOW, body, sight=seen)
    await nurse.kazasu.importer.worklist.record(act)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
async def test_a_copy_claims_what_is_known_and_no_more(officially: Nurse, language: Language) -> None:
    for (intent, report), expected in CLAIMS.items():
        page = await copy_in(officially, await takes_home(officially, intent, report), language)
        assert claims(page, language) == expected, (intent, report)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
async def test_once_the_office_has_seen_the_row_the_copy_lists_what_the_terminal_shows(
    officially: Nurse, language: Language
) -> None:
    letters = await takes_home(officially, Intent.SHORT, "done")
    await is_seen(officially)
    page = await copy_in(officially, letters, language)
    assert claims(page, language) == {SEEN}
    (shown,) = [each for each in page.root.all("dl") if "kz-copied" in each.attrs.get("class", "")]
    assert [bare(each.text) for each in shown.all("dd")] == [said(language, each) for each in SHOWN]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
async def test_the_copy_of_a_short_visit_is_in_the_language_of_its_explanation(
    officially: Nurse, language: Language
) -> None:
    await officially.needs(intent=Intent.SHORT)
    await officially.reaches("official")
    await officially.get("/visit/explanation")
    await officially.press("/visit/look", language=language.code)
    await officially.get("/visit/result")
    page = await officially.press("/visit/result", report="done")
    (copy,) = [each for each in page.root.all("section") if "kz-copy" in each.attrs.get("class", "")]
    assert said(language, NOT_YET) in bare(copy.text)
    assert (await officially.visit()).language == language.code
