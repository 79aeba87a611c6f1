"""The patient's copy as the office prints it: the truth of the day, letters seen once, called back at once."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.main import PRACTICE_STATION, Kazasu, create_app
from app.rules.visit.copy import known_as, typed
from app.web.kit.qr_codes import MODULE
from tests.adapters.samples import a_change, opened, telling
from tests.rules.visits import a_visit, answered
from tests.web.bedside.codes import read
from tests.web.bedside.nurse import StillClock
from tests.web.bedside.page import Page
from tests.web.office.clerk import Clerk, everything
from tests.web.office.conftest import settings
from tests.web.office.test_worklist import at_the_bedside

KANA = re.compile(r"[ぁ-んァ-ン]")
LONG = "https://kunren.houmonkango-station-network.example.jp"


@pytest.fixture
async def visit(kazasu: Kazasu) -> str:
    """Return a visit that reached the office."""
    return (await at_the_bedside(kazasu, "a", reference="A-0042")).id


@pytest.fixture
async def patient(kazasu: Kazasu) -> AsyncIterator[Clerk]:
    """Return the patient with a browser of her own, and no account."""
    one = Clerk(kazasu)
    yield one
    await one.http.aclose()


async def prints(staff: Clerk, visit: str, **given: Any) -> Page:
    await staff.get(f"/office/visits/{visit}")
    return await staff.press(f"/office/visits/{visit}/copy", **given)


def letters_of(page: Page) -> str:
    (shown,) = [each for each in page.root.all("p") if "kz-secret" in each.attrs.get("class", "")]
    return typed(shown.text)


async def test_the_copy_on_paper_says_what_is_true_and_names_nobody(staff: Clerk, visit: str) -> None:
    page = await prints(staff, visit, language="ja")
    assert "登録したと申告されました" in page.text
    assert "事業所で確認しました" not in page.text
    assert "記録の番号" in page.text
    assert PRACTICE_STATION.telephone in page.text
    assert "A-0042" not in page.text
    assert read(page.source).endswith(f"/review#{letters_of(page)}")


@pytest.fixture
async def far(tmp_path: Path, clock: StillClock, database_url: str) -> AsyncIterator[Clerk]:
    """Return the practice staff account, signed in where the server's address is long."""
    given = settings(tmp_path, database_url).model_copy(update={"origin": LONG})
    joined = create_app(given, clock=clock)
    one = Clerk(joined, LONG)
    await one.signs_in("haru")
    yield one
    await one.http.aclose()
    await joined.close()


async def test_a_long_address_makes_the_code_wider_instead_of_finer(far: Clerk) -> None:
    page = await prints(far, (await at_the_bedside(far.kazasu, "a")).id, language="ja")
    assert read(page.source) == f"{LONG}/review#{letters_of(page)}"
    ((modules, width),) = re.findall(r'<svg[^>]* viewBox="0 0 (\d+) \1" width="([\d.]+)mm"', page.source)
    assert float(width) / int(modules) >= MODULE - 1e-9


async def test_what_the_office_saw_is_on_the_copy(staff: Clerk, visit: str) -> None:
    await staff.get(f"/office/visits/{visit}")
    every = dict.fromkeys(("surgery", "clinical", "drug", "health_checkup", "limit_amount", "specific_disease"), "yes")
    seen: dict[str, Any] = {"found": "yes", "available_until": "2027/02/28 23:59", **every}
    await staff.press(f"/office/visits/{visit}/seen", **seen)
    page = await prints(staff, visit, language="ja")
    assert "事業所で確認しました" in page.text
    assert "2027/02/28 23:59" in page.text


async def test_a_copy_is_printed_in_the_patients_language(staff: Clerk, visit: str) -> None:
    page = await prints(staff, visit, language="en")
    assert "手術情報" in page.text, "the official name stands beside"
    assert '<div lang="en">' in page.source
    assert "It was reported that registration was done." in page.text


@pytest.mark.parametrize(("language", "furigana"), [("ja", "on"), ("ja-easy", "on"), ("ja", ""), ("en", "on")])
async def test_a_sheet_with_readings_has_room_for_them(staff: Clerk, visit: str, language: str, furigana: str) -> None:
    page = await prints(staff, visit, language=language, furigana=furigana)
    has_readings = bool(furigana) and language != "en"
    assert ("<ruby>" in page.source, "kz-with-readings" in page.source) == (has_readings, has_readings)


async def test_each_copy_is_a_new_one_and_in_the_record(staff: Clerk, visit: str, kazasu: Kazasu) -> None:
    first = letters_of(await prints(staff, visit, language="ja"))
    second = letters_of(await prints(staff, visit, language="ja"))
    assert first != second
    held = everything(kazasu)
    assert known_as(first) in held
    assert first not in held
    record = [each async for each in kazasu.store.export(PRACTICE_STATION.id) if each.entry.type == "copied"]
    assert len(record) == 2
    assert all(json.loads(each.line())["body"]["by"] for each in record)


async def test_a_copy_that_was_called_back_is_dead_on_the_next_request(
    staff: Clerk, visit: str, patient: Clerk
) -> None:
    letters = letters_of(await prints(staff, visit, language="ja"))
    await patient.get("/review", expect=403)
    assert (await patient.press("/review", letters=letters)).h1 == "あなたの控え"
    page = await staff.get(f"/office/visits/{visit}")
    (call_back,) = [
        form.attrs["action"] for form in page.root.all("form") if form.attrs["action"].endswith("/call-back")
    ]
    await staff.press(call_back)
    await patient.get("/review/copy", expect=404)
    await patient.get("/review/withdraw", expect=404)
    await patient.press("/review", letters=letters, expect=404)


def mark_of(page: Page) -> str:
    """Return the mark by which people tell this copy from another."""
    (found,) = re.findall(r"控えの記号 ([A-Z]{4})(?![A-Z])", page.text)
    return str(found)


async def test_two_copies_of_a_visit_are_told_apart_on_paper_and_in_the_list(
    staff: Clerk, visit: str, patient: Clerk
) -> None:
    sheets = [await prints(staff, visit, language="ja") for _ in range(2)]
    mine, other = map(mark_of, sheets)
    assert mine != other
    assert not letters_of(sheets[0]).startswith(mine)
    await patient.get("/review", expect=403)
    assert mark_of(await patient.press("/review", letters=letters_of(sheets[0]))) == mine
    await patient.get("/review/change")
    await patient.press("/review/change")
    rows = [
        row.text for row in (await staff.get(f"/office/visits/{visit}")).root.all("tr") if "使えなくする" in row.text
    ]
    assert {mark: "ここから申し出：内容を変えたい" in row for row in rows for mark in (mine, other) if mark in row} == {
        mine: True,
        other: False,
    }
    await staff.press(f"/office/visits/{visit}/close", why="answered")
    assert "ここから申し出" not in (await staff.get(f"/office/visits/{visit}")).text


def lines_of(page: Page) -> list[str]:
    """Return what a page tells of what happened, without the moments."""
    (told,) = [each for each in page.root.all("section") if each.attrs.get("aria-labelledby") == "history"]
    return ["".join(bold.text for bold in line.all("b")) for line in told.all("li")]


async def test_the_office_reads_the_same_history_as_the_patient(staff: Clerk, visit: str, patient: Clerk) -> None:
    lost, mine = [letters_of(await prints(staff, visit, language="ja")) for _ in range(2)]
    await patient.get("/review", expect=403)
    await patient.press("/review", letters=lost)
    await patient.get("/review/call-back")
    await patient.press("/review/call-back")
    await patient.get("/review", expect=403)
    await patient.press("/review", letters=mine)
    await patient.get("/review/disagree")
    of_patient = lines_of(await patient.press("/review/disagree"))
    office = await staff.get(f"/office/visits/{visit}")
    assert lines_of(office) == of_patient
    assert of_patient[-2:] == ["控えの1つを、使えなくしました", "控えから、ステーションに伝えました"]
    assert "わたしは同意していません" in office.text
    await patient.get("/review/copy")
    in_english = lines_of(await patient.press("/look", language="en"))
    assert len(in_english) == len(of_patient)
    assert not [line for line in in_english if KANA.search(line)], "every line is in the catalogue"


async def test_what_the_patient_asks_stands_on_the_visit_until_it_is_answered(
    staff: Clerk, visit: str, patient: Clerk
) -> None:
    letters = letters_of(await prints(staff, visit, language="ja"))
    await patient.get("/review", expect=403)
    await patient.press("/review", letters=letters)
    await patient.get("/review/disagree")
    await patient.press("/review/disagree")
    assert "「同意していません」と申し出" in (await staff.get("/office/visits")).text
    page = await staff.get(f"/office/visits/{visit}")
    assert "控えからの申し出" in page.text
    assert "ご本人かどうかは、まだ分かりません" in page.text
    await staff.press(f"/office/visits/{visit}/seen", found="no")
    assert "「同意していません」と申し出" in (await staff.get("/office/visits")).text, "seeing alone answers nobody"
    await staff.get(f"/office/visits/{visit}")
    page = await staff.press(f"/office/visits/{visit}/close", why="mistake", expect=422)
    assert "答えてから閉じてください" in page.text
    await staff.press(f"/office/visits/{visit}/close", why="answered")
    assert "申し出" not in (await staff.get("/office/visits")).text
    assert "ステーションが、対応を終えました" in (await patient.get("/review/copy")).text


@pytest.mark.threat("T19")
async def test_a_wish_that_the_clerk_has_not_read_is_not_closed_away(staff: Clerk, visit: str, patient: Clerk) -> None:
    letters = letters_of(await prints(staff, visit, language="ja"))
    await staff.get(f"/office/visits/{visit}")
    await patient.get("/review", expect=403)
    await patient.press("/review", letters=letters)
    await patient.get("/review/disagree")
    await patient.press("/review/disagree")
    page = await staff.press(f"/office/visits/{visit}/close", why="answered", expect=409)
    assert "このあいだに、控えからの申し出が変わりました" in page.text
    assert "「同意していません」と申し出" in (await staff.get("/office/visits")).text
    await staff.get(f"/office/visits/{visit}")
    await staff.press(f"/office/visits/{visit}/close", why="answered")
    await patient.get("/review/change")
    await patient.press("/review/change")
    assert "内容の変更を希望" in (await staff.get("/office/visits")).text, "a wish opens what was closed"


@pytest.mark.threat("T19")
async def test_a_form_closes_only_the_wishes_that_it_showed(
    browser: Callable[[], Clerk], staff: Clerk, visit: str, patient: Clerk, clock: StillClock
) -> None:
    address, colleague = f"/office/visits/{visit}", browser()
    await colleague.signs_in("sakura")
    letters = letters_of(await prints(staff, visit, language="ja"))
    await patient.get("/review", expect=403)
    await patient.press("/review", letters=letters)
    await patient.get("/review/change")
    await patient.press("/review/change")
    for each in (staff, colleague):
        assert "内容の変更を希望" in (await each.get(address)).text
    older = staff.page
    await colleague.press(f"{address}/close", why="answered")
    page = await staff.press(f"{address}/close", why="answered", expect=409)
    assert "ほかの人が、先に閉じました" in page.text
    clock.pass_(60)
    await patient.get("/review/disagree")
    await patient.press("/review/disagree")
    staff.page = older
    page = await staff.press(f"{address}/close", why="answered", expect=409)
    assert "このあいだに、控えからの申し出が変わりました" in page.text, "one wish as before, but another one"
    assert "「同意していません」と申し出" in (await staff.get("/office/visits")).text
    await staff.get(address)
    await staff.press(f"{address}/close", why="answered")
    assert "申し出" not in (await staff.get("/office/visits")).text


async def test_a_visit_closed_by_the_office_alone_says_no_more_than_that(
    staff: Clerk, visit: str, patient: Clerk
) -> None:
    letters = letters_of(await prints(staff, visit, language="ja"))
    await staff.get(f"/office/visits/{visit}")
    await staff.press(f"/office/visits/{visit}/close", why="unknowable")
    await patient.get("/review", expect=403)
    page = await patient.press("/review", letters=letters)
    assert "この訪問の確認を閉じました" in page.text
    assert "対応を終えました" not in page.text


async def test_of_another_way_there_is_no_copy(staff: Clerk, kazasu: Kazasu) -> None:
    went = replace(a_visit(upto="handoff"), id="b" * 22)
    left = answered(answered(went, "ready", ready="missing"), "another-way", reason="no_card")
    for version, visit in enumerate((went, left), 1):
        at = replace(visit, version=version)
        await kazasu.store.write(telling(opened(at, session="s") if version == 1 else a_change(at)))
    page = await staff.get(f"/office/visits/{'b' * 22}")
    assert "ほかの方法" in page.text
    assert not page.forms(f"/office/visits/{'b' * 22}/copy")
    await staff.send(f"/office/visits/{'b' * 22}/copy", {"token": staff.token(), "language": "ja"}, expect=404)


async def test_a_form_sent_twice_prints_one_copy(staff: Clerk, visit: str, kazasu: Kazasu) -> None:
    page = await staff.get(f"/office/visits/{visit}")
    held = page.form_fields(f"/office/visits/{visit}/copy")
    for _ in range(2):
        page = await staff.send(f"/office/visits/{visit}/copy", {**held, "language": "ja"})
    assert "その控えは、もう作ってあります" in page.text
    kinds = [each.entry.type async for each in kazasu.store.export(PRACTICE_STATION.id)]
    assert kinds.count("copied") == 1
    assert page.text.count("使えなくする") == 1


async def test_another_stations_copy_cannot_be_called_back(staff: Clerk, visit: str, patient: Clerk) -> None:
    letters = letters_of(await prints(staff, visit, language="ja"))
    await staff.get(f"/office/visits/{visit}")
    await staff.send(f"/office/visits/{visit}/copy/somebody-elses/call-back", {"token": staff.token()})
    await patient.get("/review", expect=403)
    assert (await patient.press("/review", letters=letters)).h1 == "あなたの控え"
