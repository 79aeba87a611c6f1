"""The guide's topics of `guide.toml`: dated parts with their sources, some only for stations of one kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final, cast

from app.rules.content import ContentError, _graded, _read
from app.rules.content.sources import Source, named
from app.rules.station.station import StationProfile

_FILE: Final = "guide.toml"
_SECOND_HAND: Final = "2"
_SAFE: Final = "https://"
_OURS: Final = ("/guide/", "/office/")
_SAYS_SO: Final = "という報告があります。"
_HEARSAY: Final = "報告があります"
_KINDS: Final = frozenset({"steps", "facts", "table", "template"})
_SAID: Final = {True: "yes", False: "no", None: ""}


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One step or fact; `only` names the setting and value (`terminal=notebook`) for which it stands.

    Its id counts every row of the part, so that a link to a step leads to the same step at every station.
    """

    id: str
    text: str
    only: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class TopicPart:
    """One part of a topic, with its source and its grade."""

    id: str
    title: str
    kind: str
    source: str
    grade: str
    rows: tuple[TopicRow, ...] = ()
    columns: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()
    link: str = ""
    link_label: str = ""
    report: str = ""
    report_source: str = ""

    def rows_for(self, station: StationProfile | None) -> tuple[TopicRow, ...]:
        """Return the rows that fit a station; if its setting is unknown, the row stays, with its label."""
        return tuple(row for row in (_shaped(row, station) for row in self.rows) if row is not None)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Its sources, the report's included."""
        return named(self.source, self.report_source)


@dataclass(frozen=True, slots=True)
class Topic:
    """One page of the guide."""

    id: str
    group: str
    title: str
    lead: str
    for_whom: str
    words: str
    related: tuple[str, ...]
    parts: tuple[TopicPart, ...]
    desks: bool = False


@dataclass(frozen=True, slots=True)
class GuideContent:
    """All topics and their groups, with the dates of the check and of the next one."""

    groups: Mapping[str, str]
    topics: Mapping[str, Topic]
    checked_on: date
    review_by: date


def _shaped(row: TopicRow, station: StationProfile | None) -> TopicRow | None:
    if not row.only:
        return row
    setting, _, value = row.only.partition("=")
    found = getattr(station, setting, None)
    said = _SAID[found] if found is None or isinstance(found, bool) else str(found)
    if not said:
        return row
    return replace(row, only="", label="") if said == value else None


def load_guide(found: Mapping[str, Any] | None = None) -> GuideContent:
    """Load `guide.toml`, or validate its parsed contents."""
    given = found or _read(_FILE)
    topics = {row["id"]: _topic(given, row) for row in given["topic"]}
    _insist(len(topics) == len(given["topic"]), "topics", "stand twice")
    for topic in topics.values():
        _insist(set(topic.related) <= topics.keys(), topic.id, "names a related topic that is not there")
    return GuideContent(
        groups=given["groups"],
        topics=MappingProxyType(topics),
        checked_on=given["checked_on"],
        review_by=_later(given, "review_by"),
    )


def _later(given: Mapping[str, Any], name: str) -> date:
    found = given.get(name)
    _insist(isinstance(found, date) and found > given["checked_on"], name, "is no day after the check")
    return cast("date", found)


def _topic(given: Mapping[str, Any], row: dict[str, Any]) -> Topic:
    parts = tuple(_part(given, row["id"], each) for each in row.get("part", ()))
    _insist(row.get("group") in given["groups"] and bool(parts), row["id"], "has no group or no part")
    _insist(len({part.id for part in parts}) == len(parts), row["id"], "has a part twice")
    rest = {name: value for name, value in row.items() if name != "part"}
    _insist(_fits(Topic, {**rest, "parts": parts}), row["id"], "is not whole, or says what is not known")
    return Topic(**{**rest, "related": tuple(row["related"]), "parts": parts})


def _part(given: Mapping[str, Any], topic: str, row: dict[str, Any]) -> TopicPart:
    name = f"{topic}#{row.get('id', '?')}"
    _insist(_fits(TopicPart, row) and row["kind"] in _KINDS, name, "is not whole, or says what is not known")
    link = row.get("link", "")
    _insist(row["grade"] != _SECOND_HAND or link.startswith(_SAFE), name, "is second-hand, without its official page")
    _insist(not link or link.startswith((_SAFE, *_OURS)), name, "links to no safe page")
    _insist(bool(link) == ("link_label" in row), name, "has a link or its words alone")
    _insist(("report" in row) == ("report_source" in row), name, "has a report without its source")
    _insist(row.get("report", _SAYS_SO).endswith(_SAYS_SO), name, "has a report that does not say that it is one")
    cells = tuple(tuple(each) for each in row.get("cells", ()))
    columns = tuple(row.get("columns", ()))
    _insist(all(len(each) == len(columns) for each in cells), name, "has a row of another length")
    rows = tuple(_row(given, f"{row['id']}-{number}", each) for number, each in enumerate(row.get("rows", ()), 1))
    _insist(bool(rows) != bool(cells), name, "has neither rows nor cells, or both")
    told = (*(each.text for each in rows), *(cell for line in cells for cell in line))
    _insist(not any(_HEARSAY in each for each in told), name, "tells a report among the facts")
    part = TopicPart(**{**_graded(_FILE, row), "rows": rows, "cells": cells, "columns": columns})
    _insist(bool(part.sources), name, "names no source")
    return part


def _row(given: Mapping[str, Any], name: str, found: str | dict[str, str]) -> TopicRow:
    if isinstance(found, str):
        return TopicRow(name, found)
    _insist(set(found) == {"text", "only"} and found["only"] in given["conditions"], name, "has an unknown condition")
    return TopicRow(name, found["text"], found["only"], given["conditions"][found["only"]])


def _fits(kind: type[Topic | TopicPart], row: Mapping[str, Any]) -> bool:
    known = {field.name: field.default is MISSING for field in fields(kind)}
    return row.keys() <= known.keys() and all(name in row for name, needed in known.items() if needed)


def _insist(holds: bool, name: str, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise ContentError(f"{_FILE}: {name} {otherwise}")


GUIDE: Final = load_guide()
