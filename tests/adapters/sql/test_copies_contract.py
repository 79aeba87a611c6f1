"""What every store of the patients' copies promises, whatever it is made of: a copy and its event, both or neither."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.adapters.sql.copies import SqlCopies
from app.adapters.sql.database import Database
from app.adapters.sql.gap import look_back
from app.adapters.sql.store import SqlStore
from app.ports.store import ReadOnly
from app.rules.record.event import Event, EventType
from app.rules.record.evidence import Head
from app.rules.record.gap import LedgerState
from app.rules.visit.copy import LIVES, Copy, known_as, new_letters
from tests.adapters.keeping import SECOND, other
from tests.adapters.samples import FACILITY, LINK, RECORD_KEY, opened
from tests.rules.visits import NOW, a_visit

MADE = Event(EventType.COPIED, NOW, {"by": "haru"})
KEY = "office k"
CALLED_BACK = Event(EventType.COPY_CALLED_BACK, NOW + 60, {"by": "haru"})


@pytest.fixture
async def copies(store: SqlStore, url: str) -> AsyncIterator[SqlCopies]:
    fresh = SqlCopies(Database(url, key=RECORD_KEY))
    yield fresh
    await fresh.close()


@pytest.fixture
async def copy(store: SqlStore) -> Copy:
    """Return a copy of a visit, not kept yet."""
    change = opened(a_visit(upto="need"))
    await store.write(change)
    return Copy("one", FACILITY.id, change.visit.id, known_as(new_letters()), NOW, "受付 はる")


def holds(url: str) -> None:
    """Let the record be known to have been longer: nothing may be written behind it now."""
    look_back(url, LedgerState(heads={FACILITY.id: Head(99, "0" * 64)}), NOW)


async def written(store: SqlStore) -> list[str]:
    return [each.entry.type async for each in store.export(FACILITY.id)]


async def test_a_copy_and_that_it_was_made_are_kept_together(copies: SqlCopies, store: SqlStore, copy: Copy) -> None:
    await copies.issue(copy, MADE, KEY)
    assert await copies.find(copy.hash) == copy == await copies.copy("one")
    assert await copies.of(FACILITY.id, copy.visit) == (copy,)
    assert (await written(store))[-1] == "copied"


async def test_a_form_sent_twice_makes_one_copy(copies: SqlCopies, store: SqlStore, copy: Copy) -> None:
    again = replace(copy, id="two", hash=known_as(new_letters()))
    assert [await copies.issue(each, MADE, KEY) for each in (copy, again)] == [True, False]
    assert await copies.of(FACILITY.id, copy.visit) == (copy,)
    assert (await written(store)).count("copied") == 1


async def test_where_nothing_may_be_written_there_is_no_copy_either(
    copies: SqlCopies, store: SqlStore, copy: Copy, url: str
) -> None:
    before = await written(store)
    holds(url)
    with pytest.raises(ReadOnly):
        await copies.issue(copy, MADE, KEY)
    assert await copies.find(copy.hash) is None
    assert await written(store) == before


async def test_where_nothing_may_be_written_no_copy_is_called_back(copies: SqlCopies, copy: Copy, url: str) -> None:
    await copies.issue(copy, MADE, KEY)
    holds(url)
    with pytest.raises(ReadOnly):
        await copies.call_back(copy, CALLED_BACK)
    assert await copies.find(copy.hash) == copy


@pytest.mark.threat("T23")
async def test_a_record_goes_on_without_the_copies_that_it_had(
    copies: SqlCopies, store: SqlStore, copy: Copy, url: str
) -> None:
    await store.add_facility(SECOND, replace(LINK, token="bcdefghjkmnp", facility=SECOND.id))
    theirs = opened(other(replace(a_visit(upto="need"), id="a" * 22)), session="b" * 64)
    await store.write(theirs)
    before = replace(copy, id="before", hash="before")
    old = replace(copy, id="old", hash="old", made_at=NOW + 90 - LIVES)
    for each in (copy, replace(copy, id="two", hash="two"), before, old):
        await copies.issue(each, MADE, each.id)
    elsewhere = replace(copy, id="theirs", hash="theirs", facility=SECOND.id, visit=theirs.visit.id)
    await copies.issue(elsewhere, MADE, elsewhere.id)
    await copies.call_back(before, CALLED_BACK)
    holds(url)
    await store.accept(FACILITY.id, "somebody", NOW + 90)
    called_back_at = {each.id: each.called_back_at for each in await copies.of(FACILITY.id, copy.visit)}
    assert called_back_at == {"one": NOW + 90, "two": NOW + 90, "before": CALLED_BACK.at, "old": None}
    assert await copies.copy("theirs") == elsewhere
    *_, last = [each async for each in store.export(FACILITY.id)]
    assert last.entry.type == EventType.RESTORED
    assert last.body is not None
    assert last.body["copies"] == 2
    new = replace(copy, id="new", hash="new")
    assert await copies.issue(new, MADE, new.id)
    assert await copies.find("new") == new


async def test_of_many_who_call_a_copy_back_one_does(copies: SqlCopies, store: SqlStore, copy: Copy) -> None:
    await copies.issue(copy, MADE, KEY)
    answers = await asyncio.gather(*(copies.call_back(copy, CALLED_BACK) for _ in range(5)))
    assert sorted(answers) == [False] * 4 + [True]
    found = await copies.find(copy.hash)
    assert found is not None
    assert found.called_back_at == CALLED_BACK.at
    assert not found.is_live(CALLED_BACK.at)
    assert (await written(store)).count("copy_called_back") == 1


async def test_copies_whose_time_is_over_are_removed(copies: SqlCopies, copy: Copy) -> None:
    await copies.issue(copy, MADE, KEY)
    await copies.tidy(NOW + LIVES)
    assert await copies.find(copy.hash) == copy
    await copies.tidy(NOW + LIVES + 1)
    assert await copies.find(copy.hash) is None
