"""The practice reception Web: its third function, with which a patient withdraws everything alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.practice.pages import PREFIX, PracticePages
from app.practice.people import PracticePerson
from app.practice.system import Order, System
from app.rules.record.evidence import hashed
from app.tokens import new_secret

_HERE: Final = f"{PREFIX}/web/withdraw"


class PracticeReception:
    """すべての同意を取消す, for practice: the person is chosen from a list, since the card is practised elsewhere."""

    def __init__(
        self, people: Sequence[PracticePerson], pages: PracticePages, system: System, client_id: str, station: str
    ) -> None:
        self._people = people
        self._pages = pages
        self._system = system
        self._client_id = client_id
        self._station = station

    def routes(self) -> list[Route]:
        """Return the page and its form."""
        return [
            Route("/web/withdraw", self.show, methods=["GET"]),
            Route("/web/withdraw", self.withdraw, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show who has consents at the practice station."""
        done = request.query_params.get("done") == "1"
        return self._pages.respond("withdraw", people=[person for person, _ in self._registered()], done=done)

    def _registered(self) -> list[tuple[PracticePerson, frozenset[str]]]:
        found = self._system.registrations_of(self._station)
        given = [(person, frozenset(each.item for each in made.consents if each.agreed)) for person, made in found]
        return [(person, items) for person, items in given if items]

    async def withdraw(self, request: Request) -> Response:
        """Withdraw every consent of one person at the station."""
        who = (await request.form()).get("person")
        person, items = next((each for each in self._registered() if each[0].id == who), (None, frozenset[str]()))
        if person is None:
            raise HTTPException(404)
        key = new_secret()
        order = Order(person.subject(self._client_id), self._station, dict.fromkeys(sorted(items), False))
        self._system.register(key, hashed(key), order)
        return RedirectResponse(f"{_HERE}?done=1", 303)
