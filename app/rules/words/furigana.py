"""Words for people: the gettext marker, and furigana in one notation, `{漢字|かんじ}`."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

RUBY: Final = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")


LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Letters that nobody confuses when typing; no digits, so that nobody takes them for a PIN."""
SPOKEN: Final = 6


def spoken(number: int, places: int = SPOKEN) -> str:
    """Return letters for a large number: to be read on one screen and typed, or said, elsewhere."""
    return "".join(LETTERS[number // len(LETTERS) ** place % len(LETTERS)] for place in range(places))


def letters(typed: str) -> str:
    """Return the letters that a person meant, whatever their width and case, and what stands between them."""
    return "".join(char for char in unicodedata.normalize("NFKC", typed).upper() if char in LETTERS)


def N_(message: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for the catalogue without translating it here."""
    return message


def plain(message: str) -> str:
    """Answer the message without readings: what a title, an attribute or a log may hold."""
    return RUBY.sub(r"\1", message)
