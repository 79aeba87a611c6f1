"""The guide: dated pages about the station's own equipment and work, shaped by what the station has."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.routing import Route

from app.web.help import Help


@dataclass(frozen=True)
class Guide:
    """The guide's pages."""

    help: Help

    def routes(self) -> list[Route]:
        """Return the routes."""
        return []
