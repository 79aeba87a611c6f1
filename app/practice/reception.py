"""The practice reception Web: the functions of マイナ在宅受付Web, with the screens in its order and a look of its own.

Registering is walked as there: menu, preparation, items, check, the app, and back by hand, to a page that finds out by
itself that the card was read. Withdrawing takes the person from a list, since the card is practised elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.ports.outside import Clock
from app.practice.card import Cards, new_ticket
from app.practice.memory import Memory
from app.practice.pages import PREFIX, PracticePages
from app.practice.people import PracticePerson
from app.practice.system import NotRegisteredAsInsurance, Order, System
from app.rules.content import ITEMS
from app.rules.record.evidence import hashed
from app.rules.station.station import Station
from app.rules.visit.consent import Choice, Item, in_force
from app.rules.visit.flow import CHOICES
from app.tokens import new_secret

_HERE: Final = f"{PREFIX}/web"
_LIVES: Final = 1800
_LOOKS_AGAIN: Final = 3
"""Seconds after which the page that waits for the app is loaded again."""


@dataclass(frozen=True, slots=True)
class Registering:
    """One registration on its way: the choices, whether they were confirmed, and what came of it."""

    choices: Mapping[str, str]
    confirmed: bool = False
    ended: str = ""
    """`done`, or `not_registered` for a card that is not registered as an insurance card; empty before."""


class PracticeReception:
    """The pages, and the registrations on their way by ticket."""

    def __init__(self, pages: PracticePages, system: System, cards: Cards, station: Station, clock: Clock) -> None:
        self._pages = pages
        self._system = system
        self._cards = cards
        self._station = station
        self._clock = clock
        self._under_way: Memory[Registering] = Memory(clock, seconds=_LIVES)

    def routes(self) -> list[Route]:
        """Return the pages and their forms."""
        return [
            Route("/web", self.menu, methods=["GET"]),
            Route("/web/withdraw", self.show, methods=["GET"]),
            Route("/web/withdraw", self.withdraw, methods=["POST"]),
            Route("/web/prepare", self.prepare, methods=["GET"]),
            Route("/web/items", self.items, methods=["GET", "POST"]),
            Route("/web/{ticket}/items", self.items, methods=["GET", "POST"]),
            Route("/web/{ticket}/check", self.check, methods=["GET", "POST"]),
            Route("/web/{ticket}/identity", self.identity, methods=["GET"]),
            Route("/web/{ticket}/app", self.app, methods=["GET"]),
        ]

    # --- registering --------------------------------------------------------------------------------------------

    async def menu(self, _: Request) -> Response:
        """Show the functions, under the institution's name."""
        return self._page("menu")

    async def prepare(self, _: Request) -> Response:
        """Show what the patient needs; here the phone changes hands."""
        return self._page("prepare")

    async def items(self, request: Request) -> Response:
        """Ask for each item, or take the choices; 422 while one is missing."""
        ticket = request.path_params.get("ticket", "")
        given = self._found(ticket).choices if ticket else {}
        if request.method == "GET":
            return self._page("items", items=self._items(), options=CHOICES, given=given, missing=False)
        sent = await request.form()
        given = {each.id: str(sent[each.id]) for each in self._items() if sent.get(each.id) in set(CHOICES)}
        if len(given) < len(self._items()):
            return self._page("items", status=422, items=self._items(), options=CHOICES, given=given, missing=True)
        return self._to(ticket or new_ticket(), Registering(given), "check")

    async def check(self, request: Request) -> Response:
        """Show the choices, or go on to the app."""
        ticket = request.path_params["ticket"]
        found = self._found(ticket)
        if found.ended:
            return self._to(ticket, found, "identity")
        if request.method == "GET":
            return self._page("check", items=self._items(), options=CHOICES, given=found.choices, ticket=ticket)
        return self._to(ticket, replace(found, confirmed=True), "identity")

    async def identity(self, request: Request) -> Response:
        """Show the way to the app, and once the card was read what came of it."""
        ticket = request.path_params["ticket"]
        found = self._found(ticket)
        if not found.confirmed:
            return self._to(ticket, found, "check")
        answer = self._page("identity", ticket=ticket, ended=found.ended)
        if not found.ended:
            answer.headers["Refresh"] = str(_LOOKS_AGAIN)
        return answer

    async def app(self, request: Request) -> Response:
        """Open the app, each time anew: a tap that failed has ended."""
        ticket = request.path_params["ticket"]
        found = self._found(ticket)
        if not found.confirmed or found.ended:
            return self._to(ticket, found, "identity")
        return RedirectResponse(self._cards.begin(partial(self._read, ticket, found)), 303)

    def _read(self, ticket: str, found: Registering, person: PracticePerson) -> None:
        """Register what was confirmed, unless it was changed since the app was opened."""
        if self._under_way.get(ticket) != found:
            return
        try:
            self._register(person, {item: choice == Choice.AGREE for item, choice in found.choices.items()})
        except NotRegisteredAsInsurance:
            self._under_way.put(ticket, replace(found, ended="not_registered"))
        else:
            self._under_way.put(ticket, replace(found, ended="done"))

    def _register(self, person: PracticePerson, choices: Mapping[str, bool]) -> None:
        key, subject = new_secret(), self._system.subject_of(person)
        self._system.register(key, hashed(key), Order(subject, self._station.code, choices))

    def _items(self) -> tuple[Item, ...]:
        return in_force(ITEMS, self._clock.now())

    def _found(self, ticket: str) -> Registering:
        found = self._under_way.get(ticket)
        if found is None:
            raise HTTPException(404)
        return found

    def _to(self, ticket: str, now: Registering, page: str) -> Response:
        self._under_way.put(ticket, now)
        return RedirectResponse(f"{_HERE}/{ticket}/{page}", 303)

    def _page(self, page: str, *, status: int = 200, **values: object) -> Response:
        return self._pages.respond(f"web-{page}", status=status, station=self._station.name, here=_HERE, **values)

    # --- withdrawing --------------------------------------------------------------------------------------------

    async def show(self, request: Request) -> Response:
        """Show who has consents at the practice station."""
        done = request.query_params.get("done") == "1"
        return self._pages.respond("withdraw", people=[person for person, _ in self._registered()], done=done)

    async def withdraw(self, request: Request) -> Response:
        """Withdraw every consent of one person at the station."""
        who = (await request.form()).get("person")
        person, items = next((each for each in self._registered() if each[0].id == who), (None, frozenset[str]()))
        if person is None:
            raise HTTPException(404)
        self._register(person, dict.fromkeys(sorted(items), False))
        return RedirectResponse(f"{_HERE}/withdraw?done=1", 303)

    def _registered(self) -> list[tuple[PracticePerson, frozenset[str]]]:
        found = self._system.registrations_of(self._station.code)
        given = [(person, frozenset(each.item for each in made.consents if each.agreed)) for person, made in found]
        return [(person, items) for person, items in given if items]
