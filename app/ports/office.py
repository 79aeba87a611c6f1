"""Ports for the office: worklist, copies, day lists, accounts, links, prints and checklists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from app.ports.store import Logged, Written
from app.rules.record.event import Body, Event, EventType
from app.rules.station.account import Account, Invitation, Key, Member, Officer, Role, SignIn
from app.rules.station.day_list import Planned
from app.rules.station.station import Link, Note, Official, Printed, Station, StationProfile, Tick
from app.rules.visit.copy import Copy
from app.rules.visit.standing import Closed, Followed, Sight, StandingWish


@dataclass(frozen=True, slots=True)
class Act:
    """What the office saw or decided about a visit, or a wish from its copy: the event, and the resulting status.

    One of `sight`, `closed` and `asked` is given. `key` is unique per submission (idempotency). `person` is the person
    of the terminal's files that the visit is now matched with, if the sight came from a file. `answers` names the
    wishes that were shown to whoever closes the visit (`app.rules.visit.standing.named`).
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
    """Follow-up of visits that reached the handoff. Raises `Unavailable` when the database is full, locked or gone."""

    async def open(self, facility: str) -> tuple[Followed, ...]:
        """Return open visits: those with a wish from a copy first, then the oldest."""

    async def settled(self, facility: str, before: tuple[int, str] | None, limit: int) -> tuple[Followed, ...]:
        """Return settled visits, newest first, older than `before` (moment and visit)."""

    async def followed(self, facility: str, visit: str) -> Followed | None:
        """Return one visit of a station that reached the office, or None."""

    async def history(self, facility: str, visit: str) -> tuple[Logged, ...]:
        """Return the events of a visit, oldest first."""

    async def last_sight(self, facility: str, reference: str) -> Sight | None:
        """Return the office's latest sight for a reference number, or None."""

    async def record(self, act: Act) -> Written:
        """Write an act and its event in one transaction; return only after it is durable.

        Nothing is written with `REPEATED` (written before under its key, or the wish is open already), `KEY_REUSED`
        (its key was used for another act) and `STALE` (the wishes have changed since they were shown, or visit or
        person was erased).
        """


class Copies(Protocol):
    """Copies that patients took home. Raises `Unavailable` when the database is full, locked or gone.

    A copy that was not written with the record key is never returned: `find` and `copy` raise `ReadOnly` for it.
    """

    async def issue(self, copy: Copy, event: Event, key: str) -> bool:
        """Store a new copy and its event in one transaction; False when this key was used before."""

    async def find(self, known_as: str) -> Copy | None:
        """Return a copy by the hash of its letters."""

    async def copy(self, copy: str) -> Copy | None:
        """Return a copy by its id."""

    async def of(self, facility: str, visit: str) -> tuple[Copy, ...]:
        """Return the copies of a station's visit, newest first."""

    async def call_back(self, copy: Copy, event: Event) -> bool:
        """Make a copy invalid from the event's moment on, and write the event; False when it was called back before."""

    async def tidy(self, now: int) -> None:
        """Delete expired copies."""


class DayLists(Protocol):
    """The days' lists and their words. Raises `Unavailable` when the database is full, locked or gone."""

    async def put(self, planned: Sequence[Planned]) -> None:
        """Insert or update numbers on their days' lists; a started visit stays with its number."""

    async def remove(self, facility: str, day: date, reference: str) -> None:
        """Take a number off a day's list."""

    async def on(self, facility: str, day: date) -> tuple[Planned, ...]:
        """Return a day's list, in the order of its numbers."""

    async def begun(self, facility: str, day: date, reference: str, visit: str) -> bool:
        """Store the visit that was started with a number; False when an earlier one has reached the handoff."""

    async def word(self, facility: str, day: date) -> str | None:
        """Return the word of a day, or None when it has none yet."""

    async def give_word(self, facility: str, day: date, word: str) -> str:
        """Store the word of a day unless it has one; return the stored one."""

    async def tidy(self, now: int) -> None:
        """Delete expired lists and words."""


class Office(Protocol):
    """Accounts, links, prints and checklists of the stations.

    Every query of a station's own data names the station, so that an id of another one finds nothing. A method that
    writes returns only after the data is durable. Raises `Unavailable` when the database is full, locked or gone.
    """

    # who is signed in

    async def account(self, login: str) -> Account | None:
        """Return an account that was not revoked, by its login."""

    async def account_by_id(self, account: str) -> Account | None:
        """Return an account that was not revoked, by its id."""

    async def stations_of(self, account: str) -> tuple[tuple[Station, Role], ...]:
        """Return the stations and roles of an account, in the order of the stations' names."""

    async def officer(self, secret: str) -> Officer | None:
        """Return who is signed in with this secret (SHA-256, hex), unless account or membership is gone."""

    async def sign_in(self, new: SignIn) -> None:
        """Store a sign-in."""

    async def touch(self, sign_in: str, now: int) -> None:
        """Store when a sign-in was last used."""

    async def move(self, sign_in: str, facility: str) -> None:
        """Switch a sign-in to another station."""

    async def sign_out(self, sign_in: str, *, facility: str = "", account: str = "") -> bool:
        """Delete a sign-in of that station or account; return whether there was one."""

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
        """Store an account and its membership."""

    async def add_member(self, account: str, facility: str, role: Role) -> None:
        """Add a membership to an account."""

    async def enrol(self, account: str, sealed_totp: str, recovery: tuple[str, ...], sign_in: SignIn) -> None:
        """Store a second factor and recovery codes, and give the sign-in full access under a new secret."""

    async def renew_recovery(self, account: str, recovery: tuple[str, ...]) -> None:
        """Replace the recovery codes."""

    async def recovery_left(self, account: str) -> int:
        """Return how many recovery codes are left."""

    async def keys(self, account: str) -> tuple[Key, ...]:
        """Return the passkeys of an account."""

    async def key(self, key: str) -> Key | None:
        """Return a passkey by its id."""

    async def add_key(self, key: Key) -> bool:
        """Store a passkey; False when one with this id exists."""

    async def count_key(self, key: str, sign_count: int) -> None:
        """Store the signature counter of a passkey."""

    async def remove_key(self, account: str, key: str) -> None:
        """Delete a passkey of an account."""

    async def people(self, facility: str) -> tuple[Member, ...]:
        """Return the members of a station."""

    async def set_role(self, facility: str, account: str, role: Role) -> bool:
        """Change a member's role; False when there is no such member, or no administrator would be left."""

    async def remove(self, facility: str, account: str, now: int) -> bool:
        """Delete a membership, its sign-ins and open invitations; False when no administrator would be left.

        With the last membership the account's credentials are deleted and its login is free again.
        """

    async def invite(self, new: Invitation) -> None:
        """Store an invitation."""

    async def invitation(self, secret: str) -> Invitation | None:
        """Return an invitation by its secret (SHA-256, hex)."""

    async def invitations(self, facility: str) -> tuple[Invitation, ...]:
        """Return a station's invitations, newest first."""

    async def withdraw(self, facility: str, invitation: str, now: int) -> bool:
        """Revoke an invitation that was not used."""

    async def take_up(self, invitation: Invitation, account: Account, sign_in: SignIn) -> bool:
        """Use an invitation: store account and membership, delete former credentials and sign-ins.

        False when the invitation was used meanwhile or the login is taken.
        """

    # stations and links

    async def station(self, facility: str) -> StationProfile:
        """Return a station's equipment and rules."""

    async def save_station(self, station: Station, profile: StationProfile, *, names_were: bool | None = None) -> bool:
        """Store a station; False, and nothing written, when its setting for names is no longer `names_were`."""

    async def links(self, facility: str, before: int | None = None, limit: int = 50) -> tuple[Link, ...]:
        """Return revisions of a station's entry, newest first, older than `before`."""

    async def officials(self, facility: str, before: int | None = None, limit: int = 50) -> tuple[Official, ...]:
        """Return revisions of a station's official address, newest first, older than `before`."""

    async def replace_entry(self, link: Link) -> Link | None:
        """Make `link` the live entry, assigning its revision; None when `link.revision` is not the live one's."""

    async def replace_official(self, official: Official) -> Official:
        """Make this the live official address, assigning its revision."""

    async def checked(self, facility: str, which: str, revision: int, now: int) -> bool:
        """Store that an entry or official address was opened and is right; False when it is not live."""

    async def reseal(self, renew: Callable[[str], str]) -> int:
        """Re-encrypt every sealed value by `renew` in one transaction; return how many."""

    # prints

    async def print(self, new: Printed) -> None:
        """Store a print."""

    async def prints(
        self, facility: str, *, only: str = "", before: tuple[int, str] | None = None, limit: int = 50
    ) -> tuple[tuple[Printed, bool], ...]:
        """Return prints behind `before` (time and id), newest first, with whether their code is live.

        `only`: "live", "dead" (and not taken down yet), or empty for all.
        """

    async def copies(self, facility: str, which: str) -> Mapping[int, tuple[int, int]]:
        """Return each printed revision with its number of sheets and the time of the last print."""

    async def replaced(self, facility: str, printed: str, now: int) -> None:
        """Store that a dead print was taken down."""

    # checklists

    async def ticks(self, facility: str, checklist: str, period: str) -> Mapping[str, tuple[int, str]]:
        """Return the rows of a checklist that are done: when, and by whom."""

    async def tick(self, tick: Tick, *, done: bool) -> None:
        """Tick or untick a row."""

    # the guide

    async def notes(self, facility: str) -> Mapping[str, Note]:
        """Return a station's notes on the guide, by topic."""

    async def save_note(self, note: Note) -> None:
        """Store a note; one without text and number is deleted."""

    async def tidy(self, now: int) -> None:
        """Delete used one-time values and sign-ins that expired long ago."""
