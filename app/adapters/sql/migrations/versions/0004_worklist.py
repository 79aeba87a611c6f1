"""The office follows up every visit that reached the handoff: what was seen of it, why it was closed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "followup",
        sa.Column("visit", sa.Text(), sa.ForeignKey("visit.id", ondelete="CASCADE"), primary_key=True, nullable=False),
        sa.Column("facility", sa.Text(), sa.ForeignKey("facility.id"), nullable=False),
        sa.Column("at", _WHOLE, nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("sight", sa.Text()),
        sa.Column("closed", sa.Text()),
        sqlite_strict=True,
    )
    op.create_index("ix_followup_facility", "followup", ["facility", "settled", "at", "visit"])
    op.execute(
        "INSERT INTO followup (visit, facility, at) "
        "SELECT id, facility, handed_off_at FROM visit WHERE handed_off_at IS NOT NULL"
    )
