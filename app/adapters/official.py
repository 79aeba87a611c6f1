"""The way to マイナ在宅受付Web: the station's own official address, opened only for the page that leads there."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from typing_extensions import override

from app.ports.office import Office
from app.ports.outside import Decline, Handoff, Identity, Reception, Refused, Unavailable
from app.ports.store import Departure
from app.tokens import BadToken, Sealed, Sealer

log = structlog.get_logger()


@dataclass(frozen=True)
class SealedReception(Reception):
    """Implements `app.ports.Reception` by what the office entered."""

    office: Office
    sealer: Sealer

    @override
    async def address(self, facility: str) -> str | None:
        newest = await self.office.officials(facility, limit=1)
        if not newest or not newest[0].is_live:
            return None
        try:
            return self.sealer.open(Sealed.ADDRESS, newest[0].sealed)
        except BadToken:
            log.error("official address unreadable", facility=facility)  # noqa: TRY400 - a key is missing, no fault here
            return None


class NoProvider(Handoff):
    """`app.ports.Handoff` where nobody proves to us who tapped: the official page does that for itself."""

    @override
    async def address(self, departure: Departure, state: str) -> str:
        raise Unavailable

    @override
    async def identify(self, departure: Departure, code: str) -> Identity:
        raise Refused

    @override
    def declined(self, error: str, description: str) -> Decline:
        return Decline.UNKNOWN
