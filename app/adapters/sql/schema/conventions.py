"""What all tables share: metadata, the newest revision, the type of 64-bit integers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Integer,
    MetaData,
)

HEAD: Final = "0009"
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
