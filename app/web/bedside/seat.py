"""What every page of the visit shares: whose visit a request belongs to, and how a page is answered. No routes here."""

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
from app.rules.station.station import Facility, Link, is_token
from app.rules.visit import journey
from app.rules.visit.copy import REVIEW, Receipt
from app.rules.visit.flow import NOTHING, STEPS, Answer, Holder, Route, Step, Visit
from app.rules.words.dates import JST, day_of
from app.tokens import Signer, new_secret
from app.web.kit.forms import Form
from app.web.kit.pages import HOLE, LOOK_COOKIE, Look, Pages
from app.web.kit.problems import Problems

STEADY: Final = "kazasu-steady"
STATION_COOKIE: Final = "station"
REVIEW_COOKIE: Final = "review"
HAND_OVER: Final = "hand-over.html"
"""The page on which the phone changes hands: one of the two is the patient, who finds it in the chosen language."""
TRIES: Final = 5
"""How often something is written again on top of what another tab has written meanwhile."""
_PAUSE: Final = 1000
"""Milliseconds in which a hand-over page takes no press: what comes then was meant for the page before."""
_MOMENT_DIGITS: Final = 13
_YEAR: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Seat:
    """A request's place at the bedside: the visit of this browser, its session secret, and its station."""

    visit: Visit
    session: str
    facility: Facility


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that an ordinary page depends on: hashable, and about nobody."""

    template: str
    look: Look
    step: str
    facility: Facility
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
    """Return the page of a scene, with holes where its forms say whose they are."""
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
    """Return the page of a scene for a visit that is nothing but the scene: what is kept cannot hold more."""
    answers = {"need": dict(scene.need), "consent": dict(scene.chosen)}
    opened_at = int(datetime.combine(scene.day, time.min, JST).timestamp())
    visit = Visit(
        "", scene.facility.id, opened_at, opened_at, answers=answers, route=scene.route, earlier=dict(scene.earlier)
    )
    return render(pages, scene, visit)


def _pairs(answers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(answers.items())


class NoVisit(Exception):
    """The browser has no open visit: none was begun, it was ended, or its time is over."""


class Refusal(Exception):
    """A submission that must not be written; `problem` names the page that says why."""

    def __init__(self, problem: str) -> None:
        """Keep which page answers."""
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class Bedside:
    """The store, the keys, the clock and the pages, with what they do together."""

    store: Store
    signer: Signer
    clock: Clock
    pages: Pages
    problems: Problems
    is_secure: bool

    @property
    def cookie(self) -> str:
        """The visit cookie's name; the strict prefix needs TLS."""
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
        """Whether a visit's time is not over."""
        return journey.is_open(visit, self.clock.now())

    async def station(self, request: Request, look: Look | None = None) -> Facility | Response:
        """Return the station of a live link, or the page that explains another one, in a look of its own if given."""
        token = request.path_params["token"]
        link = await self.store.link(token) if is_token(token) else None
        facility = await self.store.facility(link.facility) if link else None
        if link is None or facility is None:
            return self.problems.answer(request, "not_found", look=look)
        if not link.is_live:
            return self.problems.answer(request, "old_link", look=look, facility=facility)
        return facility

    def crossing(self, visit: Visit) -> str:
        """Return the six letters under which another browser may take this visit up; none when it cannot."""
        is_out = visit.route is Route.OFFICIAL and bool(visit.departure) and visit.is_confirmed
        is_out = is_out and "result" not in visit.answers
        return self.signer.code(visit.departure) if is_out else ""

    def admit(self, seat: Seat, form: Form) -> None:
        """Refuse a form that was not made for this browser, or that belongs to another visit."""
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
        receipt: Receipt | None = None,
    ) -> Written:
        """Write one submission: the visit as it is now, unless it is not at the submission's version any more.

        `moment` names what now is the time of.
        """
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
                receipt=receipt,
            )
        )

    def show(  # noqa: PLR0913 - what a page needs is what a page needs
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
            template=template or f"steps/{step.id}.html",
            look=look,
            step=step.id,
            facility=seat.facility,
            route=seat.visit.route,
            need=_pairs(
                {name: held for name, held in seat.visit.answers.get("need", NOTHING).items() if name != "reference"}
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
        return self.pages.answer(request, html.replace(HOLE, self.held(seat) + made), status)

    @cached_property
    def frames(self) -> Callable[[Scene], str]:
        """Pages by what they depend on, the last thousand of them, without anything that belongs to one visit."""
        return lru_cache(maxsize=1024)(partial(_frame, self.pages))

    def held(self, seat: Seat) -> str:
        """Return the hidden fields of every form: which visit, at which version, once only, from this browser."""
        held = {
            "visit": seat.visit.id,
            "version": seat.visit.version,
            "key": new_secret(),
            "token": self.signer.form(seat.session),
        }
        return "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in held.items())

    def onward(self, request: Request, visit: Visit) -> Response:
        """Go to the first step that is still open."""
        step = journey.furthest(visit)
        changes_hands = journey.needs_hand_over(step, visit)
        return self.go(request, f"/visit/hand-over?to={step.id}" if changes_hands else f"/visit/{step.id}")

    def go(self, request: Request, address: str) -> Response:
        """Answer where to go next: 303, or a bare address for a page that submits without leaving."""
        if STEADY in request.headers:
            return Response(status_code=204, headers={"Kazasu-Next": address})
        return RedirectResponse(address, status_code=303)

    def begin(self, response: Response, session: str, facility: str) -> None:
        """Give the browser its visit, and remember the station for the icon; no copy stays open in it."""
        response.set_cookie(self.cookie, session, secure=self.is_secure, httponly=True, samesite="lax")
        self.remember(response, facility)
        self.forget_review(response)

    def remember(self, response: Response, facility: str) -> None:
        """Keep the station's public id for the icon, and nothing else."""
        response.set_cookie(
            STATION_COOKIE,
            facility,
            max_age=_YEAR,
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )

    def keep_look(self, response: Response, look: Look) -> None:
        """Keep how people read for as long as the visit lasts."""
        response.set_cookie(LOOK_COOKIE, str(look), secure=self.is_secure, httponly=True, samesite="lax")

    def keep_review(self, response: Response, signed: str) -> None:
        """Keep which copy is open in this browser."""
        response.set_cookie(REVIEW_COOKIE, signed, path=REVIEW, secure=self.is_secure, httponly=True, samesite="strict")

    def forget_review(self, response: Response) -> None:
        """Let no copy be open in this browser."""
        response.delete_cookie(REVIEW_COOKIE, path=REVIEW, secure=self.is_secure, httponly=True, samesite="strict")

    def farewell(self, request: Request, link: Link | None) -> Response:
        """Go back to the station's entry and leave nothing of the visit in the browser."""
        response = self.go(request, f"/f/{link.token}#ended" if link else "/start")
        self.forget(response)
        return response

    def forget(self, response: Response) -> None:
        """Take the visit's cookies away and empty the cache."""
        response.delete_cookie(self.cookie, secure=self.is_secure, httponly=True, samesite="lax")
        self.forget_look(response)
        self.forget_review(response)
        response.headers["Clear-Site-Data"] = '"cache"'

    def forget_look(self, response: Response) -> None:
        """Let the next page look as everybody finds it."""
        response.delete_cookie(LOOK_COOKIE, secure=self.is_secure, httponly=True, samesite="lax")


def milliseconds() -> int:
    """Return whole milliseconds since 1970, UTC: another server may be asked next."""
    return time_ns() // 1_000_000


def is_too_early(request: Request, form: Form) -> bool:
    """Whether a form came while its page paused. With our script the page itself sees to that, and keys may be quick.

    What comes from the future was made by a server whose clock is ahead: it is taken, or nobody could go on there.
    """
    made = form.answers.get("made", "")[:_MOMENT_DIGITS]
    is_moment = made.isascii() and made.isdecimal()
    return STEADY not in request.headers and (not is_moment or 0 <= milliseconds() - int(made) < _PAUSE)


def submitted(form: Form, *events: tuple[EventType, Body]) -> Submission:
    """Return the submission that a form is, with the hash that tells its repetition from another one under its key."""
    # A return by hand goes with the first report, not with its repetition: what was submitted is the same.
    kinds = tuple(kind.value for kind, _ in events if len(events) == 1 or kind is not EventType.RETURNED)
    # Kept beside its key: another spelling of the same content would refuse what is sent again after an upgrade.
    content = repr((form.visit, kinds, sorted(form.answers.items())))
    return Submission(form.key, form.version, hashlib.sha256(content.encode()).hexdigest())


def once(visit: Visit, key: str = "") -> Submission:
    """Return a submission of the server's own for a visit as it was read; under one key it is written once."""
    key = key or new_secret()
    return Submission(key, visit.version, hashed(key))


def crossing_hash(facility: str, code: str) -> str:
    """Return how the store knows six letters of a station."""
    return hashed(f"crossing\0{facility}\0{code}")
