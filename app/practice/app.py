"""Joins the practice world: one ASGI application, mounted at /practice on the practice route only.

It keeps everything in the memory of one process: a practice server runs one worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import ECKey
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from app.ports.outside import Clock
from app.practice.card import Cards
from app.practice.client import Client
from app.practice.desk import PracticeHome
from app.practice.eligibility import SLOW_SECONDS, create_eligibility
from app.practice.myna import Myna
from app.practice.pages import PREFIX, PracticePages
from app.practice.people import PracticePerson, load_people
from app.practice.reception import PracticeReception
from app.practice.screen import TerminalScreen
from app.practice.system import Mood, System
from app.rules.station.station import Station


@dataclass(slots=True)
class PracticeWorld:
    """The practice world: its application, and what tests and trainers may change."""

    app: ASGIApp
    people: tuple[PracticePerson, ...]
    system: System
    provider: Myna
    issuer: str
    eligibility: str
    """The eligibility system's address, without a slash at the end."""
    reception: str
    """The address of the practice reception Web."""

    @property
    def mood(self) -> Mood:
        """How the eligibility system behaves today."""
        return self.system.mood

    @mood.setter
    def mood(self, mood: Mood) -> None:
        self.system.mood = mood


def create_practice(  # noqa: PLR0913 - plain values by name; main.py joins them once
    *,
    origin: str,
    client_id: str,
    client_jwk: Mapping[str, Any],
    redirect_uri: str,
    api_key: str,
    station: Station,
    clock: Clock,
    static: Callable[[str], str],
    words: Callable[[str], Markup],
    slow_seconds: float = SLOW_SECONDS,
) -> PracticeWorld:
    """Return a practice world in which one service is registered; `client_jwk` is its public key.

    `station` is the one in whose office the practice terminal stands.
    """
    people = load_people()
    pages = PracticePages(static, words)
    client = Client(client_id, redirect_uri, ECKey.import_key(dict(client_jwk)))
    provider = Myna(f"{origin}{PREFIX}/myna", client, clock)
    cards = Cards(people, pages, provider, clock)
    system = System({person.subject(client_id): person for person in people}, clock)
    app = Starlette(
        routes=[
            *PracticeHome(people, pages, system, cards).routes(),
            *TerminalScreen(people, pages, system, station.code, clock).routes(),
            *PracticeReception(pages, system, cards, station, clock).routes(),
            Mount("/myna", routes=[*provider.routes(), *cards.routes()]),
            Mount("/eligibility", create_eligibility(system, api_key, slow_seconds=slow_seconds)),
        ],
        exception_handlers={HTTPException: _unknown_page(pages)},
    )
    return PracticeWorld(
        app=_Anywhere(app),
        people=people,
        system=system,
        provider=provider,
        issuer=provider.issuer,
        eligibility=f"{origin}{PREFIX}/eligibility",
        reception=f"{origin}{PREFIX}/web",
    )


def _unknown_page(pages: PracticePages) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return pages.respond("gone", status=status, strange=False)

    return answer


class _Anywhere:
    """Sets the root path /practice where it is missing, so that addresses also work when called without a mount."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope.get("root_path"):
            scope = {**scope, "root_path": PREFIX}
        await self._app(scope, receive, send)
