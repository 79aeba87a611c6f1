"""The office: accounts, links with a life, prints, checklists."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STRICT = {"sqlite_strict": True}


def upgrade() -> None:
    op.add_column("link", sa.Column("issued_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("link", sa.Column("checked_at", _WHOLE))
    _links()
    _accounts()
    _ways_in()
    _table(
        "ticked",
        _of_facility(),
        _key("checklist"),
        _key("period"),
        _key("row"),
        _whole("at"),
        _text("by"),
    )


def _links() -> None:
    _table(
        "station",
        _of_facility(),
        _text("terminal"),
        sa.Column("linked", sa.Integer()),
        sa.Column("maintenance", sa.Integer()),
        *(_text(name) for name in ("maintenance_telephone", "router", "certificate_ends")),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("keeps_names", sa.Integer(), nullable=False),
        _text("hours"),
    )
    _table(
        "official",
        _of_facility(),
        sa.Column("revision", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        *(_text(name) for name in ("sealed", "host", "tail", "issued_by")),
        _whole("issued_at"),
        sa.Column("replaced_at", _WHOLE),
        sa.Column("checked_at", _WHOLE),
    )
    _table(
        "printed",
        _key("id"),
        _text("facility", sa.ForeignKey("facility.id")),
        _text("which"),
        sa.Column("revision", sa.Integer(), nullable=False),
        _text("kind"),
        sa.Column("copies", sa.Integer(), nullable=False),
        _whole("at"),
        _text("by"),
        sa.Column("replaced_at", _WHOLE),
    )
    op.create_index("ix_printed_facility", "printed", ["facility", "which", "revision"])


def _accounts() -> None:
    _table(
        "account",
        _key("id"),
        _text("login"),
        *(_text(name) for name in ("name", "password", "totp")),
        _whole("last_step"),
        _whole("created_at"),
        sa.Column("revoked_at", _WHOLE),
        sa.UniqueConstraint("login"),
    )
    _table("member", _key("account", sa.ForeignKey("account.id")), _of_facility(), _text("role"))
    _table(
        "passkey",
        _key("id"),
        _text("account", sa.ForeignKey("account.id"), index=True),
        _text("public_key"),
        _whole("sign_count"),
        _text("label"),
        _whole("added_at"),
    )
    _table("recovery", _key("account", sa.ForeignKey("account.id")), _key("secret"))


def _ways_in() -> None:
    _table(
        "sign_in",
        _key("id"),
        _text("secret"),
        _text("account", sa.ForeignKey("account.id"), index=True),
        _text("facility", sa.ForeignKey("facility.id")),
        sa.Column("full", sa.Integer(), nullable=False),
        _whole("opened_at"),
        _whole("used_at"),
        _text("browser"),
        sa.UniqueConstraint("secret"),
    )
    _table(
        "invitation",
        _key("id"),
        _text("secret"),
        _text("facility", sa.ForeignKey("facility.id"), index=True),
        *(_text(name) for name in ("role", "name", "by")),
        _whole("made_at"),
        _text("account"),
        sa.Column("used_at", _WHOLE),
        sa.Column("revoked_at", _WHOLE),
        _text("inviter"),
        sa.UniqueConstraint("secret"),
    )
    _table("spent", _key("secret"), _whole("at"), sqlite_with_rowid=False)


def _table(name: str, *columns: sa.Column[Any] | sa.Constraint, **options: bool) -> None:
    op.create_table(name, *columns, **_STRICT, **options)


def _of_facility() -> sa.Column[Any]:
    return _key("facility", sa.ForeignKey("facility.id"))


def _key(name: str, *references: sa.ForeignKey) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), *references, primary_key=True, nullable=False)


def _text(name: str, *references: sa.ForeignKey, index: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), *references, nullable=False, index=index)


def _whole(name: str) -> sa.Column[Any]:
    return sa.Column(name, _WHOLE, nullable=False)
