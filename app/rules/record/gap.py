"""What must be known outside the database, and what follows when a database turns out to be an older one. Pure.

The ledger is a list of lines, each of which is a fact: how far a station's record had come, that it goes on from an
older state, who was erased, when a backup was made, which time it was. No line names anybody.
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
    """What is known outside the database: heads of records, who was erased, the last backup, and which time it was."""

    heads: Mapping[str, Head] = field(default_factory=dict)
    erasures: tuple[Erasure, ...] = ()
    backed_up_at: int | None = None
    clock: Expected | None = None
    compared_at: int = 0
    """When a backup last compared all visits with their record."""

    def __bool__(self) -> bool:
        """Whether anything is known of the records."""
        return bool(self.heads or self.erasures or self.backed_up_at)

    def moved(self, heads: Mapping[str, Head]) -> dict[str, Head]:
        """Return those of these heads that are further than what is known."""
        return {each: head for each, head in heads.items() if head.size > self.heads.get(each, Head()).size}


@dataclass(frozen=True, slots=True)
class Gap:
    """A record that is not what it is known to have been: what was known, what was found, and since when."""

    facility: str
    known: Head
    found: Head
    at: int

    @property
    def is_other(self) -> bool:
        """Whether the record is as long as it was, or longer, but not the same."""
        return self.found.size >= self.known.size

    @property
    def missing(self) -> tuple[int, int]:
        """Return the first and the last number of the entries that are not there."""
        return min(self.found.size + 1, self.known.size), self.known.size


def gap(facility: str, known: Head, found: Head, hash_there: str | None, at: int) -> Gap | None:
    """Return what a record lacks, given the hash that it has where the known head stands; None when nothing."""
    is_there = known.size == 0 or hash_there == known.hash
    return None if is_there else Gap(facility, known, found, at)


def head_from(text: str) -> tuple[str, Head]:
    """Return station and head of `STATION:SIZE-HASH`, the form on a receipt with the station's id before it."""
    found = _HEAD.fullmatch(text)
    if found is None:
        raise ValueError("not of the form STATION:SIZE-HASH")
    return found["facility"], Head(int(found["size"]), found["hash"])


def _each_once(erasures: Iterable[Erasure]) -> tuple[Erasure, ...]:
    """Return each person once, with all visits that were ever named."""
    found: dict[str, Erasure] = {}
    for each in erasures:
        first = found.setdefault(each.person, each)
        if not set(each.visits) <= set(first.visits):
            found[each.person] = replace(first, visits=tuple(dict.fromkeys((*first.visits, *each.visits))))
    return tuple(found.values())


# --- the ledger's lines -------------------------------------------------------------------------------------------


def head_line(facility: str, head: Head, at: int, *, accepted: bool = False) -> bytes:
    """Return the line that says how far a record had come; an accepted head takes the place of all before it."""
    kind = "accepted" if accepted else "head"
    return _line({"is": kind, "facility": facility, "size": head.size, "hash": head.hash, "at": at})


def erasure_line(erased: Erasure) -> bytes:
    """Return the line that says who was erased."""
    said = {"facility": erased.facility, "person": erased.person, "at": erased.at, "visits": list(erased.visits)}
    return _line({"is": "erasure", **said})


def backup_line(at: int, compared_at: int) -> bytes:
    """Return the line that says when a backup was made, and when one last compared all visits with their record."""
    return _line({"is": "backup", "at": at, "compared_at": compared_at})


def clock_line(clock: Expected) -> bytes:
    """Return the line that says which time it was."""
    return _line({"is": "clock", **asdict(clock)})


def lines_of(known: LedgerState, at: int) -> list[bytes]:
    """Return the fewest lines that say all of this."""
    heads = [head_line(facility, head, at) for facility, head in sorted(known.heads.items())]
    backup = [backup_line(known.backed_up_at, known.compared_at)] if known.backed_up_at else []
    clock = [clock_line(known.clock)] if known.clock else []
    return [*heads, *backup, *clock, *map(erasure_line, known.erasures)]


def known_from(lines: Iterable[bytes]) -> LedgerState:
    """Return what these lines say together; a line that was cut off by a power cut says nothing."""
    heads: dict[str, Head] = {}
    erasures: list[Erasure] = []
    backed_up_at: int | None = None
    compared_at = 0
    clock: Expected | None = None
    for said in filter(None, map(_said, lines)):
        if said["is"] == "erasure":
            erasures.append(Erasure(said["facility"], said["person"], said["at"], tuple(said["visits"])))
        elif said["is"] == "backup":
            backed_up_at, compared = said["at"], said.get("compared_at")
            compared_at = compared if type(compared) is int else 0
        elif said["is"] == "clock":
            clock = Expected(**{name: said[name] for name in ("at", *_KINDS["clock"])})
        else:
            head = Head(said["size"], said["hash"])
            if said["is"] == "accepted" or head.size > heads.get(said["facility"], Head()).size:
                heads[said["facility"]] = head
    return LedgerState(heads, _each_once(erasures), backed_up_at, clock, compared_at)


def merged(*several: LedgerState) -> LedgerState:
    """Return what several ledgers say together: of each record the furthest head, and everybody erased."""
    heads: dict[str, Head] = {}
    for each in several:
        heads |= LedgerState(heads).moved(each.heads)
    erasures = _each_once(erased for each in several for erased in each.erasures)
    times = [each.backed_up_at for each in several if each.backed_up_at]
    clocks = [each.clock for each in several if each.clock]
    compared_at = max((each.compared_at for each in several), default=0)
    clock = max(clocks, key=attrgetter("at"), default=None)
    return LedgerState(heads, erasures, max(times, default=None), clock, compared_at)


_KINDS: Final[Mapping[str, Mapping[str, type]]] = {
    "head": {"facility": str, "size": int, "hash": str},
    "accepted": {"facility": str, "size": int, "hash": str},
    "erasure": {"facility": str, "person": str, "visits": list},
    "backup": {},
    "clock": {"held": int, "said": int, "is_alarm": bool},
}


def _said(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    wanted = _KINDS.get(said.get("is", "")) if isinstance(said, dict) else None
    if wanted is None or not all(type(said.get(name)) is kind for name, kind in {**wanted, "at": int}.items()):
        return None
    return dict(said)


def _line(said: Mapping[str, object]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"
