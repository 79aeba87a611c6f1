"""A backup of either kind of database restores into either: whole, older, damaged, while others write."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, select

import app.adapters.sql.schema as t
from app.adapters.sql.database import unhurried
from app.adapters.sql.restore import NotRestored
from app.ports.store import ReadOnly
from app.rules.record.event import EventType
from app.rules.record.evidence import Head
from app.rules.record.gap import Erasure, LedgerState
from app.verify import verify
from app.work import forgetting
from tests.adapters.keeping import SECOND, Place, a_person, hash_at, in_database, left_in, many, wrote
from tests.adapters.samples import FACILITY, opened
from tests.postgres import Cluster
from tests.rules.visits import NOW, a_visit

pytestmark = pytest.mark.anyio

MakePlace = Callable[[str, str], Place]


@pytest.fixture
def place(tmp_path: Path, postgres: Cluster) -> Iterator[MakePlace]:
    """Return what makes an empty place on a database of a kind."""
    with ExitStack() as made:

        def one(kind: str, name: str) -> Place:
            if kind == "sqlite":
                return Place(tmp_path / name)
            database = postgres.fresh()
            made.callback(postgres.drop, database)
            return Place(tmp_path / name, database=postgres.url(database))

        yield one


KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def old(request: pytest.FixtureRequest, place: MakePlace) -> Place:
    """Return the place whose server is lost later."""
    return place(request.param, "old")


@pytest.fixture(params=KINDS)
def new(request: pytest.FixtureRequest, place: MakePlace) -> Place:
    """Return an empty place on another machine."""
    return place(request.param, "new")


def rows(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    order = {table.name: select(table).order_by(*table.primary_key.columns) for table in t.metadata.sorted_tables}
    return {name: [tuple(row) for row in connection.execute(each)] for name, each in order.items()}


def mine(found: dict[str, list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """Return the visits of the first station."""
    return [row for row in found["visit"] if row[1] == FACILITY.id]


async def test_everything_moves_and_what_came_after_is_missed(old: Place, new: Place, tmp_path: Path) -> None:
    store = await old.begun()
    await wrote(store, random.Random(1), 6)
    in_database(old.url, lambda connection: a_person(connection, "p1"))
    before, target = in_database(old.url, rows), tmp_path / "one.age"
    old.back_up(target)
    await forgetting.erase(store, old.ledger, [Erasure(FACILITY.id, "p1", NOW)], "somebody", NOW)
    await forgetting.note(store, old.ledger, NOW)
    await store.close()

    new.restored_from(target)
    assert in_database(new.url, rows) == before
    with pytest.raises(NotRestored, match="already"):
        new.restored_from(target)


async def test_an_older_state_is_held_and_the_erased_stay_erased(old: Place, new: Place, tmp_path: Path) -> None:
    store = await old.begun()
    await wrote(store, random.Random(2), 4)
    in_database(old.url, lambda connection: a_person(connection, "p1"))
    old.back_up(tmp_path / "one.age")
    await forgetting.erase(store, old.ledger, [Erasure(FACILITY.id, "p1", NOW)], "somebody", NOW)
    await forgetting.note(store, old.ledger, NOW)
    await store.close()

    found = new.restored_from(tmp_path / "one.age", old.ledger.known())
    assert ([gap.facility for gap in found.gaps], found.erased) == ([FACILITY.id], 1)
    assert in_database(new.url, rows)["person"] == []
    again = new.open()
    with pytest.raises(ReadOnly):
        await again.write(opened(a_visit(upto="need")))
    await again.expire(NOW + 10**6)
    assert mine(in_database(new.url, rows)) == mine(in_database(old.url, rows))  # of a held one, nothing expires
    assert await forgetting.accept(again, new.ledger, FACILITY.id, "somebody", NOW) is not None
    await again.write(opened(a_visit(upto="need")))
    log = [each async for each in again.export(FACILITY.id)]
    assert verify([each.line() for each in log]).size == len(log)
    assert [each.entry.type for each in log[-3:]] == [EventType.RESTORED, EventType.ERASED, EventType.OPENED]
    assert (await again.pulse()).is_current
    await again.close()


async def test_others_write_while_a_backup_is_made(old: Place, new: Place, tmp_path: Path) -> None:
    store, seeded = await old.begun(), random.Random(3)
    await wrote(store, seeded, 10)
    before = {facility: await store.head(facility) for facility in (FACILITY.id, SECOND.id)}
    writing_on = asyncio.create_task(wrote(store, seeded, 25))
    made = await asyncio.to_thread(old.back_up, tmp_path / "one.age")
    await writing_on
    after = {facility: await store.head(facility) for facility in (FACILITY.id, SECOND.id)}
    await store.close()
    assert new.restored_from(tmp_path / "one.age").heads == made.heads
    again = new.open()
    for facility, head in before.items():
        assert head.size <= made.heads[facility].size <= after[facility].size
        assert await hash_at(again, facility, head) == head.hash
    await again.close()


async def test_what_is_damaged_leaves_an_empty_database(place: MakePlace, new: Place, tmp_path: Path) -> None:
    old, seeded = place("sqlite", "old"), random.Random(4)
    store = await old.begun()
    await wrote(store, seeded, 30)
    old.back_up(tmp_path / "one.age")
    await store.close()
    whole = (tmp_path / "one.age").read_bytes()
    for share in (0.2, 0.6, 0.99):
        (tmp_path / "bad.age").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(NotRestored, match="damaged"):
            new.restored_from(tmp_path / "bad.age")
        assert left_in(new.folder) == []
        if new.database:
            with unhurried(new.url) as connection:  # no other comes to a database without triggers
                assert inspect(connection).get_table_names() == []
    known = LedgerState({FACILITY.id: Head()})
    assert new.restored_from(tmp_path / "one.age", known).gaps == ()


@pytest.mark.slow
async def test_ten_thousand_entries_are_back(place: MakePlace, tmp_path: Path) -> None:
    """How long a hundred thousand take is measured by bench B9."""
    old = place("sqlite", "old")
    await (await old.begun()).close()
    many(old.url, 10_000)
    made = old.back_up(tmp_path / "one.age")
    assert made.heads[FACILITY.id].size == 10_000
    for kind in KINDS:
        new = place(kind, kind)
        found = new.restored_from(tmp_path / "one.age", old.ledger.known())
        assert (found.heads, found.gaps) == (made.heads, ())
