"""The practice pages as a person without JavaScript meets them: every page, every outcome, no digit sent."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from app.practice.app import PracticeWorld
from app.practice.people import load_people
from app.practice.system import Mood
from tests.practice.world import DEPARTURE, ISSUER, ORIGIN, Browser, Clock, a_handoff, a_world, client

HOME = f"{ORIGIN}/practice/"
PEOPLE = load_people()
NAMES = [person.name for person in PEOPLE]


async def at(world: PracticeWorld, *way: str) -> Browser:
    """Open the practice app as a service would, and press these labels."""
    browser = Browser(world.app)
    await browser.open(await a_handoff(world.app).address(DEPARTURE, "state"))
    for label in way:
        await browser.press(label)
    return browser


# --- the pages ---


@pytest.mark.parametrize(
    ("way", "heading"),
    [
        ([], "どなたのカードを使いますか"),
        (["練習　花子"], "カードに書いてある4けたを押してください"),
        (["練習　花子", "番号をまちがえた"], "カードに書いてある4けたを押してください"),
        (["練習　花子", *["番号をまちがえた"] * 3], "カードがロックされました"),
        (["練習　花子", "やめる"], "やめました"),
        (["練習　花子", "番号が合った"], "カードをかざしてください"),
        (["練習　花子", "番号が合った", "カードが動いた"], "カードをかざしてください"),
        (["練習　花子", "番号が合った", "読み取れた"], "本人確認ができました"),
        (["練習　花子", "番号が合った", "読み取れない"], "カードを読み取れませんでした"),
        (["練習　花子", "番号が合った", "電子証明書の期限切れ"], "電子証明書の期限が切れています"),
        (["仮名　菊", "番号が合った", "読み取れた"], "電子証明書の期限が切れています"),
        (["練習　花子", "番号が合った", "やめる"], "やめました"),
        (["練習　花子", "ほかのカードにする"], "どなたのカードを使いますか"),
    ],
)
async def test_every_page_is_reached_without_javascript(way: list[str], heading: str) -> None:
    browser = await at(a_world(), *way)
    assert browser.page.status_code == 200
    assert browser.heading == heading


@pytest.mark.parametrize("name", NAMES)
async def test_everybody_can_be_chosen(name: str) -> None:
    browser = await at(a_world(), name)
    assert name in browser.page.text


async def test_every_page_says_that_it_is_practice() -> None:
    world = a_world()
    pages = [(await at(world, *way)).page for way in ([], ["練習　花子"], ["練習　花子", "番号が合った"])]
    async with client(world.app)() as http:
        pages += [
            await http.get(HOME),
            await http.get(f"{ISSUER}/nobody/card"),
            await http.get(f"{HOME}nowhere"),
        ]
    for page in pages:
        assert "練習の画面" in page.text
        assert "公式アプリではありません。" in page.text
        assert "本当の暗証番号は入れないでください。" in page.text


async def test_an_address_that_is_not_there_answers_with_a_page() -> None:
    async with client(a_world().app)() as http:
        for address, status in ((f"{HOME}nowhere", 404), (f"{ISSUER}/nobody/pin", 404), (f"{HOME}mood", 405)):
            answer = await http.get(address)
            assert answer.status_code == status
            assert "この練習は終わっています" in answer.text


@pytest.mark.parametrize("page", ["card", "pin", "hold", "end", "back"])
async def test_a_page_out_of_order_leads_to_where_one_stands(page: str) -> None:
    browser = await at(a_world(), "練習　花子")
    await browser.open(str(browser.page.url).replace("/pin", f"/{page}"))
    assert browser.came_back == ""
    assert str(browser.page.url).endswith("/card" if page == "card" else "/pin")


@pytest.mark.parametrize(("page", "field"), [("card", "person"), ("pin", "outcome"), ("hold", "outcome")])
@pytest.mark.parametrize("value", ["", "unheard-of", None])
async def test_an_outcome_that_does_not_exist_changes_nothing(page: str, field: str, value: str | None) -> None:
    world = a_world()
    browser = await at(world, *{"card": [], "pin": ["練習　花子"], "hold": ["練習　花子", "番号が合った"]}[page])
    async with client(world.app)() as http:
        answer = await http.post(browser.page.url, data={} if value is None else {field: value})
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(f"/{page}")


async def test_an_ended_tap_stays_ended() -> None:
    browser = await at(a_world(), "練習　花子", "やめる")
    for page in ("card", "pin", "hold", "back"):
        await browser.open(str(browser.page.url).replace("/end", f"/{page}"))
        assert browser.heading == "やめました"


# --- numbers and tries ---


async def test_no_digit_of_any_number_is_ever_in_a_request() -> None:
    world = a_world()
    ways = (
        [*["番号をまちがえた"] * 2, "番号が合った", "カードが動いた", "読み取れた", "サービスにもどる"],
        [*["番号をまちがえた"] * 3, "サービスにもどる"],
    )
    for name in NAMES:
        for way in ways:
            browser = await at(world, name, *(["番号が合った", "やめる"] if name == "仮名　菊" else way))
            for request in browser.sent[1:]:
                assert not re.search(r"\d", request.url.path), request.url.path
                assert not request.url.query
                assert not re.search(rb"\d", request.content), request.content


async def test_the_number_is_printed_on_the_card_and_nowhere_else() -> None:
    for person in PEOPLE:
        text = (await at(a_world(), person.name)).page.text
        assert text.count(person.number) == 1
        assert f"<b data-number>{person.number}</b>" in text
        assert not any(other.number in text for other in PEOPLE if other is not person)


async def test_tries_are_counted_per_card_and_come_back_with_the_right_number() -> None:
    world = a_world()
    browser = await at(world, "練習　花子", "番号をまちがえた")
    assert "あと2回" in browser.page.text
    await browser.press("番号をまちがえた")
    assert "あと1回" in browser.page.text
    assert "ここで止めましょう" in browser.page.text
    assert "あと" not in (await at(world, "髙橋　練")).page.text, "another card is not touched"
    assert "あと1回" in (await at(world, "練習　花子")).page.text, "the card itself counts, not the visit"
    await at(world, "練習　花子", "番号が合った")
    assert "あと" not in (await at(world, "練習　花子")).page.text


async def test_a_locked_card_stays_locked_until_time_or_a_trainer_opens_it() -> None:
    clock = Clock()
    world = a_world(clock)
    waiting = await at(world, "練習　花子")
    await at(world, "練習　花子", *["番号をまちがえた"] * 3)
    assert (await at(world, "練習　花子")).heading == "カードがロックされました"
    await waiting.press("番号が合った")
    assert waiting.heading == "カードがロックされました", "also for whoever stood at the number meanwhile"

    trainer = Browser(world.app)
    await trainer.open(HOME)
    assert "ロック中" in trainer.page.text
    async with client(world.app)() as http:
        assert (await http.post(f"{HOME}unlock")).status_code == 303
    assert (await at(world, "練習　花子", "番号をまちがえた")).heading == "カードに書いてある4けたを押してください"

    clock.at += 900
    assert "あと" not in (await at(world, "練習　花子")).page.text


# --- the trainer's page ---


@pytest.mark.parametrize("mood", list(Mood))
async def test_a_trainer_sets_the_mood(mood: Mood) -> None:
    world = a_world()
    async with client(world.app)() as http:
        answer = await http.post(f"{HOME}mood", data={"mood": mood.value})
        assert (answer.status_code, answer.headers["location"]) == (303, "/practice/")
        page = await http.get(HOME)
    assert world.mood is mood
    assert f'value="{mood.value}" checked' in page.text
    assert page.text.count(" checked") == 1


@pytest.mark.parametrize("data", [{}, {"mood": "cheerful"}])
async def test_a_mood_that_does_not_exist_changes_nothing(data: dict[str, str]) -> None:
    world = a_world()
    world.mood = Mood.SLOW
    async with client(world.app)() as http:
        await http.post(f"{HOME}mood", data=data)
    assert world.mood is Mood.SLOW


async def test_the_trainer_sees_what_each_patient_is_for() -> None:
    async with client(a_world().app)() as http:
        text = (await http.get(HOME)).text
    assert all(person.name in text and person.purpose in text for person in PEOPLE)
    assert not any(person.number in text for person in PEOPLE)


# --- how the pages are made ---


class Made(HTMLParser):
    """Finds what the content policy forbids, and counts what there must be one of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in dict(attrs)):
            self.inline.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]


WAYS = [
    [],
    ["練習　花子"],
    ["練習　花子", "番号が合った"],
    ["練習　花子", "番号が合った", "読み取れた"],
    ["練習　花子", "やめる"],
]


@pytest.mark.parametrize("way", WAYS)
async def test_pages_hold_nothing_inline_and_no_field_to_type_in(way: list[str]) -> None:
    page = (await at(a_world(), *way)).page
    made = Made(page.text)
    assert made.inline == []
    assert made.tags.count("h1") == 1
    assert len(made.ids) == len(set(made.ids))
    assert "input" not in made.tags, "what cannot be typed cannot be sent"
    assert page.headers["cache-control"] == "no-store"


TEMPLATES = sorted((Path(__file__).parents[2] / "templates" / "practice").glob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_every_word_is_a_message(template: Path) -> None:
    outside = re.sub(r"_(?:plain)?\(\"[^\"]*\"", "", template.read_text(encoding="utf-8"))
    assert re.findall(r"[ぁ-んァ-ヶ一-龠]+", outside) == []


# --- the eligibility system's own description ---


async def test_the_eligibility_system_describes_itself_and_shows_no_playground() -> None:
    base = f"{ORIGIN}/practice/eligibility"
    async with client(a_world().app)() as http:
        found: dict[str, dict[str, object]] = (await http.get(f"{base}/openapi.json")).json()
        missing = [await http.get(f"{base}/{page}") for page in ("docs", "redoc")]
    assert set(found["paths"]) == {"/v1/consents", "/v1/eligibility"}
    assert [answer.status_code for answer in missing] == [404, 404]


async def test_a_malformed_order_is_told_nothing_of_what_it_sent() -> None:
    headers = {"Authorization": "Bearer practice-key", "Idempotency-Key": "key"}
    order = {"subject": "somebody", "facility_code": "1" * 99, "choices": {"surgery": "agree"}}
    async with client(a_world().app)() as http:
        answer = await http.post(f"{ORIGIN}/practice/eligibility/v1/consents", json=order, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "somebody" not in answer.text


async def test_it_works_mounted_and_straight() -> None:
    world = a_world()
    straight = httpx.ASGITransport(world.app)
    mounted = httpx.ASGITransport(world.app, root_path="/practice")
    for transport in (straight, mounted):
        async with httpx.AsyncClient(transport=transport) as http:
            assert (await http.get(HOME)).status_code == 200
            assert (await http.get(f"{ISSUER}/jwks")).status_code == 200
