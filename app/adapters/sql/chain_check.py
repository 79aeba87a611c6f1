"""Verifies chains: every hash from the first entry on, every MAC, and that missing bodies are explained."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, update

import app.adapters.sql.schema as t
import app.adapters.sql.statements as sql
from app.adapters.sql.chain import OF_THE_RECORD, append, head_of, record_key
from app.adapters.sql.rows import AnyRow, value_of
from app.rules.record.event import Body, Event, EventType
from app.rules.record.evidence import Entry, Head, body_hash
from app.rules.visit.copy import Copy
from app.verify import Missing, mac_of

_MANY = 2_000
_SOME = 20


@dataclass
class _Seen:
    """State of a walk along a chain: its last valid head and MAC, and the missing bodies not yet explained."""

    head: Head = field(default_factory=Head)
    mac: str | None = None
    missing: Missing = field(default_factory=Missing)
    holds: bool = True


def breaks(connection: Connection, key: bytes = b"") -> Mapping[str, int]:
    """Return the stations whose record is broken, each with the number of the first invalid entry."""
    found = {facility: first_break(connection, facility, key) for facility in stations(connection)}
    return {facility: seq for facility, seq in found.items() if seq}


def is_record_key(connection: Connection, key: bytes) -> bool:
    """Whether this key made at least one of up to `_SOME` stored MACs; also when there are none."""
    some = select(t.event.c.hash, t.event.c.mac).where(t.event.c.mac.is_not(None)).limit(_SOME)
    found = [hmac.compare_digest(row.mac, mac_of(key, row.hash)) for row in connection.execute(some)]
    return not found or any(found)


def without_body(connection: Connection, facility: str) -> list[int]:
    """Return the numbers of entries whose body is missing without a later entry that explains it."""
    return _walked(connection, facility, b"").missing.unexplained()


def begin_macs(connection: Connection, now: int) -> None:
    """Add MACs to copies from before 0.4, and a `keyed` event to each record that has entries and is not read-only."""
    key = record_key(connection)
    for row in connection.execute(select(t.copy)).all():
        of_copy = update(t.copy).where(t.copy.c.id == row.id)
        connection.execute(of_copy.values(mac=value_of(Copy, row).mac(key)))
    for facility in stations(connection):
        if head_of(connection, facility).size and not sql.HELD.first(connection, {"facility": facility}):
            gone: Body = {"without_body": [*without_body(connection, facility)]}
            append(connection, facility, OF_THE_RECORD, Event(EventType.KEYED, now, gone))


def heads(connection: Connection) -> Mapping[str, Head]:
    """Return the end of every station's chain."""
    return {facility: head_of(connection, facility) for facility in stations(connection)}


def stations(connection: Connection) -> list[str]:
    """Return the ids of all stations."""
    return list(connection.execute(select(t.facility.c.id).order_by(t.facility.c.id)).scalars())


def first_mac(connection: Connection, facility: str, key: bytes) -> int:
    """Return the number of the first entry with a MAC, which vouches for all before it; 0 where one of those breaks."""
    seen = _walked(connection, facility, key, to_mac=True)
    return seen.head.size if seen.holds and seen.mac else 0


def first_break(connection: Connection, facility: str, key: bytes) -> int:
    """Return the number of the first entry of a record that does not hold, or 0.

    Without a key, as for records from before 0.4, only the chain and the bodies that are there are checked.
    """
    seen = _walked(connection, facility, key)
    if not seen.holds:
        return seen.head.size + 1
    # A read-only record takes no entry that would explain missing bodies (of repeated erasures) or begin MACs.
    if not key or sql.HELD.first(connection, {"facility": facility}):
        return 0
    return next(iter(seen.missing.unexplained()), 0 if seen.mac else seen.head.size)


def _walked(connection: Connection, facility: str, key: bytes, *, to_mac: bool = False) -> _Seen:
    """Verify a station's chain up to the first invalid entry or, with `to_mac`, the first with a MAC."""
    seen = _Seen()
    for row, kept in _log(connection, facility):
        entry = value_of(Entry, row)
        follows = entry.seq == seen.head.size + 1 and entry.prev_hash == seen.head.hash
        body = checked_body(row, entry, kept, key)
        if not follows or body is None or (seen.mac and row.mac is None):
            seen.holds = False
            break
        if kept is None:
            seen.missing.add(entry.visit, entry.seq)
        seen.missing.explain(entry.type, entry.visit, body)
        seen.head, seen.mac = Head(entry.seq, row.hash), row.mac
        if to_mac and seen.mac:
            break
    return seen


def checked_body(row: AnyRow, entry: Entry, kept: AnyRow | None, key: bytes) -> Mapping[str, Any] | None:
    """Return the body of an entry, empty where it is deleted; None when hash or MAC do not match."""
    try:
        body = json.loads(kept.body) if kept else {}
        holds = entry.hashed() == row.hash and (
            kept is None or body_hash(bytes.fromhex(kept.nonce), body) == entry.body_hash
        )
        if key and row.mac is not None:
            holds = holds and hmac.compare_digest(row.mac, mac_of(key, row.hash))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return body if holds else None


def _log(connection: Connection, facility: str) -> Iterator[tuple[AnyRow, AnyRow | None]]:
    """Yield a station's entries, each with its body if that is not deleted.

    Reads in pages, so that no cursor stays open and memory stays bounded, and each table by itself: a freshly filled
    database has no statistics yet for planning a join.
    """
    after, e, b = 0, t.event.c, t.event_body.c
    entries = select(t.event).where(e.facility == facility).order_by(e.seq).limit(_MANY)
    bodies = select(t.event_body).where(b.facility == facility)
    while rows := connection.execute(entries.where(e.seq > after)).all():
        page = bodies.where(b.seq.between(rows[0].seq, rows[-1].seq))
        by_number = {row.seq: row for row in connection.execute(page)}
        yield from ((row, by_number.get(row.seq)) for row in rows)
        after = rows[-1].seq
