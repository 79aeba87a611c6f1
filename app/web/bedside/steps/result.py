"""What the eligibility system answers, and asking it to register once more."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.rules.visit.visit import Route
from app.web.bedside.registration import eligibility, register
from app.web.bedside.seat import Admitted, Bedside, OpenSeat, Seat, TheBedside
from app.web.bedside.steps import Extra

router = APIRouter()


@router.post("/visit/result/again")
async def register_again(request: Request, bedside: TheBedside, seat: OpenSeat, _: Admitted) -> Response:
    """Send the choices once more while the registration is pending."""
    await register(bedside, seat)
    return bedside.onward(request, seat.visit)


async def shown(_: Request, bedside: Bedside, seat: Seat) -> Extra:
    """Return the answer; the page reloads when the time for a name is up, which removes the name."""
    there = seat.visit.route is Route.IDENTITY
    official = await bedside.reception.address(seat.facility.id) if there else None
    answered = await eligibility(bedside, seat)
    headers = {"Refresh": str(answered.name_shown_for)} if answered.shows_name else {}
    return Extra({"eligibility": answered, "address": official}, headers)
