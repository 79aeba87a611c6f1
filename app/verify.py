"""Checks an exported log against the head printed on a patient's copy. Needs only Python: take this one file.

    python verify.py log.jsonl --head SIZE-HASH [--key FILE]

Each line of the log is one entry as canonical JSON (RFC 8785), in order. Without a head only the log's consistency is
checked: a truncated or wholly forged log is detected by a copy alone. With the record key (`record-key` in the data
folder), entries written by somebody without it are detected as well.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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
_MAC: Final = b"kazasu/mac/1\0"
_NAMES: Final = {"event_id", "facility", "type", "visit"}
_NUMBERS: Final = {"at", "seq"}
_HASHES: Final = {"body_hash", "hash", "prev_hash"}
_HASHED: Final = _NAMES | _NUMBERS | {"body_hash"}
_ALL: Final = _HASHED | _HASHES | {"body", "nonce"}


class Broken(Exception):
    """The log is invalid: the message names the line and the fault."""


@dataclass(frozen=True)
class Held:
    """A valid log: how many entries, how many of them without their body, and the last hash."""

    size: int
    without_body: int
    hash: str


@dataclass
class Missing:
    """Missing bodies, by the visit or person of their entry, until a later entry explains them."""

    _of: dict[str, set[int]] = field(default_factory=dict)

    def add(self, subject: str, seq: int) -> None:
        """Add an entry without its body."""
        self._of.setdefault(subject, set()).add(seq)

    def explain(self, kind: str, subject: str, body: Mapping[str, Any] | None) -> None:
        """Remove the bodies that an entry explains: of its visit or person, or those whose numbers it lists."""
        said = body or {}
        if kind in {"expired", "purged"} or (kind == "erased" and "bodies" not in said):
            self._of.pop(subject, None)
        elif kind in {"erased", "keyed", "restored"}:
            named = _numbers(said.get("bodies" if kind == "erased" else "without_body"))
            for seqs in self._of.values():
                seqs.difference_update(named)

    def unexplained(self) -> list[int]:
        """The numbers of entries whose body is missing without explanation, in order."""
        return sorted(seq for seqs in self._of.values() for seq in seqs)


def verify(lines: Iterable[bytes], head: str = "", key: bytes = b"") -> Held:
    """Check a log, or raise `Broken`. `head` is the text on a copy, `size-hash`; `key` the record key."""
    size, promised = _head(head)
    count, bodiless, last, facility, mac, missing = 0, 0, GENESIS, None, None, Missing()
    for count, line in enumerate(lines, 1):
        entry = _entry(count, line)
        facility = facility or entry["facility"]
        for fault in _faults(count, entry, last, facility, mac, key):
            raise Broken(f"line {count}: {fault}")
        if entry["body"] is None:
            bodiless += 1
            missing.add(entry["visit"], count)
        missing.explain(entry["type"], entry["visit"], entry["body"])
        last, mac = entry["hash"], entry.get("mac")
        if count == size and last != promised:
            raise Broken(f"line {count}: not the entry that the copy was printed with")
    if count < size:
        raise Broken(f"line {count + 1}: missing; the copy promises {size} entries")
    for seq in missing.unexplained():
        raise Broken(f"line {seq}: the body is not there, and no later entry says why")
    if key and count and mac is None:
        raise Broken(f"line {count}: no MAC: not written with the record key")
    return Held(count, bodiless, last)


def mac_of(key: bytes, entry_hash: str) -> str:
    """Return HMAC-SHA256 (hex) of an entry's hash under the record key."""
    return hmac.digest(key, _MAC + bytes.fromhex(entry_hash), "sha256").hex()


def _numbers(value: object) -> set[int]:
    return {each for each in value if type(each) is int} if type(value) is list else set()


def _head(text: str) -> tuple[int, str]:
    found = HEAD.fullmatch(text or f"0-{GENESIS}")
    if found is None:
        raise Broken("the head is not of the form SIZE-HASH")
    return int(found[1]), found[2]


def _entry(place: int, line: bytes) -> dict[str, Any]:
    """Parse a line; raise `Broken` unless it is byte for byte as the export writes it."""
    try:
        exact = canonical(entry := json.loads(line)) + b"\n" == line
    except (ValueError, RecursionError):
        exact = False
    if not exact or not isinstance(entry, dict) or entry.keys() - {"mac"} != _ALL:
        raise Broken(f"line {place}: not an entry as the export writes it")
    return entry


def _faults(  # noqa: PLR0913, PLR0917 - an entry, and the one before it
    place: int, entry: dict[str, Any], last: str, facility: str, before: str | None, key: bytes
) -> Iterator[str]:
    """Yield what is wrong with an entry that should follow the one with the hash `last` and the MAC `before`."""
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
    mac = entry.get("mac")
    if mac is None and before is not None:  # it may be missing before the first one only: in records from before 0.4
        yield "no MAC behind an entry with one"
    if mac is not None and (not _is_hex(mac, 64) or (key and not hmac.compare_digest(mac, mac_of(key, entry["hash"])))):
        yield "the MAC is wrong: not written with the record key"


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
    """Check a log from the command line; the exit code is 0 if it is valid, else 1."""
    parser = argparse.ArgumentParser(description="Check an exported log against the head on a copy.")
    parser.add_argument("log", type=Path, help="the exported log, one entry a line")
    parser.add_argument("--head", default="", help="the head on a copy: SIZE-HASH")
    parser.add_argument("--key", type=Path, help="the file of the record key")
    given = parser.parse_args(arguments)
    try:
        key = given.key.read_text(encoding="utf-8").strip().encode() if given.key else b""
        with given.log.open("rb") as lines:
            found = verify(lines, given.head, key)
    except Broken as broken:
        print(f"BROKEN: {broken}")  # noqa: T201 - a command says what it found
        return 1
    whole = "whole up to the copy" if given.head else "in order; only a copy shows whether it is whole"
    macs = "MACs right" if given.key else "MACs not checked: that takes --key"
    size, missing = found.size, found.without_body
    print(f"OK: {size} entries ({missing} without body), {whole}; {macs}. Head: {size}-{found.hash}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
