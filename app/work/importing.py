"""Imports a terminal's file into a station's list in batches, then matches its people with open visits.

A batch is one transaction, so that no bedside submission waits for a whole file. A crash leaves the upload in TAKING;
after STALE seconds any process may resume it. People are merged idempotently, and counted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.ports.consent_list import ConsentList
from app.ports.office import Act, Worklist
from app.ports.outside import Clock
from app.ports.store import Written
from app.rules.record.event import Body, EventType
from app.rules.terminal.consent_list import By, ListedPerson, Search
from app.rules.terminal.exchange import MergeOutcome, Upload
from app.rules.terminal.matching import certain, grounds, is_contested, says_all, sight
from app.rules.terminal.values import comparable
from app.rules.visit.standing import DONE, Followed, Standing, standing

BATCH: Final = 50
"""People in one transaction: some 20 ms, in which a submission from a bedside waits."""
SEVERAL: Final = 50
"""People with one reference number who are read at most: two of the visit's day make the match uncertain already."""


@dataclass(frozen=True)
class Importer:
    """Imports files, and matches their people with visits of the worklist."""

    registry: ConsentList
    worklist: Worklist
    clock: Clock

    async def take(self, upload: Upload, by: tuple[str, str]) -> bool:
        """Import a file that waits; False when it is taken, is being taken, or is gone. `by`: account id and name."""
        people = await self.registry.begin(upload.facility, upload.id, self.clock.now())
        if people is None:
            return False
        numbers_of: dict[str, set[str]] = {}
        for start in range(0, len(people), BATCH):
            batch = people[start : start + BATCH]
            taken = await self.registry.take(upload, batch, start + len(batch), self.clock.now())
            if not taken:
                return False
            for merged in taken:
                numbers_of[merged.after.id] = set(merged.after.references)
            await asyncio.sleep(0)
        # The stored outcome includes what was counted before a crash.
        counted = await self.registry.upload(upload.facility, upload.id)
        if counted is None:
            return False
        outcome = await self._match(upload, numbers_of, by, counted.outcome)
        return await self.registry.finish(upload, outcome, by[0], self.clock.now())

    async def _match(
        self, upload: Upload, numbers_of: Mapping[str, set[str]], by: tuple[str, str], outcome: MergeOutcome
    ) -> MergeOutcome:
        """Record a sight of each open visit whose number and day one person has, if the file answers all its items."""
        numbers = set[str]().union(*numbers_of.values())
        unsettled = await self.worklist.open(upload.facility)
        for waiting in unsettled:
            number = comparable(waiting.visit.reference)
            if number not in numbers:
                continue
            await asyncio.sleep(0)  # lets other requests run
            # Others with this number may be in an earlier file.
            everybody = await self.registry.search(upload.facility, Search(By.REFERENCE, number), None, SEVERAL)
            known = certain(waiting, everybody)
            if known is None or known.id not in numbers_of:
                continue
            if is_contested(waiting, known, (*unsettled, *await self._matched(known))):
                continue
            # `unsettled` was read before the loop: meanwhile the visit may have been closed or seen.
            followed = await self.worklist.followed(upload.facility, waiting.visit.id)
            if followed is None or not _waits_for(known, waiting, followed):
                continue
            place = await self.see(followed, known, by, upload.id)
            if place is None:
                continue
            outcome = replace(
                outcome, matched=outcome.matched + 1, differs=outcome.differs + (place is Standing.DIFFERS)
            )
        return outcome

    async def _matched(self, known: ListedPerson) -> list[Followed]:
        """Return the visits that were matched with a person before."""
        ids = await self.registry.visits_of(known.facility, known.id)
        found = [await self.worklist.followed(known.facility, visit) for visit in ids]
        return [each for each in found if each is not None]

    async def see(
        self, followed: Followed, known: ListedPerson, by: tuple[str, str], file: str = "", key: str = ""
    ) -> Standing | None:
        """Record what a file says of a person as the sight of a visit; return the visit's standing.

        Idempotent by `key`. None when visit or person was erased, or the key was used for another act.
        """
        account, name = by
        seen = sight(known, self.clock.now(), name)
        place = standing(replace(followed, sight=seen, closed=None), seen.at)
        body: Body = {
            "by": account,
            "from": "file",
            "file": file,
            "person": known.id,
            "grounds": [each.value for each in grounds(followed, known)],
            "found": True,
            "flags": dict(seen.flags),
            "meanings": dict(seen.meanings),
            "consented_on": str(seen.consented_on or ""),
            "available_until": seen.available_until,
            "reference": followed.visit.reference,
        }
        key = key or f"file {file or known.seen_at} {followed.visit.id} {known.id}"
        act = Act(
            facility=followed.visit.facility,
            visit=followed.visit.id,
            key=key,
            type=EventType.VERIFIED,
            at=seen.at,
            body=body,
            is_settled=place in DONE,
            sight=seen,
            person=known.id,
        )
        written = await self.worklist.record(act)
        return place if written in {Written.DONE, Written.REPEATED} else None


def _waits_for(known: ListedPerson, before: Followed, followed: Followed) -> bool:
    """Whether a visit, now read again as `followed`, still takes a person's sight."""
    if followed.closed or _was_seen_later(followed, known):
        return False
    is_anothers = followed.person not in {before.person, known.id}
    return not is_anothers and certain(followed, [known]) is not None and says_all(followed.visit, known)


def _was_seen_later(followed: Followed, known: ListedPerson) -> bool:
    """Whether the screen was read after the file was made: an older file must not replace that sight."""
    seen = followed.sight
    return seen is not None and seen.source == "screen" and seen.at > known.seen_at
