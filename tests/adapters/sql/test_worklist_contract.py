"""What every worklist promises, whatever it is made of: who waits for an answer is seen, however much is open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, insert, select

import app.adapters.sql.schema as t
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from app.adapters.sql.worklist import OPEN_AT_MOST, SqlWorklist
from app.ports.office import Act
from app.ports.store import Written
from app.rules.record.event import Body, EventType
from app.rules.visit import journey
from app.rules.visit.copy import Wish
from app.rules.visit.flow import STEPS
from app.rules.visit.standing import Closed, Closing, Sight, Standing, StandingWish, standing
from app.rules.visit.visit import Visit
from tests.adapters.keeping import in_database
from tests.adapters.samples import FACILITY, RECORD_KEY, a_change, after, handed_off, opened, telling
from tests.rules.people import LISTED
from tests.rules.visits import NOW, a_visit, answered


@pytest.fixture
async def worklist(store: SqlStore, url: str) -> AsyncIterator[SqlWorklist]:
    fresh = SqlWorklist(Database(url, key=RECORD_KEY))
    yield fresh
    await fresh.close()


async def reached(store: SqlStore, name: str) -> Visit:
    """Let a visit reach the office; return it."""
    visit = replace(a_visit(upto="need"), id=name * 22)
    await store.write(telling(opened(visit, session=name * 64)))
    confirmed = handed_off(visit)
    assert await store.write(telling(a_change(confirmed))) is Written.DONE
    return confirmed


def wished(visit: Visit, at: int, what: Wish = Wish.DISAGREE) -> Act:
    """Return what a patient asks from the copy."""
    key, body = f"wish {visit.id} {what}", {"what": what.value}
    return Act(FACILITY.id, visit.id, key, EventType.ASKED, at, dict(body), asked=StandingWish(at, what))


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


# --- what the bedside says after the office is done ---------------------------------------------------------------

REPORTED = replace(a_visit(upto="done"), id="v" * 22)
UNREPORTED = replace(a_visit(upto="result"), id="v" * 22)
SEEN = Sight(NOW + 60, "受付 はる", found=True, flags=dict.fromkeys(LISTED, True))
SAW: Body = {"by": "account", "found": True, "flags": dict(SEEN.flags), "consented_on": "", "available_until": ""}
AWAY = Closed(NOW + 60, "受付 はる", Closing.ELSEWHERE)


async def settled(store: SqlStore, worklist: SqlWorklist, visit: Visit, *, closed: bool = False) -> None:
    """Let the office be done with a visit."""
    await store.write(telling(opened(visit)))
    act = Act(FACILITY.id, visit.id, "office 1", EventType.VERIFIED, NOW + 60, SAW, sight=SEEN)
    if closed:
        body: Body = {"by": "account", "why": AWAY.why.value}
        act = replace(act, type=EventType.CLOSED, body=body, sight=None, closed=AWAY)
    assert await worklist.record(act) is Written.DONE
    assert await worklist.open(FACILITY.id) == ()


async def goes_on(store: SqlStore, worklist: SqlWorklist, visit: Visit) -> Standing | None:
    """Write a step at the bedside; return where the visit stands on the list of work, or None when it is not there."""
    assert await store.write(telling(a_change(after(visit, 120)))) is Written.DONE
    there = await worklist.open(FACILITY.id)
    assert all(each.settled_at == NOW + 120 for each in there)
    return next((standing(each, NOW + 9999) for each in there), None)


async def test_choices_that_are_changed_after_the_office_was_done_are_work(
    store: SqlStore, worklist: SqlWorklist
) -> None:
    await settled(store, worklist, REPORTED)
    declined = journey.record(STEPS["consent"], {**REPORTED.answers["consent"], "surgery": "decline"}, REPORTED)
    assert await goes_on(store, worklist, declined) is Standing.DIFFERS


async def test_a_withdrawal_after_the_office_was_done_is_work(store: SqlStore, worklist: SqlWorklist) -> None:
    await settled(store, worklist, REPORTED)
    need = {**REPORTED.answers["need"], "intent": "withdraw", "go_on": "yes"}
    withdrawing = journey.record(STEPS["need"], need, REPORTED)
    assert await goes_on(store, worklist, withdrawing) is Standing.DIFFERS


@pytest.mark.parametrize("report", ["trouble", "stopped", "later"])
async def test_a_report_that_is_changed_after_the_office_was_done_is_work(
    store: SqlStore, worklist: SqlWorklist, report: str
) -> None:
    await settled(store, worklist, REPORTED)
    assert await goes_on(store, worklist, answered(REPORTED, "result", report=report)) is not None


@pytest.mark.parametrize(("report", "stands"), [("done", Standing.REPORTED), ("trouble", Standing.TROUBLE)])
async def test_what_is_reported_of_a_closed_visit_is_work(
    store: SqlStore, worklist: SqlWorklist, report: str, stands: Standing
) -> None:
    await settled(store, worklist, UNREPORTED, closed=True)
    assert await goes_on(store, worklist, answered(UNREPORTED, "result", report=report)) is stands


async def test_a_report_of_what_was_seen_already_is_no_work(store: SqlStore, worklist: SqlWorklist) -> None:
    await settled(store, worklist, UNREPORTED)
    assert await goes_on(store, worklist, answered(UNREPORTED, "result", report="done")) is None


@pytest.mark.parametrize("closed", [False, True])
async def test_a_step_that_says_nothing_new_is_no_work(store: SqlStore, worklist: SqlWorklist, *, closed: bool) -> None:
    await settled(store, worklist, REPORTED, closed=closed)
    assert await goes_on(store, worklist, replace(REPORTED, ended=True)) is None
    assert await worklist.settled(FACILITY.id, None, 10) != ()
