"""What every store removes when its time is over, and what it leaves: whatever somebody still has to answer stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

import app.adapters.sql.schema as t
from app.adapters.ledger import FileLedger
from app.adapters.sql.consent_list import SqlConsentList
from app.adapters.sql.copies import SqlCopies
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from app.adapters.sql.worklist import SqlWorklist
from app.ports.office import Act
from app.rules.record.event import Event, EventType
from app.rules.terminal.exchange import Stage, Upload
from app.rules.terminal.preview import preview
from app.rules.terminal.values import Answer02, Encoding, Header, Reading
from app.rules.visit.copy import LIVES, Copy, Wish
from app.rules.visit.standing import Closed, Closing, StandingWish, named
from app.tokens import Sealer
from app.work import forgetting
from tests.adapters.keeping import a_person, in_database
from tests.adapters.samples import FACILITY, RECORD_KEY, a_change, handed_off, opened, telling
from tests.rules.visits import NOW, a_visit

DAY = 24 * 3600
KEPT = 30
"""Days for which the station keeps what is settled."""
OVER = NOW + (KEPT + 1) * DAY


@pytest.fixture
async def worklist(store: SqlStore, url: str) -> AsyncIterator[SqlWorklist]:
    in_database(url, _keeps_it_for_days)
    fresh = SqlWorklist(Database(url, key=RECORD_KEY))
    yield fresh
    await fresh.close()


@pytest.fixture
def ledger(tmp_path: Path) -> FileLedger:
    return FileLedger(tmp_path / "ledger.jsonl")


def _keeps_it_for_days(connection: Connection) -> None:
    said = {"terminal": "", "maintenance_telephone": "", "router": "", "certificate_ends": "", "hours": ""}
    connection.execute(
        insert(t.station).values(facility=FACILITY.id, retention_days=KEPT, keeps_names=0, **said),
    )


async def visited(store: SqlStore, name: str) -> str:
    """Leave a visit at the office; return its id."""
    visit = replace(a_visit(upto="need"), id=name * 22)
    await store.write(telling(opened(visit, session=name * 64)))
    await store.write(telling(a_change(handed_off(visit))))
    return visit.id


def settled(url: str, visit: str, at: int, person: str = "") -> None:
    """Let a visit be settled, and matched with somebody."""
    values = {"settled": 1, "at": at, "person": person or None}
    in_database(url, lambda c: c.execute(update(t.followup).where(t.followup.c.visit == visit).values(values)))


def ids(url: str, table: str) -> set[str]:
    return set(in_database(url, lambda c: c.execute(select(t.metadata.tables[table].c.id)).scalars().all()))


# --- people ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["asked", "unsettled", "settled lately"])
async def test_who_is_in_no_file_any_more_takes_no_visit_along_whose_time_is_not_over(
    store: SqlStore, worklist: SqlWorklist, ledger: FileLedger, url: str, state: str
) -> None:
    visit = await visited(store, "a")
    in_database(url, lambda connection: a_person(connection, "p"))
    settled(url, visit, NOW, "p")
    wish = StandingWish(NOW + 29 * DAY, Wish.DISAGREE)
    if state == "asked":
        body = {"what": "disagree"}
        await worklist.record(Act(FACILITY.id, visit, "wish", EventType.ASKED, wish.at, body, asked=wish))
    else:
        values = {"settled": 0} if state == "unsettled" else {"at": NOW + DAY}
        in_database(url, lambda c: c.execute(update(t.followup).values(values)))
    assert await forgetting.delete_over(store, ledger, OVER) == (0, 0)
    assert (ids(url, "visit"), ids(url, "person")) == ({visit}, {"p"})
    answered = Closed(OVER, "受付 はる", Closing.ANSWERED)
    read = named([wish] if state == "asked" else [])
    await worklist.record(Act(FACILITY.id, visit, "done", EventType.CLOSED, OVER, {}, closed=answered, answers=read))
    assert await forgetting.delete_over(store, ledger, OVER + KEPT * DAY) == (0, 0)
    assert await forgetting.delete_over(store, ledger, OVER + KEPT * DAY + 1) == (1, 1)
    assert (ids(url, "visit"), ids(url, "person")) == (set(), set())


async def test_whose_visits_are_all_over_goes_and_others_visits_hold_nobody(
    store: SqlStore, worklist: SqlWorklist, ledger: FileLedger, url: str
) -> None:
    over, open_one = await visited(store, "a"), await visited(store, "b")
    for person in ("p", "q", "r"):
        in_database(url, lambda connection, who=person: a_person(connection, who))
    settled(url, over, NOW, "p")
    in_database(url, lambda c: c.execute(update(t.followup).where(t.followup.c.visit == open_one).values(person="q")))
    assert await forgetting.delete_over(store, ledger, OVER) == (1, 2)
    assert (ids(url, "visit"), ids(url, "person")) == ({open_one}, {"q"})


# --- copies ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def copies(store: SqlStore, url: str) -> AsyncIterator[SqlCopies]:
    fresh = SqlCopies(Database(url, key=RECORD_KEY))
    yield fresh
    await fresh.close()


async def copied(copies: SqlCopies, visit: str, at: int) -> Copy:
    """Let a patient have a copy of a visit."""
    copy = Copy(f"copy {at}", FACILITY.id, visit, f"hash {at}", at)
    assert await copies.issue(copy, Event(EventType.COPIED, at, {}), copy.id)
    return copy


@pytest.mark.parametrize("person", ["", "p"])
async def test_a_copy_keeps_its_visit_for_as_long_as_it_opens(
    store: SqlStore, worklist: SqlWorklist, copies: SqlCopies, ledger: FileLedger, url: str, person: str
) -> None:
    visit, people = await visited(store, "a"), int(bool(person))
    if person:
        in_database(url, lambda connection: a_person(connection, person))
    settled(url, visit, NOW, person)
    copy = await copied(copies, visit, NOW + DAY)
    assert copy.is_live(NOW + DAY + LIVES - 1)
    assert await forgetting.delete_over(store, ledger, NOW + DAY + LIVES - 1) == (0, 0)
    assert await copies.find(copy.hash) == copy
    assert await forgetting.delete_over(store, ledger, NOW + DAY + LIVES) == (1, people)
    assert ids(url, "receipt") == set()


async def test_a_copy_that_was_called_back_keeps_nothing(
    store: SqlStore, worklist: SqlWorklist, copies: SqlCopies, ledger: FileLedger, url: str
) -> None:
    visit = await visited(store, "a")
    settled(url, visit, NOW)
    first, second = await copied(copies, visit, NOW), await copied(copies, visit, NOW + 1)
    for copy, left in ((first, 0), (second, 1)):
        await copies.call_back(copy, Event(EventType.COPY_CALLED_BACK, NOW + DAY, {}))
        assert await forgetting.delete_over(store, ledger, OVER) == (left, 0)


# --- files on the way -----------------------------------------------------------------------------------------


async def test_nobody_goes_while_a_file_waits_that_may_name_them(
    store: SqlStore, worklist: SqlWorklist, ledger: FileLedger, url: str
) -> None:
    in_database(url, lambda connection: a_person(connection, "p"))
    registry = SqlConsentList(Database(url, key=RECORD_KEY), Sealer(("k" * 40,)))
    reading = Reading(Answer02(Header(executed="20261118090000")), Encoding.UTF_8, (), 0, ())
    new = Upload("file", FACILITY.id, Stage.WAITING, OVER, "事務 さくら", preview(reading, ()), 0)
    await registry.keep(new, b"file", (), names=False)
    assert await forgetting.delete_over(store, ledger, OVER) == (0, 0)
    assert [each.id for each in await registry.uploads(FACILITY.id, 10)] == ["file"]
    await registry.drop(FACILITY.id, "file")
    await registry.close()
    assert await forgetting.delete_over(store, ledger, OVER) == (0, 1)
