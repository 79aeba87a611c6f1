"""A database from before 0.4 comes to the record key: what it holds counts, and what is written in it from then on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, text, update

import app.adapters.sql.schema as t
from app.adapters.sql import chain_check, replay, triggers
from app.adapters.sql.copies import SqlCopies
from app.adapters.sql.database import Database, migrate, revision, unhurried
from app.main import create_app
from app.ports.store import ReadOnly, StoreUnsafe
from app.rules.record.event import Event, EventType
from app.rules.record.evidence import hashed
from app.rules.visit.copy import Copy, known_as
from app.settings import Settings
from tests.adapters.keeping import SECOND, Place, behind_our_back, in_database, other
from tests.adapters.samples import FACILITY, RECORD_KEY, a_change, handed_off, opened, telling
from tests.rules.visits import NOW, a_visit

FIRST = replace(a_visit(upto="need"), id="a" * 32)
THEIRS = other(replace(FIRST, id="b" * 32))
COPIES = tuple(Copy(f"copy {each.id[0]}", each.facility, each.id, known_as(each.id), NOW) for each in (FIRST, THEIRS))
MADE = Event(EventType.COPIED, NOW, {"by": "", "receipt": "copy"})


@dataclass
class Old:
    """A place whose database is as a version before 0.4 left it, and the address of that."""

    url: str

    def upgraded(self, key: bytes = RECORD_KEY) -> None:
        migrate(self.url, key)

    def last(self, facility: str) -> str:
        mine = select(t.event.c.type).where(t.event.c.facility == facility).order_by(t.event.c.seq.desc())
        return str(in_database(self.url, lambda connection: connection.execute(mine.limit(1)).scalar_one()))

    def differing(self) -> set[str]:
        def found(connection: Connection) -> set[str]:
            return {
                each
                for facility in chain_check.stations(connection)
                for each in replay.check(connection, facility, RECORD_KEY, 0)[0]
            }

        return set(in_database(self.url, found))


def as_before(connection: Connection) -> None:
    """Take away what 0.4 brings."""
    is_sqlite = connection.dialect.name == "sqlite"
    for name in (
        triggers.BODY_TRIGGERS if is_sqlite else [each for each in triggers.TRIGGERS_POSTGRESQL if "body" in each]
    ):
        connection.execute(text(f"DROP TRIGGER {name}" + ("" if is_sqlite else " ON event_body")))
    if not is_sqlite:
        connection.execute(text("DROP FUNCTION event_body_stays"))
    for what in ("event DROP COLUMN mac", "receipt DROP COLUMN mac", "facility DROP COLUMN promise"):
        connection.execute(text(f"ALTER TABLE {what}"))
    for name in ("broken", "installation"):
        connection.execute(text(f"DROP TABLE {name}"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0007'"))


@pytest.fixture
async def old(tmp_path: Path, url: str) -> Old:
    place = Place(tmp_path / "server", database="" if url.startswith("sqlite") else url)
    store, copies = await place.begun(), SqlCopies(Database(place.url, key=RECORD_KEY))
    for visit, copy in zip((FIRST, THEIRS), COPIES, strict=True):
        await store.write(telling(opened(visit, session=hashed(visit.id))))
        await store.write(telling(a_change(handed_off(visit))))
        assert await copies.issue(copy, MADE, f"copied {visit.id}")
    await copies.close()
    await store.close()
    with unhurried(place.url) as connection:
        as_before(connection)
    return Old(place.url)


async def test_every_station_says_that_entries_have_a_mac_from_here_on(old: Old) -> None:
    old.upgraded()
    assert [old.last(facility) for facility in (FACILITY.id, SECOND.id)] == [EventType.KEYED] * 2
    assert old.differing() == set()
    old.upgraded()
    assert in_database(old.url, lambda connection: chain_check.breaks(connection, RECORD_KEY)) == {}


async def test_copies_from_before_open(old: Old) -> None:
    old.upgraded()
    copies = SqlCopies(Database(old.url, key=RECORD_KEY))
    assert [await copies.find(each.hash) for each in COPIES] == [*COPIES]
    await copies.close()


async def test_what_was_altered_before_is_found_after(old: Old) -> None:
    with unhurried(old.url) as connection:
        connection.execute(text("UPDATE visit SET body = replace(body, 'decline', 'agree')"))
        connection.execute(update(t.visit).where(t.visit.c.id == FIRST.id).values(reference="another"))
    old.upgraded()
    assert FIRST.id in old.differing()


async def test_bodies_that_were_gone_before_are_said_and_no_others(old: Old) -> None:
    with unhurried(old.url) as connection:
        connection.execute(delete(t.event_body).where(t.event_body.c.facility == FACILITY.id, t.event_body.c.seq == 1))
    old.upgraded()
    assert in_database(old.url, lambda connection: chain_check.breaks(connection, RECORD_KEY)) == {}
    behind_our_back(old.url, lambda connection: connection.execute(delete(t.event_body).where(t.event_body.c.seq == 2)))
    assert in_database(old.url, lambda connection: chain_check.breaks(connection, RECORD_KEY)) == {
        FACILITY.id: 2,
        SECOND.id: 2,
    }


async def test_another_key_is_refused_afterwards(old: Old) -> None:
    old.upgraded()
    with pytest.raises(StoreUnsafe, match="is not the key of these records"):
        old.upgraded(b"another key that nobody has written with")


@pytest.mark.threat("T27")
async def test_letters_open_no_other_visit_and_no_copy_that_was_called_back(old: Old) -> None:
    old.upgraded()
    mine, theirs = COPIES
    copies = SqlCopies(Database(old.url, key=RECORD_KEY))

    def tied(**values: object) -> None:
        row = update(t.copy).where(t.copy.c.id == mine.id).values(**values)
        in_database(old.url, lambda connection: connection.execute(row))

    for altered in ({"visit": theirs.visit}, {"hash": "0" * 64}, {"made_at": NOW + 1}, {"mac": None}):
        tied(**altered)
        with pytest.raises(ReadOnly):
            await copies.copy(mine.id)
        assert await copies.of(mine.facility, mine.visit) == ()
        assert old.differing() <= {mine.visit, theirs.visit}
        assert old.differing()
        tied(visit=mine.visit, hash=mine.hash, made_at=mine.made_at, mac=mine.mac(RECORD_KEY))
        assert await copies.copy(mine.id) == mine
        assert old.differing() == set()
    assert await copies.call_back(mine, Event(EventType.COPY_CALLED_BACK, NOW, {"by": "", "receipt": mine.id}))
    tied(called_back_at=None)
    with pytest.raises(ReadOnly):
        await copies.find(mine.hash)
    await copies.close()


@pytest.mark.threat("T34")
async def test_a_schema_that_was_put_back_by_hand_vouches_for_nothing(old: Old) -> None:
    with pytest.raises(StoreUnsafe, match="by hand"):
        migrate(old.url, RECORD_KEY, was_keyed=True)
    with unhurried(old.url) as connection:
        assert revision(connection) == "0007"
    old.upgraded()  # the control: without the ledger's word every entry would be vouched for
    assert old.last(FACILITY.id) == EventType.KEYED


@pytest.mark.threat("T34")
async def test_a_server_remembers_outside_its_database_that_entries_have_macs(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    for _ in range(2):
        await create_app(settings).close()
    with unhurried(settings.database) as connection:
        as_before(connection)
    with pytest.raises(StoreUnsafe, match="its entries carry no MACs"):
        create_app(settings)
    settings.ledger_file.unlink()  # as a version before 0.4 leaves it
    await create_app(settings).close()
