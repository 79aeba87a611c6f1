"""The short way's page before the official one: the same link and the same help as `handoff`, and the explanation."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.rules.visit import journey
from app.rules.visit.flow import STEPS
from app.web.bedside.seat import EXPLANATION, OpenSeat, TheBedside
from app.web.bedside.steps.handoff import shown

__all__ = ["router", "shown"]

router = APIRouter()


@router.get("/visit/explanation")
async def explain(request: Request, bedside: TheBedside, seat: OpenSeat) -> Response:
    """Show the items to be read side by side, in the patient's language, before the official page asks for them."""
    step = STEPS["official"]
    if not journey.is_reachable(step, seat.visit):
        return bedside.onward(request, seat.visit)
    return bedside.show(request, seat, step, template=EXPLANATION)
