"""The visit's routes: entry, steps of `FLOW`, hand-over of the phone, and end."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as At
from starlette.types import Receive, Scope, Send

from app.ports.office import Worklist
from app.ports.outside import Handoff, Reception, Unavailable
from app.ports.store import Change, Submission, Written
from app.rules.content import EXITS, ITEMS, OFFICIAL
from app.rules.record.evidence import Body, Event, EventType, Json, hashed, state, wording
from app.rules.station.station import Station
from app.rules.visit import journey
from app.rules.visit.consent import Choice, complete, in_force, not_asked_reason
from app.rules.visit.flow import NOTHING, STEPS, Answer, Holder, Registration, Route, Step, Visit
from app.rules.visit.standing import may_suffice
from app.rules.words.dates import day_of
from app.rules.words.languages import BY_CODE
from app.tokens import Purpose, new_secret
from app.web.bedside.registration import Answered, Registrar
from app.web.bedside.returning import new_departure
from app.web.bedside.seat import HAND_OVER, TRIES, Bedside, Refusal, Seat, crossing_hash, is_too_early, once, submitted
from app.web.copy.take_home import TakeHome
from app.web.kit.browsers import recognise
from app.web.kit.forms import Form, fields, form
from app.web.kit.guard import RateWindow, network_of
from app.web.kit.pages import HOLE, LOOK_COOKIE, Look

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_EVENTS = {
    "need": EventType.NEED_ANSWERED,
    "ready": EventType.READY_ANSWERED,
    "another-way": EventType.ANOTHER_WAY,
    "consent": EventType.ITEMS_ANSWERED,
    "check": EventType.CONFIRMED,
    "revoke": EventType.CONFIRMED,
    "handoff": EventType.RETURNED,
    "result": EventType.REPORTED,
    "error-code": EventType.REPORTED,
}


_NUMBERS: Final = 20
"""Lookups of a 照会番号 per client network in `_SPAN` seconds; each tells whether the office saw a registration."""
_SPAN: Final = 600.0


@dataclass(frozen=True)
class VisitPages:
    """The bedside pages of one server."""

    bedside: Bedside
    route: Route
    handoff: Handoff
    reception: Reception
    registrar: Registrar
    take_home: TakeHome
    worklist: Worklist
    _numbers: RateWindow = field(default_factory=lambda: RateWindow(_NUMBERS, _SPAN))

    def routes(self) -> list[At]:
        """Return a route for the entry, for every step of `FLOW`, and for what belongs to no single step."""
        return [
            At("/visit/hand-over", _ByMethod(self.hand_over, self.received), methods=["GET", "POST"]),
            At("/visit/look", _ByMethod(self.look, self.set_look), methods=["GET", "POST"]),
            At("/visit/end", self.end, methods=["POST"]),
            At("/visit/{step}", _ByMethod(self.show, self.submit), methods=["GET", "POST"]),
            At("/visit", self.resume, methods=["GET"]),
            At("/f/{token}", _ByMethod(self.entry, self.start), methods=["GET", "POST"]),
        ]

    # --- the entry -----------------------------------------------------------------------------------------------

    async def entry(self, request: Request) -> Response:
        """Show the station's entry: what its QR code opens, with this browser's own open visit on top."""
        facility = await self.bedside.station(request)
        if isinstance(facility, Response):
            return facility
        seat = await self.bedside.find(request)
        answer = self._entry(request, facility, seat if seat and seat.facility == facility else None)
        self.bedside.remember(answer, facility.id)
        return answer

    def _entry(self, request: Request, facility: Station, seat: Seat | None) -> Response:
        visit = seat.visit if seat else None
        html = self.bedside.pages.html(
            "bedside/entry.html",
            Look(),
            facility=facility,
            token=request.path_params["token"],
            route=self.route,
            visit=visit,
            reports=visit is not None and self._is_out(visit),
            code=self.bedside.crossing(visit) if visit and visit.holder is Holder.STAFF else "",
            browser=recognise(request.headers.get("user-agent", "")),
        )
        return self.bedside.pages.answer(request, html.replace(HOLE, self.bedside.form_fields(seat)) if seat else html)

    @staticmethod
    def _is_out(visit: Visit) -> bool:
        """Whether the official page was opened and its outcome is not reported yet."""
        step = journey.furthest(visit)
        is_told = step.by_hand(visit) or (step.id == "result" and visit.route is Route.OFFICIAL)
        return is_told and visit.holder is Holder.STAFF

    async def start(self, request: Request) -> Response:
        """Begin a visit under a new session cookie; the browser's former visit ends."""
        facility = await self.bedside.station(request)
        if isinstance(facility, Response):
            return facility
        await fields(request)
        return (await self.begin(request, facility))[0]

    async def begin(
        self, request: Request, facility: Station, need: Answer = NOTHING, earlier: Answer = NOTHING
    ) -> tuple[Response, Visit]:
        """Create a visit, with the `need` step answered if `need` is given; return the redirect and the visit."""
        await self.leave_old(request)
        now, session, key, gate = self.bedside.clock.now(), new_secret(), new_secret(), STEPS["need"]
        visit = Visit(new_secret(), facility.id, opened_at=now, touched_at=now, route=self.route, earlier=earlier)
        events = [Event(EventType.OPENED, now, {"holder": visit.holder.value, "route": self.route.value})]
        if need:
            visit = replace(journey.record(gate, need, visit), times={gate.id: now})
            events.append(Event(_EVENTS[gate.id], now, {**self._body(gate, visit), "from": "today"}))
        new = Change(visit, tuple(events), Submission(key, 0, hashed(key)), session=hashed(session))
        if await self.bedside.store.write(new) is not Written.DONE:
            raise Refusal("key_reused")
        answer = self.bedside.onward(request, visit)
        self.bedside.begin(answer, session, facility.id)
        if LOOK_COOKIE in request.cookies:
            self.bedside.forget_look(answer)  # the former patient's language is not the next one's
        return answer, visit

    async def leave_old(self, request: Request) -> None:
        """End the browser's open visit, so that the next patient never continues it."""
        seat = await self.bedside.find(request)
        if seat is not None:
            await self._end(request, seat, new_secret())

    # --- the steps -----------------------------------------------------------------------------------------------

    async def resume(self, request: Request) -> Response:
        """Redirect to the first open step."""
        seat = await self.bedside.seat(request)
        return self.bedside.onward(request, seat.visit)

    async def show(self, request: Request) -> Response:
        """Show a step's page, or redirect to the hand-over or the first open step."""
        step = _step(request)
        seat = await self.bedside.seat(request)
        if not journey.is_reachable(step, seat.visit):
            return self.bedside.onward(request, seat.visit)
        if journey.needs_hand_over(step, seat.visit):
            return self.bedside.go(request, f"/visit/hand-over?to={step.id}")
        return await self._page(request, seat, step)

    async def _page(  # noqa: PLR0913 - what a page shows
        self,
        request: Request,
        seat: Seat,
        step: Step,
        *,
        status: int = 200,
        given: Answer = NOTHING,
        wrong: Mapping[str, str] = NOTHING,
        stale: bool = False,
    ) -> Response:
        extra = await self._extra(request, seat, step)
        page = self.bedside.show(request, seat, step, status=status, given=given, wrong=wrong, stale=stale, **extra)
        answered = extra.get("eligibility")
        if isinstance(answered, Answered) and answered.shows_name:
            # The page reloads when the time is up, which removes the name.
            page.headers["Refresh"] = str(answered.name_shown_for)
        return page

    async def _extra(self, request: Request, seat: Seat, step: Step) -> Mapping[str, Any]:
        if step.id == "reinquiry":
            number = seat.visit.answer("need", "reference")
            may_ask = bool(number) and self._numbers.has_room(network_of(request.scope), time.monotonic())
            sight = await self.worklist.last_sight(seat.facility.id, number) if may_ask else None
            today = day_of(self.bedside.clock.now())
            return {"seen": sight.at if sight and may_suffice(sight, today) else None}
        if step.id == "another-way":
            return {"chosen": next((way for way in EXITS if way.id == seat.visit.answer(step.id, "reason")), None)}
        if step.id == "handoff":
            browser = recognise(request.headers.get("user-agent", ""))
            code = self.bedside.crossing(seat.visit)
            return {"address": await self._address(seat), "browser": browser, "code": code, "official": OFFICIAL}
        if step.id == "result":
            there = seat.visit.route is Route.IDENTITY
            official = await self.reception.address(seat.facility.id) if there else None
            return {"eligibility": await self.registrar.eligibility(seat), "address": official}
        return await self.take_home.shown(Look.of(request), seat) if step.id == "done" else {}

    async def _address(self, seat: Seat) -> str:
        """Return the link to the app or official page; empty when unknown, unavailable, or its departure expired."""
        if seat.visit.route is Route.OFFICIAL:
            return await self.reception.address(seat.facility.id) or ""
        departure = await self.bedside.store.departure(seat.visit.departure) if seat.visit.departure else None
        if departure is None or not self.registrar.is_fresh(departure):
            return ""
        state = self.bedside.signer.sign(Purpose.HANDOFF, departure.id, seat.visit.id)
        try:
            return await self.handoff.address(departure, state)
        except Unavailable:
            return ""

    async def submit(self, request: Request) -> Response:
        """Validate a step's answers and write them."""
        step = _step(request)
        seat = await self.bedside.seat(request)
        sent = await form(request)
        self.bedside.admit(seat, sent)
        if not journey.is_reachable(step, seat.visit):
            return self.bedside.onward(request, seat.visit)
        if step.only_in_hand and journey.needs_hand_over(step, seat.visit):
            return self.bedside.go(request, f"/visit/hand-over?to={step.id}")
        goes_on = step.leaves and bool(sent.answers.get("go_on"))
        if not goes_on and not step.asks(seat.visit, sent.answers):
            return self.bedside.onward(request, seat.visit)
        return await self._take(request, seat, step, sent)

    async def _take(self, request: Request, seat: Seat, step: Step, sent: Form) -> Response:
        if sent.answers.get("go_on") and step.leaves:
            went_on = (EventType.WENT_ON, {"from": step.id})
            return await self._written(request, seat, step, sent, journey.go_on(step, seat.visit), went_on)
        if "fill" in sent.answers and step.id == "consent":
            return await self._fill(request, seat, step, sent)
        if step.id == "result" and "again" in sent.answers:
            await self.registrar.register(seat)
            return self.bedside.go(request, "/visit/result")
        if step.id == "handoff" and "again" in sent.answers:
            return await self._written(request, seat, step, sent, seat.visit, renew=True)
        wrong = journey.errors(step, seat.visit, sent.answers)
        if wrong:
            given = journey.fit(step, seat.visit, sent.answers)
            return await self._page(request, seat, step, status=422, given=given, wrong=wrong)
        after = journey.record(step, sent.answers, seat.visit)
        if step.id == "consent" or (step.to_the_card and after.withdraws):
            after = replace(after, language=_read_in(request, sent))
        events = [(_EVENTS[step.id], self._body(step, after))]
        if step.id == "result" and "handoff" not in seat.visit.answers:
            events.insert(0, (EventType.RETURNED, {"outcome": "by_hand"}))
        return await self._written(request, seat, step, sent, after, *events, renew=step.to_the_card)

    async def _fill(self, request: Request, seat: Seat, step: Step, sent: Form) -> Response:
        """Save 「すべて…」 as a draft that can still be changed; nothing is submitted yet."""
        choice = Choice.AGREE if sent.answers["fill"] == "agree" else Choice.DECLINE
        filled = {item.id: choice.value for item in seat.visit.items}
        after = replace(seat.visit, draft={**seat.visit.draft, step.id: filled})
        written = await self.bedside.write(submitted(sent), after)
        return await self._answered(request, step, written, after, step)

    async def _written(  # noqa: PLR0913 - what is written, and for whom
        self,
        request: Request,
        seat: Seat,
        step: Step,
        sent: Form,
        after: Visit,
        *events: tuple[EventType, Body],
        renew: bool = False,
    ) -> Response:
        issue, crossing = None, ""
        if renew:
            issue = new_departure(seat, self.bedside.clock.now())
            after = replace(after, departure=issue.id)
            events = (*events, (EventType.HANDED_OFF, {"choices": _choices(after)}))
            code = self.bedside.crossing(after)
            crossing = crossing_hash(seat.facility.id, code) if code else ""
        issue = None if crossing else issue  # on the official route nothing comes back that could be checked
        copy = self.take_home.copy(seat) if journey.furthest(after).id == "done" else None
        written = await self.bedside.write(
            submitted(sent, *events),
            after,
            *events,
            moment=step.id,
            issue=issue,
            crossing=crossing,
            copy=copy,
        )
        return await self._answered(request, step, written, after)

    async def _answered(
        self, request: Request, step: Step, written: Written, after: Visit, to: Step | None = None
    ) -> Response:
        if written is Written.DONE:
            return self.bedside.go(request, f"/visit/{to.id}") if to else self.bedside.onward(request, after)
        if written is Written.KEY_REUSED:
            raise Refusal("key_reused")
        now = await self.bedside.seat(request)
        if written is Written.REPEATED and to is not None and journey.is_reachable(to, now.visit):
            return self.bedside.go(request, f"/visit/{to.id}")
        if written is Written.REPEATED:
            return self.bedside.onward(request, now.visit)
        if not journey.is_reachable(step, now.visit):
            return self.bedside.onward(request, now.visit)
        return await self._page(request, now, step, status=409, stale=True)

    def _body(self, step: Step, after: Visit) -> Body:
        if step.id == "consent":
            language = BY_CODE[after.language]
            return {
                "choices": _choices(after),
                "not_asked": _not_asked(after),
                "wording": wording(language, after.items),
                "lang": language.code,
            }
        if step.to_the_card:
            withdraws: Body = {"withdraws": True, "lang": after.language} if after.withdraws else {}
            return {"choices": _choices(after), "operator": after.operator, **withdraws}
        number = {"reference": ""} if step.id == "need" else {}  # recorded also when there was none
        return {**number, **after.answers.get(step.id, {})}

    # --- the phone changes hands ------------------------------------------------------------------------------------

    async def hand_over(self, request: Request) -> Response:
        """Show who should take the phone now."""
        seat = await self.bedside.seat(request)
        to = self._towards(request.query_params.get("to", ""), seat)
        if not journey.needs_hand_over(to, seat.visit):
            return self.bedside.go(request, f"/visit/{to.id}")
        return self.bedside.show(request, seat, to, template=HAND_OVER)

    async def received(self, request: Request) -> Response:
        """Record that the other person holds the phone now."""
        seat = await self.bedside.seat(request)
        sent = await form(request)
        self.bedside.admit(seat, sent)
        to = self._towards(sent.answers.get("to", ""), seat)
        if is_too_early(request, sent):
            return self.bedside.go(request, f"/visit/hand-over?to={to.id}")
        holder = to.held_by(seat.visit)
        after = journey.handed_over(seat.visit, holder)
        passed = (EventType.PHONE_PASSED, {"to": holder.value})
        written = await self.bedside.write(submitted(sent, passed), after, passed, moment=f"held_by_{holder}")
        answer = await self._answered(request, to, written, after, to)
        self.bedside.keep_look(answer, Look.of(request).seen_by(holder))
        return answer

    def _towards(self, name: str, seat: Seat) -> Step:
        step = STEPS.get(name)
        reachable = step is not None and journey.is_reachable(step, seat.visit)
        return step if step is not None and reachable else journey.furthest(seat.visit)

    # --- how it reads ---------------------------------------------------------------------------------------------

    async def look(self, request: Request) -> Response:
        """Offer text size and furigana."""
        seat = await self.bedside.seat(request)
        return self.bedside.show(request, seat, journey.furthest(seat.visit), template="bedside/look.html")

    async def set_look(self, request: Request) -> Response:
        """Set the look cookie, and redirect to the page where it was set."""
        seat = await self.bedside.seat(request)
        sent = await form(request)
        self.bedside.admit(seat, sent)
        look = Look.of(request).chosen(sent.answers)
        to = sent.answers.get("to", "")
        known = to in STEPS or to in {"look", "hand-over"}
        answer = self.bedside.go(request, f"/visit/{to}" if known else "/visit")
        self.bedside.keep_look(answer, look)
        return answer

    # --- the end ----------------------------------------------------------------------------------------------------

    async def end(self, request: Request) -> Response:
        """End the visit, and clear its cookies and the cache on this phone."""
        seat = await self.bedside.find(request)
        if seat is None:
            return self.bedside.farewell(request, None)
        sent = await form(request)
        self.bedside.admit(seat, sent)
        # All forms of a page share one key, and another of them may have been sent: the suffix keeps this one apart.
        await self._end(request, seat, f"{sent.key}#end")
        return self.bedside.farewell(request, await self.bedside.store.live_link(seat.facility.id))

    async def _end(self, request: Request, seat: Seat, key: str) -> None:
        """End the visit at its current version, retrying after concurrent writes: a stale page may end it too."""
        for _ in range(TRIES):
            if await self._ended(seat, key) is not Written.STALE:
                return
            now = await self.bedside.find(request)  # another tab wrote since this request read it
            if now is None or now.visit.id != seat.visit.id:
                return
            seat = now
        raise Unavailable

    async def _ended(self, seat: Seat, key: str) -> Written:
        after = replace(seat.visit, ended=True, subject="", holder=Holder.STAFF)
        pending = after.registration is Registration.PENDING
        body = {"state": state(after).value, "pending": pending}
        return await self.bedside.write(once(seat.visit, key), after, (EventType.ENDED, body))


class _ByMethod:
    """One ASGI endpoint for GET and POST of a path: half as many routes to match, and no wrapper of Starlette's."""

    def __init__(self, show: Endpoint, submit: Endpoint) -> None:
        self._show, self._submit = show, submit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        answer = await (self._submit if scope["method"] == "POST" else self._show)(request)
        await answer(scope, receive, send)


def _read_in(request: Request, sent: Form) -> str:
    """Return the language code of the answered page: from its form, else from the look cookie."""
    language = BY_CODE.get(sent.answers.get("language", ""), Look.of(request).language)
    return language.code


def _step(request: Request) -> Step:
    step = STEPS.get(request.path_params["step"])
    if step is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return step


def _choices(visit: Visit) -> dict[str, Json]:
    chosen = {item.id: visit.choice(item.id) for item in visit.items if visit.choice(item.id)}
    return {**complete(ITEMS, chosen, at=visit.opened_at)}


def _not_asked(visit: Visit) -> dict[str, Json]:
    if visit.chooses_there:
        return {item.id: "chosen on the official page" for item in in_force(ITEMS, visit.opened_at)}
    asked = set(visit.items)
    return {item.id: not_asked_reason(item) for item in in_force(ITEMS, visit.opened_at) if item not in asked}
