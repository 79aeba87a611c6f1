"""Counts what a terminal file contains, shown before it is imported. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from app.rules.terminal.consent_list import Incoming, merged_flags
from app.rules.terminal.values import Reading

LINES: Final = 50
"""Odd lines that a preview shows; the rest are counted."""


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One odd value of a file: line, person (1-based, 0 for none), element and the start of the raw value."""

    odd: str
    line: int
    person: int
    element: str
    raw: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The contents of a file before import: counts and odd lines, no persons."""

    encoding: str
    executed_at: int | None
    key: str
    persons: int
    without_reference: int
    several: int
    """People with more than one insurance."""
    flags: Mapping[str, Mapping[str, int]]
    """Flag to meaning to number of people."""
    validities: Mapping[str, int]
    lines: tuple[PreviewLine, ...]
    line_count: int
    unknown: tuple[tuple[str, int, int], ...]
    """Unknown elements: name, count, first line."""
    has_names: bool = False
    """Whether the file's people were kept with their names."""

    def as_json(self) -> str:
        """Serialize to JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Preview:
        """Parse the output of `as_json`."""
        kept = json.loads(text)
        kept["lines"] = tuple(PreviewLine(**each) for each in kept["lines"])
        kept["unknown"] = tuple(tuple(each) for each in kept["unknown"])
        return cls(**kept)


def preview(reading: Reading, people: Iterable[Incoming]) -> Preview:
    """Build the preview of a parsed file."""
    people, header = list(people), reading.answer.header
    flags: dict[str, dict[str, int]] = {}
    validities: dict[str, int] = {}
    for person in people:
        validities[person.validity] = validities.get(person.validity, 0) + 1
        for flag, merged in merged_flags(person.results).items():
            counts = flags.setdefault(flag, {})
            counts[merged.meaning.value] = counts.get(merged.meaning.value, 0) + 1
    return Preview(
        encoding=reading.encoding.value,
        executed_at=header.executed_at,
        key=header.key,
        persons=len(people),
        without_reference=sum(not each.references for each in people),
        several=sum(len(each.results) > 1 for each in people),
        flags=flags,
        validities=validities,
        lines=tuple(
            PreviewLine(p.odd.value, p.line, p.person, p.element, p.raw[:40]) for p in reading.problems[:LINES]
        ),
        line_count=reading.problem_count,
        unknown=tuple((each.name, each.count, each.line) for each in reading.unknown),
    )
