"""The desks to call, from `contacts.toml`, filtered by the station's equipment; validated at import."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from app.rules.content.file import ContentFile
from app.rules.station.hours import DAY, Hours
from app.rules.station.station import Station, StationProfile

_FILE: Final = ContentFile("contacts.toml")
_STATION: Final = "telephone"
_KATAKANA: Final = {hiragana: hiragana + 0x60 for hiragana in range(0x3041, 0x3097)}


@dataclass(frozen=True, slots=True)
class Contact:
    """One desk: what it is for, its number, its hours in figures and in words, and what to have at hand."""

    id: str
    name: str
    about: str
    checked_on: date
    review_by: date
    have: tuple[str, ...] = ()
    source: str = ""
    grade: str = ""
    """Empty only for the station's own number, which needs no source."""
    telephone: str = ""
    mail: str = ""
    hours: Hours | None = None
    shown: str = ""
    own: str = ""
    """The setting of the station that holds the number."""
    only_if: str = ""
    only_unless: str = ""
    router: tuple[str, ...] = ()
    """Words by which the maker of a router is recognised in what a station typed."""

    @property
    def dial(self) -> str:
        """The number as a link dials it."""
        return self.telephone.replace("-", "")


def load_contacts() -> Mapping[str, Contact]:
    """Return the desks by id, in the order of the file."""
    found = _FILE.read()
    return MappingProxyType(_FILE.by_id(_contact(row, found) for row in found["contact"]))


def _contact(row: dict[str, Any], found: Mapping[str, Any]) -> Contact:
    if row.get("own") != _STATION:
        _FILE.graded(row)
    dates = {**_FILE.dated(row, found), "review_by": found["review_by"]}
    hours = _hours(row["hours"]) if "hours" in row else None
    lists = {name: tuple(row.get(name, ())) for name in ("have", "router")}
    return _FILE.made(Contact, {**row, **dates, **lists, "hours": hours})


def _hours(found: Mapping[str, Any]) -> Hours:
    if found.get("always"):
        return Hours(((0, DAY),) * 7, holidays=True)
    on_weekdays = _span(found["weekdays"])
    saturday = _span(found["saturday"]) if "saturday" in found else None
    closed_from, closed_to = (_month_and_day(found[name]) for name in ("closed_from", "closed_to"))
    return Hours((*(on_weekdays,) * 5, saturday, None), closed_from=closed_from, closed_to=closed_to)


def _span(text: str) -> tuple[int, int]:
    begins, _, ends = text.partition("-")
    return _minute(begins), _minute(ends)


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _month_and_day(text: str) -> tuple[int, int]:
    month, _, day = text.partition("-")
    return int(month), int(day)


CONTACTS: Final = load_contacts()


def contacts_for(facility: Station | None, station: StationProfile | None) -> tuple[Contact, ...]:
    """Return the desks that concern this station, with its own numbers; every desk if it is unknown."""
    fitting = (each for each in CONTACTS.values() if _concerns(each, station))
    shaped = (with_number(each, facility, station) for each in fitting)
    return tuple(each for each in shaped if each.telephone or not each.own)


def with_number(contact: Contact, facility: Station | None, station: StationProfile | None) -> Contact:
    """Return a desk with the station's own number, if it has `own`."""
    if not contact.own:
        return contact
    telephone = getattr(facility, contact.own, "") or getattr(station, contact.own, "")
    return replace(contact, telephone=telephone)


def _concerns(contact: Contact, station: StationProfile | None) -> bool:
    if station is None:
        return True
    if contact.only_if and getattr(station, contact.only_if) is False:
        return False
    if contact.only_unless and getattr(station, contact.only_unless) is True:
        return False
    makers = _makers(station.router)
    return not contact.router or not makers or contact.id in makers


def _makers(typed: str) -> frozenset[str]:
    """Return the ids of the router desks that a typed maker or model names; empty when it names none."""
    said = _folded(typed)
    return frozenset(each.id for each in CONTACTS.values() if any(_folded(word) in said for word in each.router))


def _folded(text: str) -> str:
    """Return a text without case, width, blanks and hyphens, in katakana."""
    return re.sub(r"[\s\-‐-―−ー・]", "", unicodedata.normalize("NFKC", text)).casefold().translate(_KATAKANA)
