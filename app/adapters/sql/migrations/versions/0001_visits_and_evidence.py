"""Stations with their links, visits with their evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STRICT = {"sqlite_strict": True}
_CLUSTERED = {"sqlite_strict": True, "sqlite_with_rowid": False}

_APPEND_ONLY = (
    """CREATE TRIGGER event_no_update BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'event is append-only'); END""",
    """CREATE TRIGGER event_no_delete BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'event is append-only'); END""",
    """CREATE TRIGGER event_no_replace BEFORE INSERT ON event
    WHEN EXISTS (SELECT 1 FROM event WHERE facility = new.facility AND seq = new.seq)
      OR EXISTS (SELECT 1 FROM event WHERE event_id = new.event_id)
      OR EXISTS (SELECT 1 FROM event WHERE key = new.key)
    BEGIN SELECT RAISE(ABORT, 'event is append-only'); END""",
)
_APPEND_ONLY_POSTGRESQL = (
    """CREATE FUNCTION event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'event is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION event_stays()""",
    """CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_stays()""",
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_change",
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_truncate",
)


def upgrade() -> None:
    _stations()
    _visits()
    _evidence()


def _stations() -> None:
    op.create_table(
        "facility",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("telephone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_facility"),
        **_STRICT,
    )
    op.create_table(
        "link",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("facility", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("issued_at", _WHOLE, nullable=False),
        sa.Column("replaced_at", _WHOLE),
        sa.PrimaryKeyConstraint("token", name="pk_link"),
        sa.UniqueConstraint("facility", "revision", name="uq_link_facility_revision"),
        sa.ForeignKeyConstraint(["facility"], ["facility.id"], name="fk_link_facility"),
        **_STRICT,
    )
    _partial("ix_link_live", "link", ["facility"], "replaced_at IS NULL", unique=True)


def _visits() -> None:
    op.create_table(
        "visit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("facility", sa.Text(), nullable=False),
        sa.Column("session", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", _WHOLE, nullable=False),
        sa.Column("touched_at", _WHOLE, nullable=False),
        sa.Column("handed_off_at", _WHOLE),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("departure", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_visit"),
        sa.ForeignKeyConstraint(["facility"], ["facility.id"], name="fk_visit_facility"),
        sa.UniqueConstraint("session", name="uq_visit_session"),
        **_STRICT,
    )
    _partial("ix_visit_may_expire", "visit", ["touched_at"], "handed_off_at IS NULL OR session IS NOT NULL")
    op.create_table(
        "departure",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("visit", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("issued_at", _WHOLE, nullable=False),
        sa.Column("spent_at", _WHOLE),
        sa.PrimaryKeyConstraint("id", name="pk_departure"),
        sa.ForeignKeyConstraint(["visit"], ["visit.id"], name="fk_departure_visit", ondelete="CASCADE"),
        **_STRICT,
    )
    op.create_index("ix_departure_visit", "departure", ["visit"])
    op.create_table(
        "submission",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("visit", sa.Text(), nullable=False),
        sa.Column("at", _WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_submission"),
        **_CLUSTERED,
    )


def _evidence() -> None:
    op.create_table(
        "event",
        sa.Column("facility", sa.Text(), nullable=False),
        sa.Column("seq", _WHOLE, autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("visit", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", _WHOLE, nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("key", sa.Text()),
        sa.PrimaryKeyConstraint("facility", "seq", name="pk_event"),
        sa.ForeignKeyConstraint(["facility"], ["facility.id"], name="fk_event_facility"),
        sa.UniqueConstraint("event_id", name="uq_event_event_id"),
        sa.UniqueConstraint("key", name="uq_event_key"),
        **_CLUSTERED,
    )
    op.create_index("ix_event_visit", "event", ["visit"])
    op.create_table(
        "event_body",
        sa.Column("facility", sa.Text(), nullable=False),
        sa.Column("seq", _WHOLE, autoincrement=False, nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text()),
        sa.PrimaryKeyConstraint("facility", "seq", name="pk_event_body"),
        sa.ForeignKeyConstraint(
            ["facility", "seq"], ["event.facility", "event.seq"], name="fk_event_body_facility_seq"
        ),
        **_CLUSTERED,
    )
    _partial("ix_event_body_seen", "event_body", ["facility", "seen"], "seen IS NOT NULL")
    for statement in _APPEND_ONLY if op.get_bind().dialect.name == "sqlite" else _APPEND_ONLY_POSTGRESQL:
        op.execute(statement)


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    only = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=only, postgresql_where=only)
