"""Pages to read without a visit, and their look settings. Without personal data."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.rules.content import ITEMS
from app.rules.content.before import BEFORE
from app.rules.station.station import LINK
from app.rules.visit.consent import in_force
from app.rules.visit.flow import Holder
from app.web.bedside.seat import Bedside
from app.web.kit.forms import fields
from app.web.kit.pages import Look

LOOK: Final = "/look"
"""The form action of the look settings on pages without a visit."""
_READ_HERE: Final = re.compile(rf"/f/{LINK.pattern}/(?:before|family)|/review(?:/copy)?")
_NOWHERE: Final = "/start"
_ON_PAGES: Final = {
    "before": ("asked", "digits", "without", "change"),
    "family": ("own", "instead"),
}
"""What of `before.toml` each page says, beside the things to have ready."""


@dataclass(frozen=True)
class ReadingPages:
    """What a patient or a family member reads at home, under the station's entry."""

    bedside: Bedside

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/f/{token}/before", self.before, methods=["GET"]),
            Route("/f/{token}/family", self.family, methods=["GET"]),
            Route(LOOK, self.set_look, methods=["POST"]),
        ]

    async def before(self, request: Request) -> Response:
        """Say what to know before the visit."""
        return await self._page(request, "before", items=in_force(ITEMS, self.bedside.clock.now()))

    async def family(self, request: Request) -> Response:
        """Say what somebody of the family may do, and what only the patient does."""
        return await self._page(request, "family")

    async def _page(self, request: Request, name: str, **values: Any) -> Response:
        """Answer a page in the language that its address names, or else in the one that was chosen before."""
        old = Look.of(request).seen_by(Holder.PATIENT)
        look = old.chosen({"language": request.query_params.get("language", "")})
        facility = await self.bedside.station(request, look)
        if isinstance(facility, Response):
            answer = facility
        else:
            entry, pages = f"/f/{request.path_params['token']}", self.bedside.pages
            told = {"before": BEFORE, "parts": BEFORE.parts, "sources": BEFORE.sources(*_ON_PAGES[name])}
            back = {"look_action": LOOK, "look_page": f"{entry}/{name}"}
            html = pages.html(
                f"guide/reading/{name}.html", look, facility=facility, entry=entry, **told, **back, **values
            )
            answer = pages.answer(request, html)
        if look != old:
            self.bedside.keep_look(answer, look)
        return answer

    async def set_look(self, request: Request) -> Response:
        """Set the look cookie, and redirect to the page where it was set.

        No CSRF token is needed: `app.web.kit.guard` checks the origin, and only the look changes.
        """
        sent = await fields(request)
        look = replace(Look.of(request).chosen(sent), is_patients=True)
        to = sent.get("to", "")
        answer = self.bedside.go(request, to if _READ_HERE.fullmatch(to) else _NOWHERE)
        self.bedside.keep_look(answer, look)
        return answer
