"""What stands outside the process: a clock, password hashing, passkeys, the identity provider, the eligibility system.

Adapters implement these protocols; `main.py` alone decides which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.ports.store import Departure


class Unavailable(Exception):
    """The other side did not answer in time, or said that it cannot now. Nothing was decided; trying again is right."""


class Clock(Protocol):
    """Time, so that tests can move it."""

    def now(self) -> int:
        """Return whole seconds since 1970, UTC."""


class Secrets(Protocol):
    """What a person knows, and what a person's authenticator shows."""

    async def hashed(self, password: str) -> str:
        """Return the hash to keep of a password."""

    async def is_right(self, kept: str, password: str) -> bool:
        """Whether a password is the one whose hash was kept; as much work when nothing was kept."""

    def new_totp(self) -> str:
        """Return a fresh secret for an authenticator."""

    def totp_address(self, secret: str, login: str) -> str:
        """Return what the QR code of an authenticator's secret says."""

    def code(self, secret: str, now: int) -> str:
        """Return the code of this moment."""

    def step_of(self, secret: str, code: str, now: int) -> int:
        """Return the 30-second step whose code this is, about now; 0 when it is none."""


class NotProven(Exception):
    """What a browser sent does not prove the passkey; no more is said."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as it is checked: its id, its public key, and how often it has signed."""

    id: bytes
    public_key: bytes
    sign_count: int


class Passkeys(Protocol):
    """What a person has: a passkey, which also asks for a finger, a face or a device code."""

    def options_to_create(self, account: str, name: str, known: Sequence[bytes]) -> tuple[str, bytes]:
        """Return options (JSON) for a new passkey, and their challenge."""

    def created(self, credential: str, challenge: bytes) -> Passkey:
        """Return the passkey that a browser made, or raise `NotProven`."""

    def options_to_get(self, known: Sequence[bytes] = ()) -> tuple[str, bytes]:
        """Return options (JSON) for signing in, and their challenge."""

    def credential_id(self, credential: str) -> bytes:
        """Return which passkey was used, or raise `NotProven`."""

    def proven(self, credential: str, challenge: bytes, passkey: Passkey) -> int:
        """Return the new count of signatures, or raise `NotProven`."""


# --- the handoff -----------------------------------------------------------------------------------------------


class Decline(StrEnum):
    """Why an identity provider sent the person back without an identity. Each is a normal page."""

    CANCELLED = "cancelled"
    PIN_LOCKED = "pin_locked"
    CARD_UNREADABLE = "card_unreadable"
    CERTIFICATE_EXPIRED = "certificate_expired"
    UNKNOWN = "unknown"


class Declined(Exception):
    """The identity provider answered with an error that is an ordinary outcome for the person."""

    def __init__(self, reason: Decline) -> None:
        """Keep the reason; no text of the other side is kept or shown."""
        super().__init__(reason.value)
        self.reason = reason


class Refused(Exception):
    """What came back does not hold (signature, nonce, issuer, audience, age): it is treated as not come."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the provider proves: that the holder of this pseudonym (per service) tapped now. Not the registration."""

    subject: str


class Handoff(Protocol):
    """The way out to where the card is tapped."""

    async def address(self, departure: Departure, state: str) -> str:
        """Return the address of the link that the person taps. Raises `Unavailable`."""

    async def identify(self, departure: Departure, code: str) -> Identity:
        """Exchange the returned code. Raises `Declined`, `Refused` or `Unavailable`."""

    def declined(self, error: str, description: str) -> Decline:
        """Return what an `error=` answer means for the person."""


class Reception(Protocol):
    """The door to マイナ在宅受付Web: a station's own address. Nothing comes back from there but people."""

    async def address(self, facility: str) -> str | None:
        """Return the live official address of a station, or None when the office has not entered one."""


# --- the eligibility system ------------------------------------------------------------------------------------


class NotRegistered(Exception):
    """The eligibility system refuses: the card is not registered as an insurance card (保険証利用登録がない)."""


@dataclass(frozen=True, slots=True)
class Insurance:
    """One insurance of a person, as received."""

    insurer_number: str
    insurer_name: str
    valid: bool


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What the eligibility system answers about a person: shown at the bedside, never stored.

    `consents` maps item ids to whether the system holds an agreement. `available_until` is the received end of the
    consent (seconds, UTC) or None; it is never computed. `limit_amount` and `specific_disease` are there only when
    agreed to.
    """

    name: str
    kana: str
    valid: bool
    insurances: tuple[Insurance, ...]
    consents: Mapping[str, bool]
    available_until: int | None
    limit_amount: str | None
    specific_disease: str | None


class EligibilityGateway(Protocol):
    """A system that takes registrations and answers about eligibility."""

    async def register(self, subject: str, facility_code: str, choices: Mapping[str, str], key: str) -> None:
        """Register the choices (item id to agree or decline); the same key is the same registration.

        Raises `NotRegistered` or `Unavailable`.
        """

    async def eligibility(self, subject: str, facility_code: str) -> Eligibility:
        """Return what the system knows, limited to what was agreed to. Raises `NotRegistered` or `Unavailable`."""
