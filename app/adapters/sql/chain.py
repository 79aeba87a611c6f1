"""The end of a facility's chain, as rows still to be written."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

import app.adapters.sql.statements as sql
from app.ports.store import ReadOnly
from app.rules.record.evidence import Event, Head, canonical, chained
from app.verify import mac_of

ENTRY: Final = ("seq", "facility", "event_id", "visit", "type", "at", "body_hash", "prev_hash")
"""The columns that make an `Entry`, in its order."""
OF_THE_RECORD: Final = "record"
"""Stands where events of a visit name the visit, when the event is about the record itself."""


class Chain:
    """Collects events behind the present end of a chain, one by one."""

    def __init__(self, facility: str, head: Head, *, is_open: bool = False) -> None:
        """Begin behind `head`; `is_open` when whoever begins has seen in this transaction that nothing is held."""
        self._facility, self._head, self._is_open = facility, head, is_open
        self._events: list[dict[str, Any]] = []
        self._bodies: list[dict[str, Any]] = []

    def add(self, visit: str, event: Event, key: str | None = None) -> None:
        """Add an event of a visit; `key` names the submission whose first event it is."""
        entry, nonce, self._head = chained(self._head, self._facility, visit, event)
        row = {name: getattr(entry, name) for name in ENTRY}
        self._events.append(row | {"hash": self._head.hash, "key": key})
        self._bodies.append(
            {
                "facility": entry.facility,
                "seq": entry.seq,
                "nonce": nonce.hex(),
                "body": canonical(dict(event.body)).decode(),
            }
        )

    def write(self, connection: Connection) -> None:
        """Write what was collected. Raises `ReadOnly` while the record is held: no way to extend it leads past here."""
        if not self._is_open:
            must_be_open(connection, self._facility)
        key = record_key(connection)
        for event, body in zip(self._events, self._bodies, strict=True):
            sql.ADD_EVENT.run(connection, event | {"mac": mac_of(key, event["hash"])})
            sql.ADD_BODY.run(connection, body)


def record_key(connection: Connection) -> bytes:
    """Return the record key of a connection's engine. Raises `LookupError` where nothing may be added to a record."""
    key: bytes = connection.get_execution_options().get("record_key", b"")
    if not key:
        raise LookupError("this engine was made without the record key")
    return key


def append(connection: Connection, facility: str, subject: str, event: Event, key: str | None = None) -> None:
    """Write one event behind the end of a facility's chain, in the transaction of what it tells of."""
    chain = Chain(facility, head_of(connection, facility))
    chain.add(subject, event, key)
    chain.write(connection)


def must_be_open(connection: Connection, facility: str) -> None:
    """Raise `ReadOnly` while a station's record is held: for what is written before its event is."""
    if sql.HELD.first(connection, {"facility": facility}):
        raise ReadOnly(facility)


def head_of(connection: Connection, facility: str) -> Head:
    """Return the end of a facility's chain."""
    row = connection.execute(sql.HEAD, {"facility": facility}).first()
    return Head(*row) if row else Head()
