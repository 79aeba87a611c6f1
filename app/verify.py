"""Checks an exported log against the head printed on a receipt. Needs nothing but Python: copy this one file.

    python verify.py log.jsonl --head SIZE-HASH

Each line of the log is one entry as canonical JSON (RFC 8785), in order. Without a head the log can only be
shown to fit itself: a tail that was cut off, or a whole log made anew, is found by a receipt alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

GENESIS: Final = "0" * 64
HEAD: Final = re.compile(r"([0-9]{1,15})-([0-9a-f]{64})")
_HEX: Final = re.compile(r"[0-9a-f]+")
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
_EVENT: Final = b"kazasu/event/1\0"
_BODY: Final = b"kazasu/body/1\0"
_NAMES: Final = {"event_id", "facility", "type", "visit"}
_NUMBERS: Final = {"at", "seq"}
_HASHES: Final = {"body_hash", "hash", "prev_hash"}
_KEPT: Final = {"body", "nonce"}
_HASHED: Final = _NAMES | _NUMBERS | {"body_hash"}


class Broken(Exception):
    """The log does not hold: says in which line, and what is wrong."""


@dataclass(frozen=True)
class Held:
    """What was found to hold: how many entries, how many of them without their body, and the last hash."""

    size: int
    without_body: int
    hash: str


def verify(lines: Iterable[bytes], head: str = "") -> Held:
    """Return what holds, or raise `Broken`. `head` is the text on a receipt, `size-hash`."""
    size, promised = _head(head)
    count, bodiless, last, facility = 0, 0, GENESIS, None
    for count, line in enumerate(lines, 1):
        entry = _entry(count, line)
        facility = facility or entry["facility"]
        for fault in _faults(count, entry, last, facility):
            raise Broken(f"line {count}: {fault}")
        bodiless += entry["body"] is None
        last = entry["hash"]
        if count == size and last != promised:
            raise Broken(f"line {count}: not the entry that the receipt was printed with")
    if count < size:
        raise Broken(f"line {count + 1}: missing; the receipt promises {size} entries")
    return Held(count, bodiless, last)


def _head(text: str) -> tuple[int, str]:
    found = HEAD.fullmatch(text or f"0-{GENESIS}")
    if found is None:
        raise Broken("the head is not of the form SIZE-HASH")
    return int(found[1]), found[2]


def _entry(place: int, line: bytes) -> dict[str, Any]:
    """Return the entry of a line that is written as the export writes it, byte for byte."""
    try:
        entry = json.loads(line)
        exact = canonical(entry) + b"\n" == line
    except (ValueError, RecursionError):
        exact = False
    if not exact or not isinstance(entry, dict) or entry.keys() != _NAMES | _NUMBERS | _HASHES | _KEPT:
        raise Broken(f"line {place}: not an entry as the export writes it")
    return entry


def _faults(place: int, entry: dict[str, Any], last: str, facility: str) -> Iterator[str]:
    """Yield what is wrong with an entry that should follow the one whose hash is `last`."""
    if not _is_well_formed(entry):
        yield "a field of the wrong kind"
        return
    if entry["facility"] != facility:
        yield "another facility"
    if entry["seq"] != place:
        yield "out of order"
    if entry["prev_hash"] != last:
        yield "does not follow the entry before"
    if entry["hash"] != _sha256(_EVENT, entry["prev_hash"], {name: entry[name] for name in _HASHED}):
        yield "the entry was changed"
    if entry["body"] is not None and entry["body_hash"] != _sha256(_BODY, entry["nonce"], entry["body"]):
        yield "the body was changed"


def _is_well_formed(entry: dict[str, Any]) -> bool:
    nonce, body = entry["nonce"], entry["body"]
    was_removed = nonce is None and body is None
    return (
        all(type(entry[name]) is str for name in _NAMES)
        and all(type(entry[name]) is int for name in _NUMBERS)
        and all(_is_hex(entry[name], 64) for name in _HASHES)
        and (was_removed or (_is_hex(nonce, 32) and type(body) is dict))
    )


def _is_hex(value: object, length: int) -> bool:
    return type(value) is str and len(value) == length and _HEX.fullmatch(value) is not None


def canonical(value: object) -> bytes:
    """Return RFC 8785 JSON for what a log may hold."""
    return _ENCODER.encode(value).encode()


def _sha256(tag: bytes, salt: str, value: object) -> str:
    return hashlib.sha256(tag + bytes.fromhex(salt) + canonical(value)).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """Check a log from the command line: 0 when it holds, 1 when not."""
    parser = argparse.ArgumentParser(description="Check an exported log against the head on a receipt.")
    parser.add_argument("log", type=Path, help="the exported log, one entry a line")
    parser.add_argument("--head", default="", help="the head on a receipt: SIZE-HASH")
    given = parser.parse_args(arguments)
    try:
        with given.log.open("rb") as lines:
            held = verify(lines, given.head)
    except Broken as broken:
        print(f"BROKEN: {broken}")  # noqa: T201 - a command says what it found
        return 1
    whole = "whole up to the receipt" if given.head else "in order; only a receipt shows whether it is whole"
    print(  # noqa: T201
        f"OK: {held.size} entries ({held.without_body} without body), {whole}. Head: {held.size}-{held.hash}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
