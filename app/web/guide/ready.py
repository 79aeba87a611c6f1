"""The readiness check of this phone: what the browser tells, and questions about the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.ports.office import Office
from app.ports.outside import Clock
from app.ports.store import Store
from app.rules.content.ready import READY
from app.rules.words.dates import day_of
from app.web.bedside.seat import STATION_COOKIE
from app.web.kit.browsers import Browser, recognise
from app.web.kit.pages import Look, Pages

ADDRESS: Final = "/guide/ready"
_TEMPLATE: Final = "guide/ready.html"
_OLDEST: Final = {"iphone": (16, 4), "android": (11,)}
"""The app's least versions, from secondary sources: an older phone only gets a warning, with the official page."""
_SHOWN_BY_GUIDE: Final = {"iphone": "safari", "android": "chrome"}


@dataclass(frozen=True)
class ReadyPages:
    """The check's pages."""

    pages: Pages
    store: Store
    office: Office
    clock: Clock

    files: ClassVar[tuple[str, ...]] = (
        "guide/ready.css",
        "guide/ready.js",
        *(f"pictures/{name}.svg" for name in READY.pictures),
    )
    """Static files that the page needs offline, beside those of every page."""

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(ADDRESS, self.ready, methods=["GET"])]

    async def ready(self, request: Request) -> Response:
        """Show what the request's headers tell, and ask for the rest."""
        look = Look.of(request).in_japanese()
        response = self.pages.respond(request, _TEMPLATE, look=look, **await self._shown(request))
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Vary"] = "Accept-Encoding, User-Agent, Cookie"
        return response

    async def kept(self, request: Request) -> dict[str, str]:
        """Return the page for this phone's offline cache."""
        return {ADDRESS: self.pages.html(_TEMPLATE, Look(), **await self._shown(request))}

    async def _shown(self, request: Request) -> dict[str, Any]:
        browser = recognise(request.headers.get("user-agent", ""))
        station = request.cookies.get(STATION_COOKIE, "")
        facility = await self.store.facility(station) if station else None
        return {
            "browser": browser,
            "browser_state": _browser_state(browser),
            "system_known": _system_known(browser),
            "facility": facility,
            "link": await self.store.live_link(station) if facility else None,
            "knows_station": bool(station),
            "rows": READY.rows_for(browser.system),
            "stores": READY.stores_for(browser.system),
            "sights": READY.sights,
            "checked_on": READY.checked_on,
            "is_overdue": day_of(self.clock.now()) > READY.review_by,
        }


def _browser_state(browser: Browser) -> str:
    """Return in one word what the header tells of the browser; `bare` and `other` are not certain."""
    if browser.in_app:
        return "in_app"
    if browser.is_bare:
        return "bare"
    if browser.system == "desktop":
        return "desktop"
    return "ok" if _SHOWN_BY_GUIDE.get(browser.system) == browser.name else "other"


def _system_known(browser: Browser) -> str:
    """Return `yes` if the system is certainly new enough, `no` if certainly too old, else empty."""
    oldest = _OLDEST.get(browser.system)
    if oldest is None:
        return ""
    return "no" if browser.is_older_than(*oldest) else "yes" if browser.is_at_least(*oldest) else ""
