"""What must be known outside the database, and what follows when a database turns out to be an older one. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Erasure:
    """Who was erased, as pseudonyms: the person, and the visits that were matched with the person at that time."""

    facility: str
    person: str
    at: int
    visits: tuple[str, ...] = ()
