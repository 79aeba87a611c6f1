"""Tables of stations, their links, visits and the record."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    or_,
)

from app.adapters.sql.schema.conventions import WHOLE, metadata

facility = Table(
    "facility",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("telephone", Text, nullable=False),
    Column("promise", Text),
    sqlite_strict=True,
)

link = Table(
    "link",
    metadata,
    Column("token", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("issued_at", WHOLE, nullable=False),
    Column("replaced_at", WHOLE),
    Column("issued_by", Text, nullable=False, server_default=""),
    Column("checked_at", WHOLE),
    UniqueConstraint("facility", "revision"),
    sqlite_strict=True,
)
_LIVE = link.c.replaced_at.is_(None)
Index("ix_link_live", link.c.facility, unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE)

visit = Table(
    "visit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("session", Text, unique=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", WHOLE, nullable=False),
    Column("touched_at", WHOLE, nullable=False),
    Column("handed_off_at", WHOLE),
    Column("ended", Integer, nullable=False),
    Column("departure", Text, nullable=False),
    Column("reference", Text),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    # SHA-256 of station and code under which another browser may take this visit up.
    Column("crossing", Text),
    Index("ix_visit_crossing", "crossing", unique=True),
    sqlite_strict=True,
)
MAY_EXPIRE = or_(visit.c.handed_off_at.is_(None), visit.c.session.is_not(None))
"""Visits that retention has not settled yet: few, so their index is partial."""
Index("ix_visit_may_expire", visit.c.touched_at, sqlite_where=MAY_EXPIRE, postgresql_where=MAY_EXPIRE)

departure = Table(
    "departure",
    metadata,
    Column("id", Text, primary_key=True),
    Column("visit", Text, ForeignKey("visit.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("session", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("issued_at", WHOLE, nullable=False),
    Column("spent_at", WHOLE),
    sqlite_strict=True,
)

event = Table(
    "event",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("seq", WHOLE, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False, unique=True),
    Column("visit", Text, nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("body_hash", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("key", Text, unique=True),
    # HMAC of the hash under the record key; null in entries from before there was one.
    Column("mac", Text),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

event_body = Table(
    "event_body",
    metadata,
    Column("facility", Text, primary_key=True),
    Column("seq", WHOLE, primary_key=True, autoincrement=False),
    Column("nonce", Text, nullable=False),
    Column("body", Text, nullable=False),
    ForeignKeyConstraint(["facility", "seq"], ["event.facility", "event.seq"]),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
submission = Table(
    "submission",
    metadata,
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("visit", Text, nullable=False),
    Column("at", WHOLE, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
