"""Shared by guide and trouble helper: the station of this phone, and the desks to call.

These pages hold no personal data: they are the same for every phone of a station, and may be cached for offline use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, TypeAlias

from fastapi import Depends, Request, Response

from app.ports.office import Office
from app.ports.outside import Clock
from app.ports.store import Store
from app.rules.content.contacts import CONTACTS, Contact, contacts_for, with_number
from app.rules.station.hours import Hours, closed_days, opening
from app.rules.station.station import Station, StationProfile
from app.rules.words.dates import JST, day_of, format_clock
from app.web.bedside.seat import STATION_COOKIE
from app.web.kit.pages import Look, Pages
from app.web.kit.parts import Part

_DAYS: Final = "月火水木金土日"
_FOR_THE_OFFICE: Final = frozenset({"maintenance", "receipt_computer"})
_AHEAD: Final = 400
"""Days for which a page that is cached offline knows the holidays."""


@dataclass(frozen=True, slots=True)
class Here:
    """The station in the station cookie, with its settings; None without one."""

    facility: Station | None = None
    station: StationProfile | None = None


@dataclass(frozen=True, slots=True)
class DeskState:
    """Whether a desk answers now, formatted for a page."""

    is_open: bool
    always: bool
    until: str
    opens: str


@dataclass(frozen=True, slots=True)
class ShownDesk:
    """A desk as a page shows it."""

    contact: Contact
    state: DeskState
    closed: tuple[date, ...]


@dataclass(frozen=True)
class ContactPages:
    """Station lookup, desks and rendering for these pages."""

    pages: Pages
    store: Store
    office: Office
    clock: Clock

    async def here(self, request: Request) -> Here:
        """Return the station of this phone by its cookie."""
        facility = await self.store.facility(request.cookies.get(STATION_COOKIE, ""))
        return Here(facility, await self.office.station(facility.id)) if facility else Here()

    def desk(self, contact: Contact, here: Here) -> ShownDesk:
        """Return a desk with the station's own number, and whether it answers now."""
        shaped, now = with_number(contact, here.facility, here.station), self.clock.now()
        state = (
            _state(shaped.hours, now) if shaped.hours else DeskState(is_open=False, always=False, until="", opens="")
        )
        return ShownDesk(shaped, state, _closed(shaped.hours, day_of(now)) if shaped.hours else ())

    def desks(self, here: Here) -> tuple[ShownDesk, ...]:
        """Return every desk that concerns this station."""
        return tuple(self.desk(each, here) for each in contacts_for(here.facility, here.station))

    def near(self, contact: str, here: Here) -> tuple[ShownDesk, ...]:
        """Return whom to call: this desk if its number is known, else the call centre; and the station besides."""
        # These two serve people at the office, who need not call it.
        besides = () if contact in _FOR_THE_OFFICE else ("station",)
        found = [self.desk(CONTACTS[name], here) for name in dict.fromkeys((contact, *besides))]
        numbered = [each for each in found if each.contact.telephone]
        return tuple(numbered) or (self.desk(CONTACTS["call_centre"], here),)

    def html(self, template: str, here: Here, look: Look, **values: Any) -> str:
        """Render a page."""
        return self.pages.html(template, look, here=here, now=self.clock.now(), **values)

    def answer(self, request: Request, html: str, status: int = 200) -> Response:
        """Answer a page that browsers may cache and must revalidate (`no-cache`)."""
        answer = self.pages.answer(request, html, status, quality=7)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def _state(hours: Hours, now: int) -> DeskState:
    found = opening(hours, now)
    until = format_clock(found.until) if found.until else ""
    return DeskState(
        found.is_open, found.is_open and found.until is None, until, _when(found.opens) if found.opens else ""
    )


def _when(at: int) -> str:
    moment = datetime.fromtimestamp(at, UTC).astimezone(JST)
    return f"{moment.month}/{moment.day}（{_DAYS[moment.weekday()]}）{format_clock(at)}"


@lru_cache(maxsize=64)
def _closed(hours: Hours, first: date) -> tuple[date, ...]:
    return closed_days(hours, first, _AHEAD)


async def _here(request: Request, contacts: TheContacts) -> Here:
    return await contacts.here(request)


TheContacts: TypeAlias = Annotated[ContactPages, Depends(Part("contacts"))]
ThisStation: TypeAlias = Annotated[Here, Depends(_here)]
"""The station in the request's station cookie, if there is one."""
