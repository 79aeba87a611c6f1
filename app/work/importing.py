"""Takes a terminal's file into a station's list, batch by batch, and lets it be seen what belongs to which visit.

A batch is one transaction, so that nobody at a bedside waits for a whole file. Whoever dies half-way leaves a file that
anybody may take up again: what is written already is then the same and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.ports.consent_list import Registry
from app.ports.office import Act, Worklist
from app.ports.outside import Clock
from app.ports.store import Written
from app.rules.record.evidence import Body, EventType
from app.rules.terminal.consent_list import By, ListedPerson, Search
from app.rules.terminal.exchange import MergeOutcome, Upload
from app.rules.terminal.matching import certain, grounds, is_contested, says_all, sight
from app.rules.terminal.values import comparable
from app.rules.visit.standing import DONE, Followed, Standing, standing

BATCH: Final = 50
"""People in one transaction: some 20 ms, in which a submission from a bedside waits."""
SEVERAL: Final = 50
"""People with one reference number who are looked at: two of the visit's day are too many already."""


@dataclass(frozen=True)
class Importer:
    """Joins the list and the worklist."""

    registry: Registry
    worklist: Worklist
    clock: Clock

    async def take(self, upload: Upload, by: tuple[str, str]) -> bool:
        """Take a file that was read; False when it is taken, is being taken, or is gone. `by`: account id and name."""
        people = await self.registry.begin(upload.facility, upload.id, self.clock.now())
        if people is None:
            return False
        theirs: dict[str, set[str]] = {}
        for start in range(0, len(people), BATCH):
            batch = people[start : start + BATCH]
            taken = await self.registry.take(upload, batch, start + len(batch), self.clock.now())
            if not taken:
                return False
            for each in taken:
                theirs[each.after.id] = set(each.after.references)
            await asyncio.sleep(0)
        # What was counted before somebody died half-way counts on.
        counted = await self.registry.upload(upload.facility, upload.id)
        if counted is None:
            return False
        outcome = await self._match(upload, theirs, by, counted.outcome)
        return await self.registry.finish(upload, outcome, by[0], self.clock.now())

    async def _match(
        self, upload: Upload, theirs: Mapping[str, set[str]], by: tuple[str, str], outcome: MergeOutcome
    ) -> MergeOutcome:
        """See every open visit whose number and day one person of the file has, of whom it says all that was asked."""
        numbers = set[str]().union(*theirs.values())
        unsettled = await self.worklist.open(upload.facility)
        for each in unsettled:
            number = comparable(each.visit.answer("need", "reference"))
            if number not in numbers:
                continue
            await asyncio.sleep(0)  # others are answered between two visits
            # Who else has the number may stand in an earlier file.
            everybody = await self.registry.search(upload.facility, Search(By.REFERENCE, number), None, SEVERAL)
            known = certain(each, everybody)
            if known is None or known.id not in theirs:
                continue
            if is_contested(each, known, (*unsettled, *await self._matched(known))):
                continue
            # The list was read when the file began: since then somebody may have closed this visit, or seen it.
            followed = await self.worklist.followed(upload.facility, each.visit.id)
            if followed is None or not _waits_for(known, each, followed):
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
        """Let what a file says of a person stand beside what was chosen at a visit; return where the visit stands.

        The same `key` counts once. None when visit or person was erased, or the key was used for somebody else.
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
            "reference": followed.visit.answer("need", "reference"),
        }
        key = key or f"file {file or known.seen_at} {followed.visit.id} {known.id}"
        act = Act(
            followed.visit.facility,
            followed.visit.id,
            key,
            EventType.VERIFIED,
            seen.at,
            body,
            place in DONE,
            sight=seen,
            person=known.id,
        )
        written = await self.worklist.record(act)
        return place if written in {Written.DONE, Written.REPEATED} else None


def _waits_for(known: ListedPerson, before: Followed, followed: Followed) -> bool:
    """Whether a visit, as it stands now, still waits for what a file says of a person."""
    if followed.closed or _was_seen_later(followed, known):
        return False
    is_anothers = followed.person not in {before.person, known.id}
    return not is_anothers and certain(followed, [known]) is not None and says_all(followed.visit, known)


def _was_seen_later(followed: Followed, known: ListedPerson) -> bool:
    """Whether somebody read the terminal's screen after the file was made: an older file takes nothing back."""
    seen = followed.sight
    return seen is not None and seen.source == "screen" and seen.at > known.seen_at
