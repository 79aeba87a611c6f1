"""Where visits and their record are kept, and the ledger that outlives the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Protocol

from app.rules.record.clock import Expected
from app.rules.record.evidence import Body, Entry, Event, Head, canonical
from app.rules.record.gap import Erasure, Gap, LedgerState
from app.rules.station.station import Facility, Link
from app.rules.visit.copy import Receipt
from app.rules.visit.flow import Visit


class ReadOnly(Exception):
    """A station's record turned out to be older than it was, or a visit not to be as recorded: nothing is added."""


class StoreUnsafe(Exception):
    """The database does not run with the settings that keep acknowledged writes: nothing is served."""


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
class Submission:
    """What is needed to write: a key used once, the version of the visit that was read, a hash of what is submitted.

    `version` is 0 for a visit that is new.
    """

    key: str
    version: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Change:
    """One submitted step: events and the visit they lead to, written in one transaction or not at all.

    The visit is kept at the version after the submission's. `session` is the SHA-256 (hex) of the browser's cookie:
    given when the cookie changes (at the visit's start), empty when it stays; ending a visit forgets it. `spend` names
    a departure that must still be live. `crossing` is the SHA-256 (hex) of station and code under which another browser
    may take the visit up from now on.
    """

    visit: Visit
    events: tuple[Event, ...]
    submission: Submission
    session: str = ""
    issue: Departure | None = None
    spend: str = ""
    crossing: str = ""
    receipt: Receipt | None = None
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
    """How the store is: what waits to be written, how many commits there were, and how many writes shared them."""

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
    """How much the last checks found not to be as it was recorded."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """What a check found: a visit, or `record` for the chain, the first entry that does not hold or 0, and when."""

    facility: str
    subject: str
    seq: int
    at: int


class Ledger(Protocol):
    """What must be known outside the database: how far each record had come, and who was erased.

    Its methods wait for a disk: call them in a thread. What they add is on disk when they return. Raises `Unavailable`.
    """

    def known(self) -> LedgerState:
        """Return what it says; nothing when there is none yet."""

    def look(self) -> LedgerState:
        """Return what it says, after looking that lines can be added."""

    def note(self, heads: Mapping[str, Head], at: int) -> None:
        """Keep how far the records have come, as far as they have moved."""

    def accept(self, facility: str, head: Head, at: int) -> None:
        """Keep that a record goes on from this head: what was known before counts no more."""

    def erase(self, erasures: Sequence[Erasure], at: int) -> None:
        """Keep who is erased: before any key is destroyed."""

    def note_clock(self, clock: Expected) -> None:
        """Keep which time it is."""


class Store(Protocol):
    """Where visits and evidence are kept. A method that writes returns only after the data is durable.

    Raises `Unavailable` when the database is full, locked or gone, and `ReadOnly` when a station's record is held.
    """

    async def bedside(self, session: str) -> tuple[Visit, Facility] | None:
        """Return the visit of a browser session (SHA-256 of its cookie, hex) with its station, or None.

        None when the session is unknown or the visit ended. Every page of a visit begins with it.
        """

    async def visit(self, visit: str) -> Visit | None:
        """Return a visit by its id, ended or not, or None when it is gone."""

    async def write(self, change: Change) -> Written:
        """Write one submitted step: events chained, projection replaced, in one transaction."""

    async def departure(self, departure: str) -> Departure | None:
        """Return a departure by its id."""

    async def across(self, crossing: str) -> Visit | None:
        """Return the open visit that another browser may take up under this crossing (SHA-256, hex)."""

    async def head(self, facility: str) -> Head:
        """Return the end of a facility's chain."""

    async def expire(self, before: int) -> int:
        """Remove visits that never reached the handoff and were last touched before that time; return how many.

        Their chain entries stay, with an `expired` event; their bodies and the visit go. Visits that reached the
        handoff stay for the office, but lose their browser session. What was touched an hour later or more goes too.
        """

    async def purge(self, now: int) -> int:
        """Remove settled visits whose station keeps them no longer; return how many. Each leaves a mark."""

    async def overdue(self, now: int) -> tuple[Erasure, ...]:
        """Return some of the people who were in no file for as long as their station keeps them, to be erased."""

    async def matched(self, facility: str, person: str) -> tuple[str, ...]:
        """Return the visits that were matched with a person."""

    async def erase(self, erasures: Sequence[Erasure], by: str) -> None:
        """Destroy people's keys and all that was said of them, and mark it; only after the ledger knows of it."""

    async def erased(self, since: int) -> tuple[Erasure, ...]:
        """Return who was erased since then, as far as the database knows: pseudonyms alone."""

    async def heads(self) -> Mapping[str, Head]:
        """Return the end of every station's chain, but of those that are held."""

    async def held(self, facility: str) -> Gap | None:
        """Return what a station's record lacks while it is read-only, or None."""

    async def all_held(self) -> tuple[Gap, ...]:
        """Return the gaps of all stations whose record is read-only."""

    async def broken(self, facility: str) -> tuple[Alteration, ...]:
        """Return what the last checks found of a station that is not as it was recorded."""

    async def accept(self, facility: str, by: str, now: int) -> Head | None:
        """Let a held record go on as it is, marked as restored, its copies called back; None when it is not held."""

    async def link(self, token: str) -> Link | None:
        """Return a station link, live or replaced."""

    async def live_link(self, facility: str) -> Link | None:
        """Return the station's live link."""

    async def facility(self, facility: str) -> Facility | None:
        """Return a station by its public id."""

    async def add_facility(self, facility: Facility, link: Link) -> None:
        """Keep a new station with its first link."""

    async def facilities(self) -> tuple[Facility, ...]:
        """Return all stations."""

    def export(self, facility: str) -> AsyncIterator[Logged]:
        """Yield a facility's chain from the first entry on."""

    async def is_ready(self) -> bool:
        """Whether the store can be read and written now."""

    async def pulse(self) -> Pulse:
        """Return how the store is."""

    async def close(self) -> None:
        """Let go of every connection."""
