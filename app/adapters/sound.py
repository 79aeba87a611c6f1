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
    for row in _log(connection, facility):
        entry = Entry(*(getattr(row, name) for name in ENTRY))
        follows = entry.seq == head.size + 1 and entry.prev_hash == head.hash and entry.hashed() == row.hash
        if not follows or not _has_its_body(row):
            return head.size + 1
        head = Head(entry.seq, row.hash)
    return None


def _has_its_body(row: AnyRow) -> bool:
    """Whether the body is the one that was hashed; one that retention removed is none."""
    if row.body is None:
        return True
    try:
        return body_hash(bytes.fromhex(row.nonce), json.loads(row.body)) == str(row.body_hash)
    except (ValueError, TypeError):
        return False


def _log(connection: Connection, facility: str) -> Iterator[AnyRow]:
    """Yield a station's log, page by page: no cursor stays open and no memory grows."""
    after = 0
    log = select(t.event, t.event_body.c.nonce, t.event_body.c.body).outerjoin_from(t.event, t.event_body)
    mine = log.where(t.event.c.facility == facility).order_by(t.event.c.seq).limit(_MANY)
    while rows := connection.execute(mine.where(t.event.c.seq > after)).all():
        yield from rows
        after = rows[-1].seq
