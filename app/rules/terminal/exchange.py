"""A file on its way: asked for, carried, looked at, and taken into the list. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from app.rules.terminal.consent_list import ListedPerson, Turn, turned
from app.rules.terminal.preview import Preview


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that was made for the terminal; `reception` is the number under which it was taken in there."""

    key: str
    facility: str
    day: str
    counter: int
    consent_from: str
    consent_to: str
    at: int
    by: str
    reception: str = ""


STALE: Final = 30
"""Seconds without a batch after which a file that is being taken may be taken up by another."""


class Stage(StrEnum):
    """Where a file is on its way into the list."""

    WAITING = "waiting"
    TAKING = "taking"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """What taking a file did: people by what was known of them before, endings at the source, visits seen."""

    new: int = 0
    changed: int = 0
    same: int = 0
    older: int = 0
    """Of whom a newer file was taken before: it stays."""
    withdrawn: int = 0
    lapsed: int = 0
    matched: int = 0
    differs: int = 0
    """Of the matched visits, those in which the file differs from what was chosen."""

    def with_people(self, taken: Iterable[Taken]) -> MergeOutcome:
        """Return it with a batch of people counted."""
        found = self
        for each in taken:
            kind = "older" if each.is_older else "new" if each.before is None else "same" if each.is_same else "changed"
            found = replace(
                found,
                **{kind: getattr(found, kind) + 1},
                withdrawn=found.withdrawn + (Turn.WITHDRAWN in each.turns),
                lapsed=found.lapsed + (Turn.LAPSED in each.turns),
            )
        return found


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the terminal that was read; its people are kept, encrypted, until they are taken."""

    id: str
    facility: str
    stage: Stage
    at: int
    by: str
    preview: Preview
    total: int
    done: int = 0
    touched_at: int = 0
    outcome: MergeOutcome = MergeOutcome()

    def is_left(self, now: int) -> bool:
        """Whether whoever took it seems to have died half-way: anybody may go on."""
        return self.stage is Stage.TAKING and abs(now - self.touched_at) > STALE


@dataclass(frozen=True, slots=True)
class Taken:
    """One person as they were before a file and as they are after it."""

    before: ListedPerson | None
    after: ListedPerson
    is_older: bool = False
    """Whether a newer file had brought them: they stay as they were."""

    @property
    def is_same(self) -> bool:
        """Whether the file said nothing new."""
        before = self.before
        return before is not None and (before.validity, before.results, before.references) == (
            self.after.validity,
            self.after.results,
            self.after.references,
        )

    @property
    def turns(self) -> Mapping[Turn, list[str]]:
        """Which flags were given before and are not any more, by how they ended."""
        return turned(self.before.results, self.after.results) if self.before else {}
