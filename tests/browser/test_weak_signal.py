"""A line that fails: what was filled in stays, what was sent is kept once, and the page says which of both it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.rules.record.event import EventType
from tests.browser.nurse import AGREE, DECLINE, Nurse, Patient
from tests.browser.phone import Judged, Look, Phone, new_phone
from tests.browser.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.worker]

ROOT = Path(__file__).parents[2]
UNSENT = "送れませんでした。入力は残っています。自動でもう一度送ります。いま押しても送れます"

HELD = "記録を確かめているため、いまは保存できません。入力は残っています。事務所に知らせて、えらんだことを紙に書いておいてください"


@pytest.fixture
def choosing(nurse: Nurse, patient: Patient) -> Patient:
    """Return a patient who has answered every item and not sent them yet."""
    nurse.starts()
    nurse.phone.is_ready_for_dead_zones()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each(but=("手術の情報",))
    return patient


def times_kept(phone: Phone, event: EventType) -> int:
    """Return how often this stands in the record of the visit at hand."""
    visit = phone.page.locator("input[name=visit]").first.get_attribute("value")
    return sum(one.entry.type == event and one.entry.visit == visit for one in phone.server.record())


def every_answer_is_still_there(patient: Patient) -> None:
    """Find the page as it was filled in."""
    for item in patient.phone.questions:
        answer = DECLINE if item == "手術の情報" else AGREE
        assert patient.phone.choice(item, answer).locator("input").is_checked()


def test_a_lost_request_leaves_the_page_filled_in(choosing: Patient, phone: Phone) -> None:
    phone.expects_no_line = True
    phone.server.cut()
    phone.tries("えらんだ内容を確かめる")
    phone.shows_soon(UNSENT)
    every_answer_is_still_there(choosing)
    phone.looks_it_over()
    with phone.arrives():  # by itself
        phone.server.mend()
    choosing.is_at("同意内容の確認")
    assert times_kept(phone, EventType.ITEMS_ANSWERED) == 1


def test_pressing_again_while_it_waits_sends_it_once(choosing: Patient, phone: Phone) -> None:
    phone.expects_no_line = True
    phone.server.cut()
    for _ in range(4):  # the pauses grow: by now the next try by itself is seconds away
        phone.tries("えらんだ内容を確かめる")
        expect(phone.page.locator("[data-busy]")).to_have_count(0)  # the words stand there from the try before already
        phone.shows_soon(UNSENT)
    with phone.arrives():
        phone.server.mend()
        # On a slow machine the next try by itself may be first: then this page, and its button, are gone.
        phone.page.evaluate(
            "() => document.querySelector(\"form[action='/visit/consent'] .kz-button:not(.kz-second)\")?.click()"
        )
    choosing.is_at("同意内容の確認")
    assert times_kept(phone, EventType.ITEMS_ANSWERED) == 1


@pytest.mark.parametrize("by", ["one answer", "all at once"])
def test_whoever_changes_an_answer_is_not_overtaken_by_the_old_one(choosing: Patient, phone: Phone, by: str) -> None:
    phone.expects_no_line = True
    phone.server.cut()
    phone.tries("えらんだ内容を確かめる")
    phone.shows_soon(UNSENT)
    if by == "one answer":
        phone.answers("手術の情報", AGREE)
    else:
        choosing.agrees_to_all()
    phone.server.mend()
    phone.page.wait_for_timeout(2_500)
    assert times_kept(phone, EventType.ITEMS_ANSWERED) == 0
    choosing.looks_at_the_choices()
    choosing.is_at("同意内容の確認")
    assert times_kept(phone, EventType.ITEMS_ANSWERED) == 1


@pytest.mark.threat("T19")
@pytest.mark.threat("T20")
def test_a_lost_answer_is_not_recorded_twice(choosing: Patient, phone: Phone) -> None:
    phone.expects_no_line = True
    phone.server.lose_answers()
    phone.tries("えらんだ内容を確かめる")
    phone.shows_soon(UNSENT)
    every_answer_is_still_there(choosing)
    assert times_kept(phone, EventType.ITEMS_ANSWERED) == 1
    with phone.arrives():  # by itself
        phone.server.mend()
    choosing.is_at("同意内容の確認")
    assert times_kept(phone, EventType.ITEMS_ANSWERED) == 1


def test_a_full_disk_leaves_the_page_filled_in(choosing: Patient, phone: Phone) -> None:
    phone.expects_no_line = True
    with phone.server.full_disk():
        phone.tries("えらんだ内容を確かめる")
        phone.shows_soon("いま、保存できません。入力は残っています。少し待って、もう一度押してください")
    every_answer_is_still_there(choosing)
    choosing.looks_at_the_choices()
    choosing.is_at("同意内容の確認")
    assert times_kept(phone, EventType.ITEMS_ANSWERED) == 1


@pytest.mark.parametrize("look", [Look(), Look("no JavaScript", scripts=False)], ids=str)
def test_a_double_tap_is_one_record(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each()
    phone.presses_twice("えらんだ内容を確かめる")
    patient.is_at("同意内容の確認")
    assert times_kept(phone, EventType.ITEMS_ANSWERED) == 1


def test_a_page_that_cannot_be_fetched_says_so_and_goes_on_later(choosing: Patient, phone: Phone) -> None:
    choosing.looks_at_the_choices()
    phone.expects_no_line = True
    phone.server.cut()
    choosing.changes("手術の情報")
    choosing.is_at("電波がありません")
    choosing.reads("前の画面までに保存したものは、残っています", "登録には電波が要ります")
    phone.server.mend()
    phone.follows("もう一度つなぐ")
    choosing.is_at("同意内容の確認")


def test_a_visit_that_cannot_begin_says_so(nurse: Nurse, phone: Phone) -> None:
    nurse.opens_the_entry()
    phone.is_ready_for_dead_zones()
    phone.expects_no_line = True
    phone.server.cut()
    phone.presses("はじめる")
    nurse.is_at("電波がありません")
    phone.server.mend()
    nurse.starts()


def test_the_worker_keeps_only_hashed_files_and_public_pages(nurse: Nurse, choosing: Patient, phone: Phone) -> None:
    choosing.looks_at_the_choices()
    choosing.confirms()
    choosing.taps_the_card()
    choosing.hands_the_phone_to(nurse)
    nurse.goes_on()
    nurse.ends_the_visit()
    kept: list[str] = phone.page.evaluate(
        """async () => (await Promise.all((await caches.keys()).map(async (name) =>
            (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))).flat()"""
    )
    assert "/offline" in kept
    assert any(path.startswith("/static/app.") for path in kept)
    assert [path for path in kept if not is_public(path)] == []


class NewVersion:
    """In front of the application: from `is_out` on another worker, whose files do not come through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.is_out = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if self.is_out and path == "/offline":
            await PlainTextResponse("", status_code=503)(scope, receive, send)
        elif self.is_out and path == "/sw.js":
            text = (ROOT / "static" / "sw.js").read_text(encoding="utf-8")
            script = f'const VERSION = "new";\nconst KEPT = [];\n{text}'
            await PlainTextResponse(script, media_type="text/javascript")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def test_a_new_worker_takes_nothing_away_before_its_own_files_are_there(
    browser: Browser, judged: Judged, tmp_path: Path
) -> None:
    fronts: list[NewVersion] = []

    def plant(app: ASGIApp) -> ASGIApp:
        fronts.append(NewVersion(app))
        return fronts[0]

    with Server(tmp_path, plant=plant) as server:
        phone = new_phone(browser, server, Look(), judged)
        phone.expects_no_line = True
        phone.opens(server.entry)
        phone.is_ready_for_dead_zones()
        phone.opens("/guide")
        fronts[0].is_out = True
        phone.page.evaluate(
            """async () => {
                const before = navigator.serviceWorker.controller;
                const { promise, resolve } = Promise.withResolvers();
                navigator.serviceWorker.addEventListener("controllerchange", resolve);
                await (await navigator.serviceWorker.getRegistration()).update();
                await promise;
                return before !== navigator.serviceWorker.controller;
            }"""
        )
        phone.page.wait_for_timeout(500)
        server.cut()
        phone.page.goto(f"{server.origin}/visit/need")
        phone.stands_at("電波がありません")
        phone.context.close()


def is_public(path: str) -> bool:
    """Whether a cached address is the same for everybody, for ever."""
    return (
        path in {"/offline", "/guide", "/guide-kept"}
        or path.startswith("/guide/")
        or re.fullmatch(r"/static/[\w/-]+\.[0-9a-f]{10}\.\w+", path) is not None
    )


def test_a_page_of_the_visit_in_the_cache_would_be_noticed() -> None:
    assert is_public("/static/vendor/tokens.0123456789.css")
    assert [path for path in ("/visit/consent", "/static/app.css", "/f/abc", "/") if is_public(path)] == []


def test_while_the_record_is_held_the_page_stays_filled_in(choosing: Patient, phone: Phone) -> None:
    phone.expects_no_line = True
    with phone.server.older_record():
        phone.tries("えらんだ内容を確かめる")
        phone.shows_soon(HELD)
        every_answer_is_still_there(choosing)
        phone.looks_it_over()
    with phone.arrives():
        phone.tries("えらんだ内容を確かめる")
    choosing.is_at("同意内容の確認")
    assert times_kept(phone, EventType.ITEMS_ANSWERED) == 1
