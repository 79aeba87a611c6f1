"""The rows of the check page, from `FLOW`."""

from __future__ import annotations

from fastapi import Request

from app.rules.visit import journey
from app.web.bedside.seat import Bedside, Seat
from app.web.bedside.steps import Extra


async def shown(_: Request, _bedside: Bedside, seat: Seat) -> Extra:
    """Return the rows."""
    return Extra({"rows": journey.checked(seat.visit)})
