"""The patient's own: copies to take home, and what is asked from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("followup", sa.Column("asked", sa.Text()))
    op.create_table(
        "receipt",
        sa.Column("id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("facility", sa.Text(), sa.ForeignKey("facility.id"), nullable=False),
        sa.Column("visit", sa.Text(), sa.ForeignKey("visit.id", ondelete="CASCADE"), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("made_at", _WHOLE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("called_back_at", _WHOLE),
        sa.UniqueConstraint("hash", name="uq_receipt_hash"),
        sqlite_strict=True,
    )
    op.create_index("ix_receipt_visit", "receipt", ["visit"])
