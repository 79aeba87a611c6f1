"""Nurses who write to a store without pause, and a ledger of what it acknowledged, kept outside of it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from app.ports.outside import Unavailable
from app.ports.store import Change, Departure, Store, Submission, Written
from app.rules.record.event import Event, EventType
from app.rules.record.evidence import hashed
from app.rules.station.station import Link, Station
from app.rules.visit.visit import Registration, Visit

STATION: Final = Station("hinatazaka", "ひなた坂訪問看護ステーション", "9960000009", "03-0000-0000")
LINK: Final = Link("abcdefghjkmn", STATION.id, revision=1, issued_at=0)
KEY: Final = b"the record key of this ward, 32 letters"
IDLE: Final = 60
"""Ticks of the clock after which a draft that a nurse has left expires."""


@dataclass
class Ward:
    """A clock that ticks with every write; what was acknowledged, and what was on its way in the end."""

    dice: random.Random
    time: int = 1_795_000_000
    acknowledged: set[str] = field(default_factory=set)
    on_its_way: dict[str, Change] = field(default_factory=dict)

    def now(self) -> int:
        """Return the time; it never stands still."""
        self.time += 1
        return self.time

    async def nurse(self, name: str, store: Store) -> None:
        """Write visit after visit until the store is gone."""
        for number in itertools.count():
            for change in self.steps(f"{name}-{number}"):
                if not await self._is_written(change, store):
                    return
                if self.dice.random() < 0.05:  # noqa: PLR2004 - some are left as they are
                    break

    async def sweeper(self, store: Store) -> None:
        """Let drafts expire, now and then, until the store is gone."""
        try:
            while True:
                await store.expire(self.now() - IDLE)
                for _ in range(self.dice.randrange(20)):
                    await store.is_ready()
        except Unavailable:
            return

    async def _is_written(self, change: Change, store: Store) -> bool:
        self.on_its_way[change.submission.key] = change
        try:
            written = await store.write(change)
        except Unavailable:
            return False
        del self.on_its_way[change.submission.key]
        if written is Written.DONE:
            self.acknowledged.add(change.submission.key)
        return True

    def steps(self, name: str) -> Iterator[Change]:
        """Yield the steps of a visit, with a way out that is issued and spent."""
        session, now = hashed(name), self.now()
        visit = Visit(id=name, facility=STATION.id, opened_at=now, touched_at=now)
        yield _change(visit, EventType.OPENED, session=session)
        visit = self._after(visit, answers={"need": {"over_40": "yes", "reference": name}})
        yield _change(visit, EventType.NEED_ANSWERED)
        leaving = Departure(f"way out of {name}", name, session, "nonce", "verifier", visit.touched_at)
        visit = self._after(visit, answers={**visit.answers, "check": {"confirmed": "yes"}}, departure=leaving.id)
        yield replace(_change(visit, EventType.HANDED_OFF), issue=leaving)
        visit = self._after(visit, registration=Registration.PENDING, departure="")
        yield replace(_change(visit, EventType.RETURNED), spend=leaving.id)
        visit = self._after(visit, ended=True)
        yield _change(visit, EventType.ENDED)

    def _after(self, visit: Visit, **changes: object) -> Visit:
        return replace(visit, version=visit.version + 1, touched_at=self.now(), **changes)  # type: ignore[arg-type]


def _change(visit: Visit, kind: EventType, session: str = "") -> Change:
    key = f"{visit.id}/{visit.version}"
    event = Event(kind, visit.touched_at, {"surgery": "agree", "n": visit.version})
    return Change(visit, (event,), Submission(key, visit.version - 1, hashed(key)), session=session)
