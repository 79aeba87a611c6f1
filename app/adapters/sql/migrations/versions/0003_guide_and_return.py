"""The guide gets a station's own notes; a visit can be taken up again in another browser."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("visit", sa.Column("crossing", sa.Text()))
    op.create_index("ix_visit_crossing", "visit", ["crossing"], unique=True)
    op.create_table(
        "note",
        sa.Column("facility", sa.Text(), sa.ForeignKey("facility.id"), primary_key=True, nullable=False),
        sa.Column("topic", sa.Text(), primary_key=True, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("telephone", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", _WHOLE, nullable=False),
        sqlite_strict=True,
    )
