"""The day's list: reference numbers that need a registration on a day's visits, without names. Pure."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hmac import compare_digest
from typing import Final

from app.rules.visit.journey import MAX_TEXT, TEXT_PROBLEMS
from app.rules.visit.visit import Answer, Intent
from app.rules.words.digits import Finding, find
from app.rules.words.furigana import SPOKEN, spoken

MOST: Final = 100
"""How many numbers may be put on a list at once."""
AHEAD: Final = 366
"""How many days ahead a list may be made."""
KEPT: Final = 30
"""How many days a list stays after its day."""


class Need(StrEnum):
    """What a number needs at its visit."""

    FIRST = "first"
    RENEWAL = "renewal"


INTENT_OF: Final[Mapping[Need, Intent]] = {Need.FIRST: Intent.FIRST, Need.RENEWAL: Intent.CHANGE}
"""The answer to the `need` step for each need."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A number on a day's list, by whom and when; `visit` is the one that was started with it."""

    facility: str
    day: date
    reference: str
    need: Need
    over_40: bool
    at: int
    by: str
    visit: str = ""

    @property
    def gate(self) -> Answer:
        """The answers to the `need` step of a visit that is started from the list."""
        over_40 = "yes" if self.over_40 else "no"
        return {"over_40": over_40, "reference": self.reference, "intent": INTENT_OF[self.need]}


@dataclass(frozen=True, slots=True)
class Typed:
    """The parsed text, one number a line: the numbers, line to problem, and the text to show again."""

    numbers: tuple[str, ...]
    problems: Mapping[int, str]
    again: str


def typed(text: str) -> Typed:
    """Parse numbers, one a line, as the `need` step does; what looks like a My Number is not shown again."""
    lines = [unicodedata.normalize("NFKC", line).strip() for line in text.splitlines()]
    found = {place: find(line, number_expected=True, limit=MAX_TEXT) for place, line in enumerate(lines, 1) if line}
    problems = {place: TEXT_PROBLEMS[finding] for place, finding in found.items() if finding}
    numbers = dict.fromkeys(lines[place - 1] for place, finding in found.items() if finding is None)
    # A removed line stays as an empty one: problems refer to line numbers.
    again = "\n".join("" if found.get(place) is Finding.MY_NUMBER else line for place, line in enumerate(lines, 1))
    return Typed(tuple(numbers), problems, again)


def is_word(known: str | None, word: str) -> bool:
    """Whether this is the day's word, compared in constant time; never while the day has none."""
    return known is not None and len(word) == SPOKEN and compare_digest(known, word)


def new_word() -> str:
    """Return a random word for a day: six letters, too many combinations to guess within the day."""
    return spoken(secrets.randbits(128))
