"""The station's entry, and the begin and end of a visit."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from app.ports.outside import Unavailable
from app.ports.store import Change, Submission, Written
from app.rules.record.event import Event, EventType
from app.rules.record.evidence import hashed, state
from app.rules.station.station import Station
from app.rules.visit import journey
from app.rules.visit.flow import FLOW
from app.rules.visit.visit import NOTHING, Answer, Holder, Intent, Registration, Route, Visit
from app.tokens import new_secret
from app.web.bedside.seat import TRIES, Bedside, EntryStation, Refusal, Seat, TheBedside, once
from app.web.kit.browsers import recognise
from app.web.kit.forms import fields, form
from app.web.kit.pages import HOLE, LOOK_COOKIE, Look

router = APIRouter()


@router.get("/f/{token}")
async def entry(request: Request, bedside: TheBedside, token: str, facility: EntryStation) -> Response:
    """Show the station's entry: what its QR code opens, with this browser's own open visit on top."""
    found = await bedside.find(request)
    seat = found if found and found.facility == facility else None
    visit = seat.visit if seat else None
    html = bedside.pages.html(
        "bedside/entry.html",
        Look(),
        facility=facility,
        token=token,
        route=bedside.route,
        visit=visit,
        reports=visit is not None and visit.holder is Holder.STAFF and journey.is_out(visit),
        code=bedside.crossing(visit) if visit and visit.holder is Holder.STAFF else "",
        browser=recognise(request.headers.get("user-agent", "")),
        is_late=seat is None and await bedside.late(request) is not None,
    )
    answer = bedside.pages.answer(request, html.replace(HOLE, bedside.form_fields(seat)) if seat else html)
    bedside.remember(answer, facility.id)
    return answer


@router.post("/f/{token}")
async def start(request: Request, bedside: TheBedside, facility: EntryStation) -> Response:
    """Begin a visit under a new session cookie; the browser's former visit ends."""
    await fields(request)
    return (await begin(request, bedside, facility))[0]


async def begin(
    request: Request, bedside: Bedside, facility: Station, need: Answer = NOTHING, earlier: Answer = NOTHING
) -> tuple[Response, Visit]:
    """Create a visit, with its first step answered if `need` is given; return the redirect and the visit."""
    await leave_old(request, bedside)
    now, session, key, gate = bedside.clock.now(), new_secret(), new_secret(), FLOW[0]
    visit = Visit(new_secret(), facility.id, opened_at=now, touched_at=now, route=bedside.route, earlier=earlier)
    events = [Event(EventType.OPENED, now, {"holder": visit.holder.value, "route": bedside.route.value})]
    if need and bedside.route is Route.OFFICIAL and need["intent"] == Intent.FIRST:  # which way is said at the gate
        visit = replace(visit, draft={gate.id: {name: given for name, given in need.items() if name != "intent"}})
    elif need:
        visit = replace(journey.record(gate, need, visit), times={gate.id: now})
        kind, body = gate.event(visit)
        events.append(Event(kind, now, {**body, "from": "today"}))
    new = Change(visit, tuple(events), Submission(key, 0, hashed(key)), session=hashed(session))
    if await bedside.store.write(new) is not Written.DONE:
        raise Refusal("key_reused")
    answer = bedside.onward(request, visit)
    bedside.begin(answer, session, facility.id)
    if LOOK_COOKIE in request.cookies:
        bedside.forget_look(answer)  # the former patient's language is not the next one's
    return answer, visit


async def leave_old(request: Request, bedside: Bedside) -> None:
    """End the browser's open visit, so that the next patient never continues it."""
    seat = await bedside.find(request)
    if seat is not None:
        await _end(request, bedside, seat, new_secret())


@router.post("/visit/end")
async def end(request: Request, bedside: TheBedside) -> Response:
    """End the visit, and clear its cookies and the cache on this phone."""
    seat = await bedside.find(request)
    if seat is None:
        return bedside.farewell(request, None)
    sent = await form(request)
    bedside.admit(seat, sent)
    # All forms of a page share one key, and another of them may have been sent: the suffix keeps this one apart.
    await _end(request, bedside, seat, f"{sent.key}#end")
    return bedside.farewell(request, await bedside.store.live_link(seat.facility.id))


async def _end(request: Request, bedside: Bedside, seat: Seat, key: str) -> None:
    """End the visit at its current version, retrying after concurrent writes: a stale page may end it too."""
    for _ in range(TRIES):
        if await _ended(bedside, seat, key) is not Written.STALE:
            return
        now = await bedside.find(request)  # another tab wrote since this request read it
        if now is None or now.visit.id != seat.visit.id:
            return
        seat = now
    raise Unavailable


async def _ended(bedside: Bedside, seat: Seat, key: str) -> Written:
    after = replace(seat.visit, ended=True, subject="", holder=Holder.STAFF)
    pending = after.registration is Registration.PENDING
    body = {"state": state(after).value, "pending": pending}
    return await bedside.write(once(seat.visit, key), after, (EventType.ENDED, body))
