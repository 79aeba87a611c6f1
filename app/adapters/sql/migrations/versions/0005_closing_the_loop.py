"""The office closes the loop: the terminal's files, the people in them, the day's list, erasure, restored records."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("followup", sa.Column("person", sa.Text()))
    _index("ix_followup_person", "followup", ["facility", "person"], only="person IS NOT NULL")
    _files()
    _people()
    _found_by()
    _table("erasure", _key("person"), _facility(), _whole("at"), _text("by"))
    _table(
        "quarantine",
        _facility(primary_key=True),
        _whole("known_size"),
        _text("known_hash"),
        _whole("found_size"),
        _text("found_hash"),
        _whole("at"),
        _whole("accepted_at", nullable=True),
        sa.Column("accepted_by", sa.Text()),
    )
    _table(
        "planned",
        _facility(primary_key=True),
        _key("day"),
        _key("reference"),
        _text("need"),
        sa.Column("over_40", sa.Integer(), nullable=False),
        _whole("at"),
        _text("by"),
        sa.Column("visit", sa.Text()),
    )
    _table("day_word", _facility(primary_key=True), _key("day"), _text("word"))


def _files() -> None:
    _table(
        "exchange",
        _key("key"),
        _facility(),
        _text("day"),
        sa.Column("counter", sa.Integer(), nullable=False),
        _text("consent_from"),
        _text("consent_to"),
        _whole("at"),
        _text("by"),
        _text("reception", server_default=""),
        sa.UniqueConstraint("facility", "day", "counter", name="uq_exchange_facility_day_counter"),
    )
    _table(
        "upload",
        _key("id"),
        _facility(),
        _text("digest"),
        _text("stage"),
        _whole("at"),
        _text("by"),
        sa.Column("sealed", sa.LargeBinary()),
        _text("preview"),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False, server_default="0"),
        _whole("touched_at"),
        _text("outcome", server_default="{}"),
    )
    _index("ix_upload_facility", "upload", ["facility", "at", "id"])
    _index("ix_upload_taken", "upload", ["facility", "digest"], only="stage = 'taken'", unique=True)
    _table("search_key", _facility(primary_key=True), _text("sealed"))


def _people() -> None:
    _table(
        "person",
        _key("id"),
        _facility(),
        sa.Column("day", sa.Integer(), nullable=False),
        _whole("ends_at", nullable=True),
        _text("state"),
        _text("validity"),
        _whole("seen_at"),
        _text("body"),
        *(sa.Column(name, sa.Text()) for name in ("mark", "born", "key", "names")),
    )
    _index("ix_person_day", "person", ["facility", "day", "id"])
    _index("ix_person_state", "person", ["facility", "state", "day", "id"])
    _index("ix_person_validity", "person", ["facility", "validity", "day", "id"])
    _index("ix_person_mark", "person", ["facility", "mark"])
    _index("ix_person_seen", "person", ["facility", "seen_at"])
    _index("ix_person_ends", "person", ["facility", "ends_at", "id"], only="ends_at IS NOT NULL")


def _found_by() -> None:
    _table(
        "person_consent",
        _person(),
        _key("flag"),
        _text("facility"),
        _text("meaning"),
        _whole("consented_at", nullable=True),
        sa.Column("day", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    _index("ix_person_consent_flag", "person_consent", ["facility", "flag", "meaning", "day", "person"])
    _index("ix_person_consent_at", "person_consent", ["facility", "consented_at", "person"])
    _table("person_reference", _key("facility"), _key("number"), _person(), sqlite_with_rowid=False)
    _index("ix_person_reference_person", "person_reference", ["person"])
    _table(
        "person_name",
        _key("facility"),
        _key("hash"),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        _person(),
        sqlite_with_rowid=False,
    )
    _index("ix_person_name_person", "person_name", ["person"])


def _table(name: str, *columns: Any, **options: Any) -> None:
    op.create_table(name, *columns, sqlite_strict=True, **options)


def _index(name: str, table: str, columns: list[str], *, only: str = "", unique: bool = False) -> None:
    where = sa.text(only) if only else None
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)


def _facility(*, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column("facility", sa.Text(), sa.ForeignKey("facility.id"), primary_key=primary_key, nullable=False)


def _person() -> sa.Column[str]:
    theirs = sa.ForeignKey("person.id", ondelete="CASCADE")
    return sa.Column("person", sa.Text(), theirs, primary_key=True, nullable=False)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), primary_key=True, nullable=False)


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, **options)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, _WHOLE, nullable=nullable)
