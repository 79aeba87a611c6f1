"""Whether what is kept holds: every chain from its first entry on, and every body that is still there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, select

import app.adapters.schema as t
from app.adapters.chain import ENTRY
from app.adapters.rows import AnyRow
from app.evidence import Entry, Head, body_hash

_MANY = 2_000


def breaks(connection: Connection) -> Mapping[str, int]:
    """Return every station whose record breaks, and the number of the first entry that does not hold."""
    found = {facility: _break(connection, facility) for facility in _stations(connection)}
    return {facility: seq for facility, seq in found.items() if seq is not None}


def heads(connection: Connection) -> Mapping[str, Head]:
    """Return the end of every station's chain."""
    ends = {}
    for facility in _stations(connection):
        last = select(t.event.c.seq, t.event.c.hash).where(t.event.c.facility == facility)
        row = connection.execute(last.order_by(t.event.c.seq.desc()).limit(1)).first()
        ends[facility] = Head(*row) if row else Head()
    return ends


def _stations(connection: Connection) -> list[str]:
    return list(connection.execute(select(t.facility.c.id).order_by(t.facility.c.id)).scalars())


def _break(connection: Connection, facility: str) -> int | None:
    head = Head()
    for row, body in _log(connection, facility):
        entry = Entry(*(getattr(row, name) for name in ENTRY))
        follows = entry.seq == head.size + 1 and entry.prev_hash == head.hash and entry.hashed() == row.hash
        if not follows or not (body is None or _is_right(body, entry)):
            return head.size + 1
        head = Head(entry.seq, row.hash)
    return None


def _is_right(body: AnyRow, entry: Entry) -> bool:
    """Whether a body is the one that was hashed."""
    try:
        return body_hash(bytes.fromhex(body.nonce), json.loads(body.body)) == entry.body_hash
    except (ValueError, TypeError):
        return False


def _log(connection: Connection, facility: str) -> Iterator[tuple[AnyRow, AnyRow | None]]:
    """Yield a station's entries, each with its body if retention left one.

    Page by page, so that no cursor stays open and no memory grows; and each table by itself: a database that was just
    filled has no figures yet from which to join them well.
    """
    after, e, b = 0, t.event.c, t.event_body.c
    entries = select(t.event).where(e.facility == facility).order_by(e.seq).limit(_MANY)
    bodies = select(t.event_body).where(b.facility == facility)
    while rows := connection.execute(entries.where(e.seq > after)).all():
        among = bodies.where(b.seq.between(rows[0].seq, rows[-1].seq))
        theirs = {row.seq: row for row in connection.execute(among)}
        yield from ((row, theirs.get(row.seq)) for row in rows)
        after = rows[-1].seq
