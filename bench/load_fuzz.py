"""Damaged files without end, in a process of its own: `python -m bench.load_fuzz SECONDS RAND [FAULT]`."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final
from unittest.mock import patch

from app.rules.terminal.elements import consent_part
from app.rules.terminal.unpack import unpack
from app.rules.terminal.values import Encoding, Limits
from app.rules.terminal.write import write
from tests.rules.terminal.test_terminal_fuzz import HARMS, MIB, outcome, seeds
from tests.rules.terminal.test_terminal_round import answer

_FIELDS: Final = ("<H", "<I")
_HEADERS: Final = re.compile(rb"PK(?:\x01\x02|\x03\x04|\x05\x06)")
_ENTITIES: Final = (b"&amp;", b"&lt;", b"&#x3000;", b"&#0;", b"&#xFFFF;", b"&#55296;", b"&who;", b"&", b"&#99999999;")
_BOMB: Final = 400
"""MiB to which a ZIP bursts."""


def deepen(data: bytes, dice: random.Random) -> bytes:
    """Nest elements where one begins, closed or not."""
    depth, name = dice.choice([8, 31, 32, 33, 5_000]), dice.choice([b"a", b"BulkConfirmUnit", b"MessageBody"])
    nested = b"<%s>" % name * depth + dice.choice([b"", b"x", b"<Name>x</Name>"])
    return _at_a_tag(data, nested + (b"</%s>" % name * depth if dice.random() < 0.8 else b""), dice)  # noqa: PLR2004


def widen(data: bytes, dice: random.Random) -> bytes:
    """Give an element attributes: many, long, or both."""
    count, length = dice.choice([(1, 70_000), (1, 900), (1_200, 3), (40, 2_000)])
    attributes = b"".join(b' a%d="%s"' % (n, b"v" * length) for n in range(count))
    return _at_a_tag(data, b"<a%s/>" % attributes, dice)


def refer(data: bytes, dice: random.Random) -> bytes:
    """Put a reference to a letter or an entity into a value."""
    place = data.find(b"</", dice.randrange(len(data)))
    return data[:place] + dice.choice(_ENTITIES) * dice.choice([1, 1, 200]) + data[place:] if place >= 0 else data


def declare(data: bytes, dice: random.Random) -> bytes:
    """Declare entities that grow."""
    grown = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 10))
    doctype = b'<!DOCTYPE XmlMsg [<!ENTITY e0 "ha">%s]>' % grown
    return re.sub(rb"<XmlMsg>", doctype + b"<XmlMsg>", data, count=1) + dice.choice([b"", b"&e9;"])


def lie(data: bytes, dice: random.Random) -> bytes:
    """Change a field of a ZIP's headers: sizes, offsets, methods, flags, lengths of names."""
    if not _HEADERS.search(data):
        data = _zipped(data)
    packed = bytearray(data)
    for _ in range(dice.choice([1, 1, 2])):
        header = dice.choice([found.start() for found in _HEADERS.finditer(data)])
        kind = dice.choice(_FIELDS)
        place = min(header + dice.randrange(4, 46, 2), len(packed) - struct.calcsize(kind))
        struct.pack_into(kind, packed, place, dice.choice([0, 1, 8, 9, 12, 0x41, 0x7FFF, 0xFFFF]))
    return bytes(packed)


def burst(_: bytes, dice: random.Random) -> bytes:
    """Return a small ZIP that unpacks to much."""
    return _bomb(dice.choice([b"\0", b"<a/>"]), tells=dice.choice([0, 0, 1_000]))


@lru_cache
def _bomb(unit: bytes, tells: int) -> bytes:
    """Return it; where it tells a size, it is a lie."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("OQSmuhvq02res_202611110001.xml", "w") as entry,
    ):
        entry.write(b"<XmlMsg>")
        for _ in range(_BOMB):
            entry.write(unit * (MIB // len(unit)))
    bomb = bytearray(packed.getvalue())
    for place in [found.start() for found in re.finditer(rb"PK\x01\x02", bomb)]:
        struct.pack_into("<I", bomb, place + 24, tells or _BOMB * MIB)
    return bytes(bomb)


def _zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("OQSmuhvq02res_202611110001.xml", data)
    return packed.getvalue()


def _at_a_tag(data: bytes, new: bytes, dice: random.Random) -> bytes:
    place = data.find(b"<", dice.randrange(len(data)))
    return data[:place] + new + data[place:] if place >= 0 else new + data


MORE: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (deepen, widen, refer, declare, lie)
_RARELY: Final = 50
"""Files of which one is a ZIP that bursts."""


def files(dice: random.Random) -> Iterator[bytes]:
    """Yield good files to which something has happened, for ever."""
    number = 0
    while True:
        number += 1
        encoding = dice.choice(list(Encoding))
        data = write(answer(dice, encoding), encoding) if number % 20 == 0 else dice.choice(seeds())
        for _ in range(dice.choice([1, 1, 1, 2, 4])):
            data = dice.choice((*HARMS, *MORE))(data, dice) or b"<"
        yield burst(data, dice) if number % _RARELY == 1 else data


# --- faults to plant ---------------------------------------------------------------------------------------------


@contextmanager
def planted(fault: str) -> Iterator[None]:
    """Let the reader have a fault."""
    right: Any = {"key": consent_part, "size": unpack}.get(fault)

    def no_stem(element: str) -> Any:
        return {"PharmacistsInfoConsFlg": right(element)}[element] if element.endswith("9ConsFlg") else right(element)

    def no_limit(data: bytes, limits: Limits) -> Any:
        return right(data, Limits(unpacked=1024 * MIB, elements=limits.elements))

    wrong = {
        "key": ("app.rules.terminal.read.consent_part", no_stem),
        "size": ("app.rules.terminal.read.unpack", no_limit),
    }.get(fault)
    if wrong is None:
        yield
        return
    with patch(*wrong):
        yield


def main(seconds: float, rand: int, fault: str = "") -> None:
    """Read damaged files for so long, and say what came of it."""
    seen: Counter[str] = Counter()
    slowest, crash, ends = 0.0, "", time.monotonic() + seconds
    with planted(fault):
        for data in files(random.Random(rand)):
            began = time.thread_time()
            try:
                seen[outcome(data)] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is sought
                where = extract_tb(error.__traceback__)[-1]
                crash = (
                    f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno} after {seen.total()} files"
                )
                break
            slowest = max(slowest, time.thread_time() - began)
            if time.monotonic() > ends:
                break
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
    print(json.dumps({"seen": seen, "slowest_s": round(slowest, 3), "crash": crash, "peak_mib": round(peak)}))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
