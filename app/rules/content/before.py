"""What patient and helpers should know before the visit, from `before.toml`; validated at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from app.rules.content.file import ContentFile

_FILE: Final = ContentFile("before.toml")


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing to have ready, with the icon that the visit shows beside it."""

    id: str
    icon: str
    name: str
    text: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class PerPhone:
    """What one does on one kind of phone (`app.web.kit.browsers`)."""

    system: str
    text: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class BeforePart:
    """One thing to know: a heading and a few short lines, of which the first `paper` stand on the leaflet too."""

    id: str
    title: str
    lines: tuple[str, ...]
    source: str
    grade: str
    paper: int = 0

    @property
    def on_paper(self) -> tuple[str, ...]:
        """The lines of the leaflet."""
        return self.lines[: self.paper]


@dataclass(frozen=True, slots=True)
class Before:
    """The contents of `before.toml`."""

    things: tuple[Thing, ...]
    parts: Mapping[str, BeforePart]
    taps: tuple[PerPhone, ...]
    """How the card is read."""
    checked_on: date

    def sources(self, *parts: str) -> str:
        """Return the sources of the things to have ready and of these parts."""
        return "・".join((*(each.source for each in self.things), *(self.parts[part].source for part in parts)))


def load_before() -> Before:
    """Load `before.toml`."""
    given = _FILE.read()
    rows = ({**_FILE.graded(row), "lines": tuple(row["lines"])} for row in given["part"])
    parts = _FILE.by_id(_FILE.made(BeforePart, row) for row in rows)
    things = tuple(_FILE.made(Thing, _FILE.graded(row)) for row in given["thing"])
    taps = tuple(_FILE.made(PerPhone, _FILE.graded(row)) for row in given["tap"])
    return Before(things, MappingProxyType(parts), taps, given["checked_on"])


BEFORE: Final = load_before()
