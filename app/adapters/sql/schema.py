"""The tables: what is kept, and what the database itself refuses.

`event` is the evidence: rows are added and never touched again. `event_body` is the only part of it that may
go. `visit` is where each visit stands, as its events tell. The rest is the office: its accounts, its links with their
revisions, its prints, and what it has of the terminal. No column holds a patient's name that can be read: `person`
holds it encrypted under a key of its own, and only where a station keeps names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    or_,
)

HEAD: Final = "0008"
"""The newest revision in `migrations/versions`, kept here too: an up-to-date start need not load Alembic."""
KEYED_SINCE: Final = "0008"
"""The revision from which on entries carry a MAC."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# STRICT tables know INTEGER only, which holds 64 bits there; elsewhere an INTEGER ends in 2038.
_WHOLE = BigInteger().with_variant(Integer(), "sqlite")

facility = Table(
    "facility",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("telephone", Text, nullable=False),
    sqlite_strict=True,
)

link = Table(
    "link",
    metadata,
    Column("token", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("issued_at", _WHOLE, nullable=False),
    Column("replaced_at", _WHOLE),
    Column("issued_by", Text, nullable=False, server_default=""),
    Column("checked_at", _WHOLE),
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
    Column("opened_at", _WHOLE, nullable=False),
    Column("touched_at", _WHOLE, nullable=False),
    Column("handed_off_at", _WHOLE),
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
"""Visits that retention has not settled yet: few among many, so the index that finds them holds only them."""
Index("ix_visit_may_expire", visit.c.touched_at, sqlite_where=MAY_EXPIRE, postgresql_where=MAY_EXPIRE)

departure = Table(
    "departure",
    metadata,
    Column("id", Text, primary_key=True),
    Column("visit", Text, ForeignKey("visit.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("session", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("issued_at", _WHOLE, nullable=False),
    Column("spent_at", _WHOLE),
    sqlite_strict=True,
)

event = Table(
    "event",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("seq", _WHOLE, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False, unique=True),
    Column("visit", Text, nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("at", _WHOLE, nullable=False),
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
    Column("seq", _WHOLE, primary_key=True, autoincrement=False),
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
    Column("at", _WHOLE, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# --- the office -------------------------------------------------------------------------------------------------

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
    Column("issued_at", _WHOLE, nullable=False),
    Column("replaced_at", _WHOLE),
    Column("checked_at", _WHOLE),
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
    Column("at", _WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    Column("replaced_at", _WHOLE),
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
    Column("last_step", _WHOLE, nullable=False),
    Column("created_at", _WHOLE, nullable=False),
    Column("revoked_at", _WHOLE),
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
    Column("sign_count", _WHOLE, nullable=False),
    Column("label", Text, nullable=False),
    Column("added_at", _WHOLE, nullable=False),
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
    Column("opened_at", _WHOLE, nullable=False),
    Column("used_at", _WHOLE, nullable=False),
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
    Column("made_at", _WHOLE, nullable=False),
    Column("account", Text, nullable=False),
    Column("used_at", _WHOLE),
    Column("revoked_at", _WHOLE),
    Column("inviter", Text, nullable=False),
    sqlite_strict=True,
)

spent = Table(
    "spent",
    metadata,
    Column("secret", Text, primary_key=True),
    Column("at", _WHOLE, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""One-time values that were used: signed ones, of which nothing else is kept."""

ticked = Table(
    "ticked",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("checklist", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("row", Text, primary_key=True),
    Column("at", _WHOLE, nullable=False),
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
    Column("at", _WHOLE, nullable=False),
    sqlite_strict=True,
)

followup = Table(
    "followup",
    metadata,
    Column("visit", Text, ForeignKey("visit.id", ondelete="CASCADE"), primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    # When it reached the office; once it is settled, when that was.
    Column("at", _WHOLE, nullable=False),
    Column("settled", Integer, nullable=False, server_default="0"),
    # What was seen and why it was closed, as JSON: both may be there.
    Column("sight", Text),
    Column("closed", Text),
    # Whom of the terminal's files this visit was matched with.
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

receipt = Table(
    "receipt",
    metadata,
    Column("id", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("visit", Text, ForeignKey("visit.id", ondelete="CASCADE"), nullable=False, index=True),
    # SHA-256 of the letters that open it.
    Column("hash", Text, nullable=False),
    Column("made_at", _WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    Column("called_back_at", _WHOLE),
    Column("mac", Text),
    UniqueConstraint("hash"),
    sqlite_strict=True,
)
"""The copies that patients have taken home."""

# --- what the terminal's files say ------------------------------------------------------------------------------

exchange = Table(
    "exchange",
    metadata,
    Column("key", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    Column("day", Text, nullable=False),
    Column("counter", Integer, nullable=False),
    Column("consent_from", Text, nullable=False),
    Column("consent_to", Text, nullable=False),
    Column("at", _WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    Column("reception", Text, nullable=False, server_default=""),
    UniqueConstraint("facility", "day", "counter"),
    sqlite_strict=True,
)
"""Requests that were made for the terminal, by the station's own word in them."""

upload = Table(
    "upload",
    metadata,
    Column("id", Text, primary_key=True),
    Column("facility", Text, ForeignKey("facility.id"), nullable=False),
    # HMAC of the file under the station's key: a bare hash would let anybody test a guess.
    Column("digest", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("at", _WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    # The file itself, encrypted, only while it waits to be taken.
    Column("sealed", LargeBinary),
    # What the preview says: counts and lines, encrypted, since an odd value may be personal.
    Column("preview", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("touched_at", _WHOLE, nullable=False),
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
    Column("ends_at", _WHOLE),
    Column("state", Text, nullable=False),
    Column("validity", Text, nullable=False),
    Column("seen_at", _WHOLE, nullable=False),
    # What came, as JSON: reference numbers, and per insurance its kind and its consents. It names nobody.
    Column("body", Text, nullable=False),
    # Keyed hashes by which the same person is recognised in the next file.
    Column("mark", Text),
    Column("born", Text),
    # The person's own key, sealed, and what it opens: destroying the key is the erasure.
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
    Column("consented_at", _WHOLE),
    # The person's day, kept here so that one index narrows and sorts.
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
    Column("at", _WHOLE, nullable=False),
    Column("by", Text, nullable=False),
    sqlite_strict=True,
)
"""Whose key was destroyed: pseudonyms only, so that a restored older database forgets them again."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("known_size", _WHOLE, nullable=False),
    Column("known_hash", Text, nullable=False),
    Column("found_size", _WHOLE, nullable=False),
    Column("found_hash", Text, nullable=False),
    Column("at", _WHOLE, nullable=False),
    Column("accepted_at", _WHOLE),
    Column("accepted_by", Text),
    sqlite_strict=True,
)
"""Stations whose record is older than one that is known to have been: read-only until somebody accepts it."""

broken = Table(
    "broken",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    # A visit, or `record` for the chain.
    Column("subject", Text, primary_key=True),
    # The first entry that does not hold; 0 where the record holds and what is kept beside it does not.
    Column("seq", _WHOLE, nullable=False),
    Column("at", _WHOLE, nullable=False),
    sqlite_strict=True,
)
"""What the last check found not to be as it was recorded. Nothing of it is written over."""

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("practice", Integer, nullable=False),
    sqlite_strict=True,
)
"""One row: whether this database belongs to the practice route."""

# --- the day's list ---------------------------------------------------------------------------------------------

planned = Table(
    "planned",
    metadata,
    Column("facility", Text, ForeignKey("facility.id"), primary_key=True),
    Column("day", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("need", Text, nullable=False),
    Column("over_40", Integer, nullable=False),
    Column("at", _WHOLE, nullable=False),
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

# REPLACE deletes the row in its way without firing a delete trigger unless recursive_triggers is on, which a
# connection may forget. The third trigger stands in the schema and names every unique column of `event`.
EVENT_TRIGGERS: Final = {
    "event_no_update": """CREATE TRIGGER event_no_update BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'event is append-only'); END""",
    "event_no_delete": """CREATE TRIGGER event_no_delete BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'event is append-only'); END""",
    "event_no_replace": """CREATE TRIGGER event_no_replace BEFORE INSERT ON event
    WHEN EXISTS (SELECT 1 FROM event WHERE facility = new.facility AND seq = new.seq)
      OR EXISTS (SELECT 1 FROM event WHERE event_id = new.event_id)
      OR EXISTS (SELECT 1 FROM event WHERE key = new.key)
    BEGIN SELECT RAISE(ABORT, 'event is append-only'); END""",
}
# A body goes when a later entry of its visit or person says that it is over. In a read-only record no entry can say
# so, and an erasure must still be done again.
_EXPLAINED: Final = """EXISTS (SELECT 1 FROM event AS mine JOIN event AS later
        ON later.facility = mine.facility AND later.visit = mine.visit AND later.seq > mine.seq
        WHERE mine.facility = old.facility AND mine.seq = old.seq AND later.type IN ('expired', 'purged', 'erased'))
      OR EXISTS (SELECT 1 FROM quarantine WHERE facility = old.facility AND accepted_at IS NULL)"""
BODY_TRIGGERS: Final = {
    "event_body_no_update": """CREATE TRIGGER event_body_no_update BEFORE UPDATE ON event_body
    BEGIN SELECT RAISE(ABORT, 'event_body is append-only'); END""",
    "event_body_no_delete": f"""CREATE TRIGGER event_body_no_delete BEFORE DELETE ON event_body
    WHEN NOT ({_EXPLAINED})
    BEGIN SELECT RAISE(ABORT, 'the visit of this body is not over'); END""",
    "event_body_no_replace": """CREATE TRIGGER event_body_no_replace BEFORE INSERT ON event_body
    WHEN EXISTS (SELECT 1 FROM event_body WHERE facility = new.facility AND seq = new.seq)
    BEGIN SELECT RAISE(ABORT, 'event_body is append-only'); END""",
}
TRIGGERS: Final = EVENT_TRIGGERS | BODY_TRIGGERS
"""In SQLite: each by its name, and word for word as the database must have it."""

# ALWAYS: also in a session that plays a replica, in which ordinary triggers sleep.
EVENT_TRIGGERS_POSTGRESQL: Final = (
    """CREATE FUNCTION event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'event is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION event_stays()""",
    """CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_stays()""",
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_change",
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_truncate",
)
BODY_TRIGGERS_POSTGRESQL: Final = (
    f"""CREATE FUNCTION event_body_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF {_EXPLAINED} THEN RETURN old; END IF;
    RAISE EXCEPTION 'the visit of this body is not over' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE TRIGGER event_body_no_update BEFORE UPDATE ON event_body
    FOR EACH ROW EXECUTE FUNCTION event_stays()""",
    """CREATE TRIGGER event_body_no_delete BEFORE DELETE ON event_body
    FOR EACH ROW EXECUTE FUNCTION event_body_stays()""",
    """CREATE TRIGGER event_body_no_truncate BEFORE TRUNCATE ON event_body
    FOR EACH STATEMENT EXECUTE FUNCTION event_stays()""",
    *(
        f"ALTER TABLE event_body ENABLE ALWAYS TRIGGER event_body_no_{what}"
        for what in ("update", "delete", "truncate")
    ),
)

_STAYS, _BODY_STAYS = (
    statements[0].split("$$")[1] for statements in (EVENT_TRIGGERS_POSTGRESQL, BODY_TRIGGERS_POSTGRESQL)
)
TRIGGERS_POSTGRESQL: Final = {
    "event_no_change": _STAYS,
    "event_no_truncate": _STAYS,
    "event_body_no_update": _STAYS,
    "event_body_no_delete": _BODY_STAYS,
    "event_body_no_truncate": _STAYS,
}
"""In PostgreSQL: each by its name, with the text of the function that it calls."""


def guard(connection: Connection, triggers: Mapping[str, str], postgresql: Sequence[str]) -> None:
    """Make the triggers of a table."""
    for statement in triggers.values() if connection.dialect.name == "sqlite" else postgresql:
        connection.exec_driver_sql(statement)
