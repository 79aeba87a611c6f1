"""Tables of the office: accounts, links, prints, the worklist, copies, day lists."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from app.adapters.sql.schema.conventions import WHOLE, metadata

station = Table(
    "station",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("terminal", Text, nullable=False),
    Column("linked", Integer),
    Column("maintenance", Integer),
    Column("maintenance_telephone", Text, nullable=False),
    Column("router", Text, nullable=False),
    Column("certificate_ends", Text, nullable=False),
    Column("retention_days", Integer, nullable=False),
    Column("keeps_names", Integer, nullable=False),
    Column("hours", Text, nullable=False),
    sqlite_strict=True,
)

official = Table(
    "official",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("sealed", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("tail", Text, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("issued_at", WHOLE, nullable=False),
    Column("replaced_at", WHOLE),
    Column("checked_at", WHOLE),
    sqlite_strict=True,
)

printed = Table(
    "printed",
    metadata,
    Column("id", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("which", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("copies", Integer, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    Column("replaced_at", WHOLE),
    Index("ix_printed_facility", "facility", "which", "revision"),
    sqlite_strict=True,
)

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("totp", Text, nullable=False),
    Column("last_step", WHOLE, nullable=False),
    Column("created_at", WHOLE, nullable=False),
    Column("revoked_at", WHOLE),
    sqlite_strict=True,
)

member = Table(
    "member",
    metadata,
    Column("account", Text, ForeignKey("account.id"), primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("role", Text, nullable=False),
    sqlite_strict=True,
)

passkey = Table(
    "passkey",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("account.id"), nullable=False, index=True),
    Column("public_key", Text, nullable=False),
    Column("sign_count", WHOLE, nullable=False),
    Column("label", Text, nullable=False),
    Column("added_at", WHOLE, nullable=False),
    sqlite_strict=True,
)

recovery = Table(
    "recovery",
    metadata,
    Column("account", Text, ForeignKey("account.id"), primary_key=True),
    Column("secret", Text, primary_key=True),
    sqlite_strict=True,
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", Text, nullable=False, unique=True),
    Column("account", Text, ForeignKey("account.id"), nullable=False, index=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("full", Integer, nullable=False),
    Column("opened_at", WHOLE, nullable=False),
    Column("used_at", WHOLE, nullable=False),
    Column("browser", Text, nullable=False),
    sqlite_strict=True,
)

invitation = Table(
    "invitation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", Text, nullable=False, unique=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("made_at", WHOLE, nullable=False),
    Column("account", Text, nullable=False),
    Column("used_at", WHOLE),
    Column("revoked_at", WHOLE),
    Column("inviter", Text, nullable=False),
    sqlite_strict=True,
)

spent = Table(
    "spent",
    metadata,
    Column("secret", Text, primary_key=True),
    Column("at", WHOLE, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Used one-time values that are signed, of which nothing else is stored."""

ticked = Table(
    "ticked",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("checklist", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("row", Text, primary_key=True),
    Column("at", WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    sqlite_strict=True,
)

note = Table(
    "note",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("telephone", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", WHOLE, nullable=False),
    sqlite_strict=True,
)

followup = Table(
    "followup",
    metadata,
    Column("visit", Text, ForeignKey("visit.id", ondelete="CASCADE"), primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    # When it reached the office; once it is settled, when that was.
    Column("at", WHOLE, nullable=False),
    Column("settled", Integer, nullable=False, server_default="0"),
    # What was seen and why it was closed, as JSON: both may be there.
    Column("sight", Text),
    Column("closed", Text),
    # The person of the terminal's files with whom this visit is matched.
    Column("person", Text),
    # What the patient asks for, as JSON, until somebody closes the visit.
    Column("asked", Text),
    Index("ix_followup_facility", "facility", "settled", "at", "visit"),
    sqlite_strict=True,
)
_IS_MATCHED = followup.c.person.is_not(None)
Index(
    "ix_followup_person",
    followup.c.facility,
    followup.c.person,
    sqlite_where=_IS_MATCHED,
    postgresql_where=_IS_MATCHED,
)

copy = Table(
    "receipt",
    metadata,
    Column("id", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("visit", Text, ForeignKey("visit.id", ondelete="CASCADE"), nullable=False, index=True),
    # SHA-256 of the letters that open it.
    Column("hash", Text, nullable=False),
    Column("made_at", WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    Column("called_back_at", WHOLE),
    Column("mac", Text),
    UniqueConstraint("hash"),
    sqlite_strict=True,
)
"""The copies that patients have taken home."""

planned = Table(
    "planned",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("day", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("need", Text, nullable=False),
    Column("over_40", Integer, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    # The visit that was begun with it.
    Column("visit", Text),
    sqlite_strict=True,
)

day_word = Table(
    "day_word",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("day", Text, primary_key=True),
    Column("word", Text, nullable=False),
    sqlite_strict=True,
)
"""The short word under which a day's list opens on a nurse's phone."""
