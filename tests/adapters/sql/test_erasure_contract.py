"""What an erasure leaves in every store: nothing that names the person, whatever was on its way at that moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date

import pytest

from app.adapters.sql.consent_list import SqlConsentList
from app.adapters.sql.database import Database
from app.adapters.sql.day_list import SqlDayLists
from app.adapters.sql.store import SqlStore
from app.adapters.sql.worklist import SqlWorklist
from app.ports.office import Act
from app.ports.store import Written
from app.rules.record.event import EventType
from app.rules.record.gap import Erasure
from app.rules.station.day_list import Need, Planned
from app.rules.station.station import Link, Station
from app.rules.terminal.consent_list import Incoming, ListedPerson, PersonNames, Search
from app.rules.terminal.exchange import MergeOutcome, Stage, Upload
from app.rules.terminal.preview import preview
from app.rules.terminal.values import Answer02, Encoding, Header, Reading
from app.rules.visit.copy import Wish
from app.rules.visit.standing import Closed, Closing, Followed, Sight, StandingWish, standing
from app.tokens import Sealer, new_secret
from app.work.importing import Importer
from tests.adapters.samples import FACILITY, RECORD_KEY, StillClock, opened, telling
from tests.rules.people import LISTED, TARO, a_person
from tests.rules.record.chain import broken_link
from tests.rules.visits import NOW, a_visit

SAKURA = ("account-1", "事務 さくら")
HANAKO = PersonNames("見本　花", "ﾐﾎﾝ ﾊﾅ", "19400101", "2")
ELSE = Station("otonari", "おとなり訪問看護ステーション", "9960000017", "03-0000-0001")
VISIT = replace(a_visit(upto="done"), id="v" * 22)


@dataclass(frozen=True)
class Office:
    """A station's office, with one visit to see."""

    store: SqlStore
    registry: SqlConsentList
    worklist: SqlWorklist

    async def reads(self, *people: Incoming) -> Upload:
        """Read a file, and let it wait."""
        reading = Reading(Answer02(Header(executed="20261118090000")), Encoding.UTF_8, (), 0, ())
        new = Upload(new_secret(), FACILITY.id, Stage.WAITING, NOW, SAKURA[1], preview(reading, people), len(people))
        return await self.registry.keep(new, new_secret().encode(), people, names=True)

    async def lists(self, *people: Incoming) -> dict[str, ListedPerson]:
        """Take people into the list; return everybody by number."""
        file = await self.reads(*people)
        began = await self.registry.begin(FACILITY.id, file.id, NOW)
        assert began is not None
        await self.registry.take(file, began, len(began), NOW)
        assert await self.registry.finish(file, MergeOutcome(), SAKURA[0], NOW)
        return {each.references[0]: each for each in await self.everybody()}

    async def everybody(self) -> list[ListedPerson]:
        return await self.registry.search(FACILITY.id, Search(), None, 100)

    async def followed(self) -> Followed:
        found = await self.worklist.followed(FACILITY.id, VISIT.id)
        assert found is not None
        return found

    async def matches(self, known: ListedPerson) -> None:
        """Let the visit be somebody's."""
        importer = Importer(self.registry, self.worklist, StillClock())
        await importer.see(await self.followed(), known, SAKURA, key=f"match {known.id}")

    async def erases(self, known: ListedPerson, store: SqlStore | None = None) -> None:
        visits = await self.store.matched(FACILITY.id, known.id)
        await (store or self.store).erase([Erasure(FACILITY.id, known.id, NOW, visits)], "sakura")

    async def bodies(self) -> str:
        """Return all that the record still says; its chain holds."""
        log = [each async for each in self.store.export(FACILITY.id)]
        assert broken_link([(each.entry, each.hash) for each in log]) is None
        return str([each.body for each in log])

    async def told(self) -> list[str]:
        return [each.entry.type async for each in self.store.export(FACILITY.id)]


@pytest.fixture
async def office(store: SqlStore, url: str) -> AsyncIterator[Office]:
    made = Office(
        store,
        SqlConsentList(Database(url, key=RECORD_KEY), Sealer(("k" * 40,))),
        SqlWorklist(Database(url, key=RECORD_KEY)),
    )
    await store.write(telling(opened(VISIT)))
    yield made
    await made.registry.close()
    await made.worklist.close()


async def test_a_match_that_was_corrected_does_not_outlive_whom_it_named(office: Office) -> None:
    known = await office.lists(a_person("A-1", names=TARO, drug="0"), a_person("B-1", names=HANAKO))
    wrong, right = known["A-1"], known["B-1"]
    await office.matches(wrong)
    await office.matches(right)
    assert wrong.id in await office.bodies()
    await office.erases(wrong)
    left = await office.bodies()
    assert wrong.id not in left
    assert right.id in left
    assert (await office.followed()).person == right.id


async def test_an_erased_persons_numbers_leave_the_day_lists_of_their_station_alone(office: Office, url: str) -> None:
    known = await office.lists(a_person("A-1", "A-2"), a_person("B-1", names=HANAKO))
    plans, day = SqlDayLists(Database(url)), date(2026, 11, 18)
    first = Planned(FACILITY.id, day, "A-1", Need.FIRST, over_40=True, at=NOW, by="受付 はる")
    theirs = [first, replace(first, reference="A-2", day=date(2026, 11, 20))]
    others = [replace(first, reference="B-1"), replace(first, facility=ELSE.id)]
    await office.store.add_facility(ELSE, Link("nmkjhgfedcba", ELSE.id, 1, NOW))
    await plans.put([*theirs, *others])
    await office.erases(known["A-1"])
    left = [await plans.on(each.facility, each.day) for each in (*theirs, others[1])]
    assert left == [(others[0],), (), (others[1],)]
    await plans.close()


async def test_who_is_erased_does_not_come_back_with_a_file_that_waits(office: Office) -> None:
    known = await office.lists(a_person("A-1"), a_person("B-1", names=HANAKO))
    waits = await office.reads(a_person("A-1"))
    await office.erases(known["A-1"])
    assert await office.registry.begin(FACILITY.id, waits.id, NOW) is None
    assert [each.references for each in await office.everybody()] == [("B-1",)]
    assert [each.stage for each in await office.registry.uploads(FACILITY.id, 10)] == [Stage.TAKEN]


async def test_who_is_erased_does_not_come_back_with_a_file_that_is_being_taken(office: Office) -> None:
    known = await office.lists(a_person("A-1"))
    file = await office.reads(a_person("B-1", names=HANAKO), a_person("A-1"))
    began = await office.registry.begin(FACILITY.id, file.id, NOW)
    assert began is not None
    await office.registry.take(file, began[:1], 1, NOW)
    await office.erases(known["A-1"])
    assert await office.registry.take(file, began[1:], 2, NOW) == ()
    assert [each.references for each in await office.everybody()] == [("B-1",)]


SAW = Act(
    FACILITY.id,
    VISIT.id,
    "late",
    EventType.VERIFIED,
    NOW,
    {"found": True, "reference": "A-1"},
    sight=Sight(NOW, "受付 はる", found=True, flags=dict.fromkeys(LISTED, True)),
)
LATE = {
    "seen": SAW,
    "closed": replace(
        SAW,
        type=EventType.CLOSED,
        sight=None,
        closed=Closed(NOW, "受付 はる", Closing.ELSEWHERE),
        body={"why": "elsewhere"},
    ),
    "asked": replace(
        SAW, type=EventType.ASKED, sight=None, asked=StandingWish(NOW, Wish.DISAGREE), body={"what": "disagree"}
    ),
}


@pytest.mark.parametrize("act", LATE.values(), ids=LATE)
async def test_what_comes_just_after_an_erasure_is_not_written(office: Office, act: Act) -> None:
    (known,) = (await office.lists(a_person("A-1"))).values()
    await office.matches(known)
    await office.erases(known)
    before = await office.told()
    assert await office.worklist.record(act) is Written.STALE
    assert await office.told() == before
    assert await office.worklist.last_sight(FACILITY.id, "A-1") is None


async def test_nobody_is_matched_with_whom_an_erasure_has_just_removed(office: Office) -> None:
    (known,) = (await office.lists(a_person("A-1"))).values()
    await office.erases(known)
    await office.matches(known)
    followed = await office.followed()
    assert (followed.person, followed.sight) == ("", None)
    assert known.id not in await office.bodies()
    assert standing(followed, NOW).value == "reported"


async def test_who_is_erased_by_two_nodes_is_erased_once(office: Office, url: str) -> None:
    (known,) = (await office.lists(a_person("A-1"))).values()
    other = SqlStore(Database(url, key=RECORD_KEY), StillClock())
    await office.erases(known)
    await office.erases(known, other)
    await other.close()
    assert (await office.told()).count("erased") == 1
    assert [each.person for each in await office.store.erased(0)] == [known.id]
