"""The patient's copy, looked at from anywhere: what was chosen, what became of it, and what can be asked for.

The letters of a copy stand behind `#` in its code, so no request, log or referrer holds them; the page's script takes
them out of the address and sends them in a form. Without a script they are typed from the paper. What answers wrong,
old and called-back letters is one and the same.
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

from app.ports.consent_list import Registry
from app.ports.office import Act, Receipts, Worklist
from app.ports.outside import Unavailable
from app.ports.store import ReadOnly, Written
from app.rules.content import NAMES
from app.rules.record.evidence import Body, Event, EventType
from app.rules.station.station import Facility
from app.rules.visit.copy import REVIEW, Receipt, Wish, known_as, typed
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
    """A copy that somebody has opened, when, and what the store knows of its visit now. Seconds since 1970, UTC."""

    receipt: Receipt
    at: int
    facility: Facility
    followed: Followed


Page = Callable[[Request, _Opened], Awaitable[Response]]


class NotThere(Exception):
    """There is no such copy, or no longer."""


class NotNow(Exception):
    """The record of the copy's station is held, and may have forgotten a call-back; or that of its visit is broken."""

    def __init__(self, facility: Facility) -> None:
        """Keep whom to call instead."""
        super().__init__(facility.id)
        self.facility = facility


class CopyClosed(Exception):
    """No copy is open in this browser, or it was half an hour ago."""


@dataclass(frozen=True)
class Review:
    """The pages of the copy."""

    bedside: Bedside
    receipts: Receipts
    worklist: Worklist
    registry: Registry
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
        """Ask for the letters; the script of the page finds them in the address.

        403, because no letters came: what a browser was refused it does not offer when somebody types an address, and
        what shows previews shows none.
        """
        return self._ask(request, status=403)

    async def open(self, request: Request) -> Response:
        """Open the copy of these letters in this browser, for half an hour.

        Right letters always do: whoever wants to say 「わたしは同意していません」 is kept out by nobody's misses.
        """
        secret = typed((await fields(request)).get("letters", ""))
        found = await self.receipts.find(known_as(secret)) if secret else None
        if found is not None and found.is_live(self.bedside.clock.now()):
            return await self._opened(request, found)
        # Too few letters can be no copy's: they are a slip, and no try.
        if secret and not self._by_address.has_room(network_of(request.scope), time.monotonic()):
            answer = self._ask(request, "wait", status=429)
            answer.headers["Retry-After"] = str(int(_SPAN))
            return answer
        return self._ask(request, "wrong", status=404)

    async def _opened(self, request: Request, receipt: Receipt) -> Response:
        answer = RedirectResponse(f"{REVIEW}/copy", status_code=303)
        signed = self.bedside.signer.sign(Purpose.REVIEW, receipt.id, str(self.bedside.clock.now()))
        self.bedside.keep_review(answer, signed)
        if LOOK_COOKIE not in request.cookies:
            followed = await self.worklist.followed(receipt.facility, receipt.visit)
            language = BY_CODE.get(followed.visit.language if followed else "", Look().language)
            self.bedside.keep_look(answer, Look(language=language, furigana=language is EASY, is_patients=True))
        return answer

    async def _found(self, request: Request) -> _Opened:
        """Return what this browser has opened, looked up anew: a copy that was called back is dead at once."""
        try:
            which, at = self.bedside.signer.read(Purpose.REVIEW, request.cookies.get(REVIEW_COOKIE, ""))
        except (BadToken, ValueError):
            raise CopyClosed from None
        receipt = await self.receipts.receipt(which)
        if receipt is None or not receipt.is_live(self.bedside.clock.now()):
            raise NotThere
        facility = await self.bedside.store.facility(receipt.facility)
        followed = await self.worklist.followed(receipt.facility, receipt.visit)
        if facility is None or followed is None:
            raise NotThere
        if await self.bedside.store.held(facility.id) or followed.doubt is Doubt.BROKEN:
            raise NotNow(facility)
        return _Opened(receipt, int(at), facility, followed)

    def _where_open(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that answers a page of the copy that is open in this browser, or asks for the letters."""

        async def answer(request: Request) -> Response:
            try:
                return await page(request, await self._found(request))
            except CopyClosed:
                return self._ask(request, "closed", status=404)
            except NotNow as held:
                return self._alone(request, "held.html", status=503, facility=held.facility)
            except NotThere:
                gone = self._ask(request, "wrong", status=404)
                self.bedside.forget_review(gone)
                return gone

        return answer

    # --- the copy -------------------------------------------------------------------------------------------------

    async def show(self, request: Request, opened: _Opened) -> Response:
        """Show the present truth and its history."""
        followed = opened.followed
        return self._page(
            request,
            "copy-page.html",
            opened,
            truth=truth(followed.visit, followed.sight),
            compared={each.item: each for each in compared(followed.visit, followed.sight)} if followed.sight else {},
            wishes=WISHES,
            history=await happened(self.worklist, self.registry, followed),
            copy_mark=opened.receipt.mark,
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
        """Say what it means that this copy opens nothing any more."""
        return self._page(request, "call-back.html", opened)

    async def call_back(self, request: Request, opened: _Opened) -> Response:
        """Let these letters open nothing any more, for whoever has them."""
        await self._sent(request)
        body: Body = {"from": "copy", "receipt": opened.receipt.id}
        event = Event(EventType.COPY_CALLED_BACK, self.bedside.clock.now(), body)
        await self.receipts.call_back(opened.receipt, event)
        answer = self._ask(request, "called_back")
        self.bedside.forget_review(answer)
        return answer

    # --- what can be asked for -------------------------------------------------------------------------------------

    async def explain(self, request: Request, opened: _Opened) -> Response:
        """Say what happens when this is asked for, and how to do it oneself."""
        return self._page(request, "wish.html", opened, wish=_wish(request), key=new_secret())

    async def wish(self, request: Request, opened: _Opened) -> Response:
        """Tell the station what is asked for."""
        wish, sent = _wish(request), await self._sent(request)
        now, visit = self.bedside.clock.now(), opened.followed.visit.id
        body = {"what": wish.value, "language": Look.of(request).language.code, "receipt": opened.receipt.id}
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
        """Return what a form of this browser's holds; nobody else's is taken."""
        sent = await fields(request)
        if not self.bedside.signer.is_form(request.cookies[REVIEW_COOKIE], sent.get("token", "")):
            raise Refusal("foreign")
        return sent

    # --- pages ----------------------------------------------------------------------------------------------------

    def _ask(self, request: Request, why: str = "", *, status: int = 200) -> Response:
        """Answer the page that asks for the letters; `why` they are asked for again."""
        return self._alone(request, "ask.html", status=status, why=why)

    def _alone(self, request: Request, template: str, *, status: int, **values: Any) -> Response:
        look = Look.of(request).seen_by("patient")
        return self.bedside.pages.respond(request, f"review/{template}", status=status, look=look, **values)

    def _page(self, request: Request, template: str, opened: _Opened, *, status: int = 200, **values: Any) -> Response:
        """Answer a page of an open copy, which closes by itself with it."""
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
