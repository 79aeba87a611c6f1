"""The guide's pages: public, dated, and without anybody's answers."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.web.pages import Pages


@dataclass(frozen=True)
class Guide:
    """Help that needs no visit."""

    pages: Pages

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/guide/trouble", self.trouble, methods=["GET"])]

    async def trouble(self, request: Request) -> Response:
        """Show every way on when the card or the digits cannot be used."""
        return self.pages.respond(request, "guide/trouble.html")
