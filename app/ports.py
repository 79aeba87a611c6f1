"""The doors to the outside: what the visit needs of a store, a clock, an identity provider and an eligibility system.

Adapters implement these; `main.py` alone decides which. Nothing here knows how.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Protocol

from app.evidence import Body, Entry, Event, Head, canonical
from app.facility import Facility, Link
from app.flow import Visit


class Unavailable(Exception):
    """The other side did not answer in time, or said that it cannot now. Nothing was decided; trying again is right."""


class Clock(Protocol):
    """Time, so that tests can move it."""

    def now(self) -> int:
        """Return whole seconds since 1970, UTC."""
        ...


# --- the store -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Departure:
    """One way out to the identity provider: made at the check page, usable once, for ten minutes."""

    id: str
    visit: str
    session: str
    nonce: str
    verifier: str
    issued_at: int
    spent_at: int | None = None


class Written(StrEnum):
    """What became of a change."""

    DONE = "done"
    REPEATED = "repeated"
    """The same key with the same content had been written before: the earlier answer holds."""
    KEY_REUSED = "key_reused"
    """The same key came with other content: refused (409)."""
    STALE = "stale"
    """The visit has moved on since this page was shown: nothing was written."""
    SPENT = "spent"
    """The departure was used before, is too old, or belongs to another visit or browser: nothing was written."""


@dataclass(frozen=True, slots=True)
class Change:
    """One submitted step: events and the visit they lead to, written in one transaction or not at all.

    `visit.version` is the version that was read plus one. `key` is unique per submission; `fingerprint` is a hash of
    what was submitted. `session` is the SHA-256 (hex) of the browser's cookie: given when the cookie changes (at the
    visit's start), empty when it stays; ending a visit forgets it. `spend` names a departure that must still be live.
    """

    visit: Visit
    events: tuple[Event, ...]
    key: str
    fingerprint: str
    session: str = ""
    issue: Departure | None = None
    spend: str = ""


@dataclass(frozen=True, slots=True)
class Logged:
    """One exported entry of a chain, with its stored hash, and its body while retention still keeps it."""

    entry: Entry
    hash: str
    nonce: str | None
    body: Body | None

    def line(self) -> bytes:
        """Return this entry as a line of an exported log, as `verify.py` reads it."""
        body = None if self.body is None else dict(self.body)
        row = asdict(self.entry) | {"hash": self.hash, "nonce": self.nonce, "body": body}
        return canonical(row) + b"\n"


class Store(Protocol):
    """Where visits and evidence are kept. A method that writes returns only after the data is durable.

    Raises `Unavailable` when the database is full, locked or gone.
    """

    async def visit(self, session: str) -> Visit | None:
        """Return the visit of a browser session (SHA-256 of its cookie, hex), or None when unknown or ended."""
        ...

    async def bedside(self, session: str) -> tuple[Visit, Facility] | None:
        """Return the visit of a browser session with its station: what every page of a visit begins with."""
        ...

    async def write(self, change: Change) -> Written:
        """Write one submitted step: events chained, projection replaced, in one transaction."""
        ...

    async def departure(self, departure: str) -> Departure | None:
        """Return a departure by its id."""
        ...

    async def head(self, facility: str) -> Head:
        """Return the end of a facility's chain."""
        ...

    async def seen(self, facility: str, reference: str) -> int | None:
        """Return when the office last saw a registration for this reference number (seconds, UTC), or None."""
        ...

    async def expire(self, before: int) -> int:
        """Remove visits that never reached the handoff and were last touched before that time; return how many.

        Their chain entries stay, with an `expired` event; their bodies and the visit go. Visits that reached the
        handoff stay for the office, but lose their browser session.
        """
        ...

    async def link(self, token: str) -> Link | None:
        """Return a station link, live or replaced."""
        ...

    async def live_link(self, facility: str) -> Link | None:
        """Return the station's live link."""
        ...

    async def facility(self, facility: str) -> Facility | None:
        """Return a station by its public id."""
        ...

    async def add_facility(self, facility: Facility, link: Link) -> None:
        """Keep a new station with its first link."""
        ...

    async def replace_link(self, link: Link) -> None:
        """Make `link` the station's live link; the one before is replaced at `link.issued_at`."""
        ...

    async def facilities(self) -> tuple[Facility, ...]:
        """Return all stations."""
        ...

    def export(self, facility: str) -> AsyncIterator[Logged]:
        """Yield a facility's chain from the first entry on."""
        ...

    async def is_ready(self) -> bool:
        """Whether the store can be read and written now."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


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
        ...

    async def identify(self, departure: Departure, code: str) -> Identity:
        """Exchange the returned code. Raises `Declined`, `Refused` or `Unavailable`."""
        ...

    def declined(self, error: str, description: str) -> Decline:
        """Return what an `error=` answer means for the person."""
        ...


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
        ...

    async def eligibility(self, subject: str, facility_code: str) -> Eligibility:
        """Return what the system knows, limited to what was agreed to. Raises `NotRegistered` or `Unavailable`."""
        ...
