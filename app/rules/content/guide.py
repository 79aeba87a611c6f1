"""The guide's topics of `guide.toml`: dated parts with their sources, some only for stations of one kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from app.rules.content.file import ContentFile, ends_as_report, is_report
from app.rules.content.sources import Source, named
from app.rules.station.station import StationProfile

_FILE: Final = ContentFile("guide.toml")
_LINKED: Final = ("https://", "/guide/", "/office/")
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
    checked_on: date
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
    parts: tuple[TopicPart, ...]
    related: tuple[str, ...] = ()
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
    known = _SAID[found] if found is None or isinstance(found, bool) else str(found)
    if not known:
        return row
    return replace(row, only="", label="") if known == value else None


def load_guide(found: dict[str, Any] | None = None) -> GuideContent:
    """Load `guide.toml`, or validate its parsed contents."""
    given = _FILE.read(found)
    topics = _FILE.by_id(_topic(given, row) for row in given["topic"])
    for row in given["topic"]:
        _FILE.insist(set(row.get("related", ())) <= topics.keys(), row, "names a related topic that is not there")
    return GuideContent(given["groups"], MappingProxyType(topics), given["checked_on"], given["review_by"])


def _topic(given: Mapping[str, Any], row: dict[str, Any]) -> Topic:
    _FILE.insist(row.get("group") in given["groups"], row, "has no group")
    parts = tuple(_FILE.by_id(_part(given, each) for each in row.get("part", ())).values())
    words = {name: value for name, value in row.items() if name != "part"}
    return _FILE.made(Topic, {**words, "related": tuple(row.get("related", ())), "parts": parts})


def _part(given: Mapping[str, Any], row: dict[str, Any]) -> TopicPart:
    rows = tuple(
        _row(given, f"{row.get('id', '?')}-{number}", each) for number, each in enumerate(row.get("rows", ()), 1)
    )
    cells = tuple(tuple(each) for each in row.get("cells", ()))
    columns = tuple(row.get("columns", ()))
    shaped = {**_FILE.dated(row, given), "rows": rows, "cells": cells, "columns": columns}
    part = _FILE.made(TopicPart, {**_FILE.graded(row), **shaped})
    _FILE.linked(row, *_LINKED)
    _FILE.insist(part.kind in _KINDS, row, "is of an unknown kind")
    _FILE.insist(bool(part.report) == bool(part.report_source), row, "has a report without its source")
    _FILE.insist(not part.report or ends_as_report(part.report), row, "has a report that does not say that it is one")
    _FILE.insist(all(len(each) == len(columns) for each in cells), row, "has a row of another length")
    _FILE.insist(bool(rows) != bool(cells), row, "has neither rows nor cells, or both")
    told = (*(each.text for each in rows), *(cell for line in cells for cell in line))
    _FILE.insist(not any(map(is_report, told)), row, "tells a report among the facts")
    _FILE.insist(bool(part.sources), row, "names no source")
    return part


def _row(given: Mapping[str, Any], name: str, found: str | dict[str, str]) -> TopicRow:
    if isinstance(found, str):
        return TopicRow(name, found)
    is_known = set(found) == {"text", "only"} and found["only"] in given["conditions"]
    _FILE.insist(is_known, {"id": name}, "has an unknown condition")
    return TopicRow(name, found["text"], found["only"], given["conditions"][found["only"]])


GUIDE: Final = load_guide()
