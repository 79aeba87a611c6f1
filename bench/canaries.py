"""People who exist nowhere else, and the search for them: whatever is left of a name is found in any spelling."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import random
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final
from urllib.parse import quote

from app.rules.words.dates import in_era
from app.rules.words.names import folded

_KANJI: Final = range(0x4E9C, 0x9FA0)
_KANA: Final = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワ"
_SPELLED: Final = ("utf-8", "utf-16-le", "utf-16-be", "cp932")
_FREED: Final = " (deleted)"
_PACKED: Final = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_EMPTY: Final = re.compile(rb"\0{64,}")
_HEAD: Final = 8
"""Bytes by which a spelling is looked for first; a shorter one may be written by chance."""
_MOST: Final = 16 * 1024 * 1024
"""Bytes that one packed place may hold."""


@dataclass(frozen=True, slots=True)
class Canary:
    """Somebody whose names are drawn anew each time."""

    family: str
    first: str
    family_kana: str
    first_kana: str
    born: date

    @property
    def name(self) -> str:
        """The name as the terminal writes it."""
        return f"{self.family}　{self.first}"

    @property
    def kana(self) -> str:
        """Its reading as the terminal writes it: half-width."""
        return _half(f"{self.family_kana} {self.first_kana}")

    @property
    def birthdate(self) -> str:
        """The birth date as the terminal writes it."""
        return f"{self.born:%Y%m%d}"

    @property
    def spellings(self) -> frozenset[str]:
        """Whatever would tell who this is: either name in kanji and every kana, the birth date in every form."""
        kana = (self.family_kana, self.first_kana)
        ways = (self.family, self.first, *kana, *map(_half, kana), *map(_hiragana, kana), *map(folded, kana))
        days = (self.birthdate, str(self.born), f"{self.born:%Y/%m/%d}", in_era(self.born))
        return frozenset((*ways, *days))


def canaries(count: int, dice: random.Random) -> list[Canary]:
    """Return so many people, each with names of their own."""
    letters = _letters()
    return [
        Canary(
            _drawn(letters, 4, dice),
            _drawn(letters, 4, dice),
            _drawn(_KANA, 8, dice),
            _drawn(_KANA, 8, dice),
            date(dice.randint(1926, 1999), dice.randint(10, 12), dice.randint(13, 28)),
        )
        for _ in range(count)
    ]


def _letters() -> str:
    """Return kanji that Shift_JIS can write, too."""
    return "".join(letter for letter in map(chr, _KANJI) if _is_writable(letter))


def _is_writable(letter: str) -> bool:
    with contextlib.suppress(UnicodeEncodeError):
        return bool(letter.encode("cp932"))
    return False


def _drawn(letters: str, count: int, dice: random.Random) -> str:
    return "".join(dice.choices(letters, k=count))


_HALF: Final = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF66, 0xFF9E)}


def _half(kana: str) -> str:
    return "".join(_HALF.get(letter, letter) for letter in kana)


def _hiragana(kana: str) -> str:
    return "".join(chr(ord(letter) - 0x60) for letter in kana)


# --- as bytes ----------------------------------------------------------------------------------------------------


def disguises(text: str) -> frozenset[bytes]:
    """Return every way in which a text may lie in a file: its letters, and what programs make of them on the way."""
    spelled = {text.encode(codec) for codec in _SPELLED}
    written = {
        json.dumps(text)[1:-1],
        "".join(f"&#{ord(letter)};" for letter in text),
        "".join(f"&#x{ord(letter):x};" for letter in text),
        html.escape(text),
        *(quote(text.encode(codec)) for codec in ("utf-8", "cp932")),
    }
    plain = (
        {way.encode() for each in written for way in (each, each.lower(), each.upper())}
        if not text.isascii()
        else set()
    )
    packed = (each for data in spelled for each in (*_base64(data), data.hex().encode()))
    return frozenset(each for each in (*spelled, *plain, *packed) if len(each) >= _HEAD)


def _base64(data: bytes) -> Iterator[bytes]:
    """Yield what of a base64 text is the same whatever stands before and behind, at each of three places."""
    for shift in range(3):
        whole = len(data) - (len(data) + shift) % 3
        packed = base64.b64encode(bytes(shift) + data[:whole])
        inner = packed[-(-shift * 8 // 6) :] if shift else packed
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


class Search:
    """Looks for people in whatever a program leaves behind."""

    def __init__(self, people: Iterable[Canary]) -> None:
        """Prepare a search for all of them in every spelling."""
        spellings = {spelling for each in people for spelling in each.spellings}
        self.sought = frozenset(way for spelling in spellings for way in disguises(spelling))
        self._heads = frozenset(way[:_HEAD] for way in self.sought)

    def count(self, data: bytes) -> int:
        """Return how many spellings are in some bytes, packed ones too."""
        return sum(self._count(part) for whole in (data, *unpacked(data)) for part in _EMPTY.split(whole))

    def _count(self, data: bytes) -> int:
        beginnings = map(slice, range(len(data)), range(_HEAD, len(data) + _HEAD))
        heads = self._heads.intersection(map(data.__getitem__, beginnings))
        return sum(way[:_HEAD] in heads and way in data for way in self.sought) if heads else 0

    def found(self, places: Mapping[str, bytes]) -> dict[str, int]:
        """Return the places in which anything is left, and how much."""
        counted = {name: self.count(data) for name, data in places.items()}
        return {name: count for name, count in counted.items() if count}


def unpacked(data: bytes) -> Iterator[bytes]:
    """Yield what can be unpacked of some bytes, wherever it begins."""
    for place in _PACKED.finditer(data):
        with contextlib.suppress(zlib.error):
            content = zlib.decompressobj(wbits=47).decompress(data[place.start() :], _MOST)
            if content:
                yield content


# --- places ------------------------------------------------------------------------------------------------------


def files(folder: Path, since: float = 0) -> dict[str, bytes]:
    """Return every file below a folder that was written since then; what goes meanwhile is gone."""
    found = {}
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):
            if path.is_file() and path.stat().st_mtime >= since:
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def open_files(pid: int) -> dict[str, bytes]:
    """Return every file that a process has open and nobody else can reach: deleted, or in memory only."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            path = str(link.readlink())
            if path.endswith(_FREED):
                found[f"open {path}"] = link.read_bytes()
    return found
