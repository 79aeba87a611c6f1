"""Today's list at the bedside: the day's word opens the office's numbers, and choosing one begins its visit."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as At

from app.ports.office import DayLists, Worklist
from app.ports.outside import Unavailable
from app.rules.content import ITEMS
from app.rules.station.day_list import Planned, is_word
from app.rules.station.station import Station
from app.rules.visit.flow import Holder
from app.rules.visit.standing import as_chosen
from app.rules.words.dates import day_of
from app.rules.words.furigana import letters
from app.web.bedside.seat import Bedside
from app.web.bedside.visit import VisitPages
from app.web.kit.forms import fields
from app.web.kit.guard import RateWindow, network_of
from app.web.kit.pages import Look

_SPAN: Final = 600.0
_WRONG_PER_ADDRESS: Final = 5
_WRONG_PER_STATION: Final = 500


@dataclass(frozen=True)
class DayListPages:
    """The page where the day's word is typed, and the list behind it."""

    bedside: Bedside
    visits: VisitPages
    plans: DayLists
    worklist: Worklist
    _by_address: RateWindow = field(default_factory=lambda: RateWindow(_WRONG_PER_ADDRESS, _SPAN))
    _by_station: RateWindow = field(default_factory=lambda: RateWindow(_WRONG_PER_STATION, _SPAN))

    def routes(self) -> list[At]:
        """Return the routes."""
        return [
            At("/f/{token}/today", self.ask, methods=["GET"]),
            At("/f/{token}/today", self.open, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Ask for the day's word."""
        facility = await self._station(request)
        return facility if isinstance(facility, Response) else self._page(request, "bedside/today.html", facility)

    async def open(self, request: Request) -> Response:
        """Check the day's word, then show the list or begin the visit of the chosen number."""
        facility = await self._station(request)
        if isinstance(facility, Response):
            return facility
        sent = await fields(request)
        word = letters(sent.get("word", ""))
        refused = await self._refused(request, facility, word)
        if refused is not None:
            return refused
        planned = await self.plans.on(facility.id, day_of(self.bedside.clock.now()))
        if "reference" not in sent:
            return await self._list(request, facility, word, planned)
        chosen = next((each for each in planned if each.reference == sent["reference"]), None)
        if chosen is None:
            return await self._list(request, facility, word, planned, gone=True, status=409)
        return await self._begun(request, facility, chosen)

    async def _station(self, request: Request) -> Station | Response:
        """Return the station; while the patient holds the phone, redirect to the hand-over: the list is staff's."""
        seat = await self.bedside.find(request)
        if seat is not None and seat.visit.holder is Holder.PATIENT:
            return self.bedside.go(request, "/visit/hand-over")
        return await self.bedside.station(request)

    async def _refused(self, request: Request, facility: Station, word: str) -> Response | None:
        """Return 422 for a wrong word, 429 after too many, else None; only wrong ones are counted."""
        address, now = f"{network_of(request.scope)} {facility.id}", time.monotonic()
        if self._by_address.is_full(address, now) or self._by_station.is_full(facility.id, now):
            return self._page(request, "bedside/today.html", facility, wait=True, status=429)
        known = await self.plans.word(facility.id, day_of(self.bedside.clock.now()))
        if is_word(known, word):
            return None
        self._by_address.has_room(address, now)
        self._by_station.has_room(facility.id, now)
        return self._page(request, "bedside/today.html", facility, wrong=True, status=422)

    async def _list(
        self, request: Request, facility: Station, word: str, planned: tuple[Planned, ...], **more: Any
    ) -> Response:
        is_open = await self.bedside.find(request) is not None
        return self._page(
            request, "bedside/today-list.html", facility, word=word, planned=planned, is_open=is_open, **more
        )

    async def _begun(self, request: Request, facility: Station, chosen: Planned) -> Response:
        """Begin a visit with its `need` step prefilled by the office."""
        sight = await self.worklist.last_sight(facility.id, chosen.reference)
        earlier = as_chosen(sight, ITEMS) if sight and sight.found else {}
        answer, visit = await self.visits.begin(request, facility, chosen.gate, earlier)
        with suppress(Unavailable):  # the visit has begun, and need not wait for the office's list
            await self.plans.begun(facility.id, chosen.day, chosen.reference, visit.id)
        return answer

    def _page(self, request: Request, template: str, facility: Station, **values: Any) -> Response:
        look = Look.of(request).seen_by(Holder.STAFF)
        shown = {"wrong": False, "wait": False, "gone": False, "token": request.path_params["token"], **values}
        return self.bedside.pages.respond(request, template, look=look, facility=facility, **shown)
