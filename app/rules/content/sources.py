"""Names and links of the sources, from `sources.toml`, under the keys of `docs/sources.md`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from app.rules.content.file import HEARSAY, PRINTABLE, ContentError, ContentFile

_FILE: Final = ContentFile("sources.toml")
_ON_PAPER: Final = "クイックガイド"
_KEY: Final = re.compile(rf"{_ON_PAPER}|\b[AFOPV][0-9]+\b")


@dataclass(frozen=True, slots=True)
class Source:
    """A source as a page shows it."""

    name: str
    link: str = ""


SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {key: Source(**row) for key, row in _FILE.read()["sources"].items()}
)


def load_grades(found: Mapping[str, Any] | None = None) -> Mapping[str, str]:
    """Return the label of each printable grade; raise `ContentError` unless every one has a label."""
    grades: dict[str, str] = (found or _FILE.read())["grades"]
    _FILE.insist(grades.keys() == PRINTABLE | {HEARSAY}, {}, "does not name each grade that may be printed")
    return MappingProxyType(grades)


GRADES: Final = load_grades()


def is_precise(key: str) -> bool:
    """Whether a source has a precise address: one that has none carries no fact alone. The guide is on paper."""
    return key == _ON_PAPER or bool(SOURCES[key].link)


def named(*texts: str) -> tuple[Source, ...]:
    """Return the sources of entries such as `O8・V14`, each once. Raises `ContentError` for an unknown key."""
    found = [_KEY.findall(text) or [text] for text in texts if text]
    keys = dict.fromkeys(key for each in found for key in each)
    if unknown := keys.keys() - SOURCES.keys():
        raise ContentError(f"{_FILE.name}: {sorted(unknown)} is not explained")
    return tuple(dict.fromkeys(SOURCES[key] for key in keys))
