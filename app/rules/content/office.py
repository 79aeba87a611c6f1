"""The office's checklists from `office.toml`: dated rows with their sources, validated at import.

A row needs a grade that `app.rules.content` lets print. Hearsay is allowed only in a `Report`, which says that it is
one; a second-hand row needs a link to the official page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from app.rules.content import ContentError, _graded, _read

_FILE: Final = "office.toml"
_HEARSAY: Final = "F"
_SECOND_HAND: Final = "2"
_SAYS_SO: Final = "という報告があります。"
"""How every report must end, so that it is not read as a fact."""


@dataclass(frozen=True, slots=True)
class Report:
    """What some practitioners report: no fact, and worded so."""

    text: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a `Station`, shown beside a row; only when the value `only_if` is yes, if that is set."""

    name: str
    label: str
    only_if: str = ""


@dataclass(frozen=True, slots=True)
class ChecklistRow:
    """One thing to do or to look at: where, why, what one sees when it is right, and what goes wrong."""

    id: str
    title: str
    place: str
    place_label: str
    text: str
    why: str
    seen: str
    trouble: tuple[str, ...]
    source: str
    grade: str
    checked_on: date
    fields: tuple[Field, ...] = ()
    opens: str = ""
    opens_label: str = ""
    link: str = ""
    link_label: str = ""
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class Checklist:
    """Rows in the order in which a person goes through them."""

    id: str
    title: str
    lead: str
    rows: tuple[ChecklistRow, ...]

    @property
    def checked_on(self) -> date:
        """The oldest check date of its rows."""
        return min(row.checked_on for row in self.rows)


def load_checklists(found: Mapping[str, Any] | None = None) -> Mapping[str, Checklist]:
    """Load the checklists of `office.toml` by id, or validate its parsed contents."""
    given = found or _read(_FILE)
    lists = [_checklist(given, each) for each in given["checklist"]]
    _each_once([each.id for each in lists])
    return MappingProxyType({each.id: each for each in lists})


def _checklist(given: Mapping[str, Any], found: Mapping[str, Any]) -> Checklist:
    rows = tuple(_row(given, row) for row in found["row"])
    _each_once([row.id for row in rows])
    return Checklist(found["id"], found["title"], found["lead"], rows)


def _row(given: Mapping[str, Any], found: dict[str, Any]) -> ChecklistRow:
    row = {
        **_graded(_FILE, found),
        "checked_on": found.get("checked_on", given["checked_on"]),
        "place_label": given["places"].get(found.get("place"), ""),
        "fields": tuple(_field(given, found, name) for name in found.get("fields", ())),
        "trouble": tuple(found.get("trouble", ())),
        "report": _report(found),
    }
    known = {field.name: field.default is MISSING for field in fields(ChecklistRow)}
    _insist(row.keys() <= known.keys(), found, f"does not know {sorted(row.keys() - known.keys())}")
    _insist(all(row.get(name) for name, needed in known.items() if needed), found, "is not whole")
    _insist(row.get("opens", "/office/").startswith("/office/"), found, "opens no page of the office")
    _insist(row.get("link", "https://").startswith("https://"), found, "links to no safe page")
    for name in ("opens", "link"):
        _insist((name in row) == (f"{name}_label" in row), found, f"has {name} or its label alone")
    _insist(row["grade"] != _SECOND_HAND or "link" in row, found, "is second-hand and brings no official page")
    return ChecklistRow(**row)


def _field(given: Mapping[str, Any], found: Mapping[str, Any], name: str) -> Field:
    _insist(name in given["fields"], found, f"names the unknown field {name}")
    return Field(name, **given["fields"][name])


def _report(found: Mapping[str, Any]) -> Report | None:
    if "report" not in found:
        return None
    report = Report(**found["report"])
    _insist(bool(report.source) and report.grade == _HEARSAY, found, "has a report without grade F or source")
    _insist(report.text.endswith(_SAYS_SO), found, "has a report that does not say that it is one")
    return report


def _insist(holds: bool, found: Mapping[str, Any], otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise ContentError(f"{_FILE}: {found.get('id', '?')} {otherwise}")


def _each_once(ids: list[str]) -> None:
    twice = sorted({each for each in ids if ids.count(each) > 1})
    if twice:
        raise ContentError(f"{_FILE}: {twice} stand twice")


CHECKLISTS: Final = load_checklists()
SETUP: Final = CHECKLISTS["setup"]
MONTHLY: Final = CHECKLISTS["monthly"]
