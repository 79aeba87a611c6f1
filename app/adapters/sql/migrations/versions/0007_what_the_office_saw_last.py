"""What the office saw last of a number is asked of the worklist: an event says only what was seen then."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.drop_index("ix_event_body_seen", "event_body")
    op.drop_column("event_body", "seen")
