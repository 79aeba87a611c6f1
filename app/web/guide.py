"""The guide: dated pages about the station's own equipment and work, shaped by what the station has."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.routing import Route

from app.ports import Clock, Office, Store
from app.web.pages import Pages


@dataclass(frozen=True)
class Guide:
    """The guide's pages."""

    pages: Pages
    store: Store
    office: Office
    clock: Clock

    def routes(self) -> list[Route]:
        """Return the routes."""
        return []
