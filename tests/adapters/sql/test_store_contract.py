"""What every store promises to the visit, whatever it is made of."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from app.adapters.sql.database import Database, migrate
from app.adapters.sql.office import SqlOffice
from app.adapters.sql.rows import visit_from, visit_row
from app.adapters.sql.store import SqlStore
from app.ports.store import Change, Logged, Store, StoreUnsafe, Written
from app.rules.record.event import EventType
from app.rules.record.evidence import Entry, Head, body_hash, hashed
from app.rules.station.station import Link
from app.rules.visit.journey import LATE
from app.rules.visit.visit import Holder, Registration, Visit
from tests.adapters.samples import (
    FACILITY,
    LINK,
    SESSION,
    a_change,
    a_departure,
    after,
    handed_off,
    opened,
    visit_of,
)
from tests.rules.record.chain import broken_link
from tests.rules.visits import NOW, a_visit

OTHER = hashed("another browser")


async def begun(store: Store, visit: Visit | None = None, session: str = SESSION) -> Visit:
    change = opened(visit, session)
    assert await store.write(change) is Written.DONE
    return change.visit


async def exported(store: Store) -> list[Logged]:
    return [each async for each in store.export(FACILITY.id)]


def links(log: list[Logged]) -> list[tuple[Entry, str]]:
    return [(each.entry, each.hash) for each in log]


async def test_it_works(store: Store) -> None:
    visit = await begun(store)
    confirmed = handed_off(visit)
    assert await store.write(a_change(confirmed)) is Written.DONE
    assert await visit_of(store) == confirmed
    assert await store.head(FACILITY.id) == Head(2, (await exported(store))[-1].hash)


# --- visits -------------------------------------------------------------------------------------------------


async def test_a_visit_comes_back_as_it_was_written(store: Store) -> None:
    visit = replace(
        a_visit(upto="result"),
        version=1,
        holder=Holder.PATIENT,
        draft={"result": {"report": "later"}},
        departure="departure",
        subject="pseudonym",
        registration=Registration.PENDING,
        reason="cancelled",
        times={"check": NOW + 5},
        transcribed_by="受付 はる",
    )
    await begun(store, visit)
    assert await visit_of(store) == visit


def test_a_row_of_an_earlier_version_speaks_of_no_paper() -> None:
    row = visit_row(a_change(a_visit(upto="result")), None, None)
    body = json.loads(row["body"])
    assert body.pop("transcribed_by") == ""
    assert visit_from(SimpleNamespace(**{**row, "body": json.dumps(body)})).transcribed_by == ""  # type: ignore[arg-type]


async def test_an_unknown_session_has_no_visit(store: Store) -> None:
    await begun(store)
    assert await visit_of(store, OTHER) is None


async def test_a_new_session_takes_the_place_of_the_old_one(store: Store) -> None:
    visit = await begun(store)
    assert await store.write(a_change(after(visit), session=OTHER)) is Written.DONE
    assert await visit_of(store) is None
    assert await visit_of(store, OTHER) == after(visit)


@pytest.mark.threat("T02")
async def test_an_ended_visit_is_found_by_no_session(store: Store) -> None:
    visit = await begun(store, replace(a_visit(upto="done"), subject="pseudonym"))
    ended = replace(after(visit), ended=True)
    assert await store.write(a_change(ended, EventType.ENDED)) is Written.DONE
    assert await visit_of(store) is None
    assert await store.write(a_change(after(ended), session=OTHER)) is Written.DONE
    assert await visit_of(store, OTHER) is None


# --- one submission -----------------------------------------------------------------------------------------


@pytest.mark.threat("T19")
async def test_a_repeated_submission_is_written_once(store: Store) -> None:
    change = a_change(after(await begun(store)))
    assert [await store.write(change) for _ in range(3)] == [Written.DONE, Written.REPEATED, Written.REPEATED]
    assert (await store.head(FACILITY.id)).size == 2


@pytest.mark.threat("T19")
async def test_a_key_with_other_content_is_refused(store: Store) -> None:
    visit = await begun(store)
    first = a_change(after(visit))
    await store.write(first)
    again = replace(first.submission, fingerprint="another print")
    other = replace(first, visit=after(after(visit)), submission=again)
    assert await store.write(other) is Written.KEY_REUSED
    assert await visit_of(store) == after(visit)


async def test_a_key_is_remembered_without_events_too(store: Store) -> None:
    change = replace(a_change(after(await begun(store))), events=())
    assert [await store.write(change) for _ in range(2)] == [Written.DONE, Written.REPEATED]
    assert (await store.head(FACILITY.id)).size == 1


@pytest.mark.threat("T03")
@pytest.mark.parametrize("version", [0, 1, 3, 99])
async def test_a_change_from_another_version_is_stale(store: Store, version: int) -> None:
    visit = await begun(store)
    assert await store.write(a_change(replace(visit, version=version))) is Written.STALE
    assert await visit_of(store) == visit
    assert (await store.head(FACILITY.id)).size == 1


async def test_a_visit_cannot_begin_in_the_middle(store: Store) -> None:
    assert await store.write(opened(after(a_visit()))) is Written.STALE


async def test_racing_changes_of_one_version_write_once(store: Store) -> None:
    visit = await begun(store)
    answers = await asyncio.gather(*(store.write(a_change(after(visit))) for _ in range(50)))
    assert sorted(answers) == [Written.DONE] + [Written.STALE] * 49


async def test_several_events_of_one_change_are_chained_in_order(store: Store) -> None:
    change = a_change(after(await begun(store)), EventType.CONFIRMED)
    await store.write(replace(change, events=(*change.events, *a_change(change.visit, EventType.HANDED_OFF).events)))
    log = await exported(store)
    assert [each.entry.type for each in log] == ["opened", "confirmed", "handed_off"]
    assert broken_link(links(log)) is None


# --- departures ---------------------------------------------------------------------------------------------


async def departing(store: Store) -> Visit:
    """Return a visit with a live departure."""
    visit = handed_off(await begun(store))
    await store.write(replace(a_change(visit), issue=a_departure(visit)))
    return visit


def spending(visit: Visit, seconds: int = 1, departure: str = "departure") -> Change:
    return replace(a_change(after(visit, seconds), EventType.RETURNED), spend=departure)


async def test_a_departure_comes_back_as_it_was_issued(store: Store) -> None:
    visit = await departing(store)
    assert await store.departure("departure") == a_departure(visit)
    assert await store.departure("unknown") is None


@pytest.mark.threat("T06")
async def test_a_spent_departure_keeps_no_secret(store: Store) -> None:
    visit = await departing(store)
    assert await store.write(spending(visit)) is Written.DONE
    kept = replace(a_departure(visit), nonce="", verifier="", spent_at=visit.touched_at + 1)
    assert await store.departure("departure") == kept


@pytest.mark.threat("T06")
async def test_a_departure_is_spent_once(store: Store) -> None:
    visit = await departing(store)
    await store.write(spending(visit))
    assert await store.write(spending(after(visit))) is Written.SPENT
    assert await visit_of(store) == after(visit)
    assert (await store.head(FACILITY.id)).size == 3


@pytest.mark.threat("T06")
@pytest.mark.parametrize(("age", "written"), [(600, Written.DONE), (601, Written.SPENT)])
async def test_a_departure_lives_for_ten_minutes(store: Store, age: int, written: Written) -> None:
    assert await store.write(spending(await departing(store), seconds=age)) is written


@pytest.mark.threat("T06")
async def test_a_departure_belongs_to_its_visit_and_its_browser(store: Store) -> None:
    visit = await departing(store)
    other = await begun(store, replace(a_visit(), id="w" * 22), OTHER)
    assert await store.write(spending(other)) is Written.SPENT
    moved = after(visit)
    await store.write(a_change(moved, session=hashed("a third browser")))
    assert await store.write(spending(moved)) is Written.SPENT
    assert await store.write(spending(moved, departure="unknown")) is Written.SPENT
    kept = await store.departure("departure")
    assert kept is not None
    assert kept.spent_at is None


@pytest.mark.threat("T06")
async def test_racing_returns_spend_a_departure_once(store: Store) -> None:
    visit = await departing(store)
    answers = await asyncio.gather(*(store.write(spending(visit)) for _ in range(50)))
    assert answers.count(Written.DONE) == 1
    assert (await store.head(FACILITY.id)).size == 3


# --- evidence -----------------------------------------------------------------------------------------------


async def test_an_empty_chain_has_the_first_head(store: Store) -> None:
    assert await store.head(FACILITY.id) == Head()
    assert await exported(store) == []


async def test_the_export_holds_what_the_chain_promises(store: Store) -> None:
    visit = await begun(store)
    for _ in range(450):
        visit = after(visit)
        await store.write(a_change(visit, body={"surgery": "agree", "面": True, "n": None}))
    log = await exported(store)
    assert len(log) == 451
    assert broken_link(links(log)) is None
    for each in log:
        assert each.nonce is not None
        assert each.body is not None
        assert body_hash(bytes.fromhex(each.nonce), each.body) == each.entry.body_hash


async def test_a_chain_each(store: Store) -> None:
    other = replace(FACILITY, id="another")
    await store.add_facility(other, Link("zyxwvutsrqpn", other.id, 1, NOW))
    await begun(store)
    await begun(store, replace(a_visit(), id="w" * 22, facility=other.id), OTHER)
    assert (await store.head(FACILITY.id)).size == (await store.head(other.id)).size == 1


# --- retention ----------------------------------------------------------------------------------------------


async def test_a_draft_expires_and_leaves_only_its_chain(store: Store) -> None:
    visit = await begun(store)
    change = a_change(after(visit))
    await store.write(change)
    assert await store.expire(change.visit.touched_at) == 0
    assert await store.expire(change.visit.touched_at + 1) == 1
    assert await visit_of(store) is None
    log = await exported(store)
    assert [(each.entry.type, each.body is None) for each in log] == [
        ("opened", True),
        ("confirmed", True),
        ("expired", False),
    ]
    assert broken_link(links(log)) is None
    assert await store.expire(NOW + 9999) == 0


async def test_a_draft_that_was_ended_expires_too(store: Store) -> None:
    visit = await begun(store)
    await store.write(a_change(replace(after(visit), ended=True), EventType.ENDED))
    assert await store.expire(NOW + 9999) == 1


async def test_a_visit_that_reached_the_handoff_loses_only_its_session(store: Store) -> None:
    visit = await departing(store)
    assert await store.expire(NOW + 9999) == 0
    assert await visit_of(store) is None
    log = await exported(store)
    assert [each.entry.type for each in log] == ["opened", "confirmed", "left"]
    assert all(each.body is not None for each in log)
    assert await store.write(a_change(after(visit), session=OTHER)) is Written.DONE
    assert await visit_of(store, OTHER) == after(visit)


async def test_what_went_out_keeps_its_session_until_no_report_is_taken_any_more(store: Store) -> None:
    visit = await departing(store)
    for before in (visit.touched_at + 1, visit.touched_at + LATE):
        await store.expire(before)
        assert await visit_of(store) is not None
    await store.expire(visit.touched_at + LATE + 1)
    assert await visit_of(store) is None


async def test_going_back_after_the_handoff_makes_no_draft_of_it(store: Store) -> None:
    visit = await departing(store)
    await store.write(a_change(replace(after(visit), answers={})))
    assert await store.expire(NOW + 9999) == 0


async def test_expiring_twice_marks_once(store: Store) -> None:
    await departing(store)
    await store.expire(NOW + 9999)
    await store.expire(NOW + 9999)
    assert (await store.head(FACILITY.id)).size == 3


async def test_departures_go_when_nothing_may_spend_them(store: Store) -> None:
    visit = await departing(store)
    await store.write(a_change(after(visit, 1800)))
    assert await store.expire(visit.touched_at + 1) == 0
    assert await store.departure("departure") is None
    assert await visit_of(store) == after(visit, 1800)


async def test_what_is_from_a_time_that_is_not_yet_goes_too(store: Store) -> None:
    later = NOW + 400 * 24 * 3600
    draft = replace(a_visit(), id="draft", opened_at=later, touched_at=later)
    await begun(store, draft, hashed("draft"))
    away = handed_off(await begun(store, replace(a_visit(upto="need"), opened_at=later, touched_at=later)))
    await store.write(replace(a_change(away, key="once"), issue=a_departure(away)))
    assert await store.expire(later - 3000) == 0  # no more than an hour ahead is no wrong clock
    assert await store.departure("departure") is not None
    assert await store.expire(NOW) == 1
    assert await visit_of(store) is None
    assert await store.departure("departure") is None
    assert await store.write(a_change(after(away), key="once")) is Written.KEY_REUSED


async def test_a_flood_of_drafts_goes_in_batches(store: Store) -> None:
    for number in range(230):
        await begun(store, replace(a_visit(), id=f"visit {number}"), hashed(str(number)))
    assert await store.expire(NOW + 9999) == 230
    assert broken_link(links(await exported(store))) is None


async def test_an_old_key_is_refused_when_its_content_is_forgotten(store: Store) -> None:
    change = handed_off(await begun(store))
    await store.write(a_change(change, key="once"))
    repeated = a_change(after(change), key="once")
    assert await store.write(repeated) is Written.REPEATED
    await store.expire(NOW + 25 * 3600)
    assert await store.write(repeated) is Written.KEY_REUSED


# --- stations -----------------------------------------------------------------------------------------------


async def test_a_station_and_its_link(store: Store) -> None:
    assert await store.facility(FACILITY.id) == FACILITY
    assert await store.facilities() == (FACILITY,)
    assert await store.link(LINK.token) == await store.live_link(FACILITY.id) == LINK
    assert await store.facility("another") is None
    assert await store.link("another") is None
    assert await store.live_link("another") is None


@pytest.mark.threat("T04")
async def test_a_replaced_link_says_since_when(store: Store, url: str) -> None:
    office = SqlOffice(Database(url))
    second = await office.replace_entry(Link("nmkjhgfedcba", FACILITY.id, revision=1, issued_at=NOW + 60))
    await office.close()
    assert await store.live_link(FACILITY.id) == second
    assert await store.link(LINK.token) == replace(LINK, replaced_at=NOW + 60)


async def test_it_says_when_it_is_ready(store: Store) -> None:
    assert await store.is_ready()
    await store.close()
    assert not await store.is_ready()


async def test_a_schema_of_a_newer_version_is_left_alone(store: SqlStore, url: str) -> None:
    await store.database.durably(
        lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    )
    with pytest.raises(StoreUnsafe, match="the schema is 9999, newer than"):
        migrate(url)
