"""Shared by the visit's pages: session lookup, CSRF check, writing a submission, rendering, cookies. No routes here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cached_property, lru_cache, partial
from time import time_ns
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.ports.outside import Clock
from app.ports.store import Change, Departure, Store, Submission, Written
from app.rules.record.evidence import Body, Event, EventType, hashed
from app.rules.station.station import Link, Station, is_token
from app.rules.visit import journey
from app.rules.visit.copy import REVIEW, Copy
from app.rules.visit.flow import NOTHING, STEPS, Answer, Holder, Route, Step, Visit
from app.rules.words.dates import JST, day_of
from app.tokens import Signer, new_secret
from app.web.kit.forms import Form
from app.web.kit.pages import HOLE, LOOK_COOKIE, Look, Pages
from app.web.kit.problems import Problems

STEADY: Final = "kazasu-steady"
STATION_COOKIE: Final = "station"
REVIEW_COOKIE: Final = "review"
HAND_OVER: Final = "bedside/hand-over.html"
"""Template of the hand-over, always in the patient's look: one of the two holders is the patient."""
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


@dataclass(frozen=True, slots=True)
class Scene:
    """The cache key of an ordinary page: all that it depends on, and nothing that identifies a visit."""

    template: str
    look: Look
    step: str
    facility: Station
    route: Route
    need: tuple[tuple[str, str], ...]
    day: date
    chosen: tuple[tuple[str, str], ...]
    earlier: tuple[tuple[str, str], ...]
    given: tuple[tuple[str, str], ...]
    wrong: tuple[tuple[str, str], ...]
    back: str
    position: tuple[int, int] | None
    stale: bool


def render(pages: Pages, scene: Scene, visit: Visit, **values: Any) -> str:
    """Render a scene, with `HOLE` in place of the form fields that bind a form to its visit."""
    return pages.html(
        scene.template,
        scene.look,
        step=STEPS[scene.step],
        holder=STEPS[scene.step].held_by(visit),
        facility=scene.facility,
        visit=visit,
        given=dict(scene.given),
        wrong=dict(scene.wrong),
        back=scene.back,
        position=scene.position,
        stale=scene.stale,
        **values,
    )


def _frame(pages: Pages, scene: Scene) -> str:
    """Render a scene with a visit made from the scene alone, so that nothing else can enter the cache."""
    answers = {"need": dict(scene.need), "consent": dict(scene.chosen)}
    opened_at = int(datetime.combine(scene.day, time.min, JST).timestamp())
    visit = Visit(
        "", scene.facility.id, opened_at, opened_at, answers=answers, route=scene.route, earlier=dict(scene.earlier)
    )
    return render(pages, scene, visit)


def _pairs(answers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(answers.items())


class NoVisit(Exception):
    """The browser has no open visit: none was begun, it was ended, or it expired."""


class Refusal(Exception):
    """A submission that must not be written; `problem` names the page that says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class Bedside:
    """Sessions, writes, cookies and responses of the visit's pages."""

    store: Store
    signer: Signer
    clock: Clock
    pages: Pages
    problems: Problems
    is_secure: bool

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
        session = request.cookies.get(self.cookie, "")
        found = await self.store.bedside(hashed(session)) if session else None
        return Seat(found[0], session, found[1]) if found and self.is_open(found[0]) else None

    def is_open(self, visit: Visit) -> bool:
        """Whether a visit has not expired."""
        return journey.is_open(visit, self.clock.now())

    async def station(self, request: Request, look: Look | None = None) -> Station | Response:
        """Return the station of a live link, else a page: 404 for an unknown link, 410 for a replaced one."""
        token = request.path_params["token"]
        link = await self.store.link(token) if is_token(token) else None
        facility = await self.store.facility(link.facility) if link else None
        if link is None or facility is None:
            return self.problems.answer(request, "not_found", look=look)
        if not link.is_live:
            return self.problems.answer(request, "old_link", look=look, facility=facility)
        return facility

    def crossing(self, visit: Visit) -> str:
        """Return the six letters that move a visit to another browser; empty unless it is out on the official page."""
        is_out = visit.route is Route.OFFICIAL and bool(visit.departure) and visit.is_confirmed
        is_out = is_out and "result" not in visit.answers
        return self.signer.code(visit.departure) if is_out else ""

    def admit(self, seat: Seat, form: Form) -> None:
        """Raise `Refusal` for a form of another visit, or without this session's CSRF token."""
        if form.visit != seat.visit.id:
            raise Refusal("other_visit")
        if not self.signer.is_form(seat.session, form.token):
            raise Refusal("foreign")

    async def write(  # noqa: PLR0913 - what is written, and how
        self,
        submission: Submission,
        after: Visit,
        *events: tuple[EventType, Body],
        moment: str = "",
        issue: Departure | None = None,
        spend: str = "",
        crossing: str = "",
        copy: Copy | None = None,
    ) -> Written:
        """Write one submission unless its version is stale; `moment` names the entry of `times` to set to now."""
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

    def show(  # noqa: PLR0913 - what a page shows
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
        before = journey.back(step, seat.visit)
        look = Look.of(request).seen_by(step.held_by(seat.visit) if template != HAND_OVER else Holder.PATIENT)
        scene = Scene(
            template=template or f"bedside/steps/{step.id}.html",
            look=look,
            step=step.id,
            facility=seat.facility,
            route=seat.visit.route,
            need=_pairs(
                {name: given for name, given in seat.visit.answers.get("need", NOTHING).items() if name != "reference"}
            ),
            day=day_of(seat.visit.opened_at),
            chosen=_pairs(seat.visit.answers.get("consent", NOTHING)),
            earlier=_pairs(seat.visit.earlier),
            given=_pairs(given or seat.visit.draft.get(step.id) or seat.visit.answers.get(step.id, NOTHING)),
            wrong=_pairs(wrong),
            back=f"/visit/{before.id}" if before else "",
            position=journey.position(step, seat.visit),
            stale=stale,
        )
        is_common = not values and not seat.visit.answer("need", "reference") and "reference" not in given
        html = self.frames(scene) if is_common else render(self.pages, scene, seat.visit, **values)
        made = f'<input type="hidden" name="made" value="{milliseconds()}">' if template == HAND_OVER else ""
        return self.pages.answer(request, html.replace(HOLE, self.form_fields(seat) + made), status)

    @cached_property
    def frames(self) -> Callable[[Scene], str]:
        """Cache of the last 1024 rendered scenes, without anything that belongs to one visit."""
        return lru_cache(maxsize=1024)(partial(_frame, self.pages))

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


def submitted(form: Form, *events: tuple[EventType, Body]) -> Submission:
    """Return a form's submission; its fingerprint tells a repetition from other content under the same key."""
    # RETURNED is written with the first report only: without it, a repetition has the same fingerprint.
    kinds = tuple(kind.value for kind, _ in events if len(events) == 1 or kind is not EventType.RETURNED)
    # The fingerprint is stored: in another format, a form that is sent again after an upgrade would be refused.
    content = repr((form.visit, kinds, sorted(form.answers.items())))
    return Submission(form.key, form.version, hashlib.sha256(content.encode()).hexdigest())


def once(visit: Visit, key: str = "") -> Submission:
    """Return a submission of the server's own at the visit's version; idempotent under a given key."""
    key = key or new_secret()
    return Submission(key, visit.version, hashed(key))


def crossing_hash(facility: str, code: str) -> str:
    """Return the hash under which the store keeps six letters of a station."""
    return hashed(f"crossing\0{facility}\0{code}")
