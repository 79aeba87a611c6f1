"""Appends events to a station's chain."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

import app.adapters.sql.statements as sql
from app.adapters.sql.rows import row_of, value_of
from app.ports.store import ReadOnly
from app.rules.record.event import Event
from app.rules.record.evidence import Head, canonical, chained
from app.verify import mac_of

OF_THE_RECORD: Final = "record"
"""Value of an event's `visit` when the event is about the record itself."""


class Chain:
    """Collects events to be appended to a chain."""

    def __init__(self, facility: str, head: Head, *, is_open: bool = False) -> None:
        """Start at `head`; `is_open` when this transaction has checked already that the record is not read-only."""
        self._facility, self._head, self._is_open = facility, head, is_open
        self._events: list[dict[str, Any]] = []
        self._bodies: list[dict[str, Any]] = []

    def add(self, visit: str, event: Event, key: str | None = None) -> None:
        """Add an event of a visit; `key` names the submission whose first event it is."""
        entry, nonce, self._head = chained(self._head, self._facility, visit, event)
        self._events.append({**row_of(entry), "hash": self._head.hash, "key": key})
        self._bodies.append(
            {
                "facility": entry.facility,
                "seq": entry.seq,
                "nonce": nonce.hex(),
                "body": canonical(dict(event.body)).decode(),
            }
        )

    def write(self, connection: Connection) -> None:
        """Insert the collected events: the only way to append. Raises `ReadOnly` while the record is read-only."""
        if not self._is_open:
            must_be_open(connection, self._facility)
        key = record_key(connection)
        for event, body in zip(self._events, self._bodies, strict=True):
            sql.ADD_EVENT.run(connection, event | {"mac": mac_of(key, event["hash"])})
            sql.ADD_BODY.run(connection, body)


def record_key(connection: Connection) -> bytes:
    """Return the record key of a connection's engine. Raises `LookupError` when the engine has none."""
    key: bytes = connection.get_execution_options().get("record_key", b"")
    if not key:
        raise LookupError("this engine was made without the record key")
    return key


def append(connection: Connection, facility: str, subject: str, event: Event, key: str | None = None) -> None:
    """Append one event to a station's chain, in the transaction of the change that it records."""
    chain = Chain(facility, head_of(connection, facility))
    chain.add(subject, event, key)
    chain.write(connection)


def must_be_open(connection: Connection, facility: str) -> None:
    """Raise `ReadOnly` while a station's record is read-only: for changes that are written before their event."""
    if sql.HELD.first(connection, {"facility": facility}):
        raise ReadOnly(facility)


def head_of(connection: Connection, facility: str) -> Head:
    """Return the head of a station's chain."""
    row = connection.execute(sql.HEAD, {"facility": facility}).first()
    return value_of(Head, row) if row else Head()
