"""Moves a visit to another browser: by six letters from the first, within 30 minutes, at the same station only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from app.ports.store import Change, Written
from app.rules.record.clock import is_young
from app.rules.record.event import Event, EventType
from app.rules.record.evidence import hashed
from app.rules.station.station import Station
from app.rules.visit.visit import Holder, Visit
from app.rules.words.furigana import SPOKEN, letters
from app.rules.words.languages import BY_CODE
from app.tokens import new_secret
from app.web.bedside.entry import leave_old
from app.web.bedside.seat import Bedside, EntryStation, TheBedside, crossing_hash, once
from app.web.kit.forms import fields
from app.web.kit.limits import RateLimit, RateLimits, network_of
from app.web.kit.pages import Look

LIVES: Final = 30 * 60
"""Seconds for which the letters hold, counted from the check page."""
_BY_ADDRESS: Final = RateLimit(20, seconds=600)
_BY_STATION: Final = RateLimit(500, seconds=600)


router = APIRouter()


@router.get("/f/{token}/continue")
async def ask(request: Request, bedside: TheBedside, facility: EntryStation) -> Response:
    """Ask for the letters."""
    return _page(request, bedside, facility)


@router.post("/f/{token}/continue")
async def take_up(request: Request, bedside: TheBedside, facility: EntryStation) -> Response:
    """Bind the visit to this browser's session; the former session ends."""
    typed = letters((await fields(request)).get("letters", ""))
    if len(typed) != SPOKEN:
        return _page(request, bedside, facility, wrong=True, status=422)
    if not _may_try(request, bedside.limits, facility):
        return _page(request, bedside, facility, wait=True, status=429)
    visit = await _found(bedside, facility, typed)
    if visit is None:
        return _page(request, bedside, facility, wrong=True, status=422)
    seat = await bedside.find(request)
    if seat is not None and seat.visit.id != visit.id:  # a session has one visit
        await leave_old(request, bedside)
    return await _moved(request, bedside, facility, visit)


def _page(
    request: Request, bedside: Bedside, facility: Station, *, wrong: bool = False, wait: bool = False, status: int = 200
) -> Response:
    look, token = Look.of(request).seen_by(Holder.STAFF), request.path_params["token"]
    shown: dict[str, Any] = {"facility": facility, "token": token, "wrong": wrong, "wait": wait}
    return bedside.pages.respond(request, "bedside/continue.html", look=look, status=status, **shown)


def _may_try(request: Request, limits: RateLimits, facility: Station) -> bool:
    return limits.has_room(_BY_ADDRESS, network_of(request.scope)) and limits.has_room(_BY_STATION, facility.id)


async def _found(bedside: Bedside, facility: Station, typed: str) -> Visit | None:
    visit = await bedside.store.across(crossing_hash(facility.id, typed))
    is_fresh = visit is not None and is_young(visit.out_since, LIVES, bedside.clock.now())
    is_out = visit is not None and is_fresh and bool(bedside.crossing(visit))
    return visit if visit is not None and is_out and bedside.is_open(visit) else None


async def _moved(request: Request, bedside: Bedside, facility: Station, visit: Visit) -> Response:
    now, session = bedside.clock.now(), new_secret()
    after = replace(visit, touched_at=now, departure=new_secret())
    crossing = crossing_hash(facility.id, bedside.crossing(after))
    moved = Event(EventType.MOVED, now, {})
    change = Change(after, (moved,), once(visit), session=hashed(session), crossing=crossing)
    if await bedside.store.write(change) is not Written.DONE:
        return _page(request, bedside, facility, wrong=True, status=422)
    answer = bedside.onward(request, after)
    bedside.begin(answer, session, facility.id)
    bedside.keep_look(answer, Look(language=BY_CODE[after.language]).seen_by(after.holder))
    return answer
