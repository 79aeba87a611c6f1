"""Parses a submitted form strictly: media type, encoding, number of fields, and no field twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from starlette.requests import Request

_FORM: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 40
_VERSION: Final = frozenset("0123456789")
_VERSION_DIGITS: Final = 9
_HELD: Final = frozenset({"visit", "version", "key", "token"})


class BadForm(Exception):
    """The body is not a form of ours: another type, another encoding, too many fields, or one of them twice."""


@dataclass(frozen=True, slots=True)
class Form:
    """A parsed form of a visit's page: visit id, version, one-time key, CSRF token, and answers."""

    visit: str
    version: int
    key: str
    token: str
    answers: Mapping[str, str]


async def fields(request: Request) -> dict[str, str]:
    """Return the fields of a form body, or raise `BadForm`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise BadForm
    try:
        return _parsed((await request.body()).decode("ascii"))
    except ValueError as error:
        raise BadForm from error


def _parsed(body: str) -> dict[str, str]:
    """Return the fields of an urlencoded body; raises `ValueError` for what no browser sends from a page of ours."""
    pairs = body.split("&")
    if len(pairs) > _MAX_FIELDS or not all("=" in pair for pair in pairs):
        raise ValueError
    found = {_decoded(name): _decoded(value) for name, _, value in (pair.partition("=") for pair in pairs)}
    if len(found) != len(pairs):
        raise ValueError
    return found


def _decoded(text: str) -> str:
    # Most values need no decoding.
    plain = unquote_plus(text, errors="strict") if "%" in text or "+" in text else text
    if "\0" in plain:
        raise ValueError
    return plain


async def form(request: Request) -> Form:
    """Return a submitted step, or raise `BadForm`."""
    found = await fields(request)
    version = found.get("version", "")
    if not version or len(version) > _VERSION_DIGITS or not set(version) <= _VERSION or not found.get("key"):
        raise BadForm
    answers = {name: value for name, value in found.items() if name not in _HELD}
    return Form(found.get("visit", ""), int(version), found["key"][:64], found.get("token", ""), answers)
