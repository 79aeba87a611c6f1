"""Consent items and the three values of a choice. Pure.

Items are dated content, not code: the official screens may change (source and date stand in `content/items.toml`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final

from app.rules.words.dates import day_of
from app.rules.words.furigana import N_

QUESTIONS: Final = (
    N_("これは{何|なん}ですか"),
    N_("だれが{見|み}ますか"),
    N_("いつまでですか"),
    N_("{同意|どうい}しないと、どうなりますか"),
    N_("やめたくなったら"),
)
"""What patients ask of every item."""


class Choice(StrEnum):
    """One answer to one item. "Declined" and "not asked" are different facts."""

    AGREE = "agree"
    DECLINE = "decline"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True, eq=False)
class Wording:
    """The exact words that a person is shown for one item, with furigana notation. Compared by identity, as `Item`.

    `what` to `undo` answer what patients ask, in this order: `QUESTIONS`.
    """

    name: str
    short: str
    sentence: str
    what: str
    who: str
    until: str
    declined: str
    undo: str

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers to `QUESTIONS`."""
        return self.what, self.who, self.until, self.declined, self.undo


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One consent item as the official screen asks it, valid from `effective_from` until `effective_to`.

    Items are compared by identity: they are read once, and a page asks for them many times.
    """

    id: str
    official: str
    """The item's name on the official screen: beside every translation, so that it is found there."""
    flags: tuple[str, ...]
    group: str
    from_age: int
    effective_from: date
    effective_to: date | None
    version: int
    wording: Wording
    source: str
    grade: str
    checked_on: date

    @property
    def name(self) -> str:
        """The item's name, with furigana notation."""
        return self.wording.name


def in_force(items: tuple[Item, ...], at: int) -> tuple[Item, ...]:
    """Return the items that the official screen asks at that moment."""
    return _in_force(items, day_of(at))


@lru_cache
def _in_force(items: tuple[Item, ...], day: date) -> tuple[Item, ...]:
    return tuple(
        item for item in items if item.effective_from <= day and (item.effective_to is None or day <= item.effective_to)
    )


def asked(items: tuple[Item, ...], *, at: int, over_40: bool) -> tuple[Item, ...]:
    """Return the items that this patient is asked: those with an age limit only from that age on."""
    return tuple(item for item in in_force(items, at) if over_40 or not item.from_age)


def complete(items: tuple[Item, ...], choices: dict[str, str], *, at: int) -> dict[str, str]:
    """Return a value for every item in force; an item that does not apply is recorded as not asked."""
    return {item.id: choices.get(item.id, Choice.NOT_ASKED.value) for item in in_force(items, at)}


TOO_YOUNG: Final = "under "
"""Prefix of the reason why an item with an age limit was not asked."""


def not_asked_reason(item: Item) -> str:
    """Return why an item in force was not asked; stored with the evidence."""
    return f"{TOO_YOUNG}{item.from_age}" if item.from_age else "not shown"
