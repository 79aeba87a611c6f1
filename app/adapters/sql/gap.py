"""Records older than the ledger says: detected, made read-only, and writable again once accepted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

import app.adapters.sql.schema as t
from app.adapters.sql.chain import OF_THE_RECORD, Chain, head_of
from app.adapters.sql.chain_check import without_body
from app.adapters.sql.copies import call_all_back
from app.adapters.sql.database import empty_log, writing
from app.adapters.sql.erasure import forget, mark_erased
from app.adapters.sql.rows import value_of
from app.rules.record.event import Body, Event, EventType
from app.rules.record.evidence import Head
from app.rules.record.gap import Erasure, Gap, LedgerState, gap


def look_back(url: str, known: LedgerState, now: int, key: bytes = b"") -> tuple[str, ...]:
    """Make older records read-only and repeat erasures, before anything is served; return the missing stations."""
    engine = writing(url, key=key)
    try:
        with engine.begin() as connection:
            absent = compare(connection, known, now)
            erased = erase_again(connection, known.erasures, now)
    finally:
        engine.dispose()
    if erased:
        empty_log(url)
    return absent


def compare(connection: Connection, known: LedgerState, now: int) -> tuple[str, ...]:
    """Make every record read-only that lacks its known head; return the stations that are missing."""
    stations = set(connection.execute(select(t.facility.c.id)).scalars())
    for facility, head in known.heads.items():
        if facility in stations:
            _compare(connection, facility, head, now)
    return tuple(sorted(each for each, head in known.heads.items() if head.size and each not in stations))


def _compare(connection: Connection, facility: str, known: Head, now: int) -> None:
    there = select(t.event.c.hash).where(t.event.c.facility == facility, t.event.c.seq == known.size)
    found = gap(facility, known, head_of(connection, facility), connection.execute(there).scalar(), now)
    row = connection.execute(select(t.quarantine).where(t.quarantine.c.facility == facility)).first()
    if found is None or (row and _is_answered(row, known)):
        return
    connection.execute(delete(t.quarantine).where(t.quarantine.c.facility == facility))
    connection.execute(
        insert(t.quarantine).values(
            facility=facility,
            known_size=known.size,
            known_hash=known.hash,
            found_size=found.found.size,
            found_hash=found.found.hash,
            at=now,
        )
    )


def _is_answered(row: Any, known: Head) -> bool:
    """Whether this gap is stored already, or was accepted: an older ledger does not reopen it."""
    if row.accepted_at is None:
        return bool(row.known_size >= known.size)
    return bool((row.known_size, row.known_hash) == (known.size, known.hash))


def read(connection: Connection, facility: str = "") -> tuple[Gap, ...]:
    """Return the gaps that are not accepted yet, of one station or of all."""
    query = select(t.quarantine).where(t.quarantine.c.accepted_at.is_(None)).order_by(t.quarantine.c.facility)
    rows = connection.execute(query.where(t.quarantine.c.facility == facility) if facility else query)
    return tuple(
        Gap(row.facility, value_of(Head, row, "known_"), value_of(Head, row, "found_"), row.at) for row in rows
    )


def accept(facility: str, by: str, now: int, connection: Connection) -> Head | None:
    """Make a record writable again, marked as restored, its copies called back; its head, or None if not read-only."""
    found = read(connection, facility)
    if not found:
        return None
    of_station = t.quarantine.c.facility == facility
    connection.execute(update(t.quarantine).where(of_station).values(accepted_at=now, accepted_by=by))
    known, was = found[0].known, found[0].found
    body: Body = {
        "by": by,
        "known_size": known.size,
        "known_hash": known.hash,
        "found_size": was.size,
        "found_hash": was.hash,
        "copies": call_all_back(facility, now, connection),  # the older state does not know which already were
        "without_body": [*without_body(connection, facility)],  # while it was read-only, no entry could explain them
    }
    chain = Chain(facility, head_of(connection, facility))
    chain.add(OF_THE_RECORD, Event(EventType.RESTORED, now, body))
    mark_erased(connection, facility, now, chain)
    chain.write(connection)
    return head_of(connection, facility)


# --- erasures -----------------------------------------------------------------------------------------------------


def erase_again(connection: Connection, erasures: Iterable[Erasure], now: int) -> int:
    """Repeat the erasures that this database does not have; return how many."""
    done = set(connection.execute(select(t.erasure.c.person)).scalars())
    stations = set(connection.execute(select(t.facility.c.id)).scalars())
    due = [each for each in erasures if each.person not in done and each.facility in stations]
    read_only = {each.facility for each in read(connection)}
    forget(connection, [each for each in due if each.facility not in read_only], "ledger", now)
    forget(connection, [each for each in due if each.facility in read_only], "ledger", now, is_open=False)
    return len(due)
