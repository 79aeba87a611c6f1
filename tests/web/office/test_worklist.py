"""The worklist: every visit that reached the handoff, what was said of it, what was seen, and who may do what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.ports.store import Logged
from app.rules.station.station import Link, Station, new_token
from app.rules.visit.standing import UNDERWAY
from app.rules.visit.visit import Visit
from tests.adapters.samples import opened, telling
from tests.rules.visits import NOW, a_visit, answered
from tests.web.bedside.nurse import StillClock
from tests.web.office.clerk import Clerk

LIST = "/office/visits"
SEEN: dict[str, Any] = dict.fromkeys(
    ("surgery", "clinical", "drug", "health_checkup", "limit_amount", "specific_disease"), "yes"
)


async def at_the_bedside(
    kazasu: Kazasu,
    name: str,
    report: str = "done",
    reference: str = "",
    facility: str = PRACTICE_STATION.id,
    *,
    later: int = 0,
) -> Visit:
    """Leave a visit as the bedside leaves it, ended."""
    visit, at = a_visit(upto="result"), NOW + later
    visit = answered(visit, "result", report=report) if report else visit
    need = {**visit.answers["need"], **({"reference": reference} if reference else {})}
    visit = replace(visit, id=name * 22, facility=facility, ended=True, answers={**visit.answers, "need": need})
    visit = replace(visit, opened_at=at, touched_at=at)
    await kazasu.store.write(telling(opened(visit, session=f"session {name}")))
    return visit


async def record(kazasu: Kazasu) -> list[Logged]:
    return [each async for each in kazasu.store.export(PRACTICE_STATION.id)]


async def test_only_what_reached_the_handoff_is_there(staff: Clerk, kazasu: Kazasu) -> None:
    page = await staff.get(LIST)
    assert "いま、確かめるものはありません" in page.text
    draft = replace(a_visit(upto="check"), id="d" * 22)
    await kazasu.store.write(telling(opened(draft, session="s")))
    done = await at_the_bedside(kazasu, "a", reference="T-0001")
    page = await staff.get(LIST)
    assert done.code in page.text
    assert "T-0001" in page.text
    assert "登録したと申告。まだ確かめていない" in page.text
    assert draft.code not in page.text


async def test_what_was_seen_last_is_what_was_seen_latest(staff: Clerk, kazasu: Kazasu, clock: StillClock) -> None:
    worklist = kazasu.importer.worklist
    for name, flag in (("a", "surgery"), ("b", "drug"), ("c", "clinical")):
        seen: dict[str, Any] = {flag: "yes"}
        await at_the_bedside(kazasu, name, reference="T-0001")
        clock.pass_(60)
        await staff.get(f"{LIST}/{name * 22}")
        await staff.press(f"{LIST}/{name * 22}/seen", found="yes", **seen)
    clock.pass_(60)
    for name, why in (("a", "elsewhere"), ("c", "mistake")):
        await staff.get(f"{LIST}/{name * 22}")
        await staff.press(f"{LIST}/{name * 22}/close", why=why)
    last = await worklist.last_sight(PRACTICE_STATION.id, "T-0001")
    assert last is not None
    assert {flag for flag, there in last.flags.items() if there} == {"drug"}, "not the one closed since, no mistake"
    assert await worklist.last_sight(PRACTICE_STATION.id, "T-0002") is None


async def test_the_neediest_stand_on_top(staff: Clerk, kazasu: Kazasu) -> None:
    fine, trouble = await at_the_bedside(kazasu, "a"), await at_the_bedside(kazasu, "b", "trouble")
    page = await staff.get(LIST)
    assert page.text.index(trouble.code) < page.text.index(fine.code)
    assert "要対応" in page.text


async def test_what_was_seen_stands_beside_what_was_chosen(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a", reference="T-0001")
    await staff.get(f"{LIST}/{visit.id}")
    seen = {**SEEN, "found": "yes", "consented_on": "2026-11-18", "available_until": "2027/02/28 23:59"}
    page = await staff.press(f"{LIST}/{visit.id}/seen", **seen)
    assert "事業所で確認" in page.text
    assert "2027/02/28 23:59" in page.text
    assert visit.code not in (await staff.get(LIST)).text
    assert visit.code in (await staff.get(f"{LIST}?only=done")).text
    sight = await kazasu.importer.worklist.last_sight(PRACTICE_STATION.id, "T-0001")
    assert sight is not None
    assert sight.at == NOW
    last = (await record(kazasu))[-1]
    assert last.entry.type == "verified"
    assert last.body is not None
    assert last.body["from"] == "screen"


async def test_a_difference_keeps_both_values_and_stays_on_the_list(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    await staff.get(f"{LIST}/{visit.id}")
    page = await staff.press(f"{LIST}/{visit.id}/seen", **{**SEEN, "found": "yes", "drug": ""})
    assert "要対応：えらんだ内容と、端末の表示がちがう" in page.text
    assert "薬剤 空らん" in page.text
    assert "同意する" in page.text
    assert "要対応" in (await staff.get(LIST)).text


async def test_every_sight_is_an_event_and_the_newest_stands(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    for found in ("no", "yes"):
        await staff.get(f"{LIST}/{visit.id}")
        page = await staff.press(f"{LIST}/{visit.id}/seen", **{**SEEN, "found": found})
    assert "事業所で確認" in page.text
    assert [each.entry.type for each in await record(kazasu)].count("verified") == 2


async def test_the_same_form_twice_is_one_event(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    page = await staff.get(f"{LIST}/{visit.id}")
    form = {**page.form_fields(f"{LIST}/{visit.id}/seen"), **SEEN, "found": "yes"}
    for _ in range(2):
        await staff.send(f"{LIST}/{visit.id}/seen", form)
    assert [each.entry.type for each in await record(kazasu)].count("verified") == 1


@pytest.mark.threat("T19")
async def test_the_same_form_with_other_content_says_what_stands_and_loses_nothing(
    staff: Clerk, kazasu: Kazasu
) -> None:
    visit = await at_the_bedside(kazasu, "a")
    address = f"{LIST}/{visit.id}/seen"
    form = {**(await staff.get(f"{LIST}/{visit.id}")).form_fields(address), **SEEN, "found": "yes"}
    await staff.send(address, {**form, "drug": ""})
    page = await staff.send(address, form, expect=409)
    assert "はじめに送った内容が残っています" in page.text
    assert "薬剤 空らん" in page.text
    assert page.checked()["drug"] == "yes", "what was corrected is still there"
    assert [each.entry.type for each in await record(kazasu)].count("verified") == 1
    page = await staff.press(f"{LIST}/{visit.id}/seen", **SEEN, found="yes")
    assert "薬剤 ○" in page.text


@pytest.mark.threat("T19")
async def test_a_visit_is_not_closed_twice_for_two_reasons(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    address = f"{LIST}/{visit.id}/close"
    form = (await staff.get(f"{LIST}/{visit.id}")).form_fields(address)
    for why, expect in (("mistake", 200), ("mistake", 200), ("elsewhere", 409)):
        page = await staff.send(address, {**form, "why": why}, expect=expect)
    assert "はじめに送った内容が残っています" in page.text
    assert [each.entry.type for each in await record(kazasu)].count("closed") == 1


async def test_a_visit_is_closed_without_a_report_and_seen_again_all_the_same(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a", report="")
    await staff.get(f"{LIST}/{visit.id}")
    page = await staff.press(f"{LIST}/{visit.id}/close", expect=422)
    assert "理由をえらんでください" in page.text
    page = await staff.press(f"{LIST}/{visit.id}/close", why="elsewhere")
    assert "いま、確かめるものはありません" in page.text
    page = await staff.get(f"{LIST}/{visit.id}")
    assert "ほかの方法で資格を確かめた" in page.text
    page = await staff.press(f"{LIST}/{visit.id}/seen", found="no")
    assert "要対応：端末の一覧に見つからない" in page.text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "一覧に、この方の行があったかをえらんでください"),
        ({"found": "maybe"}, "一覧に、この方の行があったかをえらんでください"),
        ({"found": "yes", "consented_on": "2026-02-30"}, "年・月・日を"),
        ({"found": "yes", "consented_on": "１１月"}, "年・月・日を"),
        ({"found": "yes", "available_until": "123456789018"}, "画面の文字のとおりに"),
        ({"found": "yes", "available_until": "あ" * 21}, "画面の文字のとおりに"),
    ],
)
async def test_what_cannot_be_is_asked_again_and_nothing_is_lost(
    staff: Clerk, kazasu: Kazasu, given: dict[str, Any], says: str
) -> None:
    visit = await at_the_bedside(kazasu, "a")
    await staff.get(f"{LIST}/{visit.id}")
    page = await staff.press(f"{LIST}/{visit.id}/seen", expect=422, **{**given, "surgery": "yes"})
    assert says in page.text
    assert page.title.startswith("エラー：")
    assert (
        "surgery" in page.source.split('value="yes" checked')[0][-200:]
        or 'name="surgery" value="yes" checked' in page.source
    )
    assert "verified" not in [each.entry.type for each in await record(kazasu)]


@pytest.mark.parametrize("act", ["", "/seen", "/close"])
async def test_no_other_station_finds_it(staff: Clerk, kazasu: Kazasu, act: str) -> None:
    theirs = Station("otonari", "おとなり訪問看護ステーション", "9960000017", "03-0000-0001")
    await kazasu.store.add_facility(theirs, Link(new_token(), theirs.id, 1, NOW))
    visit = await at_the_bedside(kazasu, "a", facility=theirs.id)
    assert visit.code not in (await staff.get(LIST)).text
    address = f"{LIST}/{visit.id}{act}"
    if act:
        await staff.send(address, {"token": staff.token(), "found": "no", "why": "mistake"}, expect=404)
    else:
        await staff.get(address, expect=404)


async def test_a_visit_that_still_goes_on_is_no_work_yet(staff: Clerk, kazasu: Kazasu, clock: StillClock) -> None:
    visit = replace(a_visit(upto="result"), id="a" * 22)
    await kazasu.store.write(telling(opened(visit)))
    assert "いま訪問中" in (await staff.get(LIST)).text
    clock.pass_(UNDERWAY)
    await staff.signs_in("haru")
    page = await staff.get(LIST)
    assert "いま訪問中" not in page.text
    assert "公式の画面を開いた。申告なし" in page.text


async def test_what_is_settled_comes_page_by_page(staff: Clerk, kazasu: Kazasu, clock: StillClock) -> None:
    codes = []
    for number in range(53):
        visit = replace(a_visit(upto="result"), id=f"{number:022d}", ended=True)
        await kazasu.store.write(telling(opened(visit, session=f"s{number}")))
        clock.pass_(1)
        given = {"token": staff.token(), "key": f"c{number}", "why": "mistake"}
        closed = await staff.http.post(f"{LIST}/{visit.id}/close", data=given)  # where it leads is no matter here
        assert closed.status_code == 303, closed.text
        codes.append(visit.code)
    first = await staff.get(f"{LIST}?only=done")
    assert [code in first.text for code in codes] == [False] * 3 + [True] * 50
    second = await staff.get(first.link("もっと前を見る"))
    assert [code in second.text for code in codes] == [True] * 3 + [False] * 50


async def test_the_first_page_says_when_somebody_must_act(staff: Clerk, kazasu: Kazasu) -> None:
    await at_the_bedside(kazasu, "a")
    assert "確かめがいる訪問" not in (await staff.get("/office")).text
    await at_the_bedside(kazasu, "b", "trouble")
    assert "確かめがいる訪問が1件あります" in (await staff.get("/office")).text


async def test_a_row_shows_each_choice_and_the_one_thing_to_do(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    page = await staff.get(LIST)
    (row,) = page.root.all("tbody")[0].all("tr")
    assert [each.text for each in row.all("td") if each.attrs["data-is"] == "手術"] == ["○同意する"]
    assert [each.text for each in row.all("a")] == [f"端末で見た：{visit.code}"]
    await staff.get(f"{LIST}/{visit.id}")
    await staff.press(f"{LIST}/{visit.id}/seen", **{**SEEN, "found": "yes", "drug": ""})
    (row,) = (await staff.get(LIST)).root.all("tbody")[0].all("tr")
    assert "端末 ○－" in row.text
    assert [each.text for each in row.all("a")] == [f"ちがいを見る：{visit.code}"]
