"""Names as they are searched: one width, one kana, one form of a letter that families write in several. Pure.

Whoever looks for 髙﨑 may type 高崎, たかさき, ﾀｶｻｷ or タカサキ. What is kept is never changed: only what is compared.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

SHORTEST: Final = 2
"""Letters of a beginning: how often each single kana begins a name would tell too much. One kanji can be a name."""
LONGEST: Final = 8
"""Letters of a beginning that are compared; the rest of a longer one tells hardly anybody apart."""

_HIRAGANA: Final = (*range(0x3041, 0x3097), 0x309D, 0x309E)
_TO_KATAKANA: Final = {code: code + 0x60 for code in _HIRAGANA}
# Which drawing of one letter is meant: newer systems write it behind the letter, older ones cannot.
_DRAWINGS: Final = dict.fromkeys((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
# Older systems write small kana large.
_SMALL: Final = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")
# What NFKC leaves: the forms of one letter that appear in families' names.
_VARIANTS: Final = str.maketrans(
    "髙﨑𠮷邊邉齋齊濵濱澤廣嶋嶌櫻國惠眞德渕曻舘桒冨舩瀨靏鶴檜栁淸",
    "高崎吉辺辺斎斉浜浜沢広島島桜国恵真徳淵昇館桑富船瀬鶴鶴桧柳清",
)


def folded(text: str) -> str:
    """Return a name in the form in which its spellings are equal, without spaces."""
    wide = unicodedata.normalize("NFKC", text)
    joined = "".join(letter for letter in wide if not letter.isspace() and letter not in "・．.")
    return joined.translate(_DRAWINGS).translate(_TO_KATAKANA).translate(_SMALL).translate(_VARIANTS).casefold()


def sought(text: str) -> str:
    """Return what is compared of a typed beginning, or nothing when it is too short."""
    found = folded(text)[:LONGEST]
    return found if _is_enough(found) else ""


def beginnings(*names: str) -> frozenset[str]:
    """Return every beginning under which these names are found: of the whole name and of each part of it."""
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
