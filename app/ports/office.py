"""Where the office's work is kept: the worklist, copies, day lists, accounts, links, prints and checklists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from app.ports.store import Logged, Written
from app.rules.record.evidence import Body, Event, EventType
from app.rules.station.account import Account, Invitation, Key, Member, Officer, Role, SignIn
from app.rules.station.day_list import Planned
from app.rules.station.station import Facility, Link, Note, Official, Printed, Station, Tick
from app.rules.visit.copy import Receipt
from app.rules.visit.standing import Closed, Followed, Sight, StandingWish


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
    asked: StandingWish | None = None
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
