"""Pages to read without a visit, and their look settings. Without personal data."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from app.rules.content import ITEMS
from app.rules.content.before import BEFORE
from app.rules.station.station import LINK
from app.rules.visit.consent import in_force
from app.rules.visit.visit import Holder
from app.web.bedside.seat import Bedside, Refusal, TheBedside
from app.web.kit.forms import fields
from app.web.kit.pages import Look
from app.web.kit.parts import ThisLook

LOOK: Final = "/look"
"""The form action of the look settings on pages without a visit."""
_READ_HERE: Final = re.compile(rf"/f/{LINK.pattern}/(?:before|family)|/review(?:/copy)?")
_NOWHERE: Final = "/start"
_ON_PAGES: Final = {
    "before": ("asked", "digits", "without", "change"),
    "family": ("own", "instead"),
}
"""What of `before.toml` each page says, beside the things to have ready."""
router = APIRouter()


@router.get("/f/{token}/before")
async def before(request: Request, bedside: TheBedside, token: str) -> Response:
    """Say what to know before the visit."""
    return await _page(request, bedside, token, "before", items=in_force(ITEMS, bedside.clock.now()))


@router.get("/f/{token}/family")
async def family(request: Request, bedside: TheBedside, token: str) -> Response:
    """Say what somebody of the family may do, and what only the patient does."""
    return await _page(request, bedside, token, "family")


async def _page(request: Request, bedside: Bedside, token: str, name: str, **values: Any) -> Response:
    """Answer a page in the language that its address names, or else in the one that was chosen before."""
    old = Look.of(request).seen_by(Holder.PATIENT)
    look = old.chosen({"language": request.query_params.get("language", "")})
    shown: dict[str, Any] = {
        "entry": f"/f/{token}",
        "before": BEFORE,
        "parts": BEFORE.parts,
        "sources": BEFORE.sources(*_ON_PAGES[name]),
        "look_action": LOOK,
        "look_page": f"/f/{token}/{name}",
        **values,
    }
    try:
        facility = await bedside.station(token)
    except Refusal as dead:
        answer = bedside.problems.answer(request, dead.problem, look=look, **dead.shown)
    else:
        template = f"guide/reading/{name}.html"
        answer = bedside.pages.respond(request, template, look=look, facility=facility, **shown)
    if look != old:
        bedside.keep_look(answer, look)
    return answer


@router.post(LOOK)
async def set_look(request: Request, bedside: TheBedside, look: ThisLook) -> Response:
    """Set the look cookie, and redirect to the page where it was set.

    No CSRF token is needed: `app.web.kit.guard` checks the origin, and only the look changes.
    """
    sent = await fields(request)
    to = sent.get("to", "")
    answer = bedside.go(request, to if _READ_HERE.fullmatch(to) else _NOWHERE)
    bedside.keep_look(answer, replace(look.chosen(sent), is_patients=True))
    return answer
