"""The readiness check of this phone: what the browser tells, and questions about the rest."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from app.rules.content.ready import READY
from app.rules.words.dates import day_of
from app.web.bedside.seat import STATION_COOKIE
from app.web.guide.contacts import ContactPages, TheContacts
from app.web.kit.browsers import Browser, recognise
from app.web.kit.pages import Look
from app.web.kit.parts import ThisLook

ADDRESS: Final = "/guide/ready"
_TEMPLATE: Final = "guide/ready.html"
_OLDEST: Final = {"iphone": (16, 4), "android": (11,)}
"""The app's least versions, from secondary sources: an older phone only gets a warning, with the official page."""
_SHOWN_BY_GUIDE: Final = {"iphone": "safari", "android": "chrome"}
FILES: Final = ("guide/ready.css", "guide/ready.js", *(f"pictures/{name}.svg" for name in READY.pictures))
"""Static files that the page needs offline, beside those of every page."""
router = APIRouter()


@router.get(ADDRESS)
async def ready(request: Request, contacts: TheContacts, look: ThisLook) -> Response:
    """Show what the request's headers tell, and ask for the rest."""
    shown = await _shown(request, contacts)
    response = contacts.pages.respond(request, _TEMPLATE, look=look.in_japanese(), **shown)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Vary"] = "Accept-Encoding, User-Agent, Cookie"
    return response


async def kept(request: Request, contacts: ContactPages) -> dict[str, str]:
    """Return the page for this phone's offline cache."""
    return {ADDRESS: contacts.pages.html(_TEMPLATE, Look(), **await _shown(request, contacts))}


async def _shown(request: Request, contacts: ContactPages) -> dict[str, Any]:
    browser = recognise(request.headers.get("user-agent", ""))
    station = request.cookies.get(STATION_COOKIE, "")
    facility = await contacts.store.facility(station) if station else None
    return {
        "browser": browser,
        "browser_state": _browser_state(browser),
        "system_known": _system_known(browser),
        "facility": facility,
        "link": await contacts.store.live_link(station) if facility else None,
        "knows_station": bool(station),
        "rows": READY.rows_for(browser.system),
        "stores": READY.stores_for(browser.system),
        "sights": READY.sights,
        "checked_on": READY.checked_on,
        "is_overdue": day_of(contacts.clock.now()) > READY.review_by,
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
