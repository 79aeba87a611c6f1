"""Ready before leaving: a check of this very phone, of what a browser can know and of what it must ask."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.routing import Route

from app.ports import Clock, Office, Store
from app.web.pages import Pages


@dataclass(frozen=True)
class Ready:
    """The check's pages."""

    pages: Pages
    store: Store
    office: Office
    clock: Clock

    def routes(self) -> list[Route]:
        """Return the routes."""
        return []
