"""The patient's copy, looked at from anywhere: what was chosen, what became of it, and three things to ask for.

The letters of a copy stand behind `#` in its code, so no request, log or referrer holds them; the page's script takes
them out of the address and sends them in a form. Without a script they are typed from the paper. What answers wrong,
old and called-back letters is one and the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as At

from app.content import NAMES
from app.evidence import EventType
from app.facility import Facility
from app.languages import BY_CODE
from app.ports import Act, Logged, Receipts, Registry, Worklist
from app.receipt import PLACE, Receipt, Wish, known_as, typed
from app.tokens import BadToken, Purpose, new_secret
from app.web.bedside import Bedside, Refusal
from app.web.forms import fields
from app.web.guard import Window
from app.web.pages import LOOK_COOKIE, Look
from app.worklist import Asked, Followed, compared, truth

COOKIE: Final = "review"
_MISSES: Final = 5
_MISSES_OF_ALL: Final = 2_000
_SPAN: Final = 600.0
_TOLD: Final = frozenset(
    {
        EventType.CONFIRMED,
        EventType.REPORTED,
        EventType.TRANSCRIBED,
        EventType.VERIFIED,
        EventType.WITHDRAWN,
        EventType.LAPSED,
        EventType.ASKED,
        EventType.CLOSED,
        EventType.COPIED,
    }
)
"""What a history says: what people chose, said, saw and asked. The rest is how it came about."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A copy that somebody has opened."""

    receipt: Receipt
    facility: Facility
    followed: Followed


class NotThere(Exception):
    """There is no such copy, or no longer."""


@dataclass(frozen=True)
class Review:
    """The pages of the copy."""

    bedside: Bedside
    receipts: Receipts
    worklist: Worklist
    registry: Registry
    _by_address: Window = field(default_factory=lambda: Window(_MISSES, _SPAN))
    _of_all: Window = field(default_factory=lambda: Window(_MISSES_OF_ALL, _SPAN))

    def routes(self) -> list[At]:
        """Return the routes."""
        return [
            At(PLACE, self.ask, methods=["GET"]),
            At(PLACE, self.open, methods=["POST"]),
            At(f"{PLACE}/copy", self.show, methods=["GET"]),
            At(f"{PLACE}/leave", self.leave, methods=["POST"]),
            At(f"{PLACE}/{{wish}}", self.explain, methods=["GET"]),
            At(f"{PLACE}/{{wish}}", self.wish, methods=["POST"]),
        ]

    # --- the letters ----------------------------------------------------------------------------------------------

    async def ask(self, request: Request) -> Response:
        """Ask for the letters; the script of the page finds them in the address."""
        return self._page(request, "ask.html", wrong=False, wait=False)

    async def open(self, request: Request) -> Response:
        """Open the copy of these letters in this browser, for half an hour."""
        address, now = request.client.host if request.client else "", time.monotonic()
        if self._by_address.is_full(address, now) or self._of_all.is_full("", now):
            answer = self._page(request, "ask.html", status=429, wrong=False, wait=True)
            answer.headers["Retry-After"] = str(int(_SPAN))
            return answer
        secret = typed((await fields(request)).get("letters", ""))
        found = await self.receipts.find(known_as(secret)) if secret else None
        if found is None or not found.is_live(self.bedside.clock.now()):
            self._by_address.has_room(address, now)
            self._of_all.has_room("", now)
            return self._page(request, "ask.html", status=404, wrong=True, wait=False)
        return await self._opened(request, found)

    async def _opened(self, request: Request, receipt: Receipt) -> Response:
        answer = RedirectResponse(f"{PLACE}/copy", status_code=303)
        signed = self.bedside.signer.sign(Purpose.REVIEW, receipt.id)
        answer.set_cookie(COOKIE, signed, path=PLACE, secure=self.bedside.is_secure, httponly=True, samesite="strict")
        if LOOK_COOKIE not in request.cookies:
            followed = await self.worklist.followed(receipt.facility, receipt.visit)
            language = BY_CODE.get(followed.visit.language if followed else "", Look().language)
            self.bedside.keep_look(answer, Look(language=language, is_patients=True))
        return answer

    async def _found(self, request: Request) -> _Opened:
        """Return what this browser has opened, looked up anew: a copy that was called back is dead at once."""
        try:
            (which,) = self.bedside.signer.read(Purpose.REVIEW, request.cookies.get(COOKIE, ""))
        except (BadToken, ValueError):
            raise NotThere from None
        receipt = await self.receipts.receipt(which)
        if receipt is None or not receipt.is_live(self.bedside.clock.now()):
            raise NotThere
        facility = await self.bedside.store.facility(receipt.facility)
        followed = await self.worklist.followed(receipt.facility, receipt.visit)
        if facility is None or followed is None:
            raise NotThere
        return _Opened(receipt, facility, followed)

    def _gone(self, request: Request) -> Response:
        answer = self._page(request, "ask.html", status=404, wrong=True, wait=False)
        answer.delete_cookie(COOKIE, path=PLACE)
        return answer

    # --- the copy -------------------------------------------------------------------------------------------------

    async def show(self, request: Request) -> Response:
        """Show the present truth and its history."""
        try:
            opened = await self._found(request)
        except NotThere:
            return self._gone(request)
        followed = opened.followed
        return self._page(
            request,
            "copy-page.html",
            opened,
            truth=truth(followed.visit, followed.sight),
            compared={each.item: each for each in compared(followed.visit, followed.sight)} if followed.sight else {},
            history=await self._history(opened),
            head=await self.bedside.store.head(opened.facility.id),
            asked=followed.asked,
            said=request.query_params.get("said", ""),
        )

    async def _history(self, opened: _Opened) -> list[Logged]:
        """Return what happened, oldest first: of the visit, and of whom it was matched with."""
        followed, facility = opened.followed, opened.facility.id
        of_visit = await self.worklist.history(facility, followed.visit.id)
        of_person = await self.registry.history(facility, followed.person) if followed.person else ()
        later = [each for each in of_person if each.entry.at >= followed.handed_off_at]
        told = [each for each in (*of_visit, *later) if each.entry.type in _TOLD]
        return sorted(told, key=lambda each: each.entry.seq)

    async def leave(self, _: Request) -> Response:
        """Close the copy in this browser."""
        answer = RedirectResponse(PLACE, status_code=303)
        answer.delete_cookie(COOKIE, path=PLACE)
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    # --- what can be asked for -------------------------------------------------------------------------------------

    async def explain(self, request: Request) -> Response:
        """Say what happens when this is asked for, and how to do it oneself."""
        try:
            opened = await self._found(request)
            wish = Wish(request.path_params["wish"])
        except (NotThere, ValueError):
            return self._gone(request)
        return self._page(request, "wish.html", opened, wish=wish, key=new_secret())

    async def wish(self, request: Request) -> Response:
        """Tell the station what is asked for."""
        try:
            opened = await self._found(request)
            wish = Wish(request.path_params["wish"])
        except (NotThere, ValueError):
            return self._gone(request)
        sent = await fields(request)
        if not self.bedside.signer.is_form(request.cookies[COOKIE], sent.get("token", "")):
            raise Refusal("foreign")
        now, visit = self.bedside.clock.now(), opened.followed.visit.id
        body = {"what": wish.value, "language": Look.of(request).language.code, "receipt": opened.receipt.id}
        key = f"review {visit} {sent.get('key', '')[:40]}"
        await self.worklist.record(
            Act(opened.facility.id, visit, key, EventType.ASKED, now, body, asked=Asked(now, wish))
        )
        return RedirectResponse(f"{PLACE}/copy?said=asked", status_code=303)

    def _page(
        self, request: Request, template: str, opened: _Opened | None = None, *, status: int = 200, **values: Any
    ) -> Response:
        look = Look.of(request).seen_by("patient")
        shown: dict[str, Any] = {"names": NAMES, **values}
        if opened:
            shown |= {
                "facility": opened.facility,
                "visit": opened.followed.visit,
                "followed": opened.followed,
                "receipt": opened.receipt,
                "token": self.bedside.signer.form(request.cookies.get(COOKIE, "")),
            }
        return self.bedside.pages.respond(request, f"review/{template}", status=status, look=look, **shown)
