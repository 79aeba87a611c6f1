"""Text as it is searched: in width, case and kana alike. `static/guide/help.js` does the same on a phone."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 40
"""Letters of what is searched for; the rest is left out."""
READING: Final = r"\2"
"""What a word with its reading (`RUBY`) is replaced by, to be found by how it is read."""
_KATAKANA: Final = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


def folded(text: str) -> str:
    """Normalise a text for search."""
    return unicodedata.normalize("NFKC", text).lower().translate(_KATAKANA)


def is_found(wanted: str, text: str) -> bool:
    """Whether every word of what is wanted stands in a folded text."""
    return all(word in text for word in folded(wanted).split())
