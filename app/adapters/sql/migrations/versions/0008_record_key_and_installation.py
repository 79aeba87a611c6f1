"""Entries and copies carry a MAC, bodies of live visits stay, checks are kept, and a database is practice or not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.adapters.sql.triggers import BODY_TRIGGERS, BODY_TRIGGERS_POSTGRESQL, guard

revision = "0008"
down_revision = "0007"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("event", sa.Column("mac", sa.Text()))
    op.add_column("receipt", sa.Column("mac", sa.Text()))
    op.create_table(
        "broken",
        sa.Column("facility", sa.Text(), sa.ForeignKey("facility.id"), primary_key=True, nullable=False),
        sa.Column("subject", sa.Text(), primary_key=True, nullable=False),
        sa.Column("seq", _WHOLE, nullable=False),
        sa.Column("at", _WHOLE, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("practice", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    guard(op.get_bind(), BODY_TRIGGERS, BODY_TRIGGERS_POSTGRESQL)
