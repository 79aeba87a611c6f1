"""The trouble helper's answers by symptom, from `trouble.toml`, with sources; validated at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from types import MappingProxyType
from typing import Any, Final, TypeVar

from app.rules.content import ContentError, _graded, _read
from app.rules.content.contacts import CONTACTS

_FILE: Final = "trouble.toml"
_HEARSAY: Final = "F"
_SECOND_HAND: Final = "2"
SAYS_SO: Final = "という{報告|ほうこく}があります。"
"""How hearsay must end, so that it is not read as a fact."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Other:
    """Another way, if the advice does not help."""

    id: str
    text: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class Advice:
    """The advice for one symptom: the next step, a picture, whom to call, and another way."""

    id: str
    group: str
    row: str
    icon: str
    title: str
    next: str
    also: tuple[str, ...]
    picture: str
    contact: str
    other: Other
    source: str
    grade: str
    checked_on: date
    hint: str = ""
    link: str = ""
    link_label: str = ""


@dataclass(frozen=True, slots=True)
class KnownCode:
    """An error number of which something was reported."""

    code: str
    message: str
    text: str
    also: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class Troubles:
    """The contents of `trouble.toml`."""

    groups: Mapping[str, str]
    answers: Mapping[str, Advice]
    codes: tuple[KnownCode, ...]
    review_by: date


def load_troubles(found: Mapping[str, Any] | None = None) -> Troubles:
    """Load `trouble.toml`, or validate its parsed contents."""
    given = found or _read(_FILE)
    others = {row["id"]: _whole(Other, _graded(_FILE, dict(row))) for row in given["other"]}
    answers = [_answer(given, others, row) for row in given["answer"]]
    if len({each.id for each in answers}) != len(answers):
        raise ContentError(f"{_FILE}: an answer stands twice")
    codes = tuple(_code(row) for row in given["known"])
    by_id = MappingProxyType({each.id: each for each in answers})
    return Troubles(MappingProxyType(dict(given["groups"])), by_id, codes, given["review_by"])


def _answer(given: Mapping[str, Any], others: Mapping[str, Other], row: dict[str, Any]) -> Advice:
    name = row.get("id", "?")
    known = row.get("group") in given["groups"] and row.get("contact") in CONTACTS and row.get("other") in others
    if not known:
        raise ContentError(f"{_FILE}: {name} names a group, contact or other way that is not there")
    if row.get("grade") == _SECOND_HAND and not row.get("link", "").startswith("https://"):
        raise ContentError(f"{_FILE}: {name} is second-hand and brings no official page")
    shaped = {"also": tuple(row["also"]), "other": others[row["other"]], "checked_on": given["checked_on"]}
    return _whole(Advice, {**_graded(_FILE, row), **shaped})


def _code(row: Mapping[str, Any]) -> KnownCode:
    if row.get("grade") != _HEARSAY or not row.get("source") or not str(row.get("text", "")).endswith(SAYS_SO):
        raise ContentError(f"{_FILE}: {row.get('code', '?')} is hearsay and does not say so")
    return _whole(KnownCode, dict(row))


def _whole(kind: type[T], row: dict[str, Any]) -> T:
    """Build `kind` from a row; raise `ContentError` for missing or unknown fields."""
    known = {field.name: field.default is MISSING for field in fields(kind)}  # type: ignore[arg-type]
    if row.keys() - known.keys() or any(name not in row for name, needed in known.items() if needed):
        raise ContentError(f"{_FILE}: {row.get('id', '?')} is not whole, or says what is not known")
    return kind(**row)


TROUBLES: Final = load_troubles()
