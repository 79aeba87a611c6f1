"""How Alembic reaches the database: over the connection it is handed, inside its transaction."""

from __future__ import annotations

from alembic import context

from app.adapters.sql.schema.conventions import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
