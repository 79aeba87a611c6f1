"""Questions about the phone before leaving, from `ready.toml`: dated, with sources, validated at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from app.rules.content import AppStore, load_phone_steps
from app.rules.content.file import ContentFile, Hearsay

_FILE: Final = ContentFile("ready.toml")
_PHONES: Final = frozenset({"", "iphone", "android"})
_CHECKS: Final = frozenset(range(1, 12))
"""The numbers of the readiness checks: each must be asked at least once."""


@dataclass(frozen=True, slots=True)
class PhoneSight:
    """The text for something that the phone detects by itself."""

    id: str
    check: int
    text: str
    source: str
    grade: str
    picture: str = ""


@dataclass(frozen=True, slots=True)
class ReadyRow:
    """One question about the phone: a drawing, two answers, and what to do if it is not so.

    `seen` and `unseen` are shown where the phone detects it by itself. A `daily` answer expires at the end of its day.
    """

    id: str
    check: int
    picture: str
    title: str
    text: str
    todo: tuple[str, ...]
    source: str = ""
    grade: str = ""
    phone: str = ""
    seen: str = ""
    unseen: str = ""
    daily: bool = False
    stores: bool = False
    link: str = ""
    link_label: str = ""
    opens: str = ""
    opens_label: str = ""
    report: Hearsay | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """The contents of the page, with the dates of the check and of the next one."""

    sights: Mapping[str, PhoneSight]
    rows: tuple[ReadyRow, ...]
    stores: tuple[AppStore, ...]
    checked_on: date
    review_by: date

    @property
    def pictures(self) -> tuple[str, ...]:
        """Return every drawing that the page may show, each once."""
        shown = {sight.picture for sight in self.sights.values()} | {row.picture for row in self.rows}
        return tuple(sorted(shown - {""}))

    def rows_for(self, system: str) -> tuple[ReadyRow, ...]:
        """Return the rows for an iPhone or an Android phone; all rows for an unknown system."""
        return tuple(row for row in self.rows if not row.phone or system not in _PHONES or row.phone == system)

    def stores_for(self, system: str) -> tuple[AppStore, ...]:
        """Return the app stores of a phone; all for an unknown system."""
        return tuple(store for store in self.stores if system not in _PHONES or store.id == system)


def load_readiness(found: dict[str, Any] | None = None) -> Readiness:
    """Load `ready.toml`, or validate its parsed contents."""
    given = _FILE.read(found)
    sights = tuple(_FILE.made(PhoneSight, _FILE.graded(row)) for row in given["sight"])
    rows = tuple(_row(row) for row in given["row"])
    missing = _CHECKS - {sight.check for sight in sights} - {row.check for row in rows}
    _FILE.insist(not missing, given, f"asks nothing for {sorted(missing)}")
    stores = load_phone_steps().stores
    return Readiness(_FILE.by_id(sights), rows, stores, given["checked_on"], given["review_by"])


def _row(found: dict[str, Any]) -> ReadyRow:
    report = _FILE.report(found)
    if "grade" in found or not report:
        _FILE.graded(found)
    _FILE.linked(found)
    _FILE.linked(found, "/guide", name="opens")
    row = _FILE.made(ReadyRow, {**found, "todo": tuple(found.get("todo", ())), "report": report})
    _FILE.insist(row.phone in _PHONES, found, "is for an unknown phone")
    _FILE.insist(row.check in _CHECKS, found, "belongs to no check")
    _FILE.insist(bool(row.seen) == bool(row.unseen), found, "says one half of what the phone shows")
    return row


READY: Final = load_readiness()
