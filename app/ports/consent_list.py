"""The port for the data of the terminal's files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.ports.store import Logged
from app.rules.record.event import Event
from app.rules.terminal.consent_list import Incoming, ListedPerson, Search
from app.rules.terminal.exchange import Exchange, MergeOutcome, Taken, Upload


class ConsentList(Protocol):
    """Storage of the terminal's data: requests, uploads, and the people in them.

    Every query names the station. A method that writes returns only after the data is durable. Raises `Unavailable`
    when the database is full, locked or gone.
    """

    # requests for the terminal

    async def ask(self, new: Exchange) -> Exchange:
        """Store a request for the terminal, assigning its counter of the day."""

    async def exchange(self, facility: str, key: str) -> Exchange | None:
        """Return a request by its key."""

    async def exchanges(self, facility: str, limit: int) -> tuple[Exchange, ...]:
        """Return requests, newest first."""

    async def received(self, facility: str, key: str, reception: str) -> bool:
        """Store the terminal's reception number of a request; False when the request is not known."""

    # uploads

    async def known(self, facility: str, data: bytes, *, names: bool, at: int, by: str) -> Upload | None:
        """Return the upload with this content; one that waits is renewed, `at` and `by` whom it was sent again.

        None also for one that waits and was kept under another setting for `names`.
        """

    async def keep(self, new: Upload, data: bytes, people: Sequence[Incoming], *, names: bool) -> Upload:
        """Store a parsed file until it is imported; the same file, imported before, is returned instead.

        Without `names` none is stored, encrypted or not. Of too many waiting files the oldest is deleted.
        """

    async def upload(self, facility: str, upload: str) -> Upload | None:
        """Return a file of a station."""

    async def uploads(self, facility: str, limit: int) -> tuple[Upload, ...]:
        """Return files, newest first."""

    async def drop(self, facility: str, upload: str) -> None:
        """Delete a waiting file."""

    async def begin(self, facility: str, upload: str, now: int) -> tuple[Incoming, ...] | None:
        """Claim a file for import and return its people; None when imported, claimed by another process, or gone."""

    async def take(self, upload: Upload, people: Sequence[Incoming], done: int, now: int) -> tuple[Taken, ...]:
        """Write a batch of people, with what ended at the source as events, in one transaction.

        `done` is how many of the file's people are then written: a resumed import counts each of them once. Writes and
        returns nothing when the file is no longer in TAKING. People of whom a newer file was imported stay unchanged.
        """

    async def finish(self, upload: Upload, outcome: MergeOutcome, by: str, now: int) -> bool:
        """Mark a file as imported, with an event, and delete its people. False when it was finished before."""

    # the list

    async def search(
        self, facility: str, search: Search, after: tuple[int, str] | None, limit: int
    ) -> list[ListedPerson]:
        """Return people of the list behind the cursor `after` (sort key and id), without counting them."""

    async def person(self, facility: str, person: str) -> ListedPerson | None:
        """Return one person of the list."""

    async def near(self, facility: str, reference: str, begins: int, ends: int) -> tuple[ListedPerson, ...]:
        """Return who has this reference number, or consented between two moments: a hundred of each at most."""

    async def history(self, facility: str, person: str) -> tuple[Logged, ...]:
        """Return the events of a person, oldest first."""

    async def visits_of(self, facility: str, person: str) -> tuple[str, ...]:
        """Return the visits that were matched with a person."""

    async def note(self, facility: str, subject: str, event: Event) -> None:
        """Write an event about the list or one of its people."""

    async def forget_names(self, facility: str) -> int:
        """Turn off a station's storage of names and destroy all its people's keys; return how many."""

    async def tidy(self, now: int) -> None:
        """Delete files that were never imported."""
