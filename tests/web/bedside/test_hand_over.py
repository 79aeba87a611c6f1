"""The phone changes hands: without our script, what comes within a second of the page's making is not taken."""

from __future__ import annotations

import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.rules.record.event import EventType
from app.web.bedside import seat
from app.web.kit.pages import TEMPLATES
from tests.web.bedside.nurse import BROWSER, Nurse
from tests.web.bedside.page import Page

MADE = 1_795_000_000_000
HERE = "/visit/hand-over"
ON = "/visit/ready"


@pytest.fixture
async def page(nurse: Nurse, monkeypatch: pytest.MonkeyPatch) -> Page:
    """Return a page on which the phone changes hands, made at a known moment, which still is."""
    monkeypatch.setattr(seat, "milliseconds", lambda: MADE)
    page = await nurse.needs()
    assert page.path == HERE
    assert f'name="made" value="{MADE}"' in page.source
    return page


async def times_passed(kazasu: Kazasu) -> int:
    """Return how often the phone changed hands, by the record."""
    events = [each.entry.type async for each in kazasu.store.export(PRACTICE_STATION.id)]
    return events.count(EventType.PHONE_PASSED)


@pytest.mark.parametrize("age", [0, 100, 600, 999])
async def test_a_page_just_made_is_shown_again(nurse: Nurse, kazasu: Kazasu, page: Page, age: int) -> None:
    again = await nurse.send(HERE, page.form_fields(HERE) | {"made": str(MADE - age)})
    assert (again.path, again.h1, await times_passed(kazasu)) == (HERE, page.h1, 0)
    assert (await nurse.press(HERE)).path == ON


@pytest.mark.parametrize("age", [1000, 1200, 30 * 60_000, -1, -3_600_000])
async def test_an_older_one_is_taken_and_one_of_a_server_whose_clock_is_ahead(
    nurse: Nurse, kazasu: Kazasu, page: Page, age: int
) -> None:
    assert (await nurse.send(HERE, page.form_fields(HERE) | {"made": str(MADE - age)})).path == ON
    assert await times_passed(kazasu) == 1


@pytest.mark.parametrize("made", ["", "soon", "-5", "1e3", "１２３", "²", "0x10", "é" * 2000])
async def test_one_that_does_not_say_when_is_shown_again(nurse: Nurse, kazasu: Kazasu, page: Page, made: str) -> None:
    assert (await nurse.send(HERE, page.form_fields(HERE) | {"made": made})).path == HERE
    assert await times_passed(kazasu) == 0


async def test_one_from_before_an_upgrade_is_shown_again(nurse: Nurse, page: Page) -> None:
    older = {name: value for name, value in page.form_fields(HERE).items() if name != "made"}
    assert (await nurse.send(HERE, older)).path == HERE
    assert (await nurse.press(HERE)).path == ON


async def test_a_number_of_any_length_is_an_answer(nurse: Nurse, page: Page) -> None:
    assert (await nurse.send(HERE, page.form_fields(HERE) | {"made": "9" * 5000})).path == ON


async def test_what_our_script_sends_is_taken_at_once(nurse: Nurse, kazasu: Kazasu, page: Page) -> None:
    held = page.form_fields(HERE) | {"made": str(MADE)}
    answer = await nurse.http.post(HERE, data=held, headers={**BROWSER, "Kazasu-Steady": "1"})
    assert (answer.status_code, answer.headers["kazasu-next"]) == (204, ON)
    assert await times_passed(kazasu) == 1


def test_every_kind_of_page_at_the_bedside_pauses() -> None:
    # `main` of these three takes no press at first (app.css, entry.css, practice.css); a fourth kind would have to, too
    whole = {
        path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html") if "<!doctype" in path.read_text()
    }
    elsewhere = {each for each in whole if each.startswith(("office/", "print/"))}
    assert whole - elsewhere == {"kit/layout.html", "bedside/entry.html", "practice/layout.html"}
