"""Recognises what must never be typed here: a four-digit PIN or a My Number, in any spelling. Pure.

The same test vectors (`tests/rules/words/digits.json`) hold for this module and for its twin in `static/app.js`.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final

_KANJI: Final = dict(zip("〇零一二三四五六七八九", "00123456789", strict=True))
# Spaces, zero-width characters, and every dash, dot or middle mark people write between digits.
_BETWEEN: Final = re.compile(
    r"(?<=[0-9])[\s\u200b-\u200f\u2060\ufeff\-\u2010-\u2015\u2212\u30fc\uff70_.,\u30fb\uff65/]+(?=[0-9])"
)
_ORDINARY: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z\-_./]*")
_LONG: Final = 12
_PIN: Final = 4


class Finding(StrEnum):
    """Why a text is refused."""

    MY_NUMBER = "my_number"
    PIN = "pin"
    UNFIT = "unfit"


def ascii_digits(text: str) -> str:
    """Return the text in NFKC with every Unicode or kanji digit as ASCII and nothing between digits."""
    normal = unicodedata.normalize("NFKC", text)
    digits = "".join(_KANJI.get(char) or _decimal(char) for char in normal)
    return _BETWEEN.sub("", digits)


def _decimal(char: str) -> str:
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


def has_my_number(text: str) -> bool:
    """Whether a run of exactly 12 digits carries My Number's check digit (Ordinance 85 of 2014, article 5)."""
    return any(_checks(run) for run in re.findall(r"[0-9]+", ascii_digits(text)) if len(run) == _LONG)


def _checks(run: str) -> bool:
    weights = (2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6)
    total = sum(int(digit) * weight for digit, weight in zip(reversed(run[:-1]), weights, strict=True))
    rest = total % 11
    return int(run[-1]) == (0 if rest <= 1 else 11 - rest)


def find(text: str, *, number_expected: bool, limit: int) -> Finding | None:
    """Say why a text typed during a visit is refused, or None. It keeps neither value nor length."""
    seen = ascii_digits(text.strip())
    if any(len(run) >= _LONG for run in re.findall(r"[0-9]+", seen)):
        return Finding.MY_NUMBER
    if not number_expected and len(seen) == _PIN and seen.isascii() and seen.isdigit():
        return Finding.PIN
    fits = len(text.strip()) <= limit and _ORDINARY.fullmatch(unicodedata.normalize("NFKC", text.strip()))
    return None if fits else Finding.UNFIT
