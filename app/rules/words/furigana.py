"""Words for people: the gettext marker, and furigana in one notation, `{漢字|かんじ}`."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

RUBY: Final = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")


LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Letters without the look-alikes I and O; no digits, so that they are not mistaken for a PIN."""
SPOKEN: Final = 6


def spoken(number: int, places: int = SPOKEN) -> str:
    """Encode a number as letters (base 24), to be read on one screen and typed or said elsewhere."""
    return "".join(LETTERS[number // len(LETTERS) ** place % len(LETTERS)] for place in range(places))


def letters(typed: str) -> str:
    """Normalize typed letters: NFKC, upper case, all other characters removed."""
    return "".join(char for char in unicodedata.normalize("NFKC", typed).upper() if char in LETTERS)


def N_(message: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for the catalogue without translating it here."""
    return message


def plain(message: str) -> str:
    """Return the message without readings, for titles, attributes and logs."""
    return RUBY.sub(r"\1", message)
