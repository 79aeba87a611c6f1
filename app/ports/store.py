"""Ports for visits, their record, and the ledger outside the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Protocol

from app.rules.record.clock import Expected
from app.rules.record.event import Body, Event
from app.rules.record.evidence import Entry, Head, canonical
from app.rules.record.gap import Erasure, Gap, LedgerState
from app.rules.station.station import Link, Station
from app.rules.visit.copy import Copy
from app.rules.visit.visit import Visit


class ReadOnly(Exception):
    """A station's record is older than known, or a visit differs from its record: writes are refused."""


class StoreUnsafe(Exception):
    """The database's settings or schema do not guarantee that acknowledged writes are kept: nothing is served."""


@dataclass(frozen=True, slots=True)
class Departure:
    """One redirect to the identity provider: made at the check page, usable once, for ten minutes."""

    id: str
    visit: str
    session: str
    nonce: str
    verifier: str
    issued_at: int
    spent_at: int | None = None


class Written(StrEnum):
    """The outcome of a write."""

    DONE = "done"
    REPEATED = "repeated"
    """The same key with the same content had been written before: the earlier answer holds."""
    KEY_REUSED = "key_reused"
    """The same key came with other content: refused (409)."""
    STALE = "stale"
    """The visit has changed since this page was shown: nothing was written."""
    SPENT = "spent"
    """The departure was used before, is too old, or belongs to another visit or browser: nothing was written."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Idempotency key, version of the visit that was read (0 for a new one), and hash of the submitted fields."""

    key: str
    version: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Change:
    """One submitted step: events and the resulting visit, written in one transaction.

    The visit is stored with the version after the submission's. `session` is the SHA-256 (hex) of the browser's cookie:
    given when the cookie changes (at the visit's start), empty when it stays; ending a visit deletes it. `spend` names
    a departure that must still be live. `crossing` is the SHA-256 (hex) of station and code with which another browser
    may take over the visit from now on.
    """

    visit: Visit
    events: tuple[Event, ...]
    submission: Submission
    session: str = ""
    issue: Departure | None = None
    spend: str = ""
    crossing: str = ""
    copy: Copy | None = None
    """The copy that the patient can take home from now on."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One exported entry of a chain, with its stored hash and MAC, and its body while retention still keeps it."""

    entry: Entry
    hash: str
    nonce: str | None
    body: Body | None
    mac: str | None = None
    """None only before the chain's first `keyed` or `restored` entry, in records from before 0.4."""

    def line(self) -> bytes:
        """Return this entry as a line of an exported log, as `verify.py` reads it."""
        body = None if self.body is None else dict(self.body)
        row = asdict(self.entry) | {"hash": self.hash, "nonce": self.nonce, "body": body, "mac": self.mac}
        return canonical(row) + b"\n"


@dataclass(frozen=True, slots=True)
class Pulse:
    """The health of the store: queued writes, commits, and how many writes shared them."""

    is_current: bool
    """Whether the schema is the one that this version knows."""
    waiting: int
    commits: int
    writes: int
    records: int
    entries: int
    """How many records there are, and how many entries they have together."""
    newest_at: int
    """When the newest entry of any record was written (seconds, UTC)."""
    broken: int = 0
    """How many differences from the record the last checks found."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """A finding: a visit, or `record` for the chain, the first invalid entry or 0, and when."""

    facility: str
    subject: str
    seq: int
    at: int


class Ledger(Protocol):
    """The ledger outside the database: the head of each record, and who was erased.

    Its methods block on the disk: call them in a thread. What they append is on disk when they return. Raises
    `Unavailable`.
    """

    def known(self) -> LedgerState:
        """Read the ledger; empty when there is none yet."""

    def look(self) -> LedgerState:
        """Read the ledger, after checking that it is writable."""

    def note(self, heads: Mapping[str, Head], at: int) -> None:
        """Append the heads that have moved."""

    def accept(self, facility: str, head: Head, at: int) -> None:
        """Append an accepted head, which replaces what was known before."""

    def erase(self, erasures: Sequence[Erasure], at: int) -> None:
        """Append erasures: call it before any key is destroyed."""

    def note_clock(self, clock: Expected) -> None:
        """Append the clock."""

    def note_keyed(self, at: int) -> None:
        """Append that entries carry MACs."""


class Store(Protocol):
    """Storage of visits and evidence. A method that writes returns only after the data is durable.

    Raises `Unavailable` when the database is full, locked or gone, and `ReadOnly` when a station's record is read-only.
    """

    async def bedside(self, session: str) -> tuple[Visit, Station] | None:
        """Return visit and station of a session (SHA-256 of its cookie, hex); None when unknown or ended."""

    async def visit(self, visit: str) -> Visit | None:
        """Return a visit by its id, ended or not, or None when it is gone."""

    async def write(self, change: Change) -> Written:
        """Write one submitted step in one transaction: chain its events, replace the visit."""

    async def departure(self, departure: str) -> Departure | None:
        """Return a departure by its id."""

    async def across(self, crossing: str) -> Visit | None:
        """Return the open visit that another browser may take over with this crossing (SHA-256, hex)."""

    async def head(self, facility: str) -> Head:
        """Return the head of a station's chain."""

    async def expire(self, before: int) -> int:
        """Delete visits that never reached the handoff and were last touched before that time; return how many.

        Their chain entries stay, with an `expired` event; their bodies and the visit go. Visits that reached the
        handoff stay for the office, but lose their browser session. A visit touched an hour after `before` or later
        expires too.
        """

    async def purge(self, now: int) -> int:
        """Delete settled visits after their station's retention period, each with an event; return how many."""

    async def overdue(self, now: int) -> tuple[Erasure, ...]:
        """Return a batch of people to erase: in no file for their station's retention period."""

    async def matched(self, facility: str, person: str) -> tuple[str, ...]:
        """Return the visits that were matched with a person."""

    async def erase(self, erasures: Sequence[Erasure], by: str) -> None:
        """Destroy people's keys and data, with an event each; call it only after the ledger has them."""

    async def erased(self, since: int) -> tuple[Erasure, ...]:
        """Return the database's erasures since then: pseudonyms alone."""

    async def heads(self) -> Mapping[str, Head]:
        """Return the head of every station's chain, except read-only ones."""

    async def gap(self, facility: str) -> Gap | None:
        """Return what a station's record lacks while it is read-only, or None."""

    async def all_held(self) -> tuple[Gap, ...]:
        """Return the gaps of all stations whose record is read-only."""

    async def broken(self, facility: str) -> tuple[Alteration, ...]:
        """Return the findings of the last checks of a station."""

    async def accept(self, facility: str, by: str, now: int) -> Head | None:
        """Make a read-only record writable, with a `restored` event and its copies called back; None if it was not."""

    async def link(self, token: str) -> Link | None:
        """Return a station link, live or replaced."""

    async def live_link(self, facility: str) -> Link | None:
        """Return the station's live link."""

    async def facility(self, facility: str) -> Station | None:
        """Return a station by its public id."""

    async def add_facility(self, facility: Station, link: Link) -> None:
        """Store a station with its first link."""

    async def facilities(self) -> tuple[Station, ...]:
        """Return all stations."""

    def export(self, facility: str) -> AsyncIterator[Logged]:
        """Yield a station's chain from the first entry on."""

    async def is_ready(self) -> bool:
        """Whether the store can be read and written."""

    async def pulse(self) -> Pulse:
        """Return the health of the store."""

    async def close(self) -> None:
        """Close all connections."""
