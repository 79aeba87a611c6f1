"""Matches persons of the terminal's files with visits. Pure.

A match is automatic only by reference number plus a consent on the visit's day, if no other person has both and no
other visit fits as well. Everything else is a candidate with its grounds, which a person confirms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from app.rules.terminal.consent_list import ListedPerson, MergedFlag
from app.rules.terminal.values import Meaning, comparable
from app.rules.visit.standing import Followed, Sight, Verdict, compared
from app.rules.visit.visit import Report, Visit
from app.rules.words.dates import day_of, format_time

SLACK: Final = 5 * 60
"""Seconds by which the terminal's clock and ours may differ."""
_DAY: Final = 24 * 60 * 60
UNTOLD: Final = 30 * 60
"""Seconds by which the window is extended when the time of registration was not reported."""


class Ground(StrEnum):
    """Why a person may belong to a visit, or what speaks against it."""

    REFERENCE = "reference"
    SAME_DAY = "same_day"
    BETWEEN = "between"
    """Decided between the handoff and the report."""
    ITEMS = "items"
    """Every item as it was chosen."""
    OTHER_REFERENCE = "other_reference"
    OTHER_DAY = "other_day"
    ITEMS_DIFFER = "items_differ"

    @property
    def speaks_against(self) -> bool:
        """Whether it makes this person less likely."""
        return _WEIGHTS[self] < 0


_WEIGHTS: Final[Mapping[Ground, int]] = {
    Ground.REFERENCE: 8,
    Ground.BETWEEN: 4,
    Ground.SAME_DAY: 2,
    Ground.ITEMS: 2,
    Ground.ITEMS_DIFFER: -1,
    Ground.OTHER_DAY: -2,
    Ground.OTHER_REFERENCE: -4,
}


_BY_NUMBER: Final = frozenset({Ground.REFERENCE, Ground.SAME_DAY})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who may belong to a visit, with the grounds for and against."""

    known: ListedPerson
    grounds: tuple[Ground, ...]

    @property
    def weight(self) -> int:
        """The sum of its grounds' weights."""
        return sum(_WEIGHTS[each] for each in self.grounds)

    @property
    def is_by_number(self) -> bool:
        """Whether reference number and day are the visit's."""
        return set(self.grounds) >= _BY_NUMBER


def window(followed: Followed) -> tuple[int, int]:
    """Return the first and last second (since 1970) in which the consent of this visit can have been given."""
    if followed.visit.transcribed_by:  # paper has a day and no time
        return followed.visit.opened_at, followed.visit.opened_at + _DAY - 1
    return followed.handed_off_at - SLACK, _ends(followed) + SLACK


def _ends(followed: Followed) -> int:
    """Return the end of the window: the report; plus `UNTOLD` if it says "later", or after the handoff without one."""
    told, handed_off = followed.visit.times.get("result", 0), followed.handed_off_at
    if told < handed_off:
        return handed_off + UNTOLD
    return told + UNTOLD if followed.visit.report == Report.LATER else told


def candidates(followed: Followed, people: Iterable[ListedPerson]) -> tuple[Candidate, ...]:
    """Return candidates by descending weight, only those with the ground REFERENCE or BETWEEN."""
    found = (Candidate(each, grounds(followed, each)) for each in people)
    fit = [each for each in found if {Ground.REFERENCE, Ground.BETWEEN} & set(each.grounds)]
    return tuple(sorted(fit, key=lambda each: (-each.weight, each.known.id)))


def certain(followed: Followed, people: Iterable[ListedPerson]) -> ListedPerson | None:
    """Return the one person with the visit's reference number and day; None if nobody or several have both."""
    found = [each.known for each in candidates(followed, people) if each.is_by_number]
    return found[0] if len(found) == 1 else None


def is_contested(followed: Followed, known: ListedPerson, visits: Iterable[Followed]) -> bool:
    """Whether another visit has the same number and day, and the time of consent does not decide between them."""
    rivals = [grounds(each, known) for each in visits if each.visit.id != followed.visit.id]
    rivals = [each for each in rivals if set(each) >= _BY_NUMBER]
    is_between = Ground.BETWEEN in grounds(followed, known)
    return bool(rivals) and (not is_between or any(Ground.BETWEEN in each for each in rivals))


def grounds(followed: Followed, known: ListedPerson) -> tuple[Ground, ...]:
    """Return the grounds for and against a match."""
    return tuple(
        each
        for each in (_by_number(followed.visit, known), *_by_time(followed, known), _by_items(followed.visit, known))
        if each
    )


def _by_number(visit: Visit, known: ListedPerson) -> Ground | None:
    number = comparable(visit.reference)
    if not number or not known.references:
        return None
    return Ground.REFERENCE if number in known.references else Ground.OTHER_REFERENCE


def _by_time(followed: Followed, known: ListedPerson) -> tuple[Ground, ...]:
    times = [each.consented_at for each in known.merged.values() if each.consented_at is not None]
    begins, ends = window(followed)
    between = not followed.visit.transcribed_by and any(begins <= at <= ends for at in times)
    first, last = _days(followed)
    same_day = any(first <= day_of(at) <= last for at in times)
    return (*((Ground.BETWEEN,) if between else ()), Ground.SAME_DAY if same_day else Ground.OTHER_DAY)


def _days(followed: Followed) -> tuple[date, date]:
    """Return the first and last day (Japan) on which the consent of this visit can have been given."""
    if followed.visit.transcribed_by:
        day = day_of(followed.visit.opened_at)
        return day, day
    return day_of(followed.handed_off_at), day_of(_ends(followed))


def _by_items(visit: Visit, known: ListedPerson) -> Ground | None:
    verdicts = {each.verdict for each in compared(visit, sight(known, 0, ""))}
    if Verdict.DIFFERS in verdicts:
        return Ground.ITEMS_DIFFER
    return Ground.ITEMS if Verdict.MATCHES in verdicts and Verdict.NOT_LOOKED_AT not in verdicts else None


def says_all(visit: Visit, known: ListedPerson) -> bool:
    """Whether the file has an unambiguous answer for every flag that was asked; otherwise a person must judge."""
    flags = sight(known, 0, "").flags
    return all(flag in flags for item in visit.items for flag in item.flags)


def sight(known: ListedPerson, at: int, by: str) -> Sight:
    """Convert a listed person to a `Sight` with the source "file"; `flags` omits those without a definite answer."""
    flags = known.merged
    return Sight(
        at=at,
        by=by,
        found=True,
        flags={flag: merged.meaning is Meaning.GIVEN for flag, merged in flags.items() if _says(merged)},
        consented_on=known.consented_on,
        available_until=format_time(known.ends_at),
        source="file",
        meanings={flag: "mixed" if merged.is_mixed else merged.meaning.value for flag, merged in flags.items()},
    )


def _says(merged: MergedFlag) -> bool:
    return merged.meaning in {Meaning.GIVEN, Meaning.NOT_GIVEN, Meaning.EXPIRED}
