"""`/return`: the redirect back from the app. Its parameters are untrusted and are validated against the departure.

With a code, an error or no parameters, repeated, late, or in another tab or browser: the answer is always a page that
says what is known, what is not, and the one next step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response

from app.ports.outside import Decline, Declined, Identity, Refused, Unavailable
from app.ports.store import Departure, Written
from app.rules.record.event import Body, EventType
from app.rules.record.evidence import hashed
from app.rules.visit import journey
from app.rules.visit.flow import STEPS
from app.rules.visit.visit import Route, Visit
from app.tokens import BadToken, Purpose, new_secret
from app.web.bedside.registration import begun, is_fresh, register
from app.web.bedside.seat import TRIES, Bedside, Seat, TheBedside, once

HANDOFF: Final = STEPS["handoff"]
_LONGEST: Final = 2048
log = structlog.get_logger()
router = APIRouter()


_LOOKS: Final = 20
_PAUSE: Final = 0.2


def _is_being_proven(visit: Visit) -> bool:
    """Whether a code exchange is in progress, in this or another process, or was cut off by a crash."""
    return visit.reason == "unproven" and not visit.departure and not journey.is_done(HANDOFF, visit)


class NotOurs(Exception):
    """The return is malformed, expired, or not for this visit in this browser."""


@router.get("/return")
async def back(request: Request, bedside: TheBedside) -> Response:
    """Validate a return and exchange its code, once."""
    seat = await bedside.find(request)
    if seat is None:
        return bedside.problems.answer(request, "return_elsewhere")
    if seat.visit.route is Route.OFFICIAL and journey.furthest(seat.visit) is HANDOFF:
        return bedside.go(request, "/visit/result")
    if not journey.is_reachable(HANDOFF, seat.visit) or journey.is_done(HANDOFF, seat.visit):
        return bedside.onward(request, seat.visit)
    if _is_being_proven(seat.visit) and "code" in request.query_params:
        return await _late(request, bedside)
    try:
        departure = await _departure(request, bedside, seat)
    except (NotOurs, BadToken):
        return _unknown(request, bedside, seat)
    return await _take(request, bedside, seat, departure)


def _unknown(request: Request, bedside: Bedside, seat: Seat) -> Response:
    """Show the page without a result: 400 for unusable parameters, 200 for none (a return by hand)."""
    came = bool(request.query_params)
    return bedside.show(request, seat, HANDOFF, template="bedside/return.html", status=400 if came else 200, came=came)


async def _departure(request: Request, bedside: Bedside, seat: Seat) -> Departure:
    """Return the live departure in `state`, of this visit, browser and choices. Raises `NotOurs` or `BadToken`."""
    params = request.query_params
    if len(params.multi_items()) != len(params) or any(len(value) > _LONGEST for value in params.values()):
        raise NotOurs
    if params.get("iss", bedside.issuer) != bedside.issuer:
        raise NotOurs
    departure_id, visit_id = bedside.signer.read(Purpose.HANDOFF, params.get("state", ""))
    found = await bedside.store.departure(departure_id)
    if found is None or not is_fresh(found, bedside.clock.now()) or not (params.get("code") or params.get("error")):
        raise NotOurs
    belongs = (found.visit, found.session, found.id) == (
        seat.visit.id,
        hashed(seat.session),
        seat.visit.departure,
    )
    if not belongs or visit_id != seat.visit.id:
        raise NotOurs
    return found


async def _take(request: Request, bedside: Bedside, seat: Seat, departure: Departure) -> Response:
    error = request.query_params.get("error")
    if error:
        reason = bedside.handoff.declined(error, request.query_params.get("error_description", ""))
        return await _came_back_without(request, bedside, seat, departure, reason)
    claimed = replace(seat.visit, reason="unproven", departure="")
    came = EventType.RETURNED, {"outcome": "code"}
    written = await bedside.write(once(seat.visit), claimed, came, spend=departure.id)
    if written is not Written.DONE:
        return await _late(request, bedside)
    return await _identified(
        request, bedside, replace(seat, visit=replace(claimed, version=seat.visit.version + 1)), departure
    )


async def _late(request: Request, bedside: Bedside) -> Response:
    """Poll about 4 s for the code exchange of a concurrent return, then redirect to where the visit stands."""
    seat = await bedside.seat(request)
    for _ in range(_LOOKS):
        if not _is_being_proven(seat.visit):
            break
        await asyncio.sleep(_PAUSE)
        seat = await bedside.seat(request)
    return bedside.onward(request, seat.visit)


async def _identified(request: Request, bedside: Bedside, seat: Seat, departure: Departure) -> Response:
    try:
        identity = await bedside.handoff.identify(departure, request.query_params["code"])
    except Declined as declined:
        await _note(bedside, seat, declined.reason.value)
        return bedside.go(request, "/visit/handoff")
    except (Refused, Unavailable):
        await _note(bedside, seat, "unproven")
        return bedside.go(request, "/visit/handoff")
    proven = await _proven(request, bedside, seat, identity)
    if proven is None:
        return await _late(request, bedside)
    await register(bedside, proven)
    return bedside.go(request, "/visit/hand-over?to=result")


async def _proven(request: Request, bedside: Bedside, seat: Seat, identity: Identity) -> Seat | None:
    """Write the proven identity, retrying up to `TRIES` times after concurrent writes; return the visit with it.

    None, and nothing is registered, when such a write changed the tapped choices or finished the handoff.
    """
    tapped_for = _confirmed(seat.visit)
    for _ in range(TRIES):
        state, times = begun(bedside), {**seat.visit.times, HANDOFF.id: bedside.clock.now()}
        proven = replace(seat.visit, subject=identity.subject, registration=state, reason="", times=times)
        after = journey.record(HANDOFF, {"outcome": "identified"}, proven)
        body: Body = {"by": "oidc", "registration": state.value}
        written = await bedside.write(once(seat.visit), after, (EventType.IDENTIFIED, body))
        if written is Written.DONE:
            return replace(seat, visit=replace(after, version=seat.visit.version + 1))
        seat = await bedside.seat(request)
        if _confirmed(seat.visit) != tapped_for or journey.is_done(HANDOFF, seat.visit):
            return None
    raise Unavailable


async def _note(bedside: Bedside, seat: Seat, reason: str) -> None:
    """Record the failure and issue a new departure, so that a retry is one tap."""
    issue = new_departure(seat, bedside.clock.now())
    after = replace(seat.visit, reason=reason, departure=issue.id)
    again = EventType.HANDED_OFF, {"again": reason}
    written = await bedside.write(once(seat.visit), after, again, issue=issue)
    if written is not Written.DONE:  # another tab moved the visit on: no departure needed
        log.info("return_superseded", reason=written.value)


async def _came_back_without(
    request: Request, bedside: Bedside, seat: Seat, departure: Departure, reason: Decline
) -> Response:
    issue = new_departure(seat, bedside.clock.now())
    after = replace(seat.visit, reason=reason.value, departure=issue.id)
    came = EventType.RETURNED, {"outcome": reason.value}
    written = await bedside.write(once(seat.visit), after, came, spend=departure.id, issue=issue)
    return bedside.go(request, "/visit/handoff") if written is Written.DONE else await _late(request, bedside)


def _confirmed(visit: Visit) -> tuple[bool, bool, Mapping[str, str]]:
    """Return what the card is tapped for, to compare before and after a concurrent write."""
    return visit.is_confirmed, visit.withdraws, visit.choices


def new_departure(seat: Seat, now: int) -> Departure:
    """Return a new departure of this visit and browser; its nonce and PKCE verifier stay on the server."""
    return Departure(
        id=new_secret(),
        visit=seat.visit.id,
        session=hashed(seat.session),
        nonce=new_secret(),
        verifier=new_secret() + new_secret(),
        issued_at=now,
    )
