"""The patient's copy: shows what was chosen and what became of it, and takes wishes to the station.

The letters of a copy are in the fragment of its code's address, so no request, log or referrer holds them; the page's
script sends them in a form. Without a script they are typed from the paper. Wrong, expired and called-back letters get
the same answer.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as At

from app.ports.consent_list import ConsentList
from app.ports.office import Act, Copies, Worklist
from app.ports.outside import Unavailable
from app.ports.store import ReadOnly, Written
from app.rules.content import NAMES
from app.rules.record.evidence import Body, Event, EventType
from app.rules.station.station import Station
from app.rules.visit.copy import REVIEW, Copy, Wish, known_as, typed
from app.rules.visit.standing import Doubt, Followed, StandingWish, compared, truth
from app.rules.words.languages import BY_CODE, EASY
from app.tokens import MAX_AGE, BadToken, Purpose, new_secret
from app.web.bedside.seat import REVIEW_COOKIE, Bedside, Refusal
from app.web.copy.history import WISHES, happened
from app.web.kit.forms import fields
from app.web.kit.guard import RateWindow, network_of
from app.web.kit.pages import LOOK_COOKIE, Look

_MISSES: Final = 5
_SPAN: Final = 600.0


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open copy, when it was opened (seconds since 1970, UTC), and its visit as it is now."""

    copy: Copy
    at: int
    facility: Station
    followed: Followed


Page = Callable[[Request, _Opened], Awaitable[Response]]


class NotThere(Exception):
    """The copy is unknown, expired or called back."""


class NotNow(Exception):
    """The station's record is read-only, and may lack a call-back; or the visit's record or its copy is broken."""

    def __init__(self, facility: Station) -> None:
        super().__init__(facility.id)
        self.facility = facility


class CopyClosed(Exception):
    """No copy is open in this browser, or its 30 minutes are over."""


@dataclass(frozen=True)
class CopyPages:
    """The pages of the copy."""

    bedside: Bedside
    copies: Copies
    worklist: Worklist
    registry: ConsentList
    _by_address: RateWindow = field(default_factory=lambda: RateWindow(_MISSES, _SPAN))

    def routes(self) -> list[At]:
        """Return the routes."""
        return [
            At(REVIEW, self.ask, methods=["GET"]),
            At(REVIEW, self.open, methods=["POST"]),
            At(f"{REVIEW}/leave", self.leave, methods=["POST"]),
            At(f"{REVIEW}/copy", self._where_open(self.show), methods=["GET"]),
            At(f"{REVIEW}/call-back", self._where_open(self.explain_calling_back), methods=["GET"]),
            At(f"{REVIEW}/call-back", self._where_open(self.call_back), methods=["POST"]),
            At(f"{REVIEW}/{{wish}}", self._where_open(self.explain), methods=["GET"]),
            At(f"{REVIEW}/{{wish}}", self._where_open(self.wish), methods=["POST"]),
        ]

    # --- the letters ----------------------------------------------------------------------------------------------

    async def ask(self, request: Request) -> Response:
        """Ask for the letters; the page's script reads them from the fragment.

        403, so that browsers do not suggest the address to people who type, and link previews show nothing.
        """
        return self._ask(request, status=403)

    async def open(self, request: Request) -> Response:
        """Open the copy of these letters in this browser, for 30 minutes.

        Only wrong letters are rate-limited: others' misses must not block a 「わたしは同意していません」.
        """
        secret = typed((await fields(request)).get("letters", ""))
        try:
            found = await self._intact(self.copies.find(known_as(secret))) if secret else None
        except NotNow as altered:
            return self._not_now(request, altered)
        if found is not None and found.is_live(self.bedside.clock.now()):
            return await self._opened(request, found)
        # A wrong number of letters is a slip, and is not counted.
        if secret and not self._by_address.has_room(network_of(request.scope), time.monotonic()):
            answer = self._ask(request, "wait", status=429)
            answer.headers["Retry-After"] = str(int(_SPAN))
            return answer
        return self._ask(request, "wrong", status=404)

    async def _opened(self, request: Request, copy: Copy) -> Response:
        answer = RedirectResponse(f"{REVIEW}/copy", status_code=303)
        signed = self.bedside.signer.sign(Purpose.REVIEW, copy.id, str(self.bedside.clock.now()))
        self.bedside.keep_review(answer, signed)
        if LOOK_COOKIE not in request.cookies:
            followed = await self.worklist.followed(copy.facility, copy.visit)
            language = BY_CODE.get(followed.visit.language if followed else "", Look().language)
            self.bedside.keep_look(answer, Look(language=language, furigana=language is EASY, is_patients=True))
        return answer

    async def _intact(self, found: Awaitable[Copy | None]) -> Copy | None:
        """Return a copy; raise `NotNow` for one that somebody without the record key has altered."""
        try:
            return await found
        except ReadOnly as altered:
            facility = await self.bedside.store.facility(str(altered))
            if facility is None:
                return None
            raise NotNow(facility) from altered

    async def _found(self, request: Request) -> _Opened:
        """Return this browser's copy, read anew, so that a call-back takes effect at once."""
        try:
            which, at = self.bedside.signer.read(Purpose.REVIEW, request.cookies.get(REVIEW_COOKIE, ""))
        except (BadToken, ValueError):
            raise CopyClosed from None
        copy = await self._intact(self.copies.copy(which))
        if copy is None or not copy.is_live(self.bedside.clock.now()):
            raise NotThere
        facility = await self.bedside.store.facility(copy.facility)
        followed = await self.worklist.followed(copy.facility, copy.visit)
        if facility is None or followed is None:
            raise NotThere
        if await self.bedside.store.gap(facility.id) or followed.doubt is Doubt.BROKEN:
            raise NotNow(facility)
        return _Opened(copy, int(at), facility, followed)

    def _where_open(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Wrap a page of the open copy as an endpoint, which asks for the letters when none is open."""

        async def answer(request: Request) -> Response:
            try:
                return await page(request, await self._found(request))
            except CopyClosed:
                return self._ask(request, "closed", status=404)
            except NotNow as why:
                return self._not_now(request, why)
            except NotThere:
                gone = self._ask(request, "wrong", status=404)
                self.bedside.forget_review(gone)
                return gone

        return answer

    # --- the copy -------------------------------------------------------------------------------------------------

    async def show(self, request: Request, opened: _Opened) -> Response:
        """Show the `Truth` of today and the history."""
        followed = opened.followed
        return self._page(
            request,
            "copy-page.html",
            opened,
            truth=truth(followed.visit, followed.sight),
            compared={each.item: each for each in compared(followed.visit, followed.sight)} if followed.sight else {},
            wishes=WISHES,
            history=await happened(self.worklist, self.registry, followed),
            copy_code=opened.copy.code,
            head=await self.bedside.store.head(opened.facility.id),
            said=request.query_params.get("said", ""),
        )

    async def leave(self, _: Request) -> Response:
        """Close the copy in this browser."""
        answer = RedirectResponse(REVIEW, status_code=303)
        self.bedside.forget_review(answer)
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    async def explain_calling_back(self, request: Request, opened: _Opened) -> Response:
        """Explain what calling the copy back means."""
        return self._page(request, "call-back.html", opened)

    async def call_back(self, request: Request, opened: _Opened) -> Response:
        """Call the copy back: its letters open nothing any more."""
        await self._sent(request)
        body: Body = {"from": "copy", "receipt": opened.copy.id}
        event = Event(EventType.COPY_CALLED_BACK, self.bedside.clock.now(), body)
        await self.copies.call_back(opened.copy, event)
        answer = self._ask(request, "called_back")
        self.bedside.forget_review(answer)
        return answer

    # --- what can be asked for -------------------------------------------------------------------------------------

    async def explain(self, request: Request, opened: _Opened) -> Response:
        """Explain what a wish leads to, and how to do it oneself."""
        return self._page(request, "wish.html", opened, wish=_wish(request), key=new_secret())

    async def wish(self, request: Request, opened: _Opened) -> Response:
        """Record a wish for the station; 503 or 409 with a page when it was not recorded."""
        wish, sent = _wish(request), await self._sent(request)
        now, visit = self.bedside.clock.now(), opened.followed.visit.id
        body = {"what": wish.value, "language": Look.of(request).language.code, "receipt": opened.copy.id}
        key = f"review {visit} {sent.get('key', '')[:40] or new_secret()}"
        act = Act(opened.facility.id, visit, key, EventType.ASKED, now, body, asked=StandingWish(now, wish))
        try:
            written = await self.worklist.record(act)
        except (Unavailable, ReadOnly):
            return self._page(request, "unsent.html", opened, status=503)
        if written is Written.KEY_REUSED:  # this very form has asked for something else
            return self._page(request, "unsent.html", opened, status=409)
        return RedirectResponse(f"{REVIEW}/copy?said=asked", status_code=303)

    async def _sent(self, request: Request) -> dict[str, str]:
        """Return the fields of a form; raises `Refusal` without this browser's CSRF token."""
        sent = await fields(request)
        if not self.bedside.signer.is_form(request.cookies[REVIEW_COOKIE], sent.get("token", "")):
            raise Refusal("foreign")
        return sent

    # --- pages ----------------------------------------------------------------------------------------------------

    def _ask(self, request: Request, why: str = "", *, status: int = 200) -> Response:
        """Answer the page that asks for the letters; `why` they are asked for again."""
        return self._alone(request, "ask.html", status=status, why=why)

    def _not_now(self, request: Request, why: NotNow) -> Response:
        return self._alone(request, "not-now.html", status=503, facility=why.facility)

    def _alone(self, request: Request, template: str, *, status: int, **values: Any) -> Response:
        look = Look.of(request).seen_by("patient")
        return self.bedside.pages.respond(request, f"copy/{template}", status=status, look=look, **values)

    def _page(self, request: Request, template: str, opened: _Opened, *, status: int = 200, **values: Any) -> Response:
        """Answer a page of an open copy, which reloads when the copy's time is over."""
        answer = self._alone(
            request,
            template,
            status=status,
            names=NAMES,
            facility=opened.facility,
            visit=opened.followed.visit,
            followed=opened.followed,
            token=self.bedside.signer.form(request.cookies[REVIEW_COOKIE]),
            **values,
        )
        left = max(0, opened.at + MAX_AGE[Purpose.REVIEW] - self.bedside.clock.now())
        answer.headers["Refresh"] = f"{left + 1}; url={REVIEW}/copy"  # which then says that it is closed
        return answer


def _wish(request: Request) -> Wish:
    try:
        return Wish(request.path_params["wish"])
    except ValueError:
        raise HTTPException(404) from None
