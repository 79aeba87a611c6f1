"""What a database must be like after any failure, whatever was being done to it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Final

from app.ports.store import Logged, Store
from app.rules.record.evidence import body_hash
from tests.rules.record.chain import broken_link

HALF_WRITTEN: Final = (
    # A visit stands where its submissions led, each of which left one event with its key.
    """SELECT count(*) FROM visit WHERE version <> (
        SELECT count(*) FROM event WHERE event.visit = visit.id AND event.key IS NOT NULL)""",
    # No event of a visit that is still there has lost its body.
    """SELECT count(*) FROM event JOIN visit ON visit.id = event.visit
        LEFT JOIN event_body ON event_body.facility = event.facility AND event_body.seq = event.seq
        WHERE event_body.body IS NULL""",
)
"""What counts anything that no transaction of ours leaves behind, in any database."""
_FAULTS: Final = (
    "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    "SELECT count(*) FROM pragma_foreign_key_check",
    *HALF_WRITTEN,
)


def kept(database: sqlite3.Connection, keys: Iterable[str]) -> set[str]:
    """Return those of these submissions that left an event."""
    found = "SELECT key FROM event WHERE key IN (SELECT value FROM json_each(?))"
    return {key for (key,) in database.execute(found, (json.dumps(list(keys)),))}


def is_whole(database: sqlite3.Connection) -> bool:
    """Whether the file is sound, and nothing in it is half written."""
    return not any(database.execute(fault).fetchone()[0] for fault in _FAULTS)


async def is_chained(store: Store, facility: str) -> bool:
    """Whether a facility's chain holds, with every body that is still there."""
    log = [each async for each in store.export(facility)]
    return broken_link((each.entry, each.hash) for each in log) is None and all(map(_has_its_body, log))


def _has_its_body(each: Logged) -> bool:
    if each.body is None or each.nonce is None:
        return True
    return body_hash(bytes.fromhex(each.nonce), each.body) == each.entry.body_hash
