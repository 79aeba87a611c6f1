"""Questions about the phone before leaving, from `ready.toml`: dated, with sources, validated at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from typing import Any, Final, TypeVar

from app.rules.content import AppStore, ContentError, _graded, _read, load_phone_steps
from app.rules.content.office import Report
from app.rules.words.furigana import plain

_FILE: Final = "ready.toml"
_PHONES: Final = frozenset({"", "iphone", "android"})
_CHECKS: Final = frozenset(range(1, 12))
"""The numbers of the readiness checks: each must be asked at least once."""
_SAYS_SO: Final = "という報告があります。"


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
    report: Report | None = None


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


def load_readiness(found: Mapping[str, Any] | None = None) -> Readiness:
    """Load `ready.toml`, or validate its parsed contents."""
    given = found or _read(_FILE)
    sights = tuple(_made(PhoneSight, _graded(_FILE, row)) for row in given["sight"])
    rows = tuple(_row(row) for row in given["row"])
    missing = _CHECKS - {sight.check for sight in sights} - {row.check for row in rows}
    if missing:
        raise ContentError(f"{_FILE}: nothing asks for {sorted(missing)}")
    checked_on, review_by = given["checked_on"], given.get("review_by")
    if not isinstance(review_by, date) or review_by <= checked_on:
        raise ContentError(f"{_FILE}: review_by is no day after the check")
    return Readiness({each.id: each for each in sights}, rows, load_phone_steps().stores, checked_on, review_by)


def _row(found: dict[str, Any]) -> ReadyRow:
    row = _made(ReadyRow, {**found, "todo": tuple(found.get("todo", ())), "report": _report(found)})
    if row.grade or not row.report:
        _graded(_FILE, found)
    _insist(row.phone in _PHONES, row, "is for an unknown phone")
    _insist(row.check in _CHECKS, row, "belongs to no check")
    _insist(bool(row.seen) == bool(row.unseen), row, "says one half of what the phone shows")
    _insist(row.grade != "2" or bool(row.link), row, "is second-hand and brings no official page")
    for address, label in ((row.link, row.link_label), (row.opens, row.opens_label)):
        _insist(bool(address) == bool(label), row, "has an address or its label alone")
    _insist(not row.link or row.link.startswith("https://"), row, "links to no safe page")
    _insist(not row.opens or row.opens.startswith("/guide"), row, "opens no page of the guide")
    return row


def _report(found: Mapping[str, Any]) -> Report | None:
    if "report" not in found:
        return None
    report = Report(**found["report"])
    if report.grade != "F" or not report.source or not plain(report.text).endswith(_SAYS_SO):
        raise ContentError(f"{_FILE}: {found['id']} has a report that does not say that it is one")
    return report


Made = TypeVar("Made", PhoneSight, ReadyRow)


def _made(kind: type[Made], found: Mapping[str, Any]) -> Made:
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    known = {field.name for field in fields(kind)}
    if not found.keys() <= known or not all(found.get(name) for name in needed):
        raise ContentError(f"{_FILE}: {found.get('id', '?')} is not whole, or says what nobody shows")
    return kind(**found)


def _insist(holds: bool, row: ReadyRow, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise ContentError(f"{_FILE}: {row.id} {otherwise}")


READY: Final = load_readiness()
