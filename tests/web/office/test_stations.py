"""What a station says of itself, and its checklists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.rules.content.office import CHECKLISTS
from app.rules.station.station import PROMISE, has_check_digit, judge_code
from app.rules.words.furigana import plain
from tests.web.bedside.nurse import StillClock
from tests.web.office.clerk import STEP, Clerk

SAID = {
    "name": "ひなた坂訪問看護ステーション",
    "telephone": "03-0000-0000",
    "code": "9960000009",
    "hours": "月〜金 9〜18時",
    "terminal": "notebook",
    "linked": "no",
    "maintenance": "yes",
    "maintenance_telephone": "0120-000-000",
    "router": "YAMAHA RTX830",
    "certificate_ends": "2027-03-31",
    "retention_days": "365",
    "keeps_names": "yes",
}


async def says(admin: Clerk, *, expect: int = 200, **more: str) -> None:
    await admin.get("/office/station")
    given: dict[str, Any] = {**SAID, **more}
    await admin.press("/office/station", expect=expect, **given)


async def test_what_is_said_is_kept(kazasu: Kazasu, admin: Clerk) -> None:
    await says(admin)
    assert admin.page is not None
    assert "保存しました" in admin.page.text
    kept = await kazasu.desk.office.station(PRACTICE_STATION.id)
    assert (kept.linked, kept.maintenance, kept.router, kept.keeps_names) == (False, True, "YAMAHA RTX830", True)
    assert admin.page.checked() == {"terminal": "notebook", "linked": "no", "maintenance": "yes", "keeps_names": "yes"}


async def test_what_is_promised_to_whoever_declines_is_the_stations_own_word(admin: Clerk, kazasu: Kazasu) -> None:
    usual = plain(PROMISE)
    boxes = {
        each.attrs["name"]: each.attrs.get("value") for each in (await admin.get("/office/station")).root.all("input")
    }
    assert boxes["promise"] == usual
    for promise, kept in ((usual, None), ("断っても、何も変わりません。", "断っても、何も変わりません。"), ("", "")):
        await says(admin, promise=promise)
        found = await kazasu.store.facility(PRACTICE_STATION.id)
        assert found is not None
        assert found.promise == kept
    await says(admin, expect=422, promise="1234 5678 9018")


@pytest.mark.threat("T19")
async def test_an_older_page_does_not_keep_names_again(
    kazasu: Kazasu, admin: Clerk, browser: Callable[[], Clerk], clock: StillClock
) -> None:
    await says(admin)
    clock.pass_(STEP)
    colleague, office = browser(), kazasu.desk.office
    await colleague.signs_in("sakura", to="/office/station")
    older: dict[str, Any] = {**SAID, "telephone": "03-1111-1111", "router": "NEC IX2215"}
    without: dict[str, Any] = {**SAID, "keeps_names": "no"}
    await admin.get("/office/station")
    await admin.press("/office/station", expect=422, **without)
    await admin.press("/office/station", forget="yes", **without)
    before = await office.station(PRACTICE_STATION.id)
    page = await colleague.press("/office/station", expect=409, **older)
    assert "ほかの人が「端末のファイルの氏名」を変えました" in page.text
    assert page.checked()["keeps_names"] == "no", "as it stands now"
    typed = {each.attrs.get("name"): each.attrs.get("value") for each in page.root.all("input")}
    assert (typed["telephone"], typed["router"]) == ("03-1111-1111", "NEC IX2215"), "nothing typed is lost"
    assert await office.station(PRACTICE_STATION.id) == before
    page = await colleague.press("/office/station", **{**older, "keeps_names": "no"})
    assert "保存しました" in page.text
    kept = await office.station(PRACTICE_STATION.id)
    assert (kept.keeps_names, kept.router) == (False, "NEC IX2215")


@pytest.mark.threat("T19")
async def test_what_is_decided_about_names_between_look_and_write_stands(kazasu: Kazasu) -> None:
    office = kazasu.desk.office
    said = replace(await office.station(PRACTICE_STATION.id), router="NEC IX2215")
    assert said.keeps_names
    assert await office.save_station(PRACTICE_STATION, replace(said, keeps_names=False), names_were=True)
    assert not await office.save_station(replace(PRACTICE_STATION, name="別の名前"), said, names_were=True)
    assert await office.station(PRACTICE_STATION.id) == replace(said, keeps_names=False)
    assert await kazasu.store.facility(PRACTICE_STATION.id) == PRACTICE_STATION


async def test_the_name_reaches_the_entry(kazasu: Kazasu, admin: Clerk, clerk: Clerk) -> None:
    await says(admin, name="髙﨑訪問看護ステーション𠮷", telephone="06-0000-0000")
    live = await kazasu.store.live_link(PRACTICE_STATION.id)
    assert live is not None
    page = await clerk.get(f"/f/{live.token}")
    assert "髙﨑" in page.text
    assert "𠮷" in page.text


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        ({"name": ""}, "name"),
        ({"name": "あ" * 61}, "name"),
        ({"telephone": "でんわ"}, "telephone"),
        ({"code": "12345"}, "code"),
        ({"code": "996000000x"}, "code"),
        ({"certificate_ends": "2027-02-30"}, "certificate_ends"),
        ({"certificate_ends": "3月"}, "certificate_ends"),
        ({"retention_days": "0"}, "retention_days"),
        ({"retention_days": "99999"}, "retention_days"),
        ({"router": "1234 5678 9018"}, "router"),
    ],
    ids=str,
)
async def test_what_cannot_be_is_asked_again_and_nothing_is_lost(
    kazasu: Kazasu, admin: Clerk, wrong: dict[str, str], about: str
) -> None:
    before = await kazasu.desk.office.station(PRACTICE_STATION.id)
    await says(admin, expect=422, **wrong)
    assert admin.page is not None
    field = next(each for each in admin.page.root.all("input") if each.attrs.get("name") == about)
    assert field.attrs["aria-invalid"] == "true"
    assert await kazasu.desk.office.station(PRACTICE_STATION.id) == before
    assert "0120-000-000" in admin.page.source


async def test_full_width_digits_are_understood(kazasu: Kazasu, admin: Clerk) -> None:
    await says(admin, code="９９６００００００９", certificate_ends="２０２７-０３-３１")
    known = await kazasu.store.facility(PRACTICE_STATION.id)
    assert known is not None
    assert known.code == "9960000009"


@pytest.mark.parametrize(("code", "fits"), [("0110113719", True), ("1312345670", False), ("9960000017", True)])
def test_the_check_digit(code: str, *, fits: bool) -> None:
    assert has_check_digit(code) is fits


@pytest.mark.parametrize(
    ("code", "says_"),
    [("1311234567", "介護保険の事業所番号"), ("1360000001", "検査数字"), ("9960000009", "都道府県番号")],
)
async def test_a_doubtful_code_warns_and_does_not_block(admin: Clerk, code: str, says_: str) -> None:
    assert not judge_code(code).problem
    await says(admin, code=code)
    assert admin.page is not None
    assert says_ in admin.page.text


@pytest.mark.parametrize("which", CHECKLISTS)
async def test_a_row_is_ticked_once_and_can_be_taken_back(admin: Clerk, which: str) -> None:
    row = CHECKLISTS[which].rows[0].id
    await admin.get(f"/office/checklist/{which}")
    page = await admin.press(f"/office/checklist/{which}", row=row, done="yes")
    assert "事務 さくら" in page.text
    assert f"1 / {len(CHECKLISTS[which].rows)}" in page.text
    page = await admin.press(f"/office/checklist/{which}", row=row, done="yes")
    assert f"1 / {len(CHECKLISTS[which].rows)}" in page.text
    page = await admin.press(f"/office/checklist/{which}", row=row, done="no")
    assert f"0 / {len(CHECKLISTS[which].rows)}" in page.text


async def test_the_monthly_list_begins_anew_and_the_set_up_stays(
    kazasu: Kazasu, admin: Clerk, clock: StillClock, browser: object
) -> None:
    for which in CHECKLISTS:
        await admin.get(f"/office/checklist/{which}")
        await admin.press(f"/office/checklist/{which}", row=CHECKLISTS[which].rows[0].id, done="yes")
    clock.pass_(31 * 24 * 3600)
    await admin.signs_in("sakura")
    assert "0 / " in (await admin.get("/office/checklist/monthly")).text
    assert "1 / " in (await admin.get("/office/checklist/setup")).text


@pytest.mark.parametrize("path", ["/office/checklist/weekly", "/office/checklist/"])
async def test_a_list_that_there_is_not(admin: Clerk, path: str) -> None:
    await admin.get(path, expect=404)


async def test_a_row_that_there_is_not(admin: Clerk) -> None:
    await admin.get("/office/checklist/setup")
    await admin.press("/office/checklist/setup", row="nothing", done="yes", expect=404)
