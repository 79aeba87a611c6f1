"""The way to the card: a link to the app or the official page."""

from __future__ import annotations

from fastapi import Request

from app.ports.outside import Unavailable
from app.rules.content import OFFICIAL
from app.rules.content.before import BEFORE
from app.rules.visit import journey
from app.tokens import Purpose
from app.web.bedside.registration import is_fresh
from app.web.bedside.seat import Bedside, Seat
from app.web.bedside.steps import Extra
from app.web.kit.browsers import recognise


async def shown(request: Request, bedside: Bedside, seat: Seat) -> Extra:
    """Return the link, and what helps people on the way."""
    browser = recognise(request.headers.get("user-agent", ""))
    address, code = await _address(bedside, seat), bedside.crossing(seat.visit)
    left = journey.expires_at(seat.visit) - bedside.clock.now()
    out = {"address": address, "code": code, "left": left}
    return Extra({**out, "browser": browser, "official": OFFICIAL, "taps": BEFORE.taps})


async def _address(bedside: Bedside, seat: Seat) -> str:
    """Return the link to the app or official page; empty when unknown, unavailable, or its departure expired."""
    if seat.visit.registers_there:
        return await bedside.reception.address(seat.facility.id) or ""
    departure = await bedside.store.departure(seat.visit.departure) if seat.visit.departure else None
    if departure is None or not is_fresh(departure, bedside.clock.now()):
        return ""
    state = bedside.signer.sign(Purpose.HANDOFF, departure.id, seat.visit.id)
    try:
        return await bedside.handoff.address(departure, state)
    except Unavailable:
        return ""
