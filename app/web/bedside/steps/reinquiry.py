"""Whether the office has seen a registration that a re-inquiry may continue."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from app.rules.visit.standing import may_suffice
from app.rules.words.dates import day_of
from app.web.bedside.seat import Bedside, Seat
from app.web.bedside.steps import Extra
from app.web.kit.limits import RateLimit, network_of

_NUMBERS: Final = RateLimit(20, seconds=600)
"""Lookups of a 照会番号 per client network: each tells whether the office saw a registration."""


async def shown(request: Request, bedside: Bedside, seat: Seat) -> Extra:
    """Return when the office last saw a registration of this number that has not ended."""
    number = seat.visit.reference
    may_ask = bool(number) and bedside.limits.has_room(_NUMBERS, network_of(request.scope))
    sight = await bedside.worklist.last_sight(seat.facility.id, number) if may_ask else None
    return Extra({"seen": sight.at if sight and may_suffice(sight, day_of(bedside.clock.now())) else None})
