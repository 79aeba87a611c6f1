"""The doors to the outside: what the visit needs of a store, a clock, an identity provider and an eligibility system.

Adapters implement these; `main.py` alone decides which. Nothing here knows how.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from app.rules.record.clock import Expected
from app.rules.record.evidence import Body, Entry, Event, EventType, Head, canonical
from app.rules.record.gap import Erasure, Gap
from app.rules.record.gap import Known as Noted
from app.rules.station.account import Account, Invitation, Key, Member, Officer, Role, SignIn
from app.rules.station.day_list import Planned
from app.rules.station.station import Facility, Link, Note, Official, Printed, Station, Tick
from app.rules.terminal.consent_list import Exchange, Incoming, Known, Outcome, Search, Taken, Upload
from app.rules.visit.copy import Receipt
from app.rules.visit.flow import Visit
from app.rules.visit.standing import Asked, Closed, Followed, Sight


class Unavailable(Exception):
    """The other side did not answer in time, or said that it cannot now. Nothing was decided; trying again is right."""


class ReadOnly(Exception):
    """A station's record turned out to be older than it was, or a visit not to be as recorded: nothing is added."""


class StoreUnsafe(Exception):
    """The database does not run with the settings that keep acknowledged writes: nothing is served."""


class Clock(Protocol):
    """Time, so that tests can move it."""

    def now(self) -> int:
        """Return whole seconds since 1970, UTC."""


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

    def known(self) -> Noted:
        """Return what it says; nothing when there is none yet."""

    def look(self) -> Noted:
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


# --- the office ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Act:
    """Something that the office saw or decided about a visit, written once: its event, and what stands from now on.

    One of `sight`, `closed` and `asked` is given. `key` is unique per submission. `person` is whom of the terminal's
    files the visit is matched with from now on, where a sight came from there. `answers` names the wishes that whoever
    closes the visit has read (`app.rules.visit.standing.named`).
    """

    facility: str
    visit: str
    key: str
    type: EventType
    at: int
    body: Body
    is_settled: bool = True
    sight: Sight | None = None
    closed: Closed | None = None
    person: str = ""
    asked: Asked | None = None
    answers: str = ""


class Worklist(Protocol):
    """Where it is kept what the office saw and decided about visits that reached the handoff.

    Raises `Unavailable` when the database is full, locked or gone.
    """

    async def open(self, facility: str) -> tuple[Followed, ...]:
        """Return what is not settled yet: first what is asked from a copy, then the oldest."""

    async def settled(self, facility: str, before: tuple[int, str] | None, limit: int) -> tuple[Followed, ...]:
        """Return what is settled, newest first, older than `before` (moment and visit)."""

    async def followed(self, facility: str, visit: str) -> Followed | None:
        """Return one visit of a station that reached the office, or None."""

    async def history(self, facility: str, visit: str) -> tuple[Logged, ...]:
        """Return what was written of a visit, oldest first."""

    async def last_sight(self, facility: str, reference: str) -> Sight | None:
        """Return what the office last saw of somebody with this reference number, or None."""

    async def record(self, act: Act) -> Written:
        """Write an act, event and all; return only after it is durable.

        `REPEATED` when the same was written under its key before or is asked already, `KEY_REUSED` when its key was
        used for something else, `STALE` when whoever closes the visit has not read what is asked now, or when the visit
        or the person was erased: then nothing was written.
        """

    async def close(self) -> None:
        """Let go of every connection."""


class Receipts(Protocol):
    """Where it is kept which copies patients have taken home.

    Raises `Unavailable` when the database is full, locked or gone.
    """

    async def issue(self, receipt: Receipt, event: Event, key: str) -> bool:
        """Keep a new copy and write that it was made, both or neither; False when this key was used before."""

    async def find(self, known_as: str) -> Receipt | None:
        """Return a copy by the hash of its letters."""

    async def receipt(self, receipt: str) -> Receipt | None:
        """Return a copy by its id."""

    async def of(self, facility: str, visit: str) -> tuple[Receipt, ...]:
        """Return the copies of a station's visit, newest first."""

    async def call_back(self, receipt: Receipt, event: Event) -> bool:
        """Let a copy open nothing from the event's moment on, and write so; False when it was called back before."""

    async def tidy(self, now: int) -> None:
        """Remove copies whose time is over."""

    async def close(self) -> None:
        """Let go of every connection."""


class Registry(Protocol):
    """Where it is kept what the terminal's files say: requests, files on the way, and the people in them.

    Every look-up names the station. A method that writes returns only after the data is durable. Raises `Unavailable`
    when the database is full, locked or gone.
    """

    # requests for the terminal

    async def ask(self, new: Exchange) -> Exchange:
        """Keep a request that is made for the terminal, its counter of the day counted here."""

    async def exchange(self, facility: str, key: str) -> Exchange | None:
        """Return a request by the station's own word in it."""

    async def exchanges(self, facility: str, limit: int) -> tuple[Exchange, ...]:
        """Return requests, newest first."""

    async def received(self, facility: str, key: str, reception: str) -> bool:
        """Note under which number the terminal took a request in; False when the request is not known."""

    # files on the way

    async def keep(self, new: Upload, data: bytes, people: Sequence[Incoming], *, names: bool) -> Upload:
        """Keep a file that was read until it is taken; the same file taken before is returned instead.

        Without `names` none is written, encrypted or not. Of too many that wait the oldest goes.
        """

    async def upload(self, facility: str, upload: str) -> Upload | None:
        """Return a file of a station."""

    async def uploads(self, facility: str, limit: int) -> tuple[Upload, ...]:
        """Return files, newest first."""

    async def drop(self, facility: str, upload: str) -> None:
        """Forget a file that waits."""

    async def begin(self, facility: str, upload: str, now: int) -> tuple[Incoming, ...] | None:
        """Let whoever asks take the file: its people, or None when it is taken, is being taken, or is gone."""

    async def take(self, upload: Upload, people: Sequence[Incoming], done: int, now: int) -> tuple[Taken, ...]:
        """Write a batch of people, with what ended at the source as events, in one transaction.

        `done` is how many of the file's people are written then; the file's outcome counts each of them once, whoever
        takes it up. Nothing is written, and nobody returned, when the file is not being taken any more. Whom a newer
        file has brought already stays as they are.
        """

    async def finish(self, upload: Upload, outcome: Outcome, by: str, now: int) -> bool:
        """Note that a file is taken, as an event; the file itself goes. False when the same was finished before."""

    # the list

    async def search(self, facility: str, search: Search, after: tuple[int, str] | None, limit: int) -> list[Known]:
        """Return people of the list behind `after` (the sort's number and the id), without counting them."""

    async def person(self, facility: str, person: str) -> Known | None:
        """Return one person of the list."""

    async def near(self, facility: str, reference: str, begins: int, ends: int) -> tuple[Known, ...]:
        """Return who has this reference number, or decided between two moments: a hundred at most."""

    async def history(self, facility: str, person: str) -> tuple[Logged, ...]:
        """Return what was written of a person, oldest first."""

    async def visits_of(self, facility: str, person: str) -> tuple[str, ...]:
        """Return the visits that were matched with a person."""

    async def note(self, facility: str, subject: str, event: Event) -> None:
        """Write an event about the list or one of its people."""

    async def forget_names(self, facility: str) -> int:
        """Let a station keep no names any more, and destroy every key that it has; return how many."""

    async def tidy(self, now: int) -> None:
        """Forget files that nobody took."""

    async def close(self) -> None:
        """Let go of every connection."""


class Plans(Protocol):
    """Where the days' lists and their words are kept.

    Raises `Unavailable` when the database is full, locked or gone.
    """

    async def put(self, planned: Sequence[Planned]) -> None:
        """Put numbers on their days' lists, or change what they need; one that was begun stays begun."""

    async def remove(self, facility: str, day: date, reference: str) -> None:
        """Take a number off a day's list."""

    async def on(self, facility: str, day: date) -> tuple[Planned, ...]:
        """Return a day's list, in the order of its numbers."""

    async def begun(self, facility: str, day: date, reference: str, visit: str) -> bool:
        """Note the visit that was begun with a number; False when an earlier one that led somewhere stays."""

    async def word(self, facility: str, day: date) -> str | None:
        """Return the word of a day, or None when it has none yet."""

    async def give_word(self, facility: str, day: date, word: str) -> str:
        """Give a day its word, and return the one that it has: the first stays."""

    async def tidy(self, now: int) -> None:
        """Remove the lists and words of days that are long over."""

    async def close(self) -> None:
        """Let go of every connection."""


class Office(Protocol):
    """Where accounts, links, prints and checklists of the stations are kept.

    Every look-up of a station's own things names the station, so that no id of another one finds anything. A method
    that writes returns only after the data is durable. Raises `Unavailable` when the database is full, locked or gone.
    """

    # who is signed in

    async def account(self, login: str) -> Account | None:
        """Return an account that was not revoked, by its login."""

    async def account_by_id(self, account: str) -> Account | None:
        """Return an account that was not revoked, by its id."""

    async def stations_of(self, account: str) -> tuple[tuple[Facility, Role], ...]:
        """Return where an account belongs, in the order of the stations' names."""

    async def officer(self, secret: str) -> Officer | None:
        """Return who is signed in with this secret (SHA-256, hex), unless account or membership are gone."""

    async def sign_in(self, new: SignIn) -> None:
        """Keep a new sign-in."""

    async def touch(self, sign_in: str, now: int) -> None:
        """Note that a sign-in was used."""

    async def move(self, sign_in: str, facility: str) -> None:
        """Let a sign-in stand at another station."""

    async def sign_out(self, sign_in: str, *, facility: str = "", account: str = "") -> bool:
        """End a sign-in at once, if it is of that station or account; say whether there was one."""

    async def sign_ins(self, *, facility: str = "", account: str = "") -> tuple[tuple[SignIn, str], ...]:
        """Return sign-ins of a station or of an account, newest first, each with its person's name."""

    # proofs, each used once

    async def take_step(self, account: str, step: int) -> bool:
        """Use up a one-time code's 30-second step; False when it or a later one was used before."""

    async def take_recovery(self, account: str, secret: str) -> bool:
        """Use up a recovery code (SHA-256, hex); False when there is none."""

    async def spend(self, secret: str, now: int) -> bool:
        """Use up a one-time value (SHA-256, hex); False when it was used before."""

    # accounts

    async def add(self, account: Account, facility: str, role: Role) -> None:
        """Keep a new account that belongs to a station."""

    async def add_member(self, account: str, facility: str, role: Role) -> None:
        """Let an account belong to one more station."""

    async def enrol(self, account: str, sealed_totp: str, recovery: tuple[str, ...], sign_in: SignIn) -> None:
        """Keep a second factor with new recovery codes, and let the sign-in count fully, under a new secret."""

    async def renew_recovery(self, account: str, recovery: tuple[str, ...]) -> None:
        """Put new recovery codes in the place of the old ones."""

    async def recovery_left(self, account: str) -> int:
        """Return how many recovery codes are left."""

    async def keys(self, account: str) -> tuple[Key, ...]:
        """Return the passkeys of an account."""

    async def key(self, key: str) -> Key | None:
        """Return a passkey by its id."""

    async def add_key(self, key: Key) -> bool:
        """Keep a new passkey; False when one with this id is there already."""

    async def count_key(self, key: str, sign_count: int) -> None:
        """Note how often a passkey has signed."""

    async def remove_key(self, account: str, key: str) -> None:
        """Forget a passkey of an account."""

    async def people(self, facility: str) -> tuple[Member, ...]:
        """Return who belongs to a station."""

    async def set_role(self, facility: str, account: str, role: Role) -> bool:
        """Change what somebody is at a station; False when nobody is, or when no administrator would be left."""

    async def remove(self, facility: str, account: str, now: int) -> bool:
        """End a membership, its sign-ins and open invitations; False when no administrator would be left.

        With the last membership go the account's proofs, and its login is free again.
        """

    async def invite(self, new: Invitation) -> None:
        """Keep an invitation."""

    async def invitation(self, secret: str) -> Invitation | None:
        """Return an invitation by its secret (SHA-256, hex)."""

    async def invitations(self, facility: str) -> tuple[Invitation, ...]:
        """Return a station's invitations, newest first."""

    async def withdraw(self, facility: str, invitation: str, now: int) -> bool:
        """Revoke an invitation that was not used."""

    async def take_up(self, invitation: Invitation, account: Account, sign_in: SignIn) -> bool:
        """Use an invitation: the account and its membership are there, its former proofs and sign-ins gone.

        False when somebody was quicker or the login is taken.
        """

    # stations and links

    async def station(self, facility: str) -> Station:
        """Return what a station says of its equipment and rules."""

    async def save_station(self, facility: Facility, station: Station, *, names_were: bool | None = None) -> bool:
        """Keep what a station is and says; False, and nothing written, unless names are kept as `names_were` says."""

    async def links(self, facility: str, before: int | None = None, limit: int = 50) -> tuple[Link, ...]:
        """Return revisions of a station's entry, newest first, older than `before`."""

    async def officials(self, facility: str, before: int | None = None, limit: int = 50) -> tuple[Official, ...]:
        """Return revisions of a station's official address, newest first, older than `before`."""

    async def replace_entry(self, link: Link) -> Link | None:
        """Make `link` the live entry, its revision counted here; None when `link.revision` is not the live one's."""

    async def replace_official(self, official: Official) -> Official:
        """Make this the live official address, its revision counted here."""

    async def checked(self, facility: str, which: str, revision: int, now: int) -> bool:
        """Note that an entry or official address was opened and leads where it should; False when it is not live."""

    async def reseal(self, renew: Callable[[str], str]) -> int:
        """Put everything that is sealed under what `renew` makes of it, all or nothing; return how many."""

    # prints

    async def print(self, new: Printed) -> None:
        """Keep that sheets were printed."""

    async def prints(
        self, facility: str, *, only: str = "", before: tuple[int, str] | None = None, limit: int = 50
    ) -> tuple[tuple[Printed, bool], ...]:
        """Return prints with whether their code still lives, newest first; `only`: live, dead, or all.

        `before`: time and id of the print behind which to go on.
        """

    async def copies(self, facility: str, which: str) -> Mapping[int, tuple[int, int]]:
        """Return of each revision that was printed: how many copies, and when last."""

    async def replaced(self, facility: str, printed: str, now: int) -> None:
        """Note that a dead print was taken down."""

    # checklists

    async def ticks(self, facility: str, checklist: str, period: str) -> Mapping[str, tuple[int, str]]:
        """Return the rows of a checklist that are done: when, and by whom."""

    async def tick(self, tick: Tick, *, done: bool) -> None:
        """Tick a row, or take its tick away."""

    # the guide

    async def notes(self, facility: str) -> Mapping[str, Note]:
        """Return what a station added to the guide, by topic."""

    async def save_note(self, note: Note) -> None:
        """Keep a note; one without text and number goes."""

    async def tidy(self, now: int) -> None:
        """Remove used one-time values and sign-ins that are long over."""

    async def close(self) -> None:
        """Let go of every connection."""


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
