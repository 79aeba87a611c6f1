"""The trouble helper's answers by symptom, from `trouble.toml`, with sources; validated at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from app.rules.content.contacts import CONTACTS
from app.rules.content.file import ContentFile

_FILE: Final = ContentFile("trouble.toml")


@dataclass(frozen=True, slots=True)
class Other:
    """Another way, if the advice does not help."""

    id: str
    text: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class Advice:
    """The advice for one symptom: the next step, a picture, whom to call, and another way."""

    id: str
    group: str
    row: str
    icon: str
    title: str
    next: str
    picture: str
    contact: str
    other: Other
    source: str
    grade: str
    checked_on: date
    also: tuple[str, ...] = ()
    hint: str = ""
    words: str = ""
    """Other words by which people look for it."""
    first: int = 0
    """Its place among those that are shown before all others: by harm, then by the order of a visit; 0 for none."""
    link: str = ""
    link_label: str = ""


@dataclass(frozen=True, slots=True)
class KnownCode:
    """An error number of which something was reported."""

    code: str
    message: str
    text: str
    also: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class Troubles:
    """The contents of `trouble.toml`."""

    groups: Mapping[str, str]
    answers: Mapping[str, Advice]
    codes: tuple[KnownCode, ...]
    review_by: date

    @property
    def first(self) -> tuple[Advice, ...]:
        """Those that are shown before all others."""
        return tuple(sorted((each for each in self.answers.values() if each.first), key=lambda each: each.first))

    @property
    def others(self) -> tuple[Advice, ...]:
        """The rest, in the order of the file."""
        return tuple(each for each in self.answers.values() if not each.first)


def load_troubles(found: dict[str, Any] | None = None) -> Troubles:
    """Load `trouble.toml`, or validate its parsed contents."""
    given = _FILE.read(found)
    others = _FILE.by_id(_FILE.made(Other, _FILE.graded(row)) for row in given["other"])
    answers = _FILE.by_id(_answer(given, others, row) for row in given["answer"])
    codes = tuple(_FILE.hearsay(KnownCode, row) for row in given["known"])
    return Troubles(given["groups"], MappingProxyType(answers), codes, given["review_by"])


def _answer(given: Mapping[str, Any], others: Mapping[str, Other], row: dict[str, Any]) -> Advice:
    is_known = row.get("group") in given["groups"] and row.get("contact") in CONTACTS and row.get("other") in others
    _FILE.insist(is_known, row, "names a group, contact or other way that is not there")
    _FILE.linked(_FILE.graded(row))
    shaped = {
        "also": tuple(row["also"]),
        "other": others[row["other"]],
        **_FILE.dated(row, given),
    }
    return _FILE.made(Advice, {**row, **shaped})


TROUBLES: Final = load_troubles()
