"""The life cycle of a terminal file: request, upload, preview, import. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from app.rules.terminal.consent_list import ListedPerson, Turn, turned
from app.rules.terminal.preview import Preview


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request made for the terminal; `reception` is the terminal's reception number for it."""

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
"""Seconds without a batch after which another process may resume an import."""


class Stage(StrEnum):
    """The state of an upload."""

    WAITING = "waiting"
    TAKING = "taking"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """The counts of an import: people by change, consents that ended at the source, visits matched."""

    new: int = 0
    changed: int = 0
    same: int = 0
    older: int = 0
    """Skipped: a newer file with them was imported before."""
    withdrawn: int = 0
    lapsed: int = 0
    matched: int = 0
    differs: int = 0
    """Of the matched visits, those in which the file differs from what was chosen."""

    def with_people(self, taken: Iterable[Taken]) -> MergeOutcome:
        """Return it with a batch of people counted."""
        found = self
        for person in taken:
            kind = (
                "older"
                if person.is_older
                else "new"
                if person.before is None
                else "same"
                if person.is_same
                else "changed"
            )
            found = replace(
                found,
                **{kind: getattr(found, kind) + 1},
                withdrawn=found.withdrawn + (Turn.WITHDRAWN in person.turns),
                lapsed=found.lapsed + (Turn.LAPSED in person.turns),
            )
        return found


@dataclass(frozen=True, slots=True)
class Upload:
    """A parsed file of the terminal; its people are stored, encrypted, until they are imported."""

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
        """Whether its import has stalled in TAKING for more than `STALE` seconds: any process may resume it."""
        return self.stage is Stage.TAKING and abs(now - self.touched_at) > STALE


@dataclass(frozen=True, slots=True)
class Taken:
    """One person before and after an import."""

    before: ListedPerson | None
    after: ListedPerson
    is_older: bool = False
    """Whether a newer file had them: nothing was changed."""

    @property
    def is_same(self) -> bool:
        """Whether the file changed nothing."""
        before = self.before
        return before is not None and (before.validity, before.results, before.references) == (
            self.after.validity,
            self.after.results,
            self.after.references,
        )

    @property
    def turns(self) -> Mapping[Turn, list[str]]:
        """The flags that were given before and no longer are, by how they ended."""
        return turned(self.before.results, self.after.results) if self.before else {}
