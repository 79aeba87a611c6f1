"""Lines of a CSV file as spreadsheets read them: nothing in them runs, and no letter is replaced unseen. Pure."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

_RUNS: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for a formula, or for something before one, when a cell begins with it."""


class Letters(StrEnum):
    """The two ways in which a file's letters are written."""

    UTF_8 = "utf8"
    CP932 = "cp932"

    @property
    def codec(self) -> str:
        """Python's name for it."""
        return "cp932" if self is Letters.CP932 else "utf-8"

    @property
    def mark(self) -> bytes:
        """What stands at the beginning of the file: without it, spreadsheets take UTF-8 for something else."""
        return b"" if self is Letters.CP932 else b"\xef\xbb\xbf"


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines: quoted where needed, ended as spreadsheets end them, no cell a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def safe(cell: str) -> str:
    """Return a cell that no spreadsheet runs: an apostrophe stands before what could be a formula."""
    bare = cell.lstrip(" \u3000")
    return f"'{cell}" if cell[:1] in _RUNS or bare[:1] in _RUNS else cell


def unwritable(text: str, letters: Letters) -> frozenset[str]:
    """Return the letters of a text that cannot be written so, and come back the same."""
    return frozenset(letter for letter in set(text) if not _survives(letter, letters.codec))


def _survives(letter: str, codec: str) -> bool:
    try:
        return letter.encode(codec).decode(codec) == letter
    except UnicodeError:
        return False


def described(letter: str) -> str:
    """Return a letter with what tells it from its doubles: its number and its name."""
    return f"{letter}（U+{ord(letter):04X} {unicodedata.name(letter, '名前のない文字')}）"
