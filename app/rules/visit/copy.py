"""The patient's copy (控え): the letters that open it, how long they hold, and what may be wished there. Pure.

Whoever has the letters sees what was chosen and what became of it, and nobody's name. They stand on paper and in the
fragment of an address, which no server and no log sees; the store knows their hash alone.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.rules.record.evidence import hashed
from app.rules.words.furigana import LETTERS, letters, spoken

LENGTH: Final = 28
"""Letters of a secret: 24 to the 28th is more than 128 bits, and half an hour's typing for nobody."""
GROUP: Final = 4
_MAC: Final = b"kazasu/copy/1\0"
_MARK: Final = 4
"""Letters by which people tell the copies of a visit apart."""
LIVES: Final = 90 * 24 * 3600
"""Seconds for which a copy can be looked at."""
REVIEW: Final = "/review"
"""Where a copy is looked at. What follows in a code is behind `#`."""


class Wish(StrEnum):
    """What a patient may ask of the station from the copy."""

    CHANGE = "change"
    WITHDRAW = "withdraw"
    DISAGREE = "disagree"
    """「わたしは同意していません」: tops the office's worklist."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One copy of one visit, as the store knows it. Times are seconds since 1970, UTC."""

    id: str
    facility: str
    visit: str
    hash: str
    made_at: int
    by: str = ""
    """Who of the office printed it; empty when it was made at the bedside."""
    called_back_at: int | None = None

    @property
    def mark(self) -> str:
        """How people tell this copy from another, on paper and by telephone; it opens nothing."""
        return spoken(int(hashed(f"mark\0{self.id}"), 16), _MARK)

    def mac(self, key: bytes) -> str:
        """Return HMAC-SHA256 (hex) of all that it says under the record key: it is tied to its visit by that."""
        said = (self.id, self.facility, self.visit, self.hash, self.made_at, self.by, self.called_back_at)
        return hmac.digest(key, _MAC + json.dumps(said).encode(), "sha256").hex()

    def is_live(self, now: int) -> bool:
        """Whether it can be looked at."""
        return self.called_back_at is None and now < self.made_at + LIVES


def new_letters() -> str:
    """Return the letters of a new copy."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def letters_from(number: int) -> str:
    """Return the letters that stand for a number of 128 random bits and more."""
    return spoken(number, LENGTH)


def typed(text: str) -> str:
    """Return the letters that somebody meant, or nothing when they cannot be a copy's."""
    found = letters(text)
    return found if len(found) == LENGTH else ""


def known_as(secret: str) -> str:
    """Return how the store knows a copy."""
    return hashed(f"receipt\0{secret}")


def grouped(secret: str) -> str:
    """Return letters as they stand on paper: in groups of four."""
    return " ".join(secret[place : place + GROUP] for place in range(0, len(secret), GROUP))
