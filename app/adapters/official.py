"""The way to マイナ在宅受付Web: the station's own official address, opened only for the page that leads there."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from app.ports.office import Office
from app.ports.outside import Decline, Identity, Refused, Unavailable
from app.ports.store import Departure
from app.tokens import BadToken, Sealed, Sealer

log = structlog.get_logger()


@dataclass(frozen=True)
class SealedReception:
    """Implements `app.ports.Reception` by what the office entered."""

    office: Office
    sealer: Sealer

    async def address(self, facility: str) -> str | None:
        """Return the live official address of a station, or None when there is none that can be read."""
        newest = await self.office.officials(facility, limit=1)
        if not newest or not newest[0].is_live:
            return None
        try:
            return self.sealer.open(Sealed.ADDRESS, newest[0].sealed)
        except BadToken:
            log.error("official address unreadable", facility=facility)  # noqa: TRY400 - a key is missing, no fault here
            return None


class NoProvider:
    """`app.ports.Handoff` where nobody proves to us who tapped: the official page does that for itself."""

    async def address(self, departure: Departure, state: str) -> str:  # noqa: ARG002 - as the port names them
        """Lead nowhere."""
        raise Unavailable

    async def identify(self, departure: Departure, code: str) -> Identity:  # noqa: ARG002 - the same
        """Believe nothing."""
        raise Refused

    def declined(self, error: str, description: str) -> Decline:  # noqa: ARG002 - the same
        """Know no reason."""
        return Decline.UNKNOWN
