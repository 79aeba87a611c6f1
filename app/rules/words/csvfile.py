"""CSV for spreadsheets: formulas are escaped, and characters that the encoding lacks are reported. Pure."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

_RUNS: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""First characters of a cell that a spreadsheet may run as a formula (CSV injection)."""


class Letters(StrEnum):
    """The encoding of a file."""

    UTF_8 = "utf8"
    CP932 = "cp932"

    @property
    def codec(self) -> str:
        """Python's name of the codec."""
        return "cp932" if self is Letters.CP932 else "utf-8"

    @property
    def bom(self) -> bytes:
        """The byte order mark: without it, spreadsheets do not recognize UTF-8."""
        return b"" if self is Letters.CP932 else b"\xef\xbb\xbf"


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Render rows as CSV: quoted where needed, CRLF, each cell `safe`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def safe(cell: str) -> str:
    """Escape a cell: an apostrophe is put before what a spreadsheet could run as a formula."""
    bare = cell.lstrip(" \u3000")
    return f"'{cell}" if cell[:1] in _RUNS or bare[:1] in _RUNS else cell


def unwritable(text: str, letters: Letters) -> frozenset[str]:
    """Return the characters of a text that do not survive encoding and decoding."""
    return frozenset(letter for letter in set(text) if not _survives(letter, letters.codec))


def _survives(letter: str, codec: str) -> bool:
    try:
        return letter.encode(codec).decode(codec) == letter
    except UnicodeError:
        return False


def described(letter: str) -> str:
    """Return a character with its code point and Unicode name."""
    return f"{letter}（U+{ord(letter):04X} {unicodedata.name(letter, '名前のない文字')}）"
