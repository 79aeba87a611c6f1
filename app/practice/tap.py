"""One person at the practice マイナアプリ: which card, whether the number was right, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.practice.asked import AuthorizationRequest
from app.practice.people import PracticePerson


class Ending(StrEnum):
    """How a tap ends. All but the first are told to the service as `error_description`."""

    IDENTIFIED = "identified"
    CANCELLED = "cancelled"
    PIN_LOCKED = "pin_locked"
    CARD_UNREADABLE = "card_unreadable"
    CERTIFICATE_EXPIRED = "certificate_expired"


TRIES: Final = 3
"""Wrong numbers in a row after which a card locks (as on the real one; here it opens again by itself)."""


@dataclass(frozen=True, slots=True)
class Tap:
    """The state of one person's tap."""

    asked: AuthorizationRequest | None = None
    """What a service asks for; None when a page has begun it to which people come back by hand."""
    read: Callable[[PracticePerson], None] | None = None
    """Told whose card was read, instead of a service."""
    person: PracticePerson | None = None
    entered: bool = False
    moved: bool = False
    ending: Ending | None = None
    read_at: int = 0
    """When the card was read, if it was."""
    is_told: bool = False
    """Whether the service was given a code for the person: from then on no name is shown here."""

    @property
    def page(self) -> str:
        """The page that this person is on."""
        if self.ending is not None:
            return "end"
        if self.person is None:
            return "card"
        return "hold" if self.entered else "pin"
