"""The patient's copy (控え): its secret letters, its lifetime, and what can be asked from it. Pure.

The letters are a bearer secret: they show what was chosen and its state, without names. They stand on paper and in a
URL fragment, which no server and no log sees; the database stores only their hash.
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
"""Letters of a secret: 24^28 is more than 128 bits, and still short enough to type."""
GROUP: Final = 4
_MAC: Final = b"kazasu/copy/1\0"
_CODE_LETTERS: Final = 4
"""Letters by which people tell the copies of a visit apart."""
LIVES: Final = 90 * 24 * 3600
"""Seconds until a copy expires."""
REVIEW: Final = "/review"
"""The path of the page that shows a copy; a QR code appends its letters as the fragment."""


class Wish(StrEnum):
    """What a patient may ask of the station from the copy."""

    CHANGE = "change"
    WITHDRAW = "withdraw"
    DISAGREE = "disagree"
    """「わたしは同意していません」: tops the office's worklist."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of one visit, as stored. Times are seconds since 1970, UTC."""

    id: str
    facility: str
    visit: str
    hash: str
    made_at: int
    by: str = ""
    """Who of the office printed it; empty when it was made at the bedside."""
    called_back_at: int | None = None

    @property
    def code(self) -> str:
        """Four letters by which people tell this copy from another; they open nothing."""
        return spoken(int(hashed(f"mark\0{self.id}"), 16), _CODE_LETTERS)

    def mac(self, key: bytes) -> str:
        """Return HMAC-SHA256 (hex) of all fields under the record key, which binds the copy to its visit."""
        values = (self.id, self.facility, self.visit, self.hash, self.made_at, self.by, self.called_back_at)
        return hmac.digest(key, _MAC + json.dumps(values).encode(), "sha256").hex()

    def is_live(self, now: int) -> bool:
        """Whether it still opens: neither called back nor expired."""
        return self.called_back_at is None and now < self.made_at + LIVES


def new_letters() -> str:
    """Return the letters of a new copy."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def letters_from(number: int) -> str:
    """Encode a number of 128 random bits or more as letters."""
    return spoken(number, LENGTH)


def typed(text: str) -> str:
    """Normalize typed letters; empty when they cannot be a copy's."""
    found = letters(text)
    return found if len(found) == LENGTH else ""


def known_as(secret: str) -> str:
    """Return the hash under which a copy is stored."""
    return hashed(f"receipt\0{secret}")


def grouped(secret: str) -> str:
    """Return letters as printed: in groups of four."""
    return " ".join(secret[place : place + GROUP] for place in range(0, len(secret), GROUP))
