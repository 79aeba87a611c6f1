"""What the official page has shown, told after the visit expired: by staff, on a page without choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Request, Response

from app.ports.store import Written
from app.rules.record.event import EventType
from app.rules.record.evidence import state
from app.rules.visit.flow import STEPS
from app.rules.visit.submission import Submitted, submission
from app.rules.visit.visit import NOTHING
from app.web.bedside.seat import Bedside, NoVisit, Refusal, Seat, TheBedside, submitted
from app.web.kit.forms import form

router = APIRouter()


async def _late(request: Request, bedside: TheBedside) -> Seat:
    seat = await bedside.late(request)
    if seat is None:
        raise NoVisit
    return seat


LateSeat: TypeAlias = Annotated[Seat, Depends(_late)]
"""This browser's expired visit whose report is still taken; without one, the request ends in `NoVisit`."""


@router.get("/visit/late")
async def show(request: Request, bedside: TheBedside, seat: LateSeat) -> Response:
    """Ask for the report."""
    return _page(request, bedside, seat)


@router.post("/visit/late")
async def report(request: Request, bedside: TheBedside, seat: LateSeat) -> Response:
    """Record the report, and end the visit; 422 without one."""
    sent = await form(request)
    bedside.admit(seat, sent)
    outcome = submission(STEPS["result"], seat.visit, {"report": sent.answers.get("report", "")}, seat.visit.language)
    if not isinstance(outcome, Submitted):
        return _page(request, bedside, seat, status=422, wrong=outcome.wrong)
    after = replace(outcome.visit, ended=True, subject="")
    ended = (EventType.ENDED, {"state": state(after).value, "pending": False})
    written = await bedside.write(submitted(sent, *outcome.events), after, *outcome.events, ended, moment="result")
    if written is Written.KEY_REUSED:
        raise Refusal("key_reused")
    if written is Written.STALE:  # another tab has told it meanwhile
        raise NoVisit
    return bedside.farewell(request, await bedside.store.live_link(seat.facility.id))


def _page(
    request: Request, bedside: Bedside, seat: Seat, *, status: int = 200, wrong: Mapping[str, str] = NOTHING
) -> Response:
    step, code = STEPS["result"], seat.visit.code
    return bedside.show(request, seat, step, template="bedside/late.html", status=status, code=code, wrong=wrong)
