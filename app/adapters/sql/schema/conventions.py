"""What all tables share: metadata, the newest revision, the type of 64-bit integers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Connection, Integer, MetaData
from sqlalchemy.event import listens_for

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

# STRICT tables have only INTEGER, of 64 bits in SQLite; elsewhere it has 32, and seconds overflow in 2038.
WHOLE = BigInteger().with_variant(Integer(), "sqlite")


@listens_for(metadata, "before_create")
def _make_indexes_partial(_: MetaData, connection: Connection, **__: object) -> None:
    """Give PostgreSQL the conditions of SQLite's indexes: an index that names it loads all its drivers at the start."""
    for table in metadata.tables.values():
        for index in table.indexes:
            where = index.dialect_options["sqlite"]["where"]
            if connection.dialect.name == "postgresql" and where is not None:
                index.dialect_options["postgresql"]["where"] = where
