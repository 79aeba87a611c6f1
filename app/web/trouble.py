"""The trouble helper: by what one sees, without a visit and without a signal."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.ports import Clock, Office, Store
from app.web.pages import Pages


@dataclass(frozen=True)
class Trouble:
    """The trouble helper's pages."""

    pages: Pages
    store: Store
    office: Office
    clock: Clock

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/guide/trouble", self.trouble, methods=["GET"])]

    async def trouble(self, request: Request) -> Response:
        """Show every way on when the card or the digits cannot be used."""
        return self.pages.respond(request, "guide/trouble.html")
