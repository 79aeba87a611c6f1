"""Pages that are kept for the next visit: the same as if made anew, and nothing of anybody in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from starlette.requests import Request

from app.main import PRACTICE_STATION, Kazasu
from app.rules.visit import journey
from app.rules.visit.flow import FLOW, STEPS
from app.rules.visit.step import Step
from app.rules.visit.visit import Route, Visit
from app.web.bedside.seat import Scene, Seat, render
from app.web.bedside.steps import shown_by
from tests.rules.visits import a_visit

CANARIES = ("visit-canary", "departure-canary", "subject-canary", "session-canary", "A-7777")


def marked(visit: Visit) -> Visit:
    """Return the visit with a canary in everything that belongs to it alone."""
    return replace(
        visit,
        id="visit-canary",
        departure="departure-canary",
        subject="subject-canary",
        version=7777,
        touched_at=1_795_007_777,
        times={"check": 1_795_007_777},
    )


def request() -> Request:
    """Return a request without cookies."""
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""})


@pytest.fixture
def kept(kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch) -> dict[Scene, str]:
    """Watch every page that is kept."""
    seen: dict[Scene, str] = {}
    real = kazasu.desk.bedside.frame

    def watched(scene: Scene) -> str:
        seen[scene] = real(scene)
        return seen[scene]

    monkeypatch.setitem(vars(kazasu.desk.bedside), "frame", watched)
    return seen


PLAIN = [step.id for step in FLOW if shown_by(step) is None and not step.leaves]
"""Steps whose pages depend on the visit alone."""


@pytest.mark.threat("T02")
@pytest.mark.parametrize("step", PLAIN)
@pytest.mark.parametrize("over_40", [True, False])
async def test_a_kept_page_is_the_same_as_one_made_anew(
    kazasu: Kazasu, kept: dict[Scene, str], step: str, over_40: bool
) -> None:
    intent = {"revoke": "withdraw", "official": "short"}.get(step, "first")
    route = Route.OFFICIAL if step in {"age", "official"} else Route.PRACTICE
    visit = marked(a_visit(over_40=over_40, intent=intent, upto=step, route=route))
    bed = kazasu.desk.bedside
    bed.show(request(), Seat(visit, "session-canary", PRACTICE_STATION), STEPS[step])
    assert len(kept) == 1
    for scene, html in kept.items():
        assert html == render(bed.pages, scene, visit)
        assert not [canary for canary in CANARIES if canary in html]
        assert str(visit.version) not in html


@pytest.mark.parametrize("step", [step for step in FLOW if step.questions(a_visit())], ids=lambda step: step.id)
async def test_every_answer_tells_pages_apart(kazasu: Kazasu, kept: dict[Scene, str], step: Step) -> None:
    visit = marked(a_visit(upto=step.id))
    bed, page = kazasu.desk.bedside, STEPS[PLAIN[0]]
    for answers in (visit.answers, {**visit.answers, step.id: {"any": "answer"}}):
        seat = Seat(replace(visit, answers=answers), "session-canary", PRACTICE_STATION)
        bed.show(request(), seat, page)
    assert len(kept) == 2, "what a step answered is part of the key, whichever step it is"


async def test_a_kept_page_of_a_withdrawal_lists_what_the_record_says(kazasu: Kazasu, kept: dict[Scene, str]) -> None:
    visit = marked(a_visit(over_40=False, intent="withdraw", upto="revoke"))
    bed = kazasu.desk.bedside
    bed.show(request(), Seat(visit, "session-canary", PRACTICE_STATION), STEPS["revoke"])
    ((scene, html),) = kept.items()
    assert html == render(bed.pages, scene, visit)
    assert "特定健診" in html, "everything is withdrawn, also what nobody under 40 is asked"


@pytest.mark.threat("T02")
async def test_what_was_typed_is_never_kept(kazasu: Kazasu, kept: dict[Scene, str]) -> None:
    bed = kazasu.desk.bedside
    visit = marked(a_visit(upto="ready"))
    typed: Mapping[str, str] = {"over_40": "yes", "reference": "A-7777", "intent": "first"}
    answered = journey.record(STEPS["need"], typed, visit)
    seat = Seat(answered, "session-canary", PRACTICE_STATION)
    page = bed.show(request(), seat, STEPS["need"])
    assert b"A-7777" in page.body
    bed.show(request(), replace(seat, visit=visit), STEPS["need"], given=typed, wrong={"intent": "x"}, status=422)
    assert kept == {}
