"""The station (訪問看護ステーション) and its link: what a printed QR code encodes, with its revision. Pure."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
_LENGTH: Final = 12
LINK: Final = re.compile(rf"[{_ALPHABET}]{{{_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Facility:
    """A station as patients see it: its public id, its name, its 10-digit code, and whom to call."""

    id: str
    name: str
    code: str
    telephone: str

    @property
    def name_parts(self) -> tuple[str, ...]:
        """The name cut where a line may break: 「ひなた坂」「訪問看護ステーション」."""
        head, kind, tail = self.name.partition("訪問看護")
        return tuple(part for part in (head.strip(), kind + tail) if part)


@dataclass(frozen=True, slots=True)
class Link:
    """One revision of a station's entry address `/f/{token}`; a replaced one explains itself and starts nothing."""

    token: str
    facility: str
    revision: int
    issued_at: int
    replaced_at: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether this revision still leads to a visit."""
        return self.replaced_at is None


def new_token() -> str:
    """Return a fresh link token: 12 characters that nobody confuses when typing. It is an address, not a secret."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def is_token(text: str) -> bool:
    """Whether a text has the form of a link token."""
    return LINK.fullmatch(text) is not None
