"""Ready before leaving: a check of this very phone, of what a browser can know and of what it must ask."""

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
"""What the app needs; known at second hand, so that an older phone is warned of, with the official page."""
_SHOWN_BY_GUIDE: Final = {"iphone": "safari", "android": "chrome"}


@dataclass(frozen=True)
class ReadyPages:
    """The check's pages."""

    pages: Pages
    store: Store
    office: Office
    clock: Clock

    files: ClassVar[tuple[str, ...]] = (
        "ready.css",
        "ready.js",
        *(f"pictures/{name}.svg" for name in READY.pictures),
    )
    """What the page needs where there is no signal, beside what every page needs."""

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(ADDRESS, self.ready, methods=["GET"])]

    async def ready(self, request: Request) -> Response:
        """Show what this phone shows by itself, and ask for the rest."""
        look = Look.of(request).in_japanese()
        response = self.pages.respond(request, _TEMPLATE, look=look, **await self._shown(request))
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Vary"] = "Accept-Encoding, User-Agent, Cookie"
        return response

    async def kept(self, request: Request) -> dict[str, str]:
        """Return the page as this phone keeps it for dead zones."""
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
    """Say in one word what the header tells of the browser; `bare` and `other` are not certain."""
    if browser.in_app:
        return "in_app"
    if browser.is_bare:
        return "bare"
    if browser.system == "desktop":
        return "desktop"
    return "ok" if _SHOWN_BY_GUIDE.get(browser.system) == browser.name else "other"


def _system_known(browser: Browser) -> str:
    """Say whether the system is certainly new enough, certainly too old, or neither."""
    oldest = _OLDEST.get(browser.system)
    if oldest is None:
        return ""
    return "no" if browser.is_older_than(*oldest) else "yes" if browser.is_at_least(*oldest) else ""
