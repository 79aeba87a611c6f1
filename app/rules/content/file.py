"""Reads the content files `*.toml`, and raises `ContentError` for what a page must not print."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

from app.rules.words.furigana import plain

PRINTABLE: Final = frozenset({"S", "O", "V", "2"})
"""Grades of facts: stated by the guide, official, vendor (worded carefully), second-hand (with official link)."""
HEARSAY: Final = "F"
_SECOND_HAND: Final = "2"
_SAYS_SO: Final = "報告があります"
"""What every report must end with, so that it is not read as a fact."""
_FOLDER: Final = Path(__file__).parent

T = TypeVar("T")


def is_report(text: str) -> bool:
    """Whether a text tells a report."""
    return _SAYS_SO in plain(text)


def ends_as_report(text: str) -> bool:
    """Whether a text says that it is one, as its last words."""
    return plain(text).endswith(f"{_SAYS_SO}。")


class ContentError(Exception):
    """A content file is invalid: the message says which and why."""


@dataclass(frozen=True, slots=True)
class Hearsay:
    """What some practitioners report: no fact, and worded so."""

    text: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class ContentFile:
    """One file of dated content, and what holds for the rows of every such file."""

    name: str

    def read(self, found: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the parsed file, or validate the dates of its parsed contents."""
        given = found or tomllib.loads((_FOLDER / self.name).read_text(encoding="utf-8"))
        checked, review = given.get("checked_on"), given.get("review_by")
        is_dated = isinstance(checked, date) and isinstance(review, date) and checked < review
        self.insist(is_dated, given, "has no checked_on, or no review_by after it")
        return given

    def insist(self, holds: bool, row: Mapping[str, Any], otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
        """Raise `ContentError` unless this holds."""
        if not holds:
            raise ContentError(f"{self.name}: {row.get('id', '?')} {otherwise}")

    def graded(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row that names its source and a grade that may be printed."""
        self.insist(
            row.get("grade") in PRINTABLE and bool(row.get("source")), row, "has no printable grade or no source"
        )
        return row

    def dated(self, row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, date]:
        """Return the day on which a row was checked: its own, or that of the file."""
        return {"checked_on": row.get("checked_on", given["checked_on"])}

    def made(self, kind: type[T], row: Mapping[str, Any]) -> T:
        """Return a row as `kind`, with every field that it needs and no other."""
        known = {field.name: field.default is MISSING for field in fields(kind)}  # type: ignore[arg-type]
        is_whole = all(row.get(name) not in (None, "", ()) for name, needed in known.items() if needed)
        self.insist(is_whole and row.keys() <= known.keys(), row, "is not whole, or says what is not known")
        return kind(**row)

    def linked(self, row: Mapping[str, Any], *inside: str, name: str = "link") -> None:
        """Check that a row has a link and its label or neither, and that it leads to a safe page or `inside`.

        A second-hand row must link the official page.
        """
        link = row.get(name, "")
        self.insist(bool(link) == bool(row.get(f"{name}_label")), row, f"has {name} or its label alone")
        self.insist(
            not link or link.startswith(inside or ("https://",)), row, f"has a {name} to no page that may be linked"
        )
        if row.get("grade") == _SECOND_HAND and name == "link":
            self.insist(link.startswith("https://"), row, "is second-hand and brings no official page")

    def report(self, row: Mapping[str, Any]) -> Hearsay | None:
        """Return the report that a row brings, if any."""
        return self.hearsay(Hearsay, row["report"]) if "report" in row else None

    def hearsay(self, kind: type[T], row: Mapping[str, Any]) -> T:
        """Return a row as `kind` that tells hearsay and says so."""
        says_so = row.get("grade") == HEARSAY and ends_as_report(row.get("text", ""))
        self.insist(says_so, row, "is hearsay and does not say so")
        return self.made(kind, row)

    def by_id(self, rows: Iterable[T]) -> dict[str, T]:
        """Return rows by their ids, each of which stands once."""
        each = list(rows)
        found = {str(row.id): row for row in each}  # type: ignore[attr-defined]
        self.insist(len(found) == len(each), {"id": sorted(found)}, "stand twice")
        return found
