"""Converts visits and events to rows and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from sqlalchemy import Row

from app.ports.store import Change, Logged, ReadOnly
from app.rules.record.evidence import REACHED_THE_OFFICE, Entry, state
from app.rules.visit.visit import Holder, Registration, Route, Visit
from app.rules.words.languages import OFFICIAL

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
AnyRow: TypeAlias = Row[*tuple[Any, ...]]

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=dict)


def visit_row(change: Change, session: str | None, handed_off_at: int | None) -> dict[str, Any]:
    """Return the row of a changed visit, given the stored session and time of its handoff."""
    visit, reached = change.visit, state(change.visit)
    if handed_off_at is None and reached in REACHED_THE_OFFICE:
        handed_off_at = visit.touched_at
    return {
        "id": visit.id,
        "facility": visit.facility,
        "session": None if visit.ended else change.session or session,
        "version": change.submission.version + 1,
        "state": reached.value,
        "opened_at": visit.opened_at,
        "touched_at": visit.touched_at,
        "handed_off_at": handed_off_at,
        "ended": int(visit.ended),
        "departure": visit.departure,
        "reference": visit.reference or None,
        "subject": "" if visit.ended else visit.subject,
        "body": _body(visit),
        "crossing": change.crossing or None,
    }


def _body(visit: Visit) -> str:
    rest = {
        "holder": visit.holder.value,
        "answers": visit.answers,
        "draft": visit.draft,
        "registration": visit.registration.value,
        "reason": visit.reason,
        "times": visit.times,
        "route": visit.route.value,
        "language": visit.language,
        "earlier": visit.earlier,
        "transcribed_by": visit.transcribed_by,
    }
    return _ENCODER.encode(rest)


def visit_from(row: AnyRow) -> Visit:
    """Parse a visit's row. Raises `ReadOnly` for a malformed one, as only tampering makes it."""
    try:
        return _visit(row, json.loads(row.body))
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ReadOnly(row.facility) from error


def _visit(row: AnyRow, rest: dict[str, Any]) -> Visit:
    return Visit(
        id=row.id,
        facility=row.facility,
        opened_at=row.opened_at,
        touched_at=row.touched_at,
        version=row.version,
        holder=Holder(rest["holder"]),
        answers=rest["answers"],
        draft=rest["draft"],
        departure=row.departure,
        subject=row.subject,
        registration=Registration(rest["registration"]),
        reason=rest["reason"],
        times=rest["times"],
        ended=bool(row.ended),
        route=Route(rest.get("route", Route.PRACTICE)),
        language=rest.get("language", OFFICIAL.code),
        earlier=rest.get("earlier", {}),
        transcribed_by=rest.get("transcribed_by", ""),
    )


def value_of(kind: type[T], row: AnyRow, prefix: str = "", **converted: object) -> T:
    """Return a value from the columns named as its fields (behind a prefix), and from what is converted already."""
    read = {name: getattr(row, prefix + name) for name in kind.__dataclass_fields__ if name not in converted}
    return kind(**read, **converted)


def row_of(value: DataclassInstance) -> dict[str, Any]:
    """Return a value's fields as columns; booleans become 0 and 1, since STRICT tables have none."""
    found = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return {name: int(each) if isinstance(each, bool) else each for name, each in found.items()}


def logged_from(row: AnyRow) -> Logged:
    """Parse the row of an exported entry."""
    try:
        body = None if row.body is None else json.loads(row.body)
    except (ValueError, RecursionError):
        body = None  # tampered with: a check reports it
    return Logged(value_of(Entry, row), row.hash, row.nonce, body, row.mac)
