"""Ports to what is outside the process: clock, password hashing, passkeys, identity provider, eligibility system.

Adapters implement these protocols; `main.py` alone decides which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.ports.store import Departure


class Unavailable(Exception):
    """The other system did not answer in time, or said that it cannot now. Nothing was decided: retry."""


class Clock(Protocol):
    """Time, so that tests can move it."""

    def now(self) -> int:
        """Return whole seconds since 1970, UTC."""


class Secrets(Protocol):
    """Password hashing and one-time codes (TOTP)."""

    async def hashed(self, password: str) -> str:
        """Return the hash of a password."""

    async def is_right(self, kept: str, password: str) -> bool:
        """Whether a password fits a stored hash; an empty hash takes as long, so that timing reveals no account."""

    def new_totp(self) -> str:
        """Return a random TOTP secret."""

    def totp_address(self, secret: str, login: str) -> str:
        """Return the `otpauth://` address for the QR code."""

    def code(self, secret: str, now: int) -> str:
        """Return the one-time code at `now`."""

    def step_of(self, secret: str, code: str, now: int) -> int:
        """Return the 30-second step near `now` that a code belongs to; 0 when it is none."""


class NotProven(Exception):
    """A passkey could not be verified; the reason is not told."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as it is verified: its id, its public key, and its signature counter."""

    id: bytes
    public_key: bytes
    sign_count: int


class Passkeys(Protocol):
    """WebAuthn passkeys with user verification: a finger, a face or a device code."""

    def options_to_create(self, account: str, name: str, known: Sequence[bytes]) -> tuple[str, bytes]:
        """Return options (JSON) for a new passkey, and their challenge."""

    def created(self, credential: str, challenge: bytes) -> Passkey:
        """Verify and return the passkey that a browser made, or raise `NotProven`."""

    def options_to_get(self, known: Sequence[bytes] = ()) -> tuple[str, bytes]:
        """Return options (JSON) for signing in, and their challenge."""

    def credential_id(self, credential: str) -> bytes:
        """Return the id of the passkey that was used, or raise `NotProven`."""

    def proven(self, credential: str, challenge: bytes, passkey: Passkey) -> int:
        """Verify a sign-in and return the new signature counter, or raise `NotProven`."""


# --- the handoff -----------------------------------------------------------------------------------------------


class Decline(StrEnum):
    """Why an identity provider sent the person back without an identity. Each is a normal page."""

    CANCELLED = "cancelled"
    PIN_LOCKED = "pin_locked"
    CARD_UNREADABLE = "card_unreadable"
    CERTIFICATE_EXPIRED = "certificate_expired"
    UNKNOWN = "unknown"


class Declined(Exception):
    """The identity provider answered with an error, an ordinary outcome; none of its text is kept or shown."""

    def __init__(self, reason: Decline) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Refused(Exception):
    """The answer is invalid (signature, nonce, issuer, audience, age) and treated as if it had not come."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the provider proves: that the holder of this pseudonym (per service) tapped now. Not the registration."""

    subject: str


class Handoff(Protocol):
    """The identity provider with which the card is tapped."""

    async def address(self, departure: Departure, state: str) -> str:
        """Return the address of the link that the person taps. Raises `Unavailable`."""

    async def identify(self, departure: Departure, code: str) -> Identity:
        """Exchange the returned code for the identity. Raises `Declined`, `Refused` or `Unavailable`."""

    def declined(self, error: str, description: str) -> Decline:
        """Map an `error=` answer to the outcome for the person."""


class Reception(Protocol):
    """The link to マイナ在宅受付Web: a station's own address. No data comes back from there."""

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
        """Register choices (item id to value), idempotent by `key`. Raises `NotRegistered` or `Unavailable`."""

    async def eligibility(self, subject: str, facility_code: str) -> Eligibility:
        """Return what the system knows, limited to what was agreed to. Raises `NotRegistered` or `Unavailable`."""
