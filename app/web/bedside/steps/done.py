"""The copy as the patient takes it home from the bedside: a code on the last page, in the patient's language."""

from __future__ import annotations

from dataclasses import replace

from fastapi import Request
from markupsafe import Markup

from app.ports.store import ReadOnly
from app.rules.visit.copy import REVIEW, Copy, known_as, letters_from
from app.rules.visit.standing import Doubt, truth
from app.rules.visit.visit import Holder
from app.rules.words.languages import BY_CODE
from app.tokens import Signer, new_secret
from app.web.bedside.seat import Bedside, Seat
from app.web.bedside.steps import Extra
from app.web.kit.pages import Look
from app.web.kit.qr_codes import drawn_once


def copy_of(bedside: Bedside, seat: Seat) -> Copy:
    """Return the copy of this browser's visit, to be written with the report that ends it."""
    known = known_as(_letters(bedside.signer, seat))
    return Copy(new_secret(), seat.facility.id, seat.visit.id, known, bedside.clock.now())


async def shown(request: Request, bedside: Bedside, seat: Seat) -> Extra:
    """Render the copy in the language of the patient. Raises `ReadOnly` if the visit's record is broken."""
    followed = await bedside.worklist.followed(seat.facility.id, seat.visit.id)
    if followed is None or followed.doubt is Doubt.BROKEN:
        raise ReadOnly(seat.facility.id)
    visit, secret = followed.visit, _letters(bedside.signer, seat)
    language = BY_CODE[visit.language]
    kept = await bedside.copies.find(known_as(secret))
    live = kept if kept is not None and kept.is_live(bedside.clock.now()) else None
    html = bedside.pages.html(
        "copy/at-bedside.html",
        replace(Look.of(request), language=language).seen_by(Holder.PATIENT),
        facility=seat.facility,
        visit=visit,
        truth=truth(visit, None),
        compared={},
        followed=None,
        head=await bedside.store.head(seat.facility.id),
        code=drawn_once(f"{bedside.origin}{REVIEW}#{secret}").inline() if live else "",
        copy_code=live.code if live else "",
    )
    return Extra({"copy": Markup(html), "language": language})  # noqa: S704 - a page of ours


def _letters(signer: Signer, seat: Seat) -> str:
    """Derive the letters of this browser's copy from its session secret, so that they need not be stored."""
    return letters_from(signer.number(f"receipt\0{seat.session}"))
