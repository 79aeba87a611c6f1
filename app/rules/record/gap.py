"""The ledger outside the database, and the detection of a database that is older than the ledger. Pure.

The ledger is a list of JSON lines: how far a station's record had come, an older state that was accepted, an erasure, a
backup, the clock, or that entries carry MACs. No line contains a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from operator import attrgetter
from typing import Any, Final

from app.rules.record.clock import Expected
from app.rules.record.evidence import Head

_HEAD: Final = re.compile(r"(?P<facility>[A-Za-z0-9_-]{1,64}):(?P<size>[0-9]{1,15})-(?P<hash>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Erasure:
    """Who was erased, as pseudonyms: the person, and the visits that were matched with the person at that time."""

    facility: str
    person: str
    at: int
    visits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The contents of the ledger: heads of records, erasures, the last backup, and the clock."""

    heads: Mapping[str, Head] = field(default_factory=dict)
    erasures: tuple[Erasure, ...] = ()
    backed_up_at: int | None = None
    clock: Expected | None = None
    compared_at: int = 0
    """When a backup last compared all visits with their record."""
    is_keyed: bool = False
    """Whether the database's entries have carried MACs: a schema from before them is then no old one."""

    def __bool__(self) -> bool:
        """Whether anything is known of the records."""
        return bool(self.heads or self.erasures or self.backed_up_at)

    def moved(self, heads: Mapping[str, Head]) -> dict[str, Head]:
        """Return those of these heads that are further than the known ones."""
        return {each: head for each, head in heads.items() if head.size > self.heads.get(each, Head()).size}


@dataclass(frozen=True, slots=True)
class Gap:
    """A record that lacks or contradicts its known head: what was known, what was found, and since when."""

    facility: str
    known: Head
    found: Head
    at: int

    @property
    def is_other(self) -> bool:
        """Whether the record is at least as long as known, but different."""
        return self.found.size >= self.known.size

    @property
    def missing(self) -> tuple[int, int]:
        """Return the first and the last number of the missing entries."""
        return min(self.found.size + 1, self.known.size), self.known.size


def gap(facility: str, known: Head, found: Head, hash_there: str | None, at: int) -> Gap | None:
    """Return what a record lacks; None if `hash_there`, its entry at the known head's place, matches."""
    is_there = known.size == 0 or hash_there == known.hash
    return None if is_there else Gap(facility, known, found, at)


def head_from(text: str) -> tuple[str, Head]:
    """Parse `STATION:SIZE-HASH`, the form on a copy with the station's id before it; raise `ValueError`."""
    found = _HEAD.fullmatch(text)
    if found is None:
        raise ValueError("not of the form STATION:SIZE-HASH")
    return found["facility"], Head(int(found["size"]), found["hash"])


def _each_once(erasures: Iterable[Erasure]) -> tuple[Erasure, ...]:
    """Merge the erasures of each person, uniting their visits."""
    found: dict[str, Erasure] = {}
    for erased in erasures:
        first = found.setdefault(erased.person, erased)
        if not set(erased.visits) <= set(first.visits):
            found[erased.person] = replace(first, visits=tuple(dict.fromkeys((*first.visits, *erased.visits))))
    return tuple(found.values())


# --- the ledger's lines -------------------------------------------------------------------------------------------


def head_line(facility: str, head: Head, at: int, *, accepted: bool = False) -> bytes:
    """Return the line of a head; an accepted head replaces all before it."""
    kind = "accepted" if accepted else "head"
    return _line({"is": kind, "facility": facility, "size": head.size, "hash": head.hash, "at": at})


def erasure_line(erased: Erasure) -> bytes:
    """Return the line of an erasure."""
    fields = {"facility": erased.facility, "person": erased.person, "at": erased.at, "visits": list(erased.visits)}
    return _line({"is": "erasure", **fields})


def backup_line(at: int, compared_at: int) -> bytes:
    """Return the line of a backup; `compared_at` is when one last compared all visits with their record."""
    return _line({"is": "backup", "at": at, "compared_at": compared_at})


def clock_line(clock: Expected) -> bytes:
    """Return the line of the clock."""
    return _line({"is": "clock", **asdict(clock)})


def keyed_line(at: int) -> bytes:
    """Return the line that says that entries carry MACs from now on."""
    return _line({"is": "keyed", "at": at})


def lines_of(known: LedgerState, at: int) -> list[bytes]:
    """Serialize the state in the fewest lines."""
    heads = [head_line(facility, head, at) for facility, head in sorted(known.heads.items())]
    backup = [backup_line(known.backed_up_at, known.compared_at)] if known.backed_up_at else []
    clock = [clock_line(known.clock)] if known.clock else []
    keyed = [keyed_line(at)] if known.is_keyed else []
    return [*heads, *backup, *clock, *keyed, *map(erasure_line, known.erasures)]


def known_from(lines: Iterable[bytes]) -> LedgerState:
    """Parse lines; an invalid one, such as one that a power cut truncated, is ignored."""
    heads: dict[str, Head] = {}
    erasures: list[Erasure] = []
    backed_up_at: int | None = None
    compared_at = 0
    clock: Expected | None = None
    is_keyed = False
    for line in filter(None, map(_parsed, lines)):
        if line["is"] == "erasure":
            erasures.append(Erasure(line["facility"], line["person"], line["at"], tuple(line["visits"])))
        elif line["is"] == "backup":
            backed_up_at, compared = line["at"], line.get("compared_at")
            compared_at = compared if type(compared) is int else 0
        elif line["is"] == "clock":
            clock = Expected(**{name: line[name] for name in ("at", *_KINDS["clock"])})
        elif line["is"] == "keyed":
            is_keyed = True
        else:
            head = Head(line["size"], line["hash"])
            if line["is"] == "accepted" or head.size > heads.get(line["facility"], Head()).size:
                heads[line["facility"]] = head
    return LedgerState(
        heads=heads,
        erasures=_each_once(erasures),
        backed_up_at=backed_up_at,
        clock=clock,
        compared_at=compared_at,
        is_keyed=is_keyed,
    )


def merged(*several: LedgerState) -> LedgerState:
    """Merge ledgers: the furthest head of each record, all erasures, the latest backup and clock."""
    heads: dict[str, Head] = {}
    for ledger in several:
        heads |= LedgerState(heads).moved(ledger.heads)
    erasures = _each_once(erased for each in several for erased in each.erasures)
    times = [each.backed_up_at for each in several if each.backed_up_at]
    clocks = [each.clock for each in several if each.clock]
    compared_at = max((each.compared_at for each in several), default=0)
    clock = max(clocks, key=attrgetter("at"), default=None)
    is_keyed = any(each.is_keyed for each in several)
    return LedgerState(
        heads=heads,
        erasures=erasures,
        backed_up_at=max(times, default=None),
        clock=clock,
        compared_at=compared_at,
        is_keyed=is_keyed,
    )


_KINDS: Final[Mapping[str, Mapping[str, type]]] = {
    "head": {"facility": str, "size": int, "hash": str},
    "accepted": {"facility": str, "size": int, "hash": str},
    "erasure": {"facility": str, "person": str, "visits": list},
    "backup": {},
    "keyed": {},
    "clock": {"held": int, "said": int, "is_alarm": bool},
}


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    wanted = _KINDS.get(fields.get("is", "")) if isinstance(fields, dict) else None
    if wanted is None or not all(type(fields.get(name)) is kind for name, kind in {**wanted, "at": int}.items()):
        return None
    return dict(fields)


def _line(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
