"""What every worklist promises, whatever it is made of: who waits for an answer is seen, however much is open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, insert, select

import app.adapters.schema as t
from app.adapters.store_sql import SqlStore
from app.adapters.worklist_sql import OPEN_AT_MOST, SqlWorklist
from app.evidence import EventType
from app.flow import Visit
from app.ports import Act, Written
from app.receipt import Wish
from app.worklist import Asked
from tests.adapters.keeping import in_database
from tests.adapters.samples import FACILITY, a_change, handed_off, opened
from tests.flow.visits import NOW, a_visit


@pytest.fixture
async def worklist(store: SqlStore, url: str) -> AsyncIterator[SqlWorklist]:
    fresh = SqlWorklist(url)
    yield fresh
    await fresh.close()


async def reached(store: SqlStore, name: str) -> Visit:
    """Let a visit reach the office; return it."""
    visit = replace(a_visit(upto="need"), id=name * 22)
    await store.write(opened(visit, session=name * 64))
    confirmed = handed_off(visit)
    assert await store.write(a_change(confirmed)) is Written.DONE
    return confirmed


def wished(visit: Visit, at: int, what: Wish = Wish.DISAGREE) -> Act:
    """Return what a patient asks from the copy."""
    key, body = f"wish {visit.id} {what}", {"what": what.value}
    return Act(FACILITY.id, visit.id, key, EventType.ASKED, at, dict(body), asked=Asked(at, what))


async def test_what_is_asked_from_a_copy_stands_before_a_thousand_others(
    store: SqlStore, worklist: SqlWorklist, url: str
) -> None:
    visit = await reached(store, "v")

    def many(connection: Connection) -> None:
        row = dict(connection.execute(select(t.visit)).mappings().one())
        waits = dict(connection.execute(select(t.followup)).mappings().one())
        names = [f"{n:022}" for n in range(OPEN_AT_MOST)]
        connection.execute(insert(t.visit), [{**row, "id": name, "session": None} for name in names])
        connection.execute(insert(t.followup), [{**waits, "visit": name, "at": NOW - 1} for name in names])

    in_database(url, many)
    assert visit.id not in {each.visit.id for each in await worklist.open(FACILITY.id)}
    assert await worklist.record(wished(visit, NOW + 3600)) is Written.DONE
    first, *others = await worklist.open(FACILITY.id)
    assert (first.visit.id, len(others)) == (visit.id, OPEN_AT_MOST - 1)


async def test_what_is_open_stands_in_the_order_in_which_it_came(store: SqlStore, worklist: SqlWorklist) -> None:
    visits = [await reached(store, name) for name in "abc"]
    for at, visit in ((NOW + 7200, visits[1]), (NOW + 3600, visits[2])):
        await worklist.record(wished(visit, at))
    assert [each.visit.id[0] for each in await worklist.open(FACILITY.id)] == ["c", "b", "a"]
