"""The patient's copy: the code at the bedside opens it anywhere, it says the truth, and three things can be asked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

import app.adapters.sql.schema as t
from app.adapters.sql.gap import look_back
from app.adapters.sql.worklist import SqlWorklist
from app.main import PRACTICE_STATION, Kazasu
from app.ports.outside import Unavailable
from app.rules.record.evidence import Head
from app.rules.record.gap import LedgerState
from app.rules.visit.copy import LENGTH, LIVES, Wish, known_as, new_letters, typed
from app.rules.visit.flow import OPERATORS
from app.rules.visit.standing import Standing, neediest_first, standing
from app.rules.words.furigana import LETTERS
from app.settings import Settings
from app.tokens import MAX_AGE, Purpose
from app.web.kit.limits import network_of
from tests.adapters.keeping import in_database
from tests.web.bedside.codes import read
from tests.web.bedside.nurse import ORIGIN, Nurse, StillClock
from tests.web.bedside.page import Page
from tests.web.office.clerk import everything

ITS_TITLE = "あなたの控え"


@pytest.fixture
async def patient(kazasu: Kazasu) -> AsyncIterator[Nurse]:
    """Return the patient with a browser of her own."""
    async with Nurse(kazasu) as one:
        yield one


async def takes_home(nurse: Nurse, **choices: Any) -> str:
    """Walk a visit to its end; return the letters that the code at the bedside holds."""
    await nurse.confirmed(**choices)
    await nurse.comes_back()
    page = await nurse.press("/visit/result", report="answered")
    place, _, letters = read(page.source).partition("#")
    assert place == f"{ORIGIN}/review"
    return letters


async def opens(patient: Nurse, letters: str, *, expect: int = 200) -> Page:
    await patient.get("/review", expect=403)
    return await patient.press("/review", letters=letters, expect=expect)


# --- the letters ------------------------------------------------------------------------------------------------


def test_a_copys_letters_hold_128_bits() -> None:
    assert LENGTH * math.log2(len(LETTERS)) >= 128
    drawn = [new_letters() for _ in range(2_000)]
    assert len(set(drawn)) == len(drawn)
    for place in range(LENGTH):
        assert {each[place] for each in drawn} == set(LETTERS), "every letter may stand at every place"


async def test_the_copy_at_the_bedside_has_its_mark(nurse: Nurse, patient: Nurse) -> None:
    letters = await takes_home(nurse)
    assert nurse.page is not None
    (mark,) = re.findall(r"控えの記号 ([A-Z]{4})(?![A-Z])", nurse.page.text)
    assert f"控えの記号 {mark}" in (await opens(patient, letters)).text
    (copy,) = [each for each in nurse.page.root.all("section") if "kz-copy" in each.attrs.get("class", "")]
    assert all("kz-icon" in each.attrs.get("class", "") for each in copy.all("svg"))


async def test_the_code_at_the_bedside_opens_the_copy(nurse: Nurse, patient: Nurse) -> None:
    page = await opens(patient, await takes_home(nurse, surgery="decline"))
    assert page.h1 == ITS_TITLE
    assert PRACTICE_STATION.name in page.text.replace(" ", "")
    assert "登録したと申告されました" in page.text
    assert page.text.count("同意しない") == 1


async def test_letters_may_be_typed_as_on_paper(nurse: Nurse, patient: Nurse) -> None:
    letters = (await takes_home(nurse)).lower()
    on_paper = "－".join(letters[place : place + 4] for place in range(0, LENGTH, 4))
    assert (await opens(patient, on_paper)).h1 == ITS_TITLE
    assert typed("ABC") == ""


async def test_two_visits_have_two_copies(nurse: Nurse, patient: Nurse) -> None:
    assert await takes_home(nurse) != await takes_home(patient)


@pytest.mark.threat("T07")
async def test_the_store_and_the_log_know_no_letters(
    nurse: Nurse, patient: Nurse, kazasu: Kazasu, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = await takes_home(nurse)
    await opens(patient, letters)
    held, written = everything(kazasu), capsys.readouterr()
    assert known_as(letters) in held
    assert letters not in held + written.out + written.err


async def test_wrong_and_old_letters_get_the_same_answer(
    nurse: Nurse, patient: Nurse, kazasu: Kazasu, clock: StillClock
) -> None:
    letters = await takes_home(nurse)
    wrong = await opens(patient, new_letters(), expect=404)
    clock.pass_(LIVES)
    old = await opens(patient, letters, expect=404)
    assert old.text == wrong.text
    assert "90日" in old.text


async def test_the_sixth_miss_waits_and_right_letters_never_do(nurse: Nurse, patient: Nurse) -> None:
    letters = await takes_home(nurse)
    for _ in range(5):
        await opens(patient, new_letters(), expect=404)
    page = await opens(patient, new_letters(), expect=429)
    assert "10分ほど待って" in page.text
    assert (await opens(patient, letters)).h1 == ITS_TITLE, "nobody's misses keep out whoever disagrees"


async def test_a_slip_is_no_miss(patient: Nurse) -> None:
    for _ in range(8):
        await opens(patient, "ABC", expect=404)


def test_one_household_is_one_of_ipv6() -> None:
    asked = [
        network_of({"client": (host, 1)}) for host in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")
    ]
    assert asked[0] == asked[1] != asked[2]
    assert network_of({"client": ("192.0.2.7", 1)}) == "192.0.2.7"
    assert network_of({}) == ""


async def test_right_letters_are_not_counted(nurse: Nurse, patient: Nurse) -> None:
    letters = await takes_home(nurse)
    for _ in range(8):
        assert (await opens(patient, letters)).h1 == ITS_TITLE


# --- what it says -----------------------------------------------------------------------------------------------


async def test_without_the_letters_there_is_nothing(patient: Nurse) -> None:
    for place in ("/review/copy", "/review/change", "/review/nonsense"):
        page = await patient.get(place, expect=404)
        assert page.h1 == "控えを見る"


@pytest.mark.threat("T27")
async def test_a_copy_that_was_altered_in_the_database_opens_nothing_and_says_whom_to_call(
    nurse: Nurse, patient: Nurse, kazasu: Kazasu, data: Path
) -> None:
    letters = await takes_home(nurse)
    await opens(patient, letters)

    def moved(by: int) -> None:
        row = update(t.copy).values(made_at=t.copy.c.made_at + by)
        in_database(f"sqlite:///{data / 'kazasu.db'}", lambda connection: connection.execute(row))

    moved(1)
    for page in (await patient.get("/review/copy", expect=503), await opens(patient, letters, expect=503)):
        assert page.h1 == "記録を確かめています"
        assert PRACTICE_STATION.telephone in page.text
        assert "保存" not in page.text
    moved(-1)
    assert (await opens(patient, letters)).h1 == ITS_TITLE


async def test_the_copy_names_nobody(nurse: Nurse, patient: Nurse) -> None:
    await nurse.needs(reference="A-0042")
    await nurse.reaches("consent")
    await nurse.press("/visit/consent", **nurse._all(over_40=True))
    await nurse.press("/visit/check", confirmed="yes")
    await nurse.comes_back()
    page = await nurse.press("/visit/result", report="answered")
    copy = await opens(patient, read(page.source).partition("#")[2])
    for private in ("A-0042", "練習　花子", "花子", "1950"):
        assert private not in copy.source


async def test_it_closes_by_hand(nurse: Nurse, patient: Nurse) -> None:
    await opens(patient, await takes_home(nurse))
    await patient.press("/review/leave", expect=403)
    page = await patient.get("/review/copy", expect=404)
    assert "控えは、いま閉じています" in page.text


async def test_it_closes_by_itself_and_blames_nobodys_letters(
    nurse: Nurse, patient: Nurse, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opens(patient, await takes_home(nurse))
    clock.pass_(600)
    assert (await patient.http.get("/review/copy")).headers["refresh"] == "1201; url=/review/copy"
    monkeypatch.setitem(MAX_AGE, Purpose.REVIEW, -1)
    page = await patient.get("/review/copy", expect=404)
    assert "控えは、いま閉じています" in page.text
    assert "文字がちがう" not in page.text


@pytest.mark.parametrize("place", ["", "/copy", "/change", "/withdraw", "/disagree", "/call-back"])
async def test_a_page_that_comes_back_from_memory_is_asked_for_anew(nurse: Nurse, patient: Nurse, place: str) -> None:
    await opens(patient, await takes_home(nurse))
    page = await patient.get(f"/review{place}", expect=200 if place else 403)
    assert page.source.count("/static/app.") == 2, "the style sheet and the script"
    assert page.source.count("/static/copy/copy.") == (2 if not place else 1)


async def test_an_address_that_is_none_closes_nothing(nurse: Nurse, patient: Nurse) -> None:
    await opens(patient, await takes_home(nurse))
    assert (await patient.get("/review/nonsense", expect=404)).h1 != "控えを見る"
    assert (await patient.get("/review/copy")).h1 == ITS_TITLE


@pytest.mark.threat("T02")
async def test_a_new_visit_on_this_phone_closes_the_copy(nurse: Nurse) -> None:
    await opens(nurse, await takes_home(nurse))
    await nurse.starts()
    assert "いま閉じています" in (await nurse.get("/review/copy", expect=404)).text


async def test_whoever_has_a_copy_may_let_it_open_nothing(nurse: Nurse, patient: Nurse, kazasu: Kazasu) -> None:
    letters = await takes_home(nurse)
    await opens(patient, letters)
    await patient.get("/review/call-back")
    page = await patient.press("/review/call-back")
    assert "控えを使えなくしました" in page.text
    old = await opens(patient, letters, expect=404)
    assert old.text == (await opens(patient, new_letters(), expect=404)).text
    kinds = [each.entry.type async for each in kazasu.store.export(PRACTICE_STATION.id)]
    assert kinds.count("copy_called_back") == 1


@pytest.mark.threat("T08")
async def test_nobody_elses_form_calls_a_copy_back(nurse: Nurse, patient: Nurse) -> None:
    await opens(patient, await takes_home(nurse))
    await patient.get("/review/call-back")
    await patient.press("/review/call-back", token="0" * 32, expect=403)
    assert (await patient.get("/review/copy")).h1 == ITS_TITLE


# --- what can be asked ------------------------------------------------------------------------------------------

PLACES_ON_THE_LIST = {
    Wish.CHANGE: Standing.CHANGE_ASKED,
    Wish.WITHDRAW: Standing.WITHDRAWAL_ASKED,
    Wish.DISAGREE: Standing.DISPUTED,
}


@pytest.mark.parametrize("wish", Wish)
async def test_what_is_asked_reaches_the_office_and_the_record(
    nurse: Nurse, patient: Nurse, kazasu: Kazasu, clock: StillClock, wish: Wish
) -> None:
    await opens(patient, await takes_home(nurse))
    await patient.get(f"/review/{wish}")
    page = await patient.press(f"/review/{wish}")
    assert "ステーションに伝えました" in page.text
    (followed,) = await kazasu.importer.worklist.open(PRACTICE_STATION.id)
    assert standing(followed, clock.now()) is PLACES_ON_THE_LIST[wish]
    record = [each async for each in kazasu.store.export(PRACTICE_STATION.id) if each.entry.type == "asked"]
    assert [json.loads(each.line())["body"]["what"] for each in record] == [wish.value]


async def test_asking_for_the_same_twice_counts_once(nurse: Nurse, patient: Nurse, kazasu: Kazasu) -> None:
    await opens(patient, await takes_home(nurse))
    page = await patient.get("/review/change")
    held = page.form_fields("/review/change")
    for _ in range(2):
        await patient.send("/review/change", held)
    await patient.get("/review/change")
    await patient.press("/review/change")
    kinds = [each.entry.type async for each in kazasu.store.export(PRACTICE_STATION.id)]
    assert kinds.count("asked") == 1


@pytest.mark.parametrize("order", list(permutations(Wish)))
async def test_no_wish_takes_anothers_place_and_the_neediest_stands_first(
    nurse: Nurse, patient: Nurse, kazasu: Kazasu, clock: StillClock, order: tuple[Wish, ...]
) -> None:
    await opens(patient, await takes_home(nurse))
    for wish in order:
        await patient.get(f"/review/{wish}")
        page = await patient.press(f"/review/{wish}")
    assert page.text.count("ステーションに伝えてあります") == 3
    (followed,) = await kazasu.importer.worklist.open(PRACTICE_STATION.id)
    assert [each.what for each in followed.asked] == [Wish.DISAGREE, Wish.WITHDRAW, Wish.CHANGE]
    assert standing(followed, clock.now()) is Standing.DISPUTED


async def test_what_could_not_be_kept_is_not_said_to_be_told(
    nurse: Nurse, patient: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opens(patient, await takes_home(nurse))
    await patient.get("/review/disagree")

    async def full(_: object, __: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(SqlWorklist, "record", full)
        page = await patient.press("/review/disagree", expect=503)
    assert page.h1 == "まだ伝わっていません"
    assert PRACTICE_STATION.telephone in page.text
    assert "伝えました" not in (await patient.get("/review/copy?said=asked")).text


async def test_nobody_reported_where_it_was_left_for_later(nurse: Nurse, patient: Nurse) -> None:
    await nurse.confirmed()
    await nurse.comes_back()
    page = await nurse.press("/visit/result", report="later")
    copy = await opens(patient, read(page.source).partition("#")[2])
    assert "申告しました" not in copy.text


@pytest.mark.threat("T08")
async def test_a_form_of_another_browser_is_refused(nurse: Nurse, patient: Nurse) -> None:
    await opens(patient, await takes_home(nurse))
    await patient.get("/review/withdraw")
    await patient.press("/review/withdraw", token="0" * 32, expect=403)


async def test_a_disagreement_tops_the_list(nurse: Nurse, patient: Nurse, kazasu: Kazasu, clock: StillClock) -> None:
    await takes_home(patient)
    letters = await takes_home(nurse)
    async with Nurse(kazasu) as daughter:
        await opens(daughter, letters)
        await daughter.get("/review/disagree")
        await daughter.press("/review/disagree")
    placed = neediest_first(await kazasu.importer.worklist.open(PRACTICE_STATION.id), clock.now())
    assert placed[0][0] is Standing.DISPUTED
    assert len(placed) == 2


# --- while the station's record is held -------------------------------------------------------------------------


def hold(tmp_path: Path) -> None:
    """Let the practice station's record be known to have been longer, as after an older backup was restored."""
    look_back(Settings(data=tmp_path).database, LedgerState({PRACTICE_STATION.id: Head(99, "a" * 64)}), 1)


def says_whom_to_call(page: Page) -> None:
    """Require the page of a held record: no copy, nothing about the letters, and the station's number."""
    assert page.h1 == "記録を確かめています"
    assert PRACTICE_STATION.telephone in page.text
    assert "登録したと" not in page.text
    assert "文字がちがう" not in page.text


@pytest.mark.threat("T23")
async def test_no_copy_opens_while_the_record_is_held(nurse: Nurse, patient: Nurse, tmp_path: Path) -> None:
    letters = await takes_home(nurse)
    assert (await opens(patient, letters)).h1 == ITS_TITLE  # the control
    hold(tmp_path)
    for place in ("/review/copy", *(f"/review/{wish}" for wish in Wish)):
        says_whom_to_call(await patient.get(place, expect=503))
    for _ in range(6):  # and none of them is a miss
        says_whom_to_call(await opens(patient, letters, expect=503))
    assert PRACTICE_STATION.telephone not in (await opens(patient, new_letters(), expect=404)).text


@pytest.mark.threat("T23")
async def test_nothing_is_asked_while_the_record_is_held(
    nurse: Nurse, patient: Nurse, kazasu: Kazasu, tmp_path: Path
) -> None:
    await opens(patient, await takes_home(nurse))
    await patient.get("/review/withdraw")
    hold(tmp_path)
    page = await patient.press("/review/withdraw", expect=503)
    says_whom_to_call(page)
    assert "ここからステーションに何も伝わりません" in page.text
    assert "asked" not in [each.entry.type async for each in kazasu.store.export(PRACTICE_STATION.id)]


async def test_a_held_record_is_told_in_the_patients_language(nurse: Nurse, patient: Nurse, tmp_path: Path) -> None:
    letters = await takes_home(nurse)
    hold(tmp_path)
    await opens(patient, letters, expect=503)
    page = await patient.press("/look", language="en", expect=503)
    assert "this copy cannot be shown now" in page.text


async def test_the_bedside_draws_no_code_that_opens_nothing(nurse: Nurse, kazasu: Kazasu, tmp_path: Path) -> None:
    await takes_home(nurse)
    assert "kz-code" in (await nurse.get("/visit/done")).source  # the control
    hold(tmp_path)
    await kazasu.store.accept(PRACTICE_STATION.id, "somebody", kazasu.clock.now())
    assert "kz-code" not in (await nurse.get("/visit/done")).source


# --- who pressed ------------------------------------------------------------------------------------------------

WHO = {"yes": "ご本人", "spouse": "夫・妻", "child": "子ども", "relative": "ほかの家族", "staff": "言葉のとおりに"}


@pytest.mark.parametrize("operator", OPERATORS)
async def test_who_pressed_is_in_the_record_and_on_the_copy(
    nurse: Nurse, patient: Nurse, kazasu: Kazasu, operator: str
) -> None:
    await nurse.chose()
    await nurse.press("/visit/check", confirmed=operator)
    await nurse.comes_back()
    page = await nurse.press("/visit/result", report="answered")
    copy = await opens(patient, read(page.source).partition("#")[2])
    assert WHO[operator] in copy.text
    record = [each async for each in kazasu.store.export(PRACTICE_STATION.id) if each.entry.type == "confirmed"]
    assert json.loads(record[0].line())["body"]["operator"] == operator


# --- withdrawing at the bedside ---------------------------------------------------------------------------------


async def test_everything_is_withdrawn_with_the_card_and_for_real(nurse: Nurse, patient: Nurse, kazasu: Kazasu) -> None:
    await takes_home(patient)
    await nurse.needs(intent="withdraw")
    await nurse.press("/visit/withdrawal", go_on="yes")
    page = await nurse.reaches("revoke")
    assert page.h1 == "すべての同意を取り消す"
    await nurse.press("/visit/revoke", confirmed="yes")
    await nurse.comes_back()
    page = await nurse.press("/visit/result", report="answered")
    assert "取り消したと申告されました" in page.text
    assert "登録したと" not in page.text
    held = kazasu.world.system.registrations_of(PRACTICE_STATION.code)
    assert [any(each.agreed for each in made.consents) for _, made in held] == [False]


async def test_one_withdraws_alone_in_the_practice_reception(nurse: Nurse, kazasu: Kazasu) -> None:
    await takes_home(nurse)
    await nurse.get("/practice/web/withdraw")
    (person,) = [each.id for each, _ in kazasu.world.system.registrations_of(PRACTICE_STATION.code)]
    page = await nurse.send("/practice/web/withdraw", {"person": person})
    assert "取り消しました" in page.text
    held = kazasu.world.system.registrations_of(PRACTICE_STATION.code)
    assert [any(each.agreed for each in made.consents) for _, made in held] == [False]
    await nurse.send("/practice/web/withdraw", {"person": person}, expect=404)
