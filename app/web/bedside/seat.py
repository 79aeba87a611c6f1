"""Shared by the visit's pages: session lookup, CSRF check, writing a submission, rendering, cookies. No routes here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cached_property, lru_cache
from time import time_ns
from typing import Annotated, Any, Final, TypeAlias

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from app.ports.office import Copies, Worklist
from app.ports.outside import Clock, EligibilityGateway, Handoff, Reception
from app.ports.store import Change, Departure, Store, Submission, Written
from app.rules.record.event import Event, EventType
from app.rules.record.evidence import hashed
from app.rules.station.station import Link, Station, is_token
from app.rules.visit import journey
from app.rules.visit.copy import REVIEW, Copy
from app.rules.visit.step import Step
from app.rules.visit.submission import Said, is_since, settled
from app.rules.visit.visit import NOTHING, Answer, Holder, Registration, Route, Visit
from app.rules.words.dates import JST, day_of
from app.tokens import Signer, new_secret
from app.web.kit.forms import Form, form
from app.web.kit.limits import RateLimits
from app.web.kit.pages import HOLE, LOOK_COOKIE, Look, Pages
from app.web.kit.parts import Part
from app.web.kit.problems import Problems

STEADY: Final = "kazasu-steady"
STATION_COOKIE: Final = "station"
REVIEW_COOKIE: Final = "review"
HAND_OVER: Final = "bedside/hand-over.html"
"""Template of the hand-over, always in the patient's look: one of the two holders is the patient."""
EXPLANATION: Final = "bedside/explanation.html"
"""Template of the items to be read side by side, in the patient's look though the nurse's step shows it."""
TRIES: Final = 5
"""Attempts at a write that concurrent tabs make stale."""
_PAUSE: Final = 1000
"""Milliseconds after rendering in which a hand-over form is refused: the press was meant for the page before."""
_MOMENT_DIGITS: Final = 13
_YEAR: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Seat:
    """The open visit of a request's browser, with its session secret and its station."""

    visit: Visit
    session: str
    facility: Station


Pairs: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """All that an ordinary page depends on, as a cache key: every answer, and nothing that identifies a visit."""

    template: str
    look: Look
    step: Step
    facility: Station
    route: Route
    registration: Registration
    day: date
    answers: tuple[tuple[str, Pairs], ...]
    earlier: Pairs
    given: Pairs
    wrong: Pairs
    stale: bool

    @property
    def visit(self) -> Visit:
        """A visit made from the scene alone, so that nothing else can enter the cache."""
        opened_at = int(datetime.combine(self.day, time.min, JST).timestamp())
        return Visit(
            id="",
            facility=self.facility.id,
            opened_at=opened_at,
            touched_at=opened_at,
            answers={step: dict(answer) for step, answer in self.answers},
            route=self.route,
            registration=self.registration,
            earlier=dict(self.earlier),
        )


def render(pages: Pages, scene: Scene, visit: Visit, **values: Any) -> str:
    """Render a scene, with `HOLE` in place of the form fields that bind a form to its visit."""
    step, before = scene.step, journey.back(scene.step, visit)
    return pages.html(
        scene.template,
        scene.look,
        step=step,
        holder=step.held_by(visit),
        facility=scene.facility,
        visit=visit,
        given=dict(scene.given),
        wrong=dict(scene.wrong),
        back=f"/visit/{before.id}" if before else "",
        position=journey.position(step, visit),
        stale=scene.stale,
        **values,
    )


class NoVisit(Exception):
    """The browser has no open visit: none was begun, it was ended, or it expired."""


class Elsewhere(Exception):
    """The page is not for now: the browser is redirected to `address`."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class Refusal(Exception):
    """A request that is answered by the page of a problem; `shown` are the page's values."""

    def __init__(self, problem: str, **shown: Any) -> None:
        super().__init__(problem)
        self.problem, self.shown = problem, shown


@dataclass(frozen=True, kw_only=True)
class Bedside:
    """Adapters, sessions, writes, cookies and responses of the visit's pages."""

    store: Store
    worklist: Worklist
    copies: Copies
    handoff: Handoff
    gateway: EligibilityGateway | None
    """None where registrations are not sent from here: identification then sets PROVEN instead of PENDING."""
    reception: Reception
    issuer: str
    """The provider's issuer; an `iss` parameter of the return must equal it (RFC 9207)."""
    route: Route
    signer: Signer
    clock: Clock
    limits: RateLimits
    pages: Pages
    problems: Problems
    origin: str

    @property
    def is_secure(self) -> bool:
        """Whether people reach this server over TLS."""
        return self.origin.startswith("https://")

    @property
    def cookie(self) -> str:
        """The visit cookie's name; the `__Host-` prefix needs TLS."""
        return "__Host-visit" if self.is_secure else "visit"

    async def seat(self, request: Request) -> Seat:
        """Return the open visit of this browser, or raise `NoVisit`."""
        seat = await self.find(request)
        if seat is None:
            raise NoVisit
        return seat

    async def find(self, request: Request) -> Seat | None:
        """Return the open visit of this browser, or None."""
        seat = await self._held(request)
        return seat if seat and self.is_open(seat.visit) else None

    async def late(self, request: Request) -> Seat | None:
        """Return this browser's expired visit if what the official page has shown is still taken."""
        seat = await self._held(request)
        return seat if seat and journey.takes_a_late_report(seat.visit, self.clock.now()) else None

    async def _held(self, request: Request) -> Seat | None:
        """Return the visit of this browser's cookie, expired or not."""
        session = request.cookies.get(self.cookie, "")
        found = await self.store.bedside(hashed(session)) if session else None
        return Seat(found[0], session, found[1]) if found else None

    async def keep_to_staff(self, request: Request) -> None:
        """Raise `Elsewhere` while the patient of this browser's open visit holds the phone."""
        seat = await self.find(request)
        if seat is not None and seat.visit.holder is Holder.PATIENT:
            raise Elsewhere("/visit/hand-over")

    def is_open(self, visit: Visit) -> bool:
        """Whether a visit has not expired."""
        return journey.is_open(visit, self.clock.now())

    async def station(self, token: str) -> Station:
        """Return the station of a live link; raises `Refusal` for an unknown link (404) or a replaced one (410)."""
        link = await self.store.link(token) if is_token(token) else None
        facility = await self.store.facility(link.facility) if link else None
        if link is None or facility is None:
            raise Refusal("not_found")
        if not link.is_live:
            raise Refusal("old_link", facility=facility)
        return facility

    def crossing(self, visit: Visit) -> str:
        """Return the six letters that move a visit to another browser; empty unless it is out on the official page."""
        is_out = visit.route is Route.OFFICIAL and bool(visit.departure)
        is_out = is_out and (visit.is_confirmed or visit.is_short)
        is_out = is_out and "result" not in visit.answers
        return self.signer.code(visit.departure) if is_out else ""

    def admit(self, seat: Seat, form: Form) -> None:
        """Raise `Refusal` for a form of another visit, or without this session's CSRF token."""
        if form.visit != seat.visit.id:
            raise Refusal("other_visit")
        if not self.signer.is_form(seat.session, form.token):
            raise Refusal("foreign")

    async def write(
        self,
        submission: Submission,
        after: Visit,
        *events: Said,
        moment: str = "",
        issue: Departure | None = None,
        spend: str = "",
        crossing: str = "",
        copy: Copy | None = None,
        is_draft: bool = False,
    ) -> Written:
        """Write one submission unless its version is stale; `moment` names the entry of `times` to set to now."""
        if not is_draft:
            after = settled(after)
        now = self.clock.now()
        times = {**after.times, moment: now} if moment else after.times
        made = tuple(Event(kind, now, body) for kind, body in events)
        return await self.store.write(
            Change(
                visit=replace(after, touched_at=now, times=times),
                events=made,
                submission=submission,
                issue=issue,
                spend=spend,
                crossing=crossing,
                copy=copy,
            )
        )

    def show(
        self,
        request: Request,
        seat: Seat,
        step: Step,
        *,
        template: str = "",
        status: int = 200,
        given: Answer = NOTHING,
        wrong: Mapping[str, str] = NOTHING,
        stale: bool = False,
        **values: Any,
    ) -> Response:
        """Answer the page of a step."""
        visit, is_hand_over = seat.visit, template == HAND_OVER
        reader = Holder.PATIENT if template in {HAND_OVER, EXPLANATION} else step.held_by(visit)
        scene = Scene(
            template=template or f"bedside/steps/{step.id}.html",
            look=Look.of(request).seen_by(reader),
            step=step,
            facility=seat.facility,
            route=visit.route,
            registration=visit.registration,
            day=day_of(visit.opened_at),
            answers=tuple((name, tuple(answer.items())) for name, answer in visit.answers.items()),
            earlier=tuple(visit.earlier.items()),
            given=tuple((given or visit.draft.get(step.id) or visit.answers.get(step.id, NOTHING)).items()),
            wrong=tuple(wrong.items()),
            stale=stale,
        )
        is_common = not (values or wrong or visit.reference)
        html = self.frame(scene) if is_common else render(self.pages, scene, visit, **values)
        made = f'<input type="hidden" name="made" value="{milliseconds()}">' if is_hand_over else ""
        return self.pages.answer(request, html.replace(HOLE, self.form_fields(seat) + made), status)

    @cached_property
    def frame(self) -> Callable[[Scene], str]:
        """Cache of the last 1024 ordinary pages: without it a page costs a third more (docs/adr/0031)."""
        return lru_cache(maxsize=1024)(lambda scene: render(self.pages, scene, scene.visit))

    def form_fields(self, seat: Seat) -> str:
        """Return the form fields of every form: visit id, version, one-time key, and CSRF token."""
        given = {
            "visit": seat.visit.id,
            "version": seat.visit.version,
            "key": new_secret(),
            "token": self.signer.form(seat.session),
        }
        return "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in given.items())

    def onward(self, request: Request, visit: Visit) -> Response:
        """Redirect to the first open step, by way of the hand-over if the holder changes."""
        step = journey.furthest(visit)
        changes_hands = journey.needs_hand_over(step, visit)
        return self.go(request, f"/visit/hand-over?to={step.id}" if changes_hands else f"/visit/{step.id}")

    def go(self, request: Request, address: str) -> Response:
        """Redirect with 303, or with 204 and `Kazasu-Next` for a form that our script sends by fetch."""
        if STEADY in request.headers:
            return Response(status_code=204, headers={"Kazasu-Next": address})
        return RedirectResponse(address, status_code=303)

    def begin(self, response: Response, session: str, facility: str) -> None:
        """Set the session and station cookies, and close a copy that is open in this browser."""
        response.set_cookie(self.cookie, session, secure=self.is_secure, httponly=True, samesite="lax")
        self.remember(response, facility)
        self.forget_review(response)

    def remember(self, response: Response, facility: str) -> None:
        """Set the cookie with the station's public id, which `/start` (the icon) reads; nothing else is in it."""
        response.set_cookie(
            STATION_COOKIE,
            facility,
            max_age=_YEAR,
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )

    def keep_look(self, response: Response, look: Look) -> None:
        """Set the look cookie; the end of the visit clears it."""
        response.set_cookie(LOOK_COOKIE, str(look), secure=self.is_secure, httponly=True, samesite="lax")

    def keep_review(self, response: Response, signed: str) -> None:
        """Set the cookie of the open copy."""
        response.set_cookie(REVIEW_COOKIE, signed, path=REVIEW, secure=self.is_secure, httponly=True, samesite="strict")

    def forget_review(self, response: Response) -> None:
        """Clear the cookie of the open copy."""
        response.delete_cookie(REVIEW_COOKIE, path=REVIEW, secure=self.is_secure, httponly=True, samesite="strict")

    def farewell(self, request: Request, link: Link | None) -> Response:
        """Redirect to the station's entry, and clear the visit's cookies and the cache."""
        response = self.go(request, f"/f/{link.token}#ended" if link else "/start")
        self.forget(response)
        return response

    def forget(self, response: Response) -> None:
        """Clear the visit's cookies and the browser's cache."""
        response.delete_cookie(self.cookie, secure=self.is_secure, httponly=True, samesite="lax")
        self.forget_look(response)
        self.forget_review(response)
        response.headers["Clear-Site-Data"] = '"cache"'

    def forget_look(self, response: Response) -> None:
        """Clear the look cookie."""
        response.delete_cookie(LOOK_COOKIE, secure=self.is_secure, httponly=True, samesite="lax")


def milliseconds() -> int:
    """Return milliseconds since 1970, UTC, not of a steady clock: another server may compare them."""
    return time_ns() // 1_000_000


def is_too_early(request: Request, form: Form) -> bool:
    """Whether a form came within `_PAUSE` of rendering. Our script, where it runs, checks this itself, except for keys.

    A time in the future was set by a server whose clock is ahead: it is accepted, or no form of that server would be.
    """
    made = form.answers.get("made", "")[:_MOMENT_DIGITS]
    is_moment = made.isascii() and made.isdecimal()
    return STEADY not in request.headers and (not is_moment or 0 <= milliseconds() - int(made) < _PAUSE)


def submitted(form: Form, *events: Said) -> Submission:
    """Return a form's submission; its fingerprint tells a repetition from other content under the same key."""
    # These are written beside the first answer only: without them, a repetition has the same fingerprint.
    firsts = {EventType.RETURNED, EventType.PHONE_PASSED}
    kinds = tuple(kind.value for kind, _ in events if len(events) == 1 or kind not in firsts)
    # The fingerprint is stored: in another format, a form that is sent again after an upgrade would be refused.
    content = repr((form.visit, kinds, sorted(form.answers.items())))
    return Submission(form.key, form.version, hashlib.sha256(content.encode()).hexdigest())


def as_of(visit: Visit, form: Form) -> Form:
    """Return a form at the visit's version, if nothing but drafts was written since its page was made."""
    return replace(form, version=visit.version) if is_since(visit, form.version) else form


def once(visit: Visit, key: str = "") -> Submission:
    """Return a submission of the server's own at the visit's version; idempotent under a given key."""
    key = key or new_secret()
    return Submission(key, visit.version, hashed(key))


def crossing_hash(facility: str, code: str) -> str:
    """Return the hash under which the store keeps six letters of a station."""
    return hashed(f"crossing\0{facility}\0{code}")


async def _open_seat(request: Request) -> Seat:
    bedside: Bedside = request.app.state.bedside
    return await bedside.seat(request)


async def _admitted(request: Request, bedside: TheBedside, seat: OpenSeat) -> Form:
    sent = await form(request)
    bedside.admit(seat, sent)
    return sent


async def _entry_station(bedside: TheBedside, token: str) -> Station:
    return await bedside.station(token)


TheBedside: TypeAlias = Annotated[Bedside, Depends(Part("bedside"))]
OpenSeat: TypeAlias = Annotated[Seat, Depends(_open_seat)]
"""The open visit of the request's browser; without one, the request ends in `NoVisit`."""
Admitted: TypeAlias = Annotated[Form, Depends(_admitted)]
"""A submitted form of this visit and this browser; any other ends in `Refusal` or `BadForm`."""
EntryStation: TypeAlias = Annotated[Station, Depends(_entry_station)]
"""The station of the link in the path, under `token`; a dead link ends in `Refusal`."""
