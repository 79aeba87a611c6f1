"""The way back: once, for this visit, in this browser, in time; everything else is a page that says what is known."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import anyio
import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.rules.record.event import EventType
from app.rules.visit.visit import Registration
from app.tokens import Purpose
from tests.practice.world import Browser
from tests.web.bedside.nurse import Nurse, StillClock
from tests.web.bedside.test_visit import stored


def changed(address: str, **values: str) -> str:
    """Return a return address with some parameters changed; an empty value takes one out."""
    params = {name: found[0] for name, found in parse_qs(urlsplit(address).query).items()} | values
    return "/return?" + urlencode({name: value for name, value in params.items() if value})


async def events(kazasu: Kazasu) -> list[str]:
    """Return the types of everything recorded so far."""
    return [logged.entry.type async for logged in kazasu.store.export(PRACTICE_STATION.id)]


async def test_it_works(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.confirmed()
    await nurse.get(await nurse.taps_the_card())
    visit = await stored(nurse)
    assert visit.registration is Registration.ACCEPTED
    found = await events(kazasu)
    assert found.count(EventType.RETURNED) == found.count(EventType.IDENTIFIED) == 1
    assert found.index(EventType.HANDED_OFF) < found.index(EventType.RETURNED) < found.index(EventType.REGISTERED)


async def test_reloaded_it_changes_nothing(nurse: Nurse) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    await nurse.get(address)
    before = await stored(nurse)
    page = await nurse.get(address)
    assert page.path == "/visit/hand-over"
    assert await stored(nurse) == before


async def test_without_parameters_it_says_what_is_known_and_the_next_action(nurse: Nurse) -> None:
    await nurse.confirmed()
    page = await nurse.get("/return")
    assert "まだ届いていません" in page.text
    assert page.link("もう一度").endswith("/visit/handoff")
    page = await nurse.press("/visit/handoff", outcome="by_hand")
    page = await nurse.press("/visit/hand-over")
    assert page.path == "/visit/result"
    page = await nurse.press("/visit/result", report="done")
    assert "登録したと申告されました" in page.text
    assert "登録完了" not in page.source


async def test_in_another_browser_nothing_is_taken(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    async with Nurse(kazasu) as stranger:
        page = await stranger.get(address, expect=410)
        assert "続きの訪問はありません" in page.text
        await stranger.confirmed()
        page = await stranger.get(address, expect=400)
        assert "確かめられませんでした" in page.text
        assert (await stored(stranger)).registration is Registration.NONE
    await nurse.get(address)
    assert (await stored(nurse)).registration is Registration.ACCEPTED


async def test_after_ten_minutes_it_is_too_late_and_the_choices_stay(nurse: Nurse, clock: StillClock) -> None:
    await nurse.confirmed(surgery="decline")
    address = await nurse.taps_the_card()
    clock.pass_(601)
    page = await nurse.get(address, expect=400)
    assert "残っています" in page.text
    page = await nurse.get(page.link("もう一度"))
    page = await nurse.press("/visit/handoff", again="yes")
    assert page.link("アプリを開く")
    assert (await stored(nurse)).answers["consent"]["surgery"] == "decline"


@pytest.mark.threat("T06")
async def test_a_return_made_for_other_choices_is_refused(nurse: Nurse) -> None:
    page = await nurse.confirmed()
    address = await nurse.taps_the_card()
    page = await nurse.get("/visit/consent")
    await nurse.press("/visit/consent", **{**page.checked(), "surgery": "decline"})
    await nurse.press("/visit/check", confirmed="yes")
    await nurse.get(address, expect=400)
    assert (await stored(nurse)).registration is Registration.NONE


@pytest.mark.parametrize(
    "values",
    [
        {"state": ""},
        {"state": "x"},
        {"code": ""},
        {"code": "", "error": ""},
        {"code": "x" * 3000},
    ],
)
async def test_a_mangled_return_is_a_page(nurse: Nurse, values: dict[str, str]) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    page = await nurse.get(changed(address, **values), expect=400)
    assert "残っています" in page.text
    assert (await stored(nurse)).registration is Registration.NONE


async def test_a_parameter_given_twice_is_refused(nurse: Nurse) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    await nurse.get(address + "&" + urlsplit(address).query, expect=400)


async def test_a_wrong_code_uses_the_way_up_and_offers_a_fresh_one(nurse: Nurse) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    page = await nurse.get(changed(address, code="not-a-code"))
    assert "受け取れませんでした" in page.text
    assert page.link("アプリを開く")
    assert (await stored(nurse)).registration is Registration.NONE


async def test_a_token_of_another_purpose_is_no_state(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    visit = await stored(nurse)
    other = kazasu.signer.sign(Purpose.STATION, visit.departure, visit.id)
    await nurse.get(changed(address, state=other), expect=400)


@pytest.mark.threat("T06")
async def test_of_fifty_racing_browsers_with_one_return_exactly_one_is_taken(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    async with anyio.create_task_group() as race:
        for _ in range(50):
            race.start_soon(nurse.http.get, address)
    found = await events(kazasu)
    assert found.count(EventType.RETURNED) == 1
    assert found.count(EventType.REGISTERED) == 1
    assert (await stored(nurse)).registration is Registration.ACCEPTED


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["練習　花子", "やめる"], "やめる"),
        (["練習　花子", "番号が合った", "読み取れない"], "読み取れませんでした"),
        (["練習　花子", "番号が合った", "電子証明書の期限切れ"], "期限が切れています"),
        (["練習　花子"] + ["番号をまちがえた"] * 3, "ロックされています"),
    ],
)
async def test_each_failure_in_the_app_comes_back_as_a_page(nurse: Nurse, labels: list[str], says: str) -> None:
    page = await nurse.confirmed()
    browser = Browser(nurse.kazasu.world.app)
    await browser.open(page.link("アプリを開く"))
    for label in [*labels, "サービスにもどる"]:
        if not browser.came_back:
            await browser.press(label)
    page = await nurse.get(browser.came_back)
    assert says in page.text
    assert (await stored(nurse)).registration is Registration.NONE


async def test_a_card_that_is_no_insurance_card_has_its_way_on(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.confirmed()
    who = next(person.name for person in kazasu.world.people if not person.registered)
    page = await nurse.comes_back(who)
    assert "利用登録が、まだです" in page.text
    page = await nurse.press("/visit/another-way", reason="not_registered")
    assert "マイナポータル" in page.text


@pytest.mark.threat("T06")
async def test_nobody_can_say_identified_or_answered_by_hand(nurse: Nurse) -> None:
    await nurse.confirmed()
    await nurse.get("/return")
    await nurse.press("/visit/handoff", outcome="identified", expect=422)
    await nurse.get("/return")
    await nurse.press("/visit/handoff", outcome="by_hand")
    await nurse.press("/visit/hand-over")
    await nurse.press("/visit/result", report="answered", expect=422)


async def test_changed_after_the_card_the_choices_need_the_card_again(nurse: Nurse) -> None:
    await nurse.confirmed()
    page = await nurse.comes_back()
    assert page.path == "/visit/result"
    page = await nurse.get("/visit/consent")
    page = await nurse.press("/visit/hand-over")
    page = await nurse.press("/visit/consent", **{**page.checked(), "surgery": "decline"})
    assert (await stored(nurse)).registration is Registration.NONE
    page = await nurse.press("/visit/check", confirmed="yes")
    page = await nurse.comes_back()
    assert (await stored(nurse)).registration is Registration.ACCEPTED
    assert page.text.count("同意しない") == 1
