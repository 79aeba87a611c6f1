"""Moves a visit to another browser: by six letters from the first, within 30 minutes, at the same station only."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as At

from app.ports.store import Change, Written
from app.rules.record.clock import is_young
from app.rules.record.evidence import Event, EventType, hashed
from app.rules.station.station import Station
from app.rules.visit.flow import Holder, Visit
from app.rules.words.furigana import SPOKEN, letters
from app.rules.words.languages import BY_CODE
from app.tokens import new_secret
from app.web.bedside.seat import Bedside, crossing_hash, once
from app.web.bedside.visit import VisitPages
from app.web.kit.forms import fields
from app.web.kit.guard import RateWindow, network_of
from app.web.kit.pages import Look

LIVES: Final = 30 * 60
"""Seconds for which the letters hold, counted from the check page."""
_SPAN: Final = 600.0
_PER_ADDRESS: Final = 20
_PER_STATION: Final = 500


@dataclass(frozen=True)
class OtherBrowser:
    """The page where the six letters are typed."""

    bedside: Bedside
    visits: VisitPages
    _by_address: RateWindow = field(default_factory=lambda: RateWindow(_PER_ADDRESS, _SPAN))
    _by_station: RateWindow = field(default_factory=lambda: RateWindow(_PER_STATION, _SPAN))

    def routes(self) -> list[At]:
        """Return the routes."""
        return [
            At("/f/{token}/continue", self.ask, methods=["GET"]),
            At("/f/{token}/continue", self.take_up, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Ask for the letters."""
        facility = await self.bedside.station(request)
        return facility if isinstance(facility, Response) else self._page(request, facility)

    def _page(
        self, request: Request, facility: Station, *, wrong: bool = False, wait: bool = False, status: int = 200
    ) -> Response:
        look, token = Look.of(request).seen_by(Holder.STAFF), request.path_params["token"]
        shown: dict[str, Any] = {"facility": facility, "token": token, "wrong": wrong, "wait": wait}
        return self.bedside.pages.respond(request, "bedside/continue.html", look=look, status=status, **shown)

    async def take_up(self, request: Request) -> Response:
        """Bind the visit to this browser's session; the former session ends."""
        facility = await self.bedside.station(request)
        if isinstance(facility, Response):
            return facility
        typed = letters((await fields(request)).get("letters", ""))
        if len(typed) != SPOKEN:
            return self._page(request, facility, wrong=True, status=422)
        if not self._may_try(request, facility):
            return self._page(request, facility, wait=True, status=429)
        visit = await self._found(facility, typed)
        if visit is None:
            return self._page(request, facility, wrong=True, status=422)
        await self._leave_other(request, visit)
        return await self._moved(request, facility, visit)

    def _may_try(self, request: Request, facility: Station) -> bool:
        address, now = network_of(request.scope), time.monotonic()
        return self._by_address.has_room(address, now) and self._by_station.has_room(facility.id, now)

    async def _found(self, facility: Station, typed: str) -> Visit | None:
        visit = await self.bedside.store.across(crossing_hash(facility.id, typed))
        is_fresh = visit is not None and is_young(visit.confirmed_at, LIVES, self.bedside.clock.now())
        is_out = visit is not None and is_fresh and bool(self.bedside.crossing(visit))
        return visit if visit is not None and is_out and self.bedside.is_open(visit) else None

    async def _leave_other(self, request: Request, visit: Visit) -> None:
        """End another visit that is open in this browser: a session has one visit."""
        seat = await self.bedside.find(request)
        if seat is not None and seat.visit.id != visit.id:
            await self.visits.leave_old(request)

    async def _moved(self, request: Request, facility: Station, visit: Visit) -> Response:
        now, session = self.bedside.clock.now(), new_secret()
        after = replace(visit, touched_at=now, departure=new_secret())
        crossing = crossing_hash(facility.id, self.bedside.crossing(after))
        moved = Event(EventType.MOVED, now, {})
        change = Change(after, (moved,), once(visit), session=hashed(session), crossing=crossing)
        if await self.bedside.store.write(change) is not Written.DONE:
            return self._page(request, facility, wrong=True, status=422)
        answer = self.bedside.onward(request, after)
        self.bedside.begin(answer, session, facility.id)
        self.bedside.keep_look(answer, Look(language=BY_CODE[after.language]).seen_by(after.holder))
        return answer
