"""The office's checklists from `office.toml`: dated rows with their sources, validated at import.

A row needs a grade that may be printed. What somebody reports is `Hearsay`, which says that it is
one; a second-hand row needs a link to the official page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from app.rules.content.file import ContentFile, Hearsay

_FILE: Final = ContentFile("office.toml")


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
    report: Hearsay | None = None


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


def load_checklists(found: dict[str, Any] | None = None) -> Mapping[str, Checklist]:
    """Load the checklists of `office.toml` by id, or validate its parsed contents."""
    given = _FILE.read(found)
    return MappingProxyType(_FILE.by_id(_checklist(given, each) for each in given["checklist"]))


def _checklist(given: Mapping[str, Any], found: Mapping[str, Any]) -> Checklist:
    rows = _FILE.by_id(_row(given, row) for row in found["row"])
    return Checklist(found["id"], found["title"], found["lead"], tuple(rows.values()))


def _row(given: Mapping[str, Any], found: dict[str, Any]) -> ChecklistRow:
    _FILE.linked(_FILE.graded(found))
    _FILE.linked(found, "/office/", name="opens")
    row = {
        **found,
        **_FILE.dated(found, given),
        "place_label": given["places"].get(found.get("place"), ""),
        "fields": tuple(_field(given, found, name) for name in found.get("fields", ())),
        "trouble": tuple(found.get("trouble", ())),
        "report": _FILE.report(found),
    }
    return _FILE.made(ChecklistRow, row)


def _field(given: Mapping[str, Any], found: Mapping[str, Any], name: str) -> Field:
    _FILE.insist(name in given["fields"], found, f"names the unknown field {name}")
    return Field(name, **given["fields"][name])


CHECKLISTS: Final = load_checklists()
SETUP: Final = CHECKLISTS["setup"]
MONTHLY: Final = CHECKLISTS["monthly"]
