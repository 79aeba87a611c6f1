"""Validates the authorization request of a service to the practice マイナアプリ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from app.practice.client import Client

_PRINTABLE: Final = re.compile(r"[\x20-\x7e]{1,255}")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""S256 of anything is 43 characters (RFC 7636)."""


class NotOurService(Exception):
    """Unknown client or redirect URI: answered with a page here, never with a redirect."""


class Unfit(Exception):
    """The request breaks the protocol: answered by a redirect with error (RFC 6749, section 4.1.2.1) and state."""

    def __init__(self, error: str, description: str, state: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.state = state


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A valid authorization request."""

    state: str
    nonce: str
    challenge: str


def read(pairs: Iterable[tuple[str, str]], client: Client) -> AuthorizationRequest:
    """Return the request, or raise `NotOurService` or `Unfit`."""
    found = list(pairs)
    often = {name for name, count in Counter(name for name, _ in found).items() if count > 1}
    given = dict(found)
    _check_service(given, often, client)
    state = given.get("state", "") if "state" not in often else ""
    if not _PRINTABLE.fullmatch(state):
        raise Unfit("invalid_request", "state", "")
    if often:
        raise Unfit("invalid_request", "given twice", state)
    error = next((error for error in _ERRORS if not error.holds(given)), None)
    if error is not None:
        raise Unfit(error.error, error.name, state)
    return AuthorizationRequest(state, given["nonce"], given["code_challenge"])


def _check_service(given: dict[str, str], often: set[str], client: Client) -> None:
    """Compare client id and redirect URI exactly; one that is given twice counts as missing."""
    names = {"client_id": client.client_id, "redirect_uri": client.redirect_uri}
    if often & set(names) or any(given.get(name) != value for name, value in names.items()):
        raise NotOurService


@dataclass(frozen=True, slots=True)
class _Rule:
    """One parameter, what it must look like, and the error when it does not."""

    name: str
    pattern: re.Pattern[str]
    error: str = "invalid_request"

    def holds(self, given: dict[str, str]) -> bool:
        return self.pattern.fullmatch(given.get(self.name, "")) is not None


_ERRORS: Final = (
    _Rule("response_type", re.compile("code"), "unsupported_response_type"),
    _Rule("scope", re.compile("openid"), "invalid_scope"),  # more would ask the person for a second PIN
    _Rule("nonce", _PRINTABLE),
    _Rule("max_age", re.compile("[0-9]{0,9}")),  # no session is kept here: whatever is asked, the card is read
    _Rule("code_challenge_method", re.compile("S256")),
    _Rule("code_challenge", _CHALLENGE),
)
