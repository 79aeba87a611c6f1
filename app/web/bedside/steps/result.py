"""What the eligibility system answers, and asking it to register once more."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from app.rules.visit import journey
from app.rules.visit.flow import STEPS
from app.rules.visit.visit import Route
from app.web.bedside.registration import eligibility, register
from app.web.bedside.seat import Admitted, Bedside, OpenSeat, Seat, TheBedside
from app.web.bedside.steps import Extra

_RESULT: Final = STEPS["result"]
router = APIRouter()


@router.post("/visit/result/again")
async def register_again(request: Request, bedside: TheBedside, seat: OpenSeat, _: Admitted) -> Response:
    """Send the choices once more while the registration is pending, as far as this page may be used now."""
    if not journey.is_reachable(_RESULT, seat.visit):
        return bedside.onward(request, seat.visit)
    if journey.needs_hand_over(_RESULT, seat.visit):
        return bedside.go(request, f"/visit/hand-over?to={_RESULT.id}")
    await register(bedside, seat)
    return bedside.go(request, f"/visit/{_RESULT.id}")


async def shown(_: Request, bedside: Bedside, seat: Seat) -> Extra:
    """Return the answer; the page reloads when the time for a name is up, which removes the name."""
    there = seat.visit.route is Route.IDENTITY
    official = await bedside.reception.address(seat.facility.id) if there else None
    answered = await eligibility(bedside, seat)
    headers = {"Refresh": str(answered.name_shown_for)} if answered.shows_name else {}
    left = journey.expires_at(seat.visit) - bedside.clock.now()
    return Extra({"eligibility": answered, "address": official, "left": left}, headers)
