"""The practice reception Web: its screens in their order, and only what the card has confirmed is registered."""

from __future__ import annotations

import httpx
import pytest

from app.main import PRACTICE_STATION
from app.practice.app import PracticeWorld
from app.rules.content import ITEMS
from tests.practice.world import ORIGIN, Browser, Clock, a_world, client

WEB = f"{ORIGIN}/practice/web"
ALL = {item.id: "agree" for item in ITEMS}


async def to_the_app(world: PracticeWorld, choices: dict[str, str]) -> tuple[str, str]:
    """Choose and confirm; return the address of the page that waits, and of the app."""
    async with client(world.app)() as http:
        chosen = await http.post(f"{WEB}/items", data=choices)
        assert chosen.headers["location"].endswith("/check")
        confirmed = await http.post(httpx.URL(WEB).join(chosen.headers["location"]))
    waits = str(httpx.URL(WEB).join(confirmed.headers["location"]))
    browser = Browser(world.app)
    await browser.open(waits)
    (app,) = [href for text, href in browser.controls.links if text == "練習用アプリを開く"]
    return waits, str(httpx.URL(WEB).join(app))


async def registered(world: PracticeWorld) -> dict[str, dict[str, bool]]:
    found = world.system.registrations_of(PRACTICE_STATION.code)
    return {person.id: {each.item: each.agreed for each in made.consents} for person, made in found}


async def test_the_way_goes_from_menu_to_items_under_the_stations_name() -> None:
    browser = Browser(a_world().app)
    await browser.open(WEB)
    for label, heading in (("資格確認・同意登録", "同意登録準備"), ("進む", "同意内容の選択")):
        assert PRACTICE_STATION.name in browser.page.text
        await browser.press(label)
        assert browser.heading == heading
    assert [browser.page.text.count(item.official) for item in ITEMS] == [1] * len(ITEMS)


async def test_a_missing_answer_is_asked_for_and_the_others_stay() -> None:
    async with client(a_world().app)() as http:
        answer = await http.post(f"{WEB}/items", data={"surgery": "decline", "limit_amount": "perhaps"})
    assert answer.status_code == 422
    assert "選んでいない項目があります" in answer.text
    assert answer.text.count(" checked") == 1


async def test_what_was_chosen_can_be_changed_before_the_card() -> None:
    world = a_world()
    async with client(world.app)() as http:
        chosen = await http.post(f"{WEB}/items", data=ALL)
        check = str(httpx.URL(WEB).join(chosen.headers["location"]))
        items = check.replace("/check", "/items")
        assert (await http.get(items)).text.count('value="agree" checked') == len(ITEMS)
        again = await http.post(items, data={**ALL, "surgery": "decline"})
        assert httpx.URL(WEB).join(again.headers["location"]) == check
        assert (await http.get(check)).text.count("しない") == 1


async def test_only_the_card_registers_and_the_page_that_waits_finds_out() -> None:
    world = a_world()
    waits, app = await to_the_app(world, {**ALL, "limit_amount": "decline"})
    assert await registered(world) == {}
    phone = Browser(world.app)
    await phone.open(app)
    for label in ("練習　花子", "番号が合った", "読み取れた"):
        await phone.press(label)
    assert phone.heading == "本人確認ができました"
    assert "サービスにもどる" not in phone.page.text, "one comes back by hand"
    assert await registered(world) == {"hanako": {**dict.fromkeys(ALL, True), "limit_amount": False}}
    page = Browser(world.app)
    await page.open(waits)
    assert page.heading == "登録が終わりました"
    assert "refresh" not in page.page.headers


@pytest.mark.parametrize(
    ("way", "heading"),
    [
        (("練習　花子", "やめる"), "本人確認"),
        (("練習　花子", "番号が合った", "読み取れない"), "本人確認"),
        (("仮名　菊", "番号が合った", "読み取れた"), "本人確認"),
        (("練習　未登", "番号が合った", "読み取れた"), "保険証の利用登録が、まだです"),
    ],
)
async def test_what_does_not_succeed_registers_nothing(way: tuple[str, ...], heading: str) -> None:
    world = a_world()
    waits, app = await to_the_app(world, ALL)
    phone = Browser(world.app)
    await phone.open(app)
    for label in way:
        await phone.press(label)
    page = Browser(world.app)
    await page.open(waits)
    assert page.heading == heading
    assert (page.page.headers.get("refresh") is not None) == (heading == "本人確認")
    assert await registered(world) == {}


async def test_the_checkup_is_registered_from_40_on_only() -> None:
    world = a_world()
    _, app = await to_the_app(world, ALL)
    phone = Browser(world.app)
    await phone.open(app)
    for label in ("例示　小春", "番号が合った", "読み取れた"):
        await phone.press(label)
    assert "health_checkup" not in (await registered(world))["koharu"]


@pytest.mark.parametrize("page", ["items", "check", "identity"])
async def test_a_way_that_is_over_is_a_page(page: str) -> None:
    clock = Clock()
    world = a_world(clock)
    waits, _ = await to_the_app(world, ALL)
    clock.at += 3600
    async with client(world.app)() as http:
        answer = await http.get(waits.replace("/identity", f"/{page}"))
    assert answer.status_code == 404
    assert "この練習は終わっています" in answer.text


async def test_after_a_tap_that_failed_the_app_opens_anew() -> None:
    world = a_world()
    _, app = await to_the_app(world, ALL)
    for label, heading in (("やめる", "やめました"), ("番号が合った", "カードをかざしてください")):
        phone = Browser(world.app)
        await phone.open(app)
        await phone.press("練習　花子")
        await phone.press(label)
        assert phone.heading == heading


async def test_what_was_changed_while_the_app_was_open_is_not_registered_unconfirmed() -> None:
    world = a_world()
    waits, app = await to_the_app(world, ALL)
    phone = Browser(world.app)
    await phone.open(app)
    async with client(world.app)() as http:
        await http.post(waits.replace("/identity", "/items"), data={**ALL, "surgery": "decline"})
    for label in ("練習　花子", "番号が合った", "読み取れた"):
        await phone.press(label)
    assert await registered(world) == {}
    page = Browser(world.app)
    await page.open(waits)
    assert page.heading == "同意内容の確認"
