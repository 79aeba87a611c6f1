"""The copy as the patient takes it home from the bedside: a code on the last page, in the patient's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from app.ports.office import Copies, Worklist
from app.ports.store import ReadOnly
from app.rules.visit.copy import REVIEW, Copy, known_as, letters_from
from app.rules.visit.flow import Holder
from app.rules.visit.standing import Doubt, truth
from app.rules.words.languages import BY_CODE
from app.tokens import new_secret
from app.web.bedside.seat import Bedside, Seat
from app.web.kit.pages import Look
from app.web.kit.qr_codes import drawn_once


@dataclass(frozen=True)
class TakeHome:
    """Makes the copies of visits as they end."""

    bedside: Bedside
    copies: Copies
    worklist: Worklist
    origin: str

    def copy(self, seat: Seat) -> Copy:
        """Return the copy of this browser's visit, to be written with the report that ends it."""
        known = known_as(self._letters(seat))
        return Copy(new_secret(), seat.facility.id, seat.visit.id, known, self.bedside.clock.now())

    async def shown(self, look: Look, seat: Seat) -> Mapping[str, Any]:
        """Render the copy in the language of the patient. Raises `ReadOnly` if the visit's record is broken."""
        followed = await self.worklist.followed(seat.facility.id, seat.visit.id)
        if followed is None or followed.doubt is Doubt.BROKEN:
            raise ReadOnly(seat.facility.id)
        visit, secret = followed.visit, self._letters(seat)
        language = BY_CODE[visit.language]
        kept = await self.copies.find(known_as(secret))
        live = kept if kept is not None and kept.is_live(self.bedside.clock.now()) else None
        html = self.bedside.pages.html(
            "copy/at-bedside.html",
            replace(look, language=language).seen_by(Holder.PATIENT),
            facility=seat.facility,
            visit=visit,
            truth=truth(visit, None),
            compared={},
            followed=None,
            head=await self.bedside.store.head(seat.facility.id),
            code=drawn_once(f"{self.origin}{REVIEW}#{secret}").inline() if live else "",
            copy_code=live.code if live else "",
        )
        return {"copy": Markup(html), "language": language}  # noqa: S704 - a page of ours

    def _letters(self, seat: Seat) -> str:
        """Derive the letters of this browser's copy from its session secret, so that they need not be stored."""
        return letters_from(self.bedside.signer.number(f"receipt\0{seat.session}"))
