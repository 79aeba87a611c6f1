"""Normalizes names for search: width, kana and kanji variants. Pure.

髙﨑 is found by 高崎, たかさき, ﾀｶｻｷ or タカサキ. Only what is compared is normalized, never what is stored.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

SHORTEST: Final = 2
"""Least characters of a prefix: counts by single kana would reveal too much. One kanji can be a whole name."""
LONGEST: Final = 8
"""Most characters of a prefix that are compared: more would hardly distinguish anybody."""

_HIRAGANA: Final = (*range(0x3041, 0x3097), 0x309D, 0x309E)
_TO_KATAKANA: Final = {code: code + 0x60 for code in _HIRAGANA}
# Variation selectors: newer systems append them to a kanji, older ones cannot.
_DRAWINGS: Final = dict.fromkeys((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
# Older systems write small kana large.
_SMALL: Final = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")
# Kanji variants in family names that NFKC leaves apart.
_VARIANTS: Final = str.maketrans(
    "髙﨑𠮷邊邉齋齊濵濱澤廣嶋嶌櫻國惠眞德渕曻舘桒冨舩瀨靏鶴檜栁淸",
    "高崎吉辺辺斎斉浜浜沢広島島桜国恵真徳淵昇館桑富船瀬鶴鶴桧柳清",
)


def folded(text: str) -> str:
    """Normalize a name so that all its spellings are equal, without spaces."""
    wide = unicodedata.normalize("NFKC", text)
    joined = "".join(letter for letter in wide if not letter.isspace() and letter not in "・．.")
    drawn = joined.translate(_DRAWINGS).translate(_TO_KATAKANA).translate(_SMALL).translate(_VARIANTS)
    return unicodedata.normalize("NFKC", drawn.casefold())  # folding may leave marks in another order


def sought(text: str) -> str:
    """Return the normalized prefix to search; empty when it is too short."""
    found = folded(text)[:LONGEST]
    return found if _is_enough(found) else ""


def beginnings(*names: str) -> frozenset[str]:
    """Return every prefix to index for these names: of the whole name and of each part of it."""
    return frozenset(beginning for name in names for beginning in _beginnings(name))


def _beginnings(name: str) -> Iterator[str]:
    parts = [folded(part) for part in unicodedata.normalize("NFKC", name).split()]
    for word in {"".join(parts), *parts}:
        for length in range(1, min(len(word), LONGEST) + 1):
            beginning = word[:length]
            if length >= SHORTEST or (len(word) == length and _is_enough(beginning)):
                yield beginning


def _is_enough(text: str) -> bool:
    return len(text) >= SHORTEST or (len(text) == 1 and unicodedata.name(text, "").startswith("CJK UNIFIED"))
