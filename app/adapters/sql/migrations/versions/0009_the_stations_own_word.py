"""What a station promises those who decline stands with its name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("facility", sa.Column("promise", sa.Text()))
