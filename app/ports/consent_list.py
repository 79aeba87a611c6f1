"""Where it is kept what the terminal's files say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.ports.store import Logged
from app.rules.record.evidence import Event
from app.rules.terminal.consent_list import Incoming, ListedPerson, Search
from app.rules.terminal.exchange import Exchange, MergeOutcome, Taken, Upload


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

    async def finish(self, upload: Upload, outcome: MergeOutcome, by: str, now: int) -> bool:
        """Note that a file is taken, as an event; the file itself goes. False when the same was finished before."""

    # the list

    async def search(
        self, facility: str, search: Search, after: tuple[int, str] | None, limit: int
    ) -> list[ListedPerson]:
        """Return people of the list behind `after` (the sort's number and the id), without counting them."""

    async def person(self, facility: str, person: str) -> ListedPerson | None:
        """Return one person of the list."""

    async def near(self, facility: str, reference: str, begins: int, ends: int) -> tuple[ListedPerson, ...]:
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
