"""A second tab presses while the first one's return is on its way: nothing is registered that the record does not tell."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import func, update

import app.adapters.sql.schema as t
from app.adapters.gateway import HttpGateway
from app.adapters.oidc.handoff import OpenIdHandoff
from app.main import Kazasu
from app.rules.record.event import EventType
from app.rules.visit.flow import FLOW
from app.rules.visit.visit import Registration
from tests.adapters.keeping import in_database
from tests.web.bedside.nurse import Nurse, StillClock
from tests.web.bedside.test_return import events
from tests.web.bedside.test_visit import stored

SecondTab: TypeAlias = Callable[[Nurse], Awaitable[object]]


async def tries_again(nurse: Nurse) -> None:
    await nurse.get("/visit/handoff")
    await nurse.press("/visit/handoff", again="1")


async def changes_the_choices(nurse: Nurse) -> None:
    await nurse.get("/visit/consent")
    await nurse.press("/visit/consent", **{**nurse._all(over_40=True), "surgery": "decline"})


async def ends_the_visit(nurse: Nurse) -> None:
    page = await nurse.get("/visit/check")
    await nurse.http.post(
        "/visit/end", data=page.form_fields("/visit/check"), headers={"sec-fetch-site": "same-origin"}
    )


async def takes_the_phone(nurse: Nurse) -> None:
    await nurse.get("/visit/hand-over?to=result")
    await nurse.press("/visit/hand-over")


def meanwhile(patch: pytest.MonkeyPatch, where: type, what: str, nurse: Nurse, presses: SecondTab) -> None:
    """Let the second tab press once, after the other side has answered and before we have written so."""
    ask: Any = getattr(where, what)

    async def answered(self: Any, *given: Any) -> Any:
        answer = await ask(self, *given)
        patch.setattr(where, what, ask)
        await presses(nurse)
        return answer

    patch.setattr(where, what, answered)


@pytest.mark.threat("T19")
async def test_a_press_while_the_code_is_exchanged_loses_no_proof(
    nurse: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    meanwhile(monkeypatch, OpenIdHandoff, "identify", nurse, tries_again)
    await nurse.get(address)
    found = await events(kazasu)
    assert (found.count(EventType.IDENTIFIED), found.count(EventType.REGISTERED)) == (1, 1)
    assert (await stored(nurse)).registration is Registration.ACCEPTED
    assert kazasu.world.system.registrations == 1


@pytest.mark.threat("T19")
@pytest.mark.parametrize("presses", [changes_the_choices, ends_the_visit])
async def test_a_tap_for_other_choices_registers_nothing(
    nurse: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch, presses: SecondTab
) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    meanwhile(monkeypatch, OpenIdHandoff, "identify", nurse, presses)
    answer = await nurse.http.get(address)
    assert answer.status_code == (303 if presses is changes_the_choices else 410)
    assert not {EventType.IDENTIFIED, EventType.REGISTERED} & set(await events(kazasu))
    assert kazasu.world.system.registrations == 0


@pytest.mark.threat("T19")
@pytest.mark.parametrize(
    ("presses", "stands"), [(takes_the_phone, Registration.ACCEPTED), (changes_the_choices, Registration.NONE)]
)
async def test_a_press_while_it_is_registered_loses_no_registration(
    nurse: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch, presses: SecondTab, stands: Registration
) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    meanwhile(monkeypatch, HttpGateway, "register", nurse, presses)
    await nurse.get(address)
    assert (await stored(nurse)).registration is stands
    (told,) = [each async for each in kazasu.store.export("hinatazaka") if each.entry.type == EventType.REGISTERED]
    assert told.body is not None
    assert set(dict(told.body["choices"]).values()) == {"agree"}  # type: ignore[arg-type]
    assert kazasu.world.system.registrations == 1


@pytest.mark.threat("T19")
async def test_a_registration_is_recorded_of_a_visit_that_was_ended_meanwhile(
    nurse: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    meanwhile(monkeypatch, HttpGateway, "register", nurse, ends_the_visit)
    await nurse.http.get(address)
    assert (await events(kazasu))[-2:] == [EventType.ENDED, EventType.REGISTERED]


@pytest.mark.threat("T27")
async def test_choices_that_were_altered_in_the_database_are_not_registered(
    nurse: Nurse, kazasu: Kazasu, data: Path
) -> None:
    await nurse.confirmed()
    address = await nurse.taps_the_card()
    database = f"sqlite:///{data / 'kazasu.db'}"

    def writes(was: str, becomes: str) -> None:
        altered = update(t.visit).values(body=func.replace(t.visit.c.body, was, becomes))
        in_database(database, lambda connection: connection.execute(altered))

    writes('"agree"', '"decline"')
    answer = await nurse.http.get(address)
    assert answer.status_code == 503
    assert "合わないところがあります" in html.unescape(re.sub(r"<rt>.*?</rt>|<[^>]+>", "", answer.text))
    assert kazasu.world.system.registrations == 0
    writes('"decline"', '"agree"')
    await nurse.get("/visit/handoff")
    assert kazasu.world.system.registrations == 0


@pytest.mark.parametrize("step", [step.id for step in FLOW])
@pytest.mark.parametrize("state", ["starts", "is_ready", "confirmed", "comes_back"])
async def test_an_empty_valid_form_to_any_step_is_a_page(
    nurse: Nurse, clock: StillClock, step: str, state: str
) -> None:
    await nurse.confirmed() if state == "comes_back" else None
    await getattr(nurse, state)()
    visit, token = await stored(nurse), nurse.kazasu.signer.form(nurse.http.cookies["visit"])
    bare = {"visit": visit.id, "version": str(visit.version), "key": "k", "token": token}
    answer = await nurse.http.post(f"/visit/{step}", data=bare, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code in {200, 303, 422}, (step, answer.status_code)


@pytest.mark.parametrize("way_out", ["continues", "withdraw"])
async def test_an_empty_valid_form_to_a_way_out_is_that_page_again(nurse: Nurse, way_out: str) -> None:
    page = await nurse.needs(intent=way_out)
    here = page.path
    page = await nurse.press(here, go_on="")
    assert page.path == here
