"""The pages of the simulated app: choice of card, number pad, reading the card, redirect back to the service.

No page takes a digit: what is posted is an outcome. A tap is found by its ticket, 136 random bits, which also
prevents CSRF. It is spelled in letters: no request of these pages holds a digit.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.ports.outside import Clock
from app.practice.asked import NotOurService, Unfit, read
from app.practice.memory import Memory
from app.practice.myna import Myna
from app.practice.pages import PREFIX, PracticePages
from app.practice.people import PracticePerson
from app.practice.tap import TRIES, Ending, Tap

_TICKET: Final = 24
_TAP_LIVES: Final = 900
_LOCK_LIVES: Final = 900
_HELD: Final[Mapping[str, Ending]] = {
    "read": Ending.IDENTIFIED,
    "unreadable": Ending.CARD_UNREADABLE,
    "expired": Ending.CERTIFICATE_EXPIRED,
    "cancel": Ending.CANCELLED,
}


class Cards:
    """The taps in progress, and the count of wrong numbers of each practice card."""

    def __init__(self, people: Sequence[PracticePerson], pages: PracticePages, provider: Myna, clock: Clock) -> None:
        self._people = {person.id: person for person in people}
        self._pages = pages
        self._provider = provider
        self._taps: Memory[Tap] = Memory(clock, seconds=_TAP_LIVES)
        self._clock = clock
        self._wrong: Memory[int] = Memory(clock, seconds=_LOCK_LIVES)

    def routes(self) -> list[Route]:
        """Return the pages."""
        return [
            Route("/authorize", self.authorize, methods=["GET"]),
            Route("/{ticket}/card", self.card, methods=["GET", "POST"]),
            Route("/{ticket}/pin", self.pin, methods=["GET", "POST"]),
            Route("/{ticket}/hold", self.hold, methods=["GET", "POST"]),
            Route("/{ticket}/end", self.end, methods=["GET"]),
            Route("/{ticket}/back", self.back, methods=["GET"]),
        ]

    def unlock(self) -> None:
        """Reset the three tries of every practice card."""
        self._wrong.clear()

    def left(self, person: PracticePerson) -> int:
        """Return how many wrong numbers this card still takes."""
        return max(0, TRIES - (self._wrong.get(person.id) or 0))

    async def authorize(self, request: Request) -> Response:
        """Validate a service's request; redirect to the first page, or back to the service with an error."""
        try:
            asked = read(request.query_params.multi_items(), self._provider.client)
        except NotOurService:
            return self._pages.respond("gone", status=400, strange=True)
        except Unfit as unfit:
            return RedirectResponse(self._provider.back(unfit.state, unfit.error, unfit.description), 303)
        return self._to(new_ticket(), Tap(asked))

    def begin(self, read: Callable[[PracticePerson], None]) -> str:
        """Begin a tap for a page to which people come back by hand, and return its address."""
        ticket, tap = new_ticket(), Tap(read=read)
        self._taps.put(ticket, tap)
        return _address(ticket, tap.page)

    async def card(self, request: Request) -> Response:
        """Show the cards, or take the chosen one."""
        ticket, tap = self._found(request, "card", "pin", "hold")
        if tap is None:
            return self._elsewhere(ticket)
        if request.method == "GET":
            return self._pages.respond("card", people=self._people.values())
        person = self._people.get(await _field(request, "person"))
        if person is None:
            return self._to(ticket, tap)
        ending = None if self.left(person) else Ending.PIN_LOCKED
        return self._to(ticket, Tap(tap.asked, tap.read, person, ending=ending))

    async def pin(self, request: Request) -> Response:
        """Show the number pad, or take its outcome: right, wrong or cancelled."""
        ticket, tap = self._found(request, "pin")
        if tap is None or tap.person is None:
            return self._elsewhere(ticket)
        if not self.left(tap.person):
            return self._to(ticket, replace(tap, ending=Ending.PIN_LOCKED))
        if request.method == "GET":
            return self._pages.respond("pin", person=tap.person, left=self.left(tap.person))
        outcome = await _field(request, "outcome")
        if outcome == "wrong":
            self._wrong.put(tap.person.id, TRIES - self.left(tap.person) + 1)
            return self._to(ticket, replace(tap, ending=None if self.left(tap.person) else Ending.PIN_LOCKED))
        if outcome == "right":
            self._wrong.take(tap.person.id)
            return self._to(ticket, replace(tap, entered=True))
        return self._to(ticket, replace(tap, ending=Ending.CANCELLED) if outcome == "cancel" else tap)

    async def hold(self, request: Request) -> Response:
        """Show how to hold the card, or take the outcome of reading it."""
        ticket, tap = self._found(request, "hold")
        if tap is None or tap.person is None:
            return self._elsewhere(ticket)
        if request.method == "GET":
            home = self._provider.client.redirect_uri if tap.asked else ""
            return self._pages.respond("hold", moved=tap.moved, home=home)
        outcome = await _field(request, "outcome")
        if outcome == "moved":
            return self._to(ticket, replace(tap, moved=True))
        ending = _HELD.get(outcome)
        if ending is Ending.IDENTIFIED and not tap.person.certificate_valid:
            ending = Ending.CERTIFICATE_EXPIRED
        if ending is Ending.IDENTIFIED and tap.read:
            tap.read(tap.person)
        return self._to(ticket, replace(tap, ending=ending, read_at=self._clock.now()))

    async def end(self, request: Request) -> Response:
        """Show how the tap ended, with the link back."""
        ticket, tap = self._found(request, "end")
        if tap is None or tap.ending is None:
            return self._elsewhere(ticket)
        if tap.is_told:
            return self._pages.respond("gone", status=404, strange=False)
        if tap.ending is Ending.IDENTIFIED:
            return self._pages.respond("done", person=tap.person, back=_address(ticket, "back") if tap.asked else "")
        back = self._provider.back(tap.asked.state, "access_denied", tap.ending) if tap.asked else ""
        return self._pages.respond("end", ending=tap.ending.value, back=back)

    async def back(self, request: Request) -> Response:
        """Redirect back with a code; made only here, since it expires after 60 s and people read slowly."""
        ticket, tap = self._found(request, "end")
        if tap is None or tap.asked is None or tap.person is None or tap.ending is not Ending.IDENTIFIED:
            return self._elsewhere(ticket)
        self._taps.put(ticket, replace(tap, is_told=True))
        code = self._provider.code_for(tap.asked, tap.person, tap.read_at)
        return RedirectResponse(self._provider.back(tap.asked.state, code=code), 303)

    def _found(self, request: Request, *pages: str) -> tuple[str, Tap | None]:
        """Return the tap of this address if it is on one of these pages."""
        ticket = request.path_params["ticket"]
        tap = self._taps.get(ticket)
        return ticket, tap if tap and tap.page in pages else None

    def _elsewhere(self, ticket: str) -> Response:
        """Redirect to the page that the tap is on, or answer 404."""
        tap = self._taps.get(ticket)
        return (
            RedirectResponse(_address(ticket, tap.page), 303)
            if tap
            else self._pages.respond("gone", status=404, strange=False)
        )

    def _to(self, ticket: str, tap: Tap) -> Response:
        self._taps.put(ticket, tap)
        return RedirectResponse(_address(ticket, tap.page), 303)


def new_ticket() -> str:
    """Return a new ticket: 136 random bits in letters."""
    return "".join(secrets.choice(string.ascii_letters) for _ in range(_TICKET))


def _address(ticket: str, page: str) -> str:
    return f"{PREFIX}/myna/{ticket}/{page}"


async def _field(request: Request, name: str) -> str:
    value = (await request.form()).get(name, "")
    return value if isinstance(value, str) else ""
