"""A terminal's file on its way into the list and beside the visits: whatever dies or is pressed twice, once is once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from app.adapters.sql.consent_list import SqlConsentList
from app.adapters.sql.database import Database
from app.adapters.sql.worklist import SqlWorklist
from app.main import PRACTICE_STATION, Kazasu
from app.ports.office import Act
from app.rules.record.event import Body, EventType
from app.rules.terminal.consent_list import By, Incoming, ListedPerson, PersonNames, Search, incoming
from app.rules.terminal.exchange import STALE, MergeOutcome, Stage, Taken, Upload
from app.rules.terminal.preview import preview
from app.rules.terminal.read import read
from app.rules.terminal.values import Answer02, Encoding, Header, Person, Reading, Result
from app.rules.terminal.write import write
from app.rules.visit.standing import Closed, Closing, Sight, Standing, standing
from app.tokens import Sealer, new_secret
from app.work.importing import BATCH, Importer
from tests.adapters.samples import RECORD_KEY
from tests.rules.people import LISTED, a_consent, a_person, digits, insured
from tests.rules.record.chain import broken_link
from tests.rules.visits import NOW
from tests.web.bedside.nurse import StillClock
from tests.web.office.conftest import settings
from tests.web.office.test_worklist import at_the_bedside, record

STATION = PRACTICE_STATION.id
SAKURA = ("account-1", "事務 さくら")
MOMENT = NOW + 60


class Died(Exception):
    """The process, in the middle."""


class Dying(SqlConsentList):
    """A registry whose process dies before a batch."""

    batches = 1
    """How many it lives to write."""

    async def take(self, upload: Upload, people: Sequence[Incoming], done: int, now: int) -> tuple[Taken, ...]:
        """Write, or die."""
        if self.batches == 0:
            raise Died
        self.batches -= 1
        return await super().take(upload, people, done, now)


@dataclass
class Desk:
    """Where files are taken."""

    kazasu: Kazasu
    registry: SqlConsentList
    worklist: SqlWorklist
    clock: StillClock
    url: str

    @property
    def importer(self) -> Importer:
        return Importer(self.registry, self.worklist, self.clock)

    async def reads(self, *people: Incoming, data: bytes = b"", executed: str = "20261118090000") -> Upload:
        """Read a file with these people in it, and keep it until it is taken."""
        reading = Reading(Answer02(Header(executed=executed)), Encoding.UTF_8, (), 0, ())
        shown = preview(reading, people)
        file = Upload(new_secret(), STATION, Stage.WAITING, self.clock.now(), SAKURA[1], shown, len(people))
        return await self.registry.keep(file, data or new_secret().encode(), people, names=True)

    async def takes(self, *people: Incoming, **given: Any) -> MergeOutcome:
        """Read a file and take it; return what became of it."""
        file = await self.reads(*people, **given)
        assert await self.importer.take(file, SAKURA)
        taken = await self.registry.upload(STATION, file.id)
        assert taken is not None
        assert (taken.stage, taken.done) == (Stage.TAKEN, len(people))
        return taken.outcome

    async def everybody(self, search: Search | None = None) -> list[ListedPerson]:
        return await self.registry.search(STATION, search or Search(), None, 10_000)

    async def stands(self, visit: str) -> Standing:
        found = await self.worklist.followed(STATION, visit)
        assert found is not None
        return standing(found, self.clock.now())

    async def events(self, kind: str) -> list[dict[str, Any]]:
        return [dict(each.body or {}) for each in await record(self.kazasu) if each.entry.type == kind]


def said(sight: Sight) -> Body:
    """Return what the record keeps of a screen that was read."""
    bare: Body = {"by": "account", "consented_on": "", "available_until": ""}
    return {**bare, "found": sight.found, "flags": dict(sight.flags)}


@pytest.fixture
async def desk(kazasu: Kazasu, tmp_path: Path, clock: StillClock, database_url: str) -> AsyncIterator[Desk]:
    """Return the practice station's desk on a real database."""
    url = database_url or settings(tmp_path).database
    made = Desk(
        kazasu,
        SqlConsentList(Database(url, key=RECORD_KEY), Sealer(("k" * 40,))),
        SqlWorklist(Database(url, key=RECORD_KEY)),
        clock,
        url,
    )
    yield made
    await made.registry.close()
    await made.worklist.close()


def many(count: int, **codes: Any) -> list[Incoming]:
    return [
        a_person(f"M-{n:04}", names=PersonNames(f"練習　{n}", f"ﾚﾝｼﾕｳ {n}", "19500101", "2"), at=MOMENT, **codes)
        for n in range(count)
    ]


# --- taking -------------------------------------------------------------------------------------------------


async def test_a_file_is_taken_batch_by_batch_and_its_progress_is_seen(desk: Desk) -> None:
    file = await desk.reads(*many(BATCH * 2 + 7))
    seen: set[int] = set()

    async def watch() -> None:
        while (now := await desk.registry.upload(STATION, file.id)) and now.stage is not Stage.TAKEN:
            seen.add(now.done)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    assert await desk.importer.take(file, SAKURA)
    await watching
    assert {BATCH, BATCH * 2} <= seen
    assert len(await desk.everybody()) == BATCH * 2 + 7


async def test_who_dies_half_way_leaves_a_file_that_another_takes_up(desk: Desk) -> None:
    people = many(BATCH * 3)
    file = await desk.reads(*people)
    dying = Dying(Database(desk.url, key=RECORD_KEY), Sealer(("k" * 40,)))
    with pytest.raises(Died):
        await replace(desk.importer, registry=dying).take(file, SAKURA)
    await dying.close()
    left = await desk.registry.upload(STATION, file.id)
    assert left is not None
    assert (left.stage, left.done) == (Stage.TAKING, BATCH)
    assert len(await desk.everybody()) == BATCH
    desk.clock.pass_(STALE)
    assert not await desk.importer.take(file, SAKURA)
    desk.clock.pass_(1)
    assert await desk.importer.take(file, SAKURA)
    taken = await desk.registry.upload(STATION, file.id)
    assert taken is not None
    assert taken.outcome == MergeOutcome(new=BATCH * 3)
    assert len(await desk.everybody()) == len(people)
    assert len(await desk.events("imported")) == 1


async def test_what_ended_before_the_death_is_one_event_after_it(desk: Desk) -> None:
    await desk.takes(*many(BATCH * 2))
    file = await desk.reads(*many(BATCH * 2, drug="0"))
    dying = Dying(Database(desk.url, key=RECORD_KEY), Sealer(("k" * 40,)))
    with pytest.raises(Died):
        await replace(desk.importer, registry=dying).take(file, SAKURA)
    await dying.close()
    desk.clock.pass_(STALE + 1)
    assert await desk.importer.take(file, SAKURA)
    assert len(await desk.events("withdrawn")) == BATCH * 2
    taken = await desk.registry.upload(STATION, file.id)
    assert taken is not None
    assert taken.outcome == MergeOutcome(changed=BATCH * 2, withdrawn=BATCH * 2)
    log = await record(desk.kazasu)
    assert broken_link([(each.entry, each.hash) for each in log]) is None


async def test_of_many_who_press_at_once_one_takes_the_file(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="M-0000")
    file = await desk.reads(*many(BATCH + 1))
    pressed = await asyncio.gather(*(desk.importer.take(file, SAKURA) for _ in range(8)))
    assert sorted(pressed) == [False] * 7 + [True]
    assert len(await desk.events("imported")) == 1
    assert len(await desk.events("verified")) == 1
    assert await desk.stands(visit.id) is Standing.SEEN


async def test_a_file_taken_twice_changes_nothing(desk: Desk) -> None:
    await at_the_bedside(desk.kazasu, "a", reference="M-0000")
    assert await desk.takes(*many(3), data=b"the file") == MergeOutcome(new=3, matched=1)
    before = await record(desk.kazasu)
    again = await desk.reads(*many(3), data=b"the file")
    assert again.stage is Stage.TAKEN
    assert not await desk.importer.take(again, SAKURA)
    assert await record(desk.kazasu) == before


async def test_a_slow_taker_changes_nothing_once_another_has_finished(desk: Desk) -> None:
    people = many(BATCH * 2)
    file = await desk.reads(*people)
    assert await desk.registry.begin(STATION, file.id, desk.clock.now())
    await desk.registry.take(file, people[:BATCH], BATCH, desk.clock.now())
    desk.clock.pass_(STALE + 1)
    assert await desk.importer.take(file, SAKURA)
    await desk.takes(*many(BATCH * 2, drug="0"))
    assert await desk.registry.take(file, people[BATCH:], BATCH * 2, desk.clock.now()) == ()
    assert len(await desk.everybody(Search(By.ITEM, "drug", "not_given"))) == BATCH * 2


async def test_names_that_are_kept_no_more_do_not_come_in_with_a_file_under_way(desk: Desk) -> None:
    file = await desk.reads(*many(BATCH * 2))
    began = await desk.registry.begin(STATION, file.id, desk.clock.now())
    assert began is not None
    await desk.registry.take(file, began[:BATCH], BATCH, desk.clock.now())
    await desk.registry.forget_names(STATION)
    assert await desk.registry.take(file, began[BATCH:], BATCH * 2, desk.clock.now()) == ()
    desk.clock.pass_(STALE + 1)
    assert not await desk.importer.take(file, SAKURA)
    assert [each.names for each in await desk.everybody()] == [None] * BATCH


async def test_an_older_file_that_comes_late_takes_nothing_back(desk: Desk) -> None:
    await desk.takes(a_person("A-1", at=MOMENT), executed="20261118090000")
    await desk.takes(a_person("A-1", at=MOMENT, drug="0"), executed="20261118100000")
    assert await desk.takes(a_person("A-1", at=MOMENT), executed="20261118093000") == MergeOutcome(older=1)
    (known,) = await desk.everybody()
    assert known.merged["drug"].meaning.value == "not_given"
    assert await desk.takes(a_person("A-1", at=MOMENT), executed="20261118100000") == MergeOutcome(changed=1)


@pytest.mark.parametrize("executed", ["", "99991231235959", "20261399000000"])
async def test_a_file_that_does_not_say_when_it_was_made_is_as_new_as_its_taking(desk: Desk, executed: str) -> None:
    await desk.takes(a_person("A-1", at=MOMENT), executed=executed)
    desk.clock.pass_(60)
    assert await desk.takes(a_person("A-1", at=MOMENT, drug="0"), executed=executed) == MergeOutcome(
        changed=1, withdrawn=1
    )


async def test_a_file_dated_ahead_is_as_new_as_its_taking_and_bars_no_later_file(desk: Desk) -> None:
    await desk.takes(a_person("A-1", at=MOMENT, drug="0"), executed=digits(NOW + 3600))
    (known,) = await desk.everybody()
    assert known.seen_at == desk.clock.now()
    desk.clock.pass_(60)
    assert await desk.takes(a_person("A-1", at=MOMENT), executed=digits(NOW + 30)) == MergeOutcome(changed=1)


# --- seeing -------------------------------------------------------------------------------------------------


async def test_a_visit_whose_number_and_day_the_file_has_is_seen(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    other = await at_the_bedside(desk.kazasu, "b", reference="T-0009")
    else_ = a_person("T-0002", names=PersonNames("見本　花", "ﾐﾎﾝ ﾊﾅ", "19400101", "2"))
    assert await desk.takes(a_person("T-0001", at=MOMENT), else_) == MergeOutcome(new=2, matched=1)
    assert await desk.stands(visit.id) is Standing.SEEN
    assert await desk.stands(other.id) is Standing.REPORTED
    (seen,) = await desk.events("verified")
    assert (seen["by"], seen["from"], seen["reference"]) == (SAKURA[0], "file", "T-0001")
    assert set(seen["grounds"]) >= {"reference", "same_day"}
    assert "髙﨑" not in str(await record(desk.kazasu))
    (known,) = [each for each in await desk.everybody() if "T-0001" in each.references]
    assert await desk.registry.visits_of(STATION, known.id) == (visit.id,)


@pytest.mark.parametrize("code", ["0", "2"])
async def test_a_difference_becomes_work_and_both_values_stay(desk: Desk, code: str) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    assert await desk.takes(a_person("T-0001", at=MOMENT, drug=code)) == MergeOutcome(new=1, matched=1, differs=1)
    assert await desk.stands(visit.id) is Standing.DIFFERS
    followed = await desk.worklist.followed(STATION, visit.id)
    assert followed is not None
    assert followed.sight is not None
    assert followed.sight.flags["drug"] is False
    assert followed.visit.answer("consent", "clinical_drug") == "agree"
    assert followed.sight.meanings["drug"] == ("not_given" if code == "0" else "expired")


async def test_a_difference_is_settled_by_the_file_in_which_it_is_gone(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    await desk.takes(a_person("T-0001", at=MOMENT, drug="0"))
    assert await desk.takes(a_person("T-0001", at=MOMENT)) == MergeOutcome(changed=1, matched=1)
    assert await desk.stands(visit.id) is Standing.SEEN
    assert len(await desk.events("verified")) == 2


async def test_what_was_seen_is_not_seen_again_by_the_next_file(desk: Desk) -> None:
    await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    await desk.takes(a_person("T-0001", at=MOMENT))
    assert await desk.takes(a_person("T-0001", at=MOMENT)) == MergeOutcome(same=1)


async def test_two_people_with_the_visits_number_are_left_to_a_person(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    other = PersonNames("見本　花", "ﾐﾎﾝ ﾊﾅ", "19400101", "2")
    people = a_person("T-0001", at=MOMENT), a_person("T-0001", at=MOMENT, names=other)
    assert await desk.takes(*people) == MergeOutcome(new=2)
    assert await desk.stands(visit.id) is Standing.REPORTED


async def test_the_other_one_with_the_number_may_stand_in_an_earlier_file(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    other = PersonNames("見本　花", "ﾐﾎﾝ ﾊﾅ", "19400101", "2")
    first = await desk.reads(a_person("T-0001", at=MOMENT, names=other))
    began = await desk.registry.begin(STATION, first.id, NOW)
    assert began is not None
    await desk.registry.take(first, began, 1, NOW)
    assert await desk.takes(a_person("T-0001", at=MOMENT)) == MergeOutcome(new=1)
    assert await desk.stands(visit.id) is Standing.REPORTED


async def test_two_insurances_that_differ_are_left_to_a_person(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    both = insured("01", at=MOMENT), insured("A1", at=MOMENT, drug="0")
    assert await desk.takes(a_person("T-0001", results=both)) == MergeOutcome(new=1)
    assert await desk.stands(visit.id) is Standing.REPORTED


async def test_whom_a_person_matched_without_a_plain_answer_stays_work(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    both = insured("01", at=MOMENT), insured("A1", at=MOMENT, drug="0")
    await desk.takes(a_person("T-0001", results=both))
    followed, (known,) = await desk.worklist.followed(STATION, visit.id), await desk.everybody()
    assert followed is not None
    assert await desk.importer.see(followed, known, SAKURA) is Standing.UNCLEAR
    assert [each.visit.id for each in await desk.worklist.open(STATION)] == [visit.id]


async def test_of_two_visits_of_a_day_only_the_one_of_that_moment_is_seen_also_later(desk: Desk) -> None:
    stopped = await at_the_bedside(desk.kazasu, "a", report="stopped", reference="T-0001")
    done = await at_the_bedside(desk.kazasu, "b", reference="T-0001", later=3 * 3600)
    person = a_person("T-0001", at=MOMENT + 3 * 3600)
    for outcome in (MergeOutcome(new=1, matched=1), MergeOutcome(same=1)):
        assert await desk.takes(person) == outcome
        assert await desk.stands(done.id) is Standing.SEEN
        assert await desk.stands(stopped.id) is Standing.STOPPED


async def test_of_two_visits_whose_time_fits_neither_is_seen(desk: Desk) -> None:
    rivals = [
        await at_the_bedside(desk.kazasu, each, reference="T-0001", later=late) for each, late in (("a", 0), ("b", 120))
    ]
    assert await desk.takes(a_person("T-0001", at=MOMENT + 60)) == MergeOutcome(new=1)
    assert [await desk.stands(each.id) for each in rivals] == [Standing.REPORTED] * 2


async def test_what_somebody_saw_later_is_not_undone_by_an_earlier_file(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    saw = Sight(NOW, "事務 さくら", found=False, flags={})
    act = Act(STATION, visit.id, "office 1", EventType.VERIFIED, NOW, said(saw), is_settled=False, sight=saw)
    await desk.worklist.record(act)
    earlier, later = (digits(NOW + seconds) for seconds in (-60, 60))
    desk.clock.pass_(120)
    assert await desk.takes(a_person("T-0001", at=MOMENT), executed=earlier) == MergeOutcome(new=1)
    assert await desk.stands(visit.id) is Standing.NOT_FOUND
    assert await desk.takes(a_person("T-0001", at=MOMENT), executed=later) == MergeOutcome(same=1, matched=1)
    assert await desk.stands(visit.id) is Standing.SEEN


async def test_without_a_number_nothing_is_seen_by_itself_and_a_person_may_say_who_it_is(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a")
    assert await desk.takes(a_person(at=MOMENT)) == MergeOutcome(new=1)
    followed = await desk.worklist.followed(STATION, visit.id)
    (known,) = await desk.everybody()
    assert followed is not None
    for _ in range(2):
        assert await desk.importer.see(followed, known, SAKURA) is Standing.SEEN
    (seen,) = await desk.events("verified")
    assert (seen["person"], seen["file"]) == (known.id, "")
    assert "reference" not in seen["grounds"]
    assert await desk.stands(visit.id) is Standing.SEEN


async def test_the_file_itself_from_reading_to_seeing(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="Ｔ-0001")
    consents = tuple(a_consent(flag, at=MOMENT) for flag in LISTED)
    result = Result("01", name="髙﨑　太郎", kana="ﾀｶｻｷ ﾀﾛｳ", sex="1", birthdate="19600602", consents=consents)
    header = Header(executed="20261118090000", facility_code=PRACTICE_STATION.code, segment="1", status="1")
    data = write(Answer02(header, (Person(("T-0001",), "1", results=(result,)),)))
    reading = read(data, facility_code=PRACTICE_STATION.code)
    assert isinstance(reading.answer, Answer02)
    people = [incoming(each) for each in reading.answer.persons]
    assert await desk.takes(*people, data=data) == MergeOutcome(new=1, matched=1)
    assert await desk.stands(visit.id) is Standing.SEEN
    (known,) = await desk.everybody(Search(By.NAME, "たかさき"))
    assert known.references == ("T-0001",)


class Interrupted(SqlConsentList):
    """A registry in which something happens while a file's people are looked up."""

    happens: Callable[[], Awaitable[object]] | None = None

    async def search(
        self, facility: str, search: Search, after: tuple[int, str] | None, limit: int
    ) -> list[ListedPerson]:
        """Let it happen once, then search."""
        happens, self.happens = self.happens, None
        if happens:
            await happens()
        return await super().search(facility, search, after, limit)


ALL_THERE = dict.fromkeys(LISTED, True)


async def interrupted(desk: Desk, happens: Callable[[], Awaitable[object]], *people: Incoming) -> MergeOutcome:
    """Take a file while something else happens."""
    registry = Interrupted(Database(desk.url, key=RECORD_KEY), Sealer(("k" * 40,)))
    registry.happens = happens
    file = await desk.reads(*people)
    assert await replace(desk.importer, registry=registry).take(file, SAKURA)
    await registry.close()
    taken = await desk.registry.upload(STATION, file.id)
    assert taken is not None
    return taken.outcome


async def test_what_is_read_on_the_screen_while_a_file_is_taken_stands(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")

    async def reads_the_screen() -> None:
        desk.clock.pass_(60)
        saw = Sight(desk.clock.now(), "受付 はる", found=True, flags=ALL_THERE)
        act = Act(STATION, visit.id, "office 1", EventType.VERIFIED, saw.at, said(saw), sight=saw)
        await desk.worklist.record(act)

    outcome = await interrupted(desk, reads_the_screen, a_person("T-0001", at=MOMENT, drug="0"))
    assert outcome == MergeOutcome(new=1)
    assert await desk.stands(visit.id) is Standing.SEEN
    assert await desk.worklist.open(STATION) == ()


async def test_a_visit_that_is_closed_while_a_file_is_taken_stays_so(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")

    async def closes_it() -> None:
        closed = Closed(desk.clock.now(), "受付 はる", Closing.ELSEWHERE)
        body: Body = {"by": "account", "why": closed.why.value}
        await desk.worklist.record(Act(STATION, visit.id, "office 1", EventType.CLOSED, closed.at, body, closed=closed))

    assert await interrupted(desk, closes_it, a_person("T-0001", at=MOMENT, drug="0")) == MergeOutcome(new=1)
    assert await desk.stands(visit.id) is Standing.CLOSED


async def test_a_visit_that_is_matched_with_another_while_a_file_is_taken_stays_theirs(desk: Desk) -> None:
    visit = await at_the_bedside(desk.kazasu, "a", reference="T-0001")
    await desk.takes(a_person(at=MOMENT, names=PersonNames("見本　花", "ﾐﾎﾝ ﾊﾅ", "19400101", "2")))
    (other,) = await desk.everybody()

    async def matches_it() -> None:
        followed = await desk.worklist.followed(STATION, visit.id)
        assert followed is not None
        await desk.importer.see(followed, other, SAKURA)

    assert await interrupted(desk, matches_it, a_person("T-0001", at=MOMENT, drug="0")) == MergeOutcome(new=1)
    followed = await desk.worklist.followed(STATION, visit.id)
    assert followed is not None
    assert followed.person == other.id
