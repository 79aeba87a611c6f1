"""What every store of the days' lists promises, whatever it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.adapters.sql.database import Database
from app.adapters.sql.day_list import SqlDayLists
from app.adapters.sql.store import SqlStore
from app.ports.office import DayLists
from app.rules.station.day_list import KEPT, Need, Planned
from app.rules.station.station import Link, Station
from tests.adapters.samples import FACILITY, a_change, handed_off, opened
from tests.rules.visits import NOW, a_visit

DAY = date(2026, 11, 18)
OTHER = Station("otonari", "おとなり訪問看護ステーション", "9960000017", "03-0000-0001")
FIRST = Planned(FACILITY.id, DAY, "T-0001", Need.FIRST, over_40=True, at=NOW, by="受付 はる")


@pytest.fixture
async def plans(store: SqlStore, url: str) -> AsyncIterator[SqlDayLists]:
    """Return the lists of two stations, empty."""
    await store.add_facility(OTHER, Link("nmkjhgfedcba", OTHER.id, 1, NOW))
    fresh = SqlDayLists(Database(url))
    yield fresh
    await fresh.close()


async def test_a_list_comes_back_as_it_was_put_in_the_order_of_its_numbers(plans: DayLists) -> None:
    second = replace(FIRST, reference="T-0002", need=Need.RENEWAL, over_40=False)
    await plans.put([second, FIRST])
    assert await plans.on(FACILITY.id, DAY) == (FIRST, second)


async def test_a_number_of_another_day_or_station_is_another_one(plans: DayLists) -> None:
    elsewhere = replace(FIRST, facility=OTHER.id, need=Need.RENEWAL)
    tomorrow = replace(FIRST, day=DAY + timedelta(days=1))
    await plans.put([FIRST, elsewhere, tomorrow])
    await plans.remove(FACILITY.id, DAY, "T-0001")
    assert await plans.on(FACILITY.id, DAY) == ()
    assert await plans.on(OTHER.id, DAY) == (elsewhere,)
    assert await plans.on(FACILITY.id, tomorrow.day) == (tomorrow,)


async def test_a_number_put_again_is_changed_and_stays_begun(plans: DayLists, store: SqlStore) -> None:
    await plans.put([FIRST])
    visit = opened(a_visit(upto="need")).visit
    await store.write(opened(visit))
    assert await plans.begun(FACILITY.id, DAY, "T-0001", visit.id)
    changed = replace(FIRST, need=Need.RENEWAL, over_40=False, at=NOW + 60, by="事務 さくら")
    await plans.put([changed])
    assert await plans.on(FACILITY.id, DAY) == (replace(changed, visit=visit.id),)


async def test_the_first_visit_that_reached_the_handoff_stays(plans: DayLists, store: SqlStore) -> None:
    await plans.put([FIRST])
    begun = opened(a_visit(upto="need"))
    await store.write(begun)
    await store.write(a_change(handed_off(begun.visit)))
    answers = [await plans.begun(FACILITY.id, DAY, "T-0001", each) for each in (begun.visit.id, "second", "third")]
    assert answers == [True, False, False]
    assert (await plans.on(FACILITY.id, DAY))[0].visit == begun.visit.id


async def test_a_visit_that_led_nowhere_makes_room_for_the_next(plans: DayLists, store: SqlStore) -> None:
    await plans.put([FIRST])
    begun = opened(a_visit(upto="need"))
    await store.write(begun)
    answers = [await plans.begun(FACILITY.id, DAY, "T-0001", each) for each in (begun.visit.id, "second")]
    assert answers == [True, True]
    assert (await plans.on(FACILITY.id, DAY))[0].visit == "second"


async def test_a_number_that_is_on_no_list_is_not_begun(plans: DayLists) -> None:
    assert not await plans.begun(FACILITY.id, DAY, "T-0001", "visit")
    await plans.remove(FACILITY.id, DAY, "T-0001")


async def test_a_day_keeps_its_first_word(plans: DayLists) -> None:
    assert await plans.word(FACILITY.id, DAY) is None
    words = await asyncio.gather(*(plans.give_word(FACILITY.id, DAY, word) for word in ("KPMQXR", "BBBBBB", "CCCCCC")))
    assert set(words) == {await plans.word(FACILITY.id, DAY)}


async def test_a_word_of_another_day_or_station_is_another_one(plans: DayLists) -> None:
    await plans.give_word(FACILITY.id, DAY, "KPMQXR")
    assert await plans.word(OTHER.id, DAY) is None
    assert await plans.word(FACILITY.id, DAY + timedelta(days=1)) is None


async def test_old_lists_and_words_go_and_the_others_stay(plans: DayLists) -> None:
    for ahead in range(3):
        await plans.put([replace(FIRST, day=DAY + timedelta(days=ahead))])
        await plans.give_word(FACILITY.id, DAY + timedelta(days=ahead), "KPMQXR")
    await plans.put([replace(FIRST, day=DAY + timedelta(days=400))])
    await plans.tidy(NOW + (KEPT + 1) * 86_400)
    assert await plans.on(FACILITY.id, DAY + timedelta(days=400)) == ()  # further ahead than anybody plans
    days = [DAY + timedelta(days=ahead) for ahead in range(3)]
    assert [len(await plans.on(FACILITY.id, day)) for day in days] == [0, 1, 1]
    assert [await plans.word(FACILITY.id, day) for day in days] == [None, "KPMQXR", "KPMQXR"]
