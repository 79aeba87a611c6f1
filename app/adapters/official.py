"""The station's address of マイナ在宅受付Web: stored sealed, decrypted only for the page that links to it."""

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
    """`Reception` by the official address that the office entered."""

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
            log.error("official address unreadable", facility_id=facility)  # noqa: TRY400 - a missing key, no bug
            return None


@dataclass(frozen=True)
class OneReception(Reception):
    """`Reception` at one address for every station: the practice one."""

    at: str

    @override
    async def address(self, facility: str) -> str | None:
        return self.at


class NoProvider(Handoff):
    """`Handoff` of the official route: the official page identifies the patient, and we get no proof."""

    @override
    async def address(self, departure: Departure, state: str) -> str:
        raise Unavailable

    @override
    async def identify(self, departure: Departure, code: str) -> Identity:
        raise Refused

    @override
    def declined(self, error: str, description: str) -> Decline:
        return Decline.UNKNOWN
