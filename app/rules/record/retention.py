"""When kept data is over: the limits of a station's retention, and the entries that explain an absence. Pure."""

from __future__ import annotations

from typing import Final, TypedDict

from app.rules.record.event import EventType
from app.rules.visit.copy import LIVES

DAY: Final = 24 * 3600
OVER_TYPES: Final = (EventType.EXPIRED, EventType.PURGED, EventType.ERASED)
"""Entries after which the bodies before them are gone."""


class Over(TypedDict):
    """A station's limits (seconds, UTC): over are visits settled before `before` without copies made after `copied`."""

    facility: str
    before: int
    copied: int


def over(facility: str, retention_days: int, now: int) -> Over:
    """Return the limits that hold now."""
    return {"facility": facility, "before": now - retention_days * DAY, "copied": now - LIVES}


def explains_absence(kind: EventType, *, names_bodies: bool, is_told_of: bool) -> bool:
    """Whether an entry of `OVER_TYPES` explains that its visit has no row; the record may still tell of the visit.

    A match that was corrected is erased alone, from a visit that stays; and before 0.4 visits that stayed were expired
    as well.
    """
    if kind is EventType.ERASED:
        return not names_bodies
    return not (kind is EventType.EXPIRED and is_told_of)
