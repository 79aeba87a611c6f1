"""The visit, page by page, without a screen: what is shown, what is kept, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.ports.store import Change, Written
from app.practice.system import Mood
from app.rules.content import EXITS
from app.rules.record.event import EventType
from app.rules.record.evidence import VisitState, hashed, state
from app.rules.station.station import PROMISE, StationProfile
from app.rules.visit import journey
from app.rules.visit.flow import FLOW, STEPS
from app.rules.visit.visit import Registration, Visit
from app.rules.words.furigana import plain
from app.tokens import new_secret
from app.web.bedside.seat import submitted
from app.web.kit.forms import Form
from tests.adapters.samples import visit_of
from tests.web.bedside.nurse import BROWSER, Nurse, StillClock
from tests.web.bedside.page import Page


async def stored(nurse: Nurse) -> Visit:
    """Return the visit of the nurse's browser as the store has it."""
    visit = await visit_of(nurse.kazasu.store, hashed(nurse.http.cookies["visit"]))
    assert visit is not None
    return visit


async def test_it_works(nurse: Nurse) -> None:
    await nurse.confirmed(health_checkup="decline")
    page = await nurse.comes_back()
    assert page.h1 == "資格確認"
    assert "登録したと申告されました" in page.text
    assert "事業所での確認は、まだです" in page.text
    page = await nurse.press("/visit/result", report="answered")
    assert page.h1 == "おつかれさまでした"
    page = await nurse.press("/visit/end")
    assert page.path.startswith("/f/")
    assert "visit" not in nurse.http.cookies


@pytest.mark.threat("T19")
async def test_an_older_page_ends_the_visit_as_it_is_now(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.confirmed()
    await nurse.comes_back()
    older = (await nurse.press("/visit/result", report="answered")).form_fields("/visit/end")
    await nurse.get("/visit/result")
    await nurse.press("/visit/result", report="trouble")
    session = nurse.http.cookies["visit"]
    page = await nurse.send("/visit/end", older)
    assert page.path.startswith("/f/")
    assert await visit_of(kazasu.store, hashed(session)) is None
    kinds = [each.entry.type async for each in kazasu.store.export(PRACTICE_STATION.id)]
    assert kinds[-2:] == ["reported", "ended"]


@pytest.mark.threat("T19")
async def test_a_visit_that_is_answered_while_it_ends_is_ended_all_the_same(
    nurse: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nurse.confirmed()
    await nurse.comes_back()
    await nurse.press("/visit/result", report="answered")
    session, ends, write = nurse.http.cookies["visit"], nurse.page, kazasu.store.write

    async def late(change: Change) -> Written:
        monkeypatch.setattr(kazasu.store, "write", write)
        async with Nurse(kazasu) as tab:
            tab.http.cookies.set("visit", session)
            await tab.get("/visit/result")
            await tab.press("/visit/result", report="trouble")
        return await write(change)

    monkeypatch.setattr(kazasu.store, "write", late)
    assert ends is not None
    await nurse.send("/visit/end", ends.form_fields("/visit/end"))
    assert await visit_of(kazasu.store, hashed(session)) is None


async def test_nothing_is_chosen_beforehand(nurse: Nurse) -> None:
    assert (await nurse.starts()).checked() == {}
    page = await nurse.is_ready()
    assert page.checked() == {}


async def test_both_all_buttons_fill_in_answers_to_be_seen_and_changed(nurse: Nurse) -> None:
    page = await nurse.is_ready()
    page = await nurse.press("/visit/consent", fill="decline")
    assert set(page.checked().values()) == {"decline"}
    assert page.path == "/visit/consent"
    page = await nurse.press("/visit/consent", fill="agree")
    assert set(page.checked().values()) == {"agree"}
    assert journey.furthest(await stored(nurse)) is STEPS["consent"]


async def test_a_missing_answer_is_named_and_the_others_stay(nurse: Nurse) -> None:
    await nurse.is_ready()
    page = await nurse.press("/visit/consent", surgery="agree", limit_amount="decline", expect=422)
    assert page.title.startswith("エラー：")
    assert "3つあります" in page.text
    assert page.checked() == {"surgery": "agree", "limit_amount": "decline"}


async def test_under_40_the_checkup_does_not_appear(nurse: Nurse) -> None:
    page = await nurse.is_ready(over_40=False)
    assert "特定健診" not in page.text
    page = await nurse.press("/visit/consent", fill="agree")
    assert len(page.checked()) == 4


async def test_after_a_change_one_returns_to_the_check_page(nurse: Nurse) -> None:
    page = await nurse.chose()
    assert page.h1 == "同意内容の確認"
    changes = [each.attrs["href"] for each in page.root.all("a") if each.text.startswith("変更")]
    page = await nurse.get(next(each for each in changes if each.endswith("#surgery")))
    assert page.h1 == "同意内容の選択"
    page = await nurse.press("/visit/consent", **{**page.checked(), "surgery": "decline"})
    assert page.h1 == "同意内容の確認"
    assert "同意しない" in page.text


async def test_declining_everything_goes_on_to_the_card(nurse: Nurse) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ["surgery", "clinical_drug", "health_checkup", "limit_amount", "specific_disease"], "decline"
    )
    page = await nurse.confirmed(**nothing)
    assert page.h1 == "本人確認"
    page = await nurse.comes_back()
    assert page.h1 == "資格確認"
    assert "有効" in page.text


# --- ways out ----------------------------------------------------------------------------------------------------


async def test_before_the_office_has_seen_it_the_page_says_ask_the_office(nurse: Nurse) -> None:
    page = await nurse.needs(intent="continues", reference="A-0001")
    assert page.path == "/visit/reinquiry"
    assert "事業所に聞いてください" in page.text
    page = await nurse.press("/visit/reinquiry", go_on="yes")
    assert page.path == "/visit/hand-over"


async def test_a_wish_to_withdraw_is_kept_for_the_office(nurse: Nurse) -> None:
    page = await nurse.needs(intent="withdraw")
    assert page.path == "/visit/withdrawal"
    assert state(await stored(nurse)) is VisitState.ANOTHER_WAY
    page = await nurse.press("/visit/end")
    assert page.path.startswith("/f/")


@pytest.mark.parametrize("reason", EXITS)
async def test_each_reason_has_its_way_on_and_the_way_back(nurse: Nurse, reason: str) -> None:
    await nurse.needs()
    await nurse.press("/visit/hand-over")
    page = await nurse.press("/visit/ready", ready="missing")
    page = await nurse.press("/visit/hand-over")
    assert page.path == "/visit/another-way"
    page = await nurse.press("/visit/another-way", reason=reason)
    assert page.path == "/visit/another-way"
    assert "事業所に電話する" in page.text
    assert state(await stored(nurse)) is (VisitState.STOPPED if reason == "stopped" else VisitState.ANOTHER_WAY)
    page = await nurse.send("/visit/another-way", {**page.form_fields("/visit/another-way"), "go_on": "yes"})
    assert page.path == "/visit/hand-over"


# --- what must not happen ------------------------------------------------------------------------------------------


@pytest.mark.threat("T11")
@pytest.mark.parametrize("number", ["123456789018", "１２３４-５６７８-９０１８", "一二三四五六七八九〇一八"])
async def test_a_my_number_is_refused_explained_and_nowhere_kept(nurse: Nurse, number: str) -> None:
    await nurse.starts()
    page = await nurse.press("/visit/need", over_40="yes", intent="first", reference=number, expect=422)
    assert "マイナンバー" in page.text
    assert number not in page.source
    assert "reference" not in (await stored(nurse)).answers.get("need", {})


@pytest.mark.threat("T03")
async def test_an_answer_never_lands_on_another_visit(nurse: Nurse) -> None:
    page = await nurse.is_ready()
    old = page.form_fields("/visit/consent")
    page = await nurse.starts()
    now = page.form_fields("/visit/need")
    first = await stored(nurse)
    page = await nurse.send("/visit/consent", {**old, "surgery": "agree"}, expect=409)
    assert page.h1 == "別の訪問の画面でした"
    await nurse.send("/visit/consent", {**old, "token": now["token"], "surgery": "agree"}, expect=409)
    await nurse.send("/visit/need", {**now, "token": old["token"], "intent": "withdraw"}, expect=403)
    assert (await stored(nurse)).answers == first.answers


async def test_a_page_that_grew_old_in_another_tab_shows_what_is_stored(nurse: Nurse) -> None:
    page = await nurse.is_ready()
    old = page.form_fields("/visit/consent")
    await nurse.get("/visit/consent")
    await nurse.press("/visit/consent", fill="agree")
    page = await nurse.send("/visit/consent", {**old, "fill": "decline"}, expect=409)
    assert "古くなっていました" in page.text
    assert set(page.checked().values()) == {"agree"}


async def test_a_double_tap_is_one_answer(nurse: Nurse) -> None:
    page = await nurse.chose()
    held = page.form_fields("/visit/check")
    once = await nurse.send("/visit/check", {**held, "confirmed": "yes"})
    twice = await nurse.send("/visit/check", {**held, "confirmed": "yes"})
    assert once.path == twice.path == "/visit/handoff"
    assert (await stored(nurse)).version == int(held["version"]) + 1


async def test_one_key_with_other_content_is_refused(nurse: Nurse) -> None:
    page = await nurse.is_ready()
    held = page.form_fields("/visit/consent")
    await nurse.send("/visit/consent", {**held, "fill": "agree"})
    page = await nurse.send("/visit/consent", {**held, "fill": "decline"}, expect=409)
    assert "二度" in page.text


@pytest.mark.parametrize("step", FLOW, ids=lambda step: step.id)
async def test_a_later_page_leads_to_where_the_visit_stands(nurse: Nurse, step: object) -> None:
    await nurse.starts()
    page = await nurse.get(f"/visit/{step.id}")  # type: ignore[attr-defined]
    assert page.path == "/visit/need"


# --- time -----------------------------------------------------------------------------------------------------------


async def test_a_visit_is_over_after_30_minutes_and_says_so(nurse: Nurse, clock: StillClock) -> None:
    await nurse.is_ready()
    clock.pass_(30 * 60 - 1)
    await nurse.get("/visit/consent")
    clock.pass_(1)
    page = await nurse.get("/visit/consent", expect=410)
    assert "終わっています" in page.text
    assert "visit" not in nurse.http.cookies


async def test_names_are_shown_for_five_minutes(nurse: Nurse, clock: StillClock) -> None:
    await nurse.confirmed()
    page = await nurse.comes_back()
    assert "練習 花子" in page.text
    assert page.headers["refresh"] == "300"
    clock.pass_(5 * 60)
    page = await nurse.get("/visit/result")
    assert "花子" not in page.text
    assert "refresh" not in page.headers
    assert "登録したと申告されました" in page.text


# --- the other system -------------------------------------------------------------------------------------------------


async def test_when_the_other_system_is_down_nothing_is_lost(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.confirmed(surgery="decline")
    kazasu.world.mood = Mood.FAILING
    page = await nurse.comes_back()
    assert "まだ届いていません" in page.text
    visit = await stored(nurse)
    assert visit.registration is Registration.PENDING
    assert visit.answers["consent"]["surgery"] == "decline"
    kazasu.world.mood = Mood.NORMAL
    page = await nurse.press("/visit/result/again")
    assert "登録したと申告されました" in page.text


def test_a_submission_is_told_by_the_same_mark_in_every_version() -> None:
    sent = Form("v1", 2, "k", "t", {"surgery": "agree", "limit_amount": "decline"})
    kept = "1ba6027d71bc85973e826b415db128b0fe67b50a7016f063d21a408f85c1e2f0"
    assert submitted(sent, (EventType.ITEMS_ANSWERED, {})).fingerprint == kept


@pytest.mark.parametrize(
    ("promise", "told"),
    [(None, plain(PROMISE)), ("断っても、何も変わりません。", "断っても、何も変わりません。"), ("", "")],
)
async def test_that_care_goes_on_is_said_in_the_stations_name_alone(
    kazasu: Kazasu, nurse: Nurse, promise: str | None, told: str
) -> None:
    said = replace(PRACTICE_STATION, promise=promise)
    await kazasu.desk.office.save_station(said, StationProfile(said.id))
    text = (await nurse.is_ready()).text
    assert (f"ステーションから：{told}" in text) if told else ("ステーションから" not in text)


# --- what is chosen before it is submitted ------------------------------------------------------------------------


async def drafts(nurse: Nurse, step: str, page: Page | None = None, **given: str) -> None:
    """Send a draft as the page's script does."""
    made = page or nurse.page
    assert made is not None
    fields = {**made.form_fields(f"/visit/{step}"), "key": new_secret(), "draft": "yes", **given}
    answer = await nurse.http.post(f"/visit/{step}", data=fields, headers={**BROWSER, "Kazasu-Steady": "1"})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_draft_is_kept_shown_again_and_no_answer(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.is_ready()
    before = [each.entry.type async for each in kazasu.store.export(PRACTICE_STATION.id)]
    await drafts(nurse, "consent", surgery="decline", limit_amount="agree", nobody="asked", specific_disease="x")
    page = await nurse.get("/visit/consent")
    assert page.checked() == {"surgery": "decline", "limit_amount": "agree"}
    visit = await nurse.visit()
    assert "consent" not in visit.answers
    assert [each.entry.type async for each in kazasu.store.export(PRACTICE_STATION.id)] == before
    await nurse.press("/visit/consent", **nurse._all(over_40=True))
    assert (await nurse.visit()).draft == {}


async def test_a_page_from_before_its_own_drafts_is_no_older_page(nurse: Nurse) -> None:
    page = await nurse.is_ready()
    await drafts(nurse, "consent", page, surgery="agree")
    await drafts(nurse, "consent", page, surgery="decline")
    assert (await nurse.get("/visit/consent")).checked() == {"surgery": "decline"}
    after = await nurse.send("/visit/consent", {**page.form_fields("/visit/consent"), **nurse._all(over_40=True)})
    assert after.path == "/visit/check"


async def test_a_draft_that_comes_after_the_answer_changes_nothing(nurse: Nurse) -> None:
    page = await nurse.is_ready()
    await drafts(nurse, "consent", page, surgery="agree")
    await nurse.send("/visit/consent", {**page.form_fields("/visit/consent"), **nurse._all(over_40=True)})
    await drafts(nurse, "consent", page, surgery="decline")
    visit = await nurse.visit()
    assert (visit.draft, visit.answers["consent"]["surgery"]) == ({}, "agree")


async def test_a_page_that_is_older_than_an_answer_stays_one(nurse: Nurse) -> None:
    page = await nurse.is_ready()
    await nurse.send("/visit/consent", {**page.form_fields("/visit/consent"), **nurse._all(over_40=True)})
    newer = await nurse.get("/visit/consent")
    await drafts(nurse, "consent", newer, surgery="decline")
    fields = {**page.form_fields("/visit/consent"), "key": new_secret(), **nurse._all(over_40=True)}
    assert (await nurse.send("/visit/consent", fields, expect=409)).path == "/visit/consent"


async def test_a_step_that_keeps_no_draft_keeps_none(nurse: Nurse) -> None:
    await nurse.needs()
    await nurse.press("/visit/hand-over")
    await drafts(nurse, "ready", ready="all")
    assert (await nurse.visit()).draft == {}


async def test_no_my_number_gets_into_a_draft(nurse: Nurse) -> None:
    await nurse.starts()
    await drafts(nurse, "need", over_40="yes", reference="1234 5678 9018")
    assert (await nurse.visit()).draft["need"] == {"over_40": "yes"}
