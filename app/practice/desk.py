"""The practice world's front page: the patients, their cards' locks, and the eligibility system's mood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.practice.card import Cards
from app.practice.pages import PREFIX, PracticePages
from app.practice.people import PracticePerson
from app.practice.system import Mood, System

_HOME: Final = f"{PREFIX}/"


class PracticeHome:
    """The trainer's settings before an exercise."""

    def __init__(self, people: Sequence[PracticePerson], pages: PracticePages, system: System, cards: Cards) -> None:
        self._people = people
        self._pages = pages
        self._system = system
        self._cards = cards

    def routes(self) -> list[Route]:
        """Return the pages."""
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/mood", self.mood, methods=["POST"]),
            Route("/unlock", self.unlock, methods=["POST"]),
        ]

    async def home(self, _: Request) -> Response:
        """Show patients, moods, and which cards are locked."""
        left = {person.id: self._cards.left(person) for person in self._people}
        return self._pages.respond("home", people=self._people, left=left, mood=self._system.mood.value)

    async def mood(self, request: Request) -> Response:
        """Set how the eligibility system behaves."""
        mood = (await request.form()).get("mood")
        if mood in set(Mood):
            self._system.mood = Mood(str(mood))
        return RedirectResponse(_HOME, 303)

    async def unlock(self, _: Request) -> Response:
        """Reset the tries of all practice cards."""
        self._cards.unlock()
        return RedirectResponse(_HOME, 303)
