"""Tables of what the terminal's files say, of erasures, and of what checks have found."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from app.adapters.sql.schema.conventions import WHOLE, metadata

exchange = Table(
    "exchange",
    metadata,
    Column("key", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("day", Text, nullable=False),
    Column("counter", Integer, nullable=False),
    Column("consent_from", Text, nullable=False),
    Column("consent_to", Text, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    Column("reception", Text, nullable=False, server_default=""),
    UniqueConstraint("facility", "day", "counter"),
    sqlite_strict=True,
)
"""Requests that were made for the terminal, by the station's own identifier in them."""

upload = Table(
    "upload",
    metadata,
    Column("id", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    # HMAC of the file under the station's key: a bare hash would let anybody test a guess.
    Column("digest", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    # The file itself, encrypted, only while it waits to be taken.
    Column("sealed", LargeBinary),
    # What the preview says: counts and lines, encrypted, since an odd value may be personal.
    Column("preview", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("touched_at", WHOLE, nullable=False),
    Column("outcome", Text, nullable=False, server_default="{}"),
    Index("ix_upload_facility", "facility", "at", "id"),
    sqlite_strict=True,
)
_IS_TAKEN = upload.c.stage == "taken"
Index(
    "ix_upload_taken",
    upload.c.facility,
    upload.c.digest,
    unique=True,
    sqlite_where=_IS_TAKEN,
    postgresql_where=_IS_TAKEN,
)

search_key = Table(
    "search_key",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("sealed", Text, nullable=False),
    sqlite_strict=True,
)
"""The key under which a station's names are searched and its people recognised; sealed, and never changed."""

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    # The day of the newest consent as YYYYMMDD, 0 without one.
    Column("day", Integer, nullable=False),
    # The earliest end that was received for something that is given; never computed.
    Column("ends_at", WHOLE),
    Column("state", Text, nullable=False),
    Column("validity", Text, nullable=False),
    Column("seen_at", WHOLE, nullable=False),
    # As received, in JSON: reference numbers, and per insurance its kind and its consents. No names.
    Column("body", Text, nullable=False),
    # Keyed hashes by which the same person is recognised in the next file.
    Column("mark", Text),
    Column("born", Text),
    # The person's own key, sealed, and the names encrypted under it: deleting the key is the erasure.
    Column("key", Text),
    Column("names", Text),
    Index("ix_person_day", "facility", "day", "id"),
    Index("ix_person_state", "facility", "state", "day", "id"),
    Index("ix_person_validity", "facility", "validity", "day", "id"),
    Index("ix_person_mark", "facility", "mark"),
    Index("ix_person_seen", "facility", "seen_at"),
    sqlite_strict=True,
)
_ENDS = person.c.ends_at.is_not(None)
Index("ix_person_ends", person.c.facility, person.c.ends_at, person.c.id, sqlite_where=_ENDS, postgresql_where=_ENDS)

person_consent = Table(
    "person_consent",
    metadata,
    Column("person", Text, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    Column("flag", Text, primary_key=True),
    Column("facility", Text, nullable=False),
    Column("meaning", Text, nullable=False),
    Column("consented_at", WHOLE),
    # The person's day, repeated here so that one index filters and sorts.
    Column("day", Integer, nullable=False),
    Index("ix_person_consent_flag", "facility", "flag", "meaning", "day", "person"),
    Index("ix_person_consent_at", "facility", "consented_at", "person"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

person_reference = Table(
    "person_reference",
    metadata,
    Column("facility", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("person", Text, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_person_reference_person", "person"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

person_name = Table(
    "person_name",
    metadata,
    Column("facility", Text, primary_key=True),
    # Keyed hash of the beginning of a name, of two letters or more.
    Column("hash", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("person", Text, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_person_name_person", "person"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

erasure = Table(
    "erasure",
    metadata,
    Column("person", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    sqlite_strict=True,
)
"""Erased people, as pseudonyms only; copied to the ledger, so that a restored older database erases them again."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("known_size", WHOLE, nullable=False),
    Column("known_hash", Text, nullable=False),
    Column("found_size", WHOLE, nullable=False),
    Column("found_hash", Text, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("accepted_at", WHOLE),
    Column("accepted_by", Text),
    sqlite_strict=True,
)
"""Stations whose record is older than the ledger says: read-only until it is accepted."""

broken = Table(
    "broken",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    # A visit, or `record` for the chain.
    Column("subject", Text, primary_key=True),
    # The first invalid entry; 0 where the record is valid and the visit differs from it.
    Column("seq", WHOLE, nullable=False),
    Column("at", WHOLE, nullable=False),
    sqlite_strict=True,
)
"""What the last checks found to differ from its record; it takes no writes."""

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("practice", Integer, nullable=False),
    sqlite_strict=True,
)
"""One row: whether this database belongs to the practice route."""
