"""What patient and helpers should know before the visit, from `before.toml`; validated at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from app.rules.content import _graded, _read

_FILE: Final = "before.toml"


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
    checked_on: date

    def sources(self, *parts: str) -> str:
        """Return the sources of the things to have ready and of these parts."""
        return "・".join((*(each.source for each in self.things), *(self.parts[part].source for part in parts)))


def load_before(found: Mapping[str, Any] | None = None) -> Before:
    """Load `before.toml`, or validate its parsed contents."""
    given = found or _read(_FILE)
    parts = (BeforePart(**{**_graded(_FILE, dict(row)), "lines": tuple(row["lines"])}) for row in given["part"])
    return Before(
        things=tuple(Thing(**_graded(_FILE, dict(row))) for row in given["thing"]),
        parts=MappingProxyType({part.id: part for part in parts}),
        checked_on=given["checked_on"],
    )


BEFORE: Final = load_before()
