"""Backup and restore: drills at random moments, damage, wrong keys, older states, and people who stay erased."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest
from sqlalchemy import Connection, insert, select, update

import app.adapters.sql.schema as t
from app.adapters.ledger import FileLedger
from app.adapters.sql import backup
from app.adapters.sql import gap as quarantine
from app.adapters.sql.backup import NoBackup
from app.adapters.sql.erasure import OF_A_PERSON
from app.adapters.sql.restore import NotRestored, identities
from app.adapters.sql.store import SqlStore
from app.ports.store import Logged, ReadOnly
from app.rules.record.event import EventType
from app.rules.record.evidence import Head
from app.rules.record.gap import Erasure, LedgerState, merged
from app.verify import Broken, verify
from app.work import forgetting
from tests.adapters.keeping import (
    CANARY,
    IDENTITIES,
    KEYS,
    PRIVATE,
    SECOND,
    Place,
    a_person,
    behind_our_back,
    bytes_of,
    hash_at,
    in_database,
    left_in,
    many,
    other,
    wrote,
)
from tests.adapters.samples import FACILITY, RECORD_KEY, a_change, handed_off, opened, visit_of
from tests.rules.visits import NOW, a_visit

pytestmark = pytest.mark.anyio

Damage = Callable[[bytes, random.Random], bytes]


@pytest.fixture
def old(tmp_path: Path) -> Place:
    """Return the place whose server is lost later."""
    return Place(tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Place:
    """Return an empty place on another machine."""
    return Place(tmp_path / "new")


# --- nothing that was acknowledged before is lost -----------------------------------------------------------------


@pytest.mark.threat("T22")
@pytest.mark.parametrize("rand", [1, 2, 3])
async def test_nothing_acknowledged_before_a_backup_is_lost(old: Place, tmp_path: Path, rand: int) -> None:
    seeded = random.Random(rand)
    store = await old.begun()
    acknowledged = await wrote(store, seeded, 3)
    drills = []
    for each in range(3):
        writing_on = asyncio.create_task(wrote(store, seeded, 12))
        await asyncio.sleep(seeded.random() * 0.02)
        before = dict(acknowledged)
        before = {
            facility: max(await store.head(facility), before.get(facility, Head()), key=lambda it: it.size)
            for facility in (FACILITY.id, SECOND.id)
        }
        target = tmp_path / f"{each}.age"
        made = await asyncio.to_thread(old.back_up, target)
        acknowledged += await writing_on
        drills.append((target, before, made))
    await store.close()
    for each, (target, before, made) in enumerate(drills):
        place = Place(tmp_path / f"new {each}")
        found = place.restored_from(target)
        assert found.heads == made.heads
        again = place.open()
        for facility, head in before.items():
            assert head.size == 0 or await hash_at(again, facility, head) == head.hash
        await again.close()


async def test_a_copy_of_the_database_file_alone_loses_what_was_acknowledged(old: Place, new: Place) -> None:
    """The control: the way that a backup must not be made."""
    store = await old.begun()
    await wrote(store, random.Random(1), 5)
    new.folder.mkdir()
    shutil.copy(old.folder / "kazasu.db", new.folder)
    with closing(sqlite3.connect(new.folder / "kazasu.db")) as copied:
        assert copied.execute("SELECT count(*) FROM event").fetchone()[0] < 10
    await store.close()


async def test_everything_comes_back_as_it_was(old: Place, new: Place, tmp_path: Path) -> None:
    store = await old.begun()
    await wrote(store, random.Random(4), 4)
    in_database(old.url, _something_of_every_kind)
    old.back_up(tmp_path / "one.age")
    new.restored_from(tmp_path / "one.age")
    assert new.files["secret"].read_text(encoding="utf-8") == "k" * 40
    assert new.files["secret"].stat().st_mode & 0o777 == 0o600
    assert in_database(new.url, _rows) == in_database(old.url, _rows)
    await store.close()


def _something_of_every_kind(connection: Connection) -> None:
    a_person(connection, "p1")
    waits = {"facility": FACILITY.id, "digest": "d", "at": NOW, "by": "b", "preview": "", "total": 1, "touched_at": NOW}
    connection.execute(insert(t.upload).values(id="taken", stage="taken", sealed=None, **waits))
    connection.execute(insert(t.spent).values(secret="s", at=NOW))
    connection.execute(insert(t.search_key).values(facility=FACILITY.id, sealed="sealed"))


def _rows(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    order = {table.name: select(table).order_by(*table.primary_key.columns) for table in t.metadata.sorted_tables}
    return {name: [tuple(row) for row in connection.execute(rows)] for name, rows in order.items()}


async def test_a_file_that_waits_and_who_is_signed_in_stay_behind(old: Place, new: Place, tmp_path: Path) -> None:
    store = await old.begun()

    def waiting(connection: Connection) -> None:
        connection.execute(
            insert(t.upload).values(
                id="u",
                facility=FACILITY.id,
                digest="d",
                stage="waiting",
                at=NOW,
                by="b",
                sealed=b"\0\xff",
                preview="",
                total=1,
                touched_at=NOW,
            )
        )
        connection.execute(
            insert(t.account).values(id="a", login="a", name="n", password="", totp="", last_step=0, created_at=NOW)
        )
        connection.execute(
            insert(t.sign_in).values(
                id="s", secret="x", account="a", facility=FACILITY.id, full=1, opened_at=NOW, used_at=NOW, browser=""
            )
        )

    in_database(old.url, waiting)
    old.back_up(tmp_path / "one.age")
    new.restored_from(tmp_path / "one.age")
    found = in_database(new.url, _rows)
    assert (found["upload"], found["sign_in"], len(found["account"])) == ([], [], 1)
    await store.close()


@pytest.mark.slow
def test_the_memory_of_a_backup_does_not_grow_with_the_record(tmp_path: Path) -> None:
    peaks = []
    for count in (2_000, 40_000):
        place = Place(tmp_path / str(count))
        asyncio.run(_begun_and_closed(place))
        many(place.url, count)
        peaks.append(_peak(place, tmp_path / f"{count}.age"))
    assert peaks[1] - peaks[0] < 30_000, peaks  # KiB, for 38,000 entries of 900 bytes more


async def _begun_and_closed(place: Place) -> None:
    await (await place.begun()).close()


def _peak(place: Place, target: Path) -> int:
    """Return the most memory (KiB) that a process takes to make a backup and to restore it."""
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom tests.adapters.keeping import Place\n"
        "place, target = Place(Path(sys.argv[1])), Path(sys.argv[2])\n"
        "place.back_up(target)\n"
        "Place(target.with_suffix('.new')).restored_from(target)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, place.folder, target], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


# --- what a backup is, and what is no backup ----------------------------------------------------------------------


@pytest.mark.threat("T16")
async def test_a_backup_says_nothing_without_the_key_and_all_with_it(old: Place, tmp_path: Path) -> None:
    store = await old.begun()
    in_database(old.url, lambda connection: a_person(connection, "p1"))
    target = tmp_path / "backups" / "one.age"
    target.parent.mkdir()
    old.back_up(target)
    assert left_in(target.parent) == ["one.age"]
    assert target.stat().st_mode & 0o777 == 0o600
    raw = target.read_bytes()
    for said in (FACILITY.name, CANARY, "k" * 40, "hinatazaka"):
        assert said.encode() not in raw
    opened_up = gzip.decompress(pyrage.decrypt(raw, IDENTITIES))
    for said in (FACILITY.name, CANARY, "k" * 40, "hinatazaka"):
        assert said.encode() in opened_up
    await store.close()


@pytest.mark.threat("T16")
async def test_nothing_readable_touches_a_disk_while_a_backup_is_made(
    old: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await old.begun()
    target = tmp_path / "backups" / "one.age"
    target.parent.mkdir()
    real = pyrage.encrypt_io
    seen: list[Path] = []

    def watched(reader: Any, writer: Any, keys: Any) -> None:
        class Reader:
            def read(self, size: int) -> bytes:
                seen.extend(path for path in tmp_path.rglob("*") if path.is_file() and old.folder not in path.parents)
                return bytes(reader.read(size))

        real(Reader(), writer, keys)
        writer.flush()
        assert FACILITY.name.encode() not in bytes_of(set(seen))

    monkeypatch.setattr("app.adapters.sql.backup.pyrage.encrypt_io", watched)
    old.back_up(target)
    assert {path.parent for path in seen} == {target.parent}
    await store.close()


async def test_a_backup_overwrites_nothing_and_needs_a_key(old: Place, tmp_path: Path) -> None:
    store = await old.begun()
    target = tmp_path / "one.age"
    target.write_bytes(b"mine")
    with pytest.raises(NoBackup, match="already"):
        old.back_up(target)
    assert target.read_bytes() == b"mine"
    for text in ("", "age1nonsense", PRIVATE):
        with pytest.raises(NoBackup, match="RECIPIENT"):
            backup.recipients(text)
    await store.close()


def test_a_backup_of_nothing_makes_no_database(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with pytest.raises(NoBackup, match="no database"):
        place.back_up(tmp_path / "one.age")
    assert left_in(tmp_path) == []


async def test_a_backup_that_fails_leaves_nothing(old: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await old.begun()
    target = tmp_path / "backups" / "one.age"
    target.parent.mkdir()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.adapters.sql.backup.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        old.back_up(target)
    assert left_in(target.parent) == []
    await store.close()


def _flip(raw: bytes, rand: random.Random) -> bytes:
    place = rand.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ (1 << rand.randrange(8))]) + raw[place + 1 :]


def _cut(raw: bytes, rand: random.Random) -> bytes:
    return raw[: rand.randrange(len(raw))]


def _longer(raw: bytes, rand: random.Random) -> bytes:
    return raw + rand.randbytes(rand.randrange(1, 100))


@pytest.fixture
def taken(old: Place, tmp_path: Path) -> bytes:
    """Return a backup of some visits."""
    asyncio.run(_taken(old, tmp_path))
    return (tmp_path / "taken.age").read_bytes()


async def _taken(old: Place, tmp_path: Path) -> None:
    store = await old.begun()
    await wrote(store, random.Random(5), 30)
    old.back_up(tmp_path / "taken.age")
    await store.close()


@pytest.mark.threat("T22")
@pytest.mark.parametrize("damage", [_flip, _cut, _longer], ids=["a bit", "cut", "longer"])
def test_a_damaged_backup_is_refused_and_nothing_is_left(
    taken: bytes, new: Place, tmp_path: Path, damage: Damage
) -> None:
    rand = random.Random(6)
    for _ in range(40):
        bad = tmp_path / "bad.age"
        bad.write_bytes(damage(taken, rand))
        with pytest.raises(NotRestored, match=r"damaged|this key"):
            new.restored_from(bad)
        assert left_in(new.folder) == []
    bad.write_bytes(taken)
    assert new.restored_from(bad).heads  # the control: undamaged, it is restored


def sealed_lines(lines: list[bytes]) -> bytes:
    return bytes(pyrage.encrypt(gzip.compress(b"".join(line + b"\n" for line in lines)), KEYS))


def _without_a_row(lines: list[bytes]) -> list[bytes]:
    return [line for place, line in enumerate(lines) if place != 4]


def _without_the_end(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def _another_table(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b'{"table":"sqlite_master","columns":["name"]}', b'["x"]', *lines[1:]]


def _another_column(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b'{"table":"account","columns":["id","no_such"]}', b'["x",1]', *lines[1:]]


def _another_file(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b'{"file":"../../evil","text":"x"}', *lines[1:]]


def _another_body(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b'{\\"holder\\":\\"staff\\"', b'{\\"holder\\":\\"patient\\"') for line in lines]


def _a_later_version(lines: list[bytes]) -> list[bytes]:
    return [json.dumps({**json.loads(lines[0]), "schema": "9999"}).encode(), *lines[1:]]


def _lines_behind_the_end(lines: list[bytes]) -> list[bytes]:
    return [*lines, b'["x"]']


@pytest.mark.threat("T22")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_without_a_row, "damaged"),
        (_without_the_end, "damaged"),
        (_another_table, "damaged"),
        (_another_column, "damaged"),
        (_another_file, "damaged"),
        (_another_body, "breaks at entry 1"),
        (_a_later_version, "newer version"),
        (_lines_behind_the_end, "damaged"),
        (lambda _: [b"hello"], "damaged"),
        (lambda _: [b"[1]"], "damaged"),
        (lambda _: [], "damaged"),
    ],
)
def test_a_well_sealed_file_with_other_content_is_refused(
    taken: bytes, new: Place, tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], says: str
) -> None:
    lines = gzip.decompress(pyrage.decrypt(taken, IDENTITIES)).splitlines()
    other_file = tmp_path / "other.age"
    other_file.write_bytes(sealed_lines(change(lines)))
    with pytest.raises(NotRestored, match=says):
        new.restored_from(other_file)
    assert left_in(new.folder) == []
    assert not (tmp_path / "evil").exists()
    other_file.write_bytes(sealed_lines(lines))
    assert new.restored_from(other_file).heads  # the control: sealed again by us as it was, it is restored


def test_another_key_opens_nothing(taken: bytes, new: Place, tmp_path: Path) -> None:
    assert taken
    with pytest.raises(NotRestored, match="this key"):
        new.restored_from(tmp_path / "taken.age", keys=identities(backup.new_key()[1]))
    assert left_in(new.folder) == []
    for text in ("", "AGE-SECRET-KEY-1NONSENSE", "age1xyz"):
        with pytest.raises(NotRestored, match="key file"):
            identities(text)
    with pytest.raises(NotRestored, match="no such file"):
        new.restored_from(tmp_path / "nowhere.age")


@pytest.mark.parametrize("name", ["kazasu.db", "kazasu.db-wal", "secret", "identity-keys.json"])
def test_nothing_is_restored_over_something(taken: bytes, new: Place, tmp_path: Path, name: str) -> None:
    assert taken
    new.folder.mkdir()
    (new.folder / name).write_bytes(b"mine")
    with pytest.raises(NotRestored, match="already"):
        new.restored_from(tmp_path / "taken.age")
    assert left_in(new.folder) == [name]
    assert (new.folder / name).read_bytes() == b"mine"


async def test_a_broken_record_is_noticed_when_it_is_backed_up(old: Place, new: Place, tmp_path: Path) -> None:
    store = await old.begun()
    await wrote(store, random.Random(7), 4)
    behind_our_back(
        old.url,
        lambda connection: connection.execute(
            update(t.event_body)
            .where(t.event_body.c.facility == SECOND.id, t.event_body.c.seq == 1)
            .values(body='{"n":9}')
        ),
    )
    made = old.back_up(tmp_path / "one.age")
    assert made.broken[SECOND.id]["record"] == 1
    with pytest.raises(NotRestored, match="otonari breaks at entry 1"):
        new.restored_from(tmp_path / "one.age")
    await store.close()


# --- an older state -----------------------------------------------------------------------------------------------


@pytest.mark.threat("T23")
async def test_an_older_state_is_read_only_until_it_is_accepted(old: Place, new: Place, tmp_path: Path) -> None:
    store = await old.begun()
    first, second = a_visit(upto="need"), other(replace(a_visit(upto="need"), id="a" * 22))
    await store.write(opened(first))
    old.back_up(tmp_path / "one.age")
    await store.write(a_change(handed_off(first)))
    await store.write(opened(second, session="b" * 64))
    await forgetting.note(store, old.ledger, NOW)
    known = old.ledger.known()
    await store.close()

    found = new.restored_from(tmp_path / "one.age", known)
    assert {gap.facility: gap.missing for gap in found.gaps} == {FACILITY.id: (2, 2), SECOND.id: (1, 1)}
    again = new.open()
    with pytest.raises(ReadOnly):
        await again.write(a_change(handed_off(first)))
    with pytest.raises(ReadOnly):
        await forgetting.erase(again, new.ledger, [Erasure(FACILITY.id, "p1", NOW)], "somebody", NOW)
    assert new.ledger.known() == LedgerState()  # nobody is erased later who was not erased now
    assert (await visit_of(again)) == first  # reading goes on
    assert await again.expire(NOW + 10**6) == 0  # the sweep waits
    assert await again.heads() == {}
    assert (await again.head(FACILITY.id)).size == 1

    new.ledger.take_in(known, NOW)
    head = await forgetting.accept(again, new.ledger, FACILITY.id, "somebody", NOW)
    assert head is not None
    assert head.size == 2
    assert await forgetting.accept(again, new.ledger, FACILITY.id, "somebody", NOW) is None
    await again.write(a_change(handed_off(first)))
    with pytest.raises(ReadOnly):
        await again.write(opened(second, session="c" * 64))
    log = [each async for each in again.export(FACILITY.id)]
    assert verify([each.line() for each in log]).size == 3
    assert log[1].entry.type == EventType.RESTORED
    assert log[1].body == {
        "by": "somebody",
        "known_size": 2,
        "known_hash": known.heads[FACILITY.id].hash,
        "found_size": 1,
        "found_hash": log[0].hash,
        "copies": 0,
        "without_body": [],
    }
    await forgetting.note(again, new.ledger, NOW)
    await again.close()
    assert new.ledger.known().heads[FACILITY.id] == Head(3, log[2].hash)
    quarantine.look_back(
        new.url, merged(new.ledger.known(), known), NOW, RECORD_KEY
    )  # an old ledger opens it no second time
    again = new.open()
    assert [gap.facility for gap in await again.all_held()] == [SECOND.id]
    await again.close()


@pytest.mark.threat("T23")
async def test_a_database_that_was_put_back_by_hand_is_noticed_at_the_start(old: Place) -> None:
    store = await old.begun()
    await wrote(store, random.Random(8), 4)
    await store.close()
    shutil.copy(old.folder / "kazasu.db", old.folder / "copy")
    store = old.open()
    await wrote(store, random.Random(9), 4)
    await forgetting.note(store, old.ledger, NOW)
    await store.close()
    assert quarantine.look_back(old.url, old.ledger.known(), NOW, RECORD_KEY) == ()
    store = old.open()
    assert await store.all_held() == ()  # the control: as it is, nothing is missing
    await store.close()
    shutil.copy(old.folder / "copy", old.folder / "kazasu.db")
    quarantine.look_back(old.url, old.ledger.known(), NOW, RECORD_KEY)
    store = old.open()
    assert len(await store.all_held()) == 2
    await store.close()


@pytest.mark.threat("T23")
async def test_a_record_that_was_written_anew_is_noticed_however_long_it_is(old: Place) -> None:
    store = await old.begun()
    await wrote(store, random.Random(10), 6)
    known = LedgerState({FACILITY.id: Head(2, "f" * 64)})
    quarantine.look_back(old.url, known, NOW, RECORD_KEY)
    gap = await store.gap(FACILITY.id)
    assert gap is not None
    assert gap.is_other
    await store.close()


async def test_a_station_that_came_later_is_named(old: Place, new: Place, tmp_path: Path) -> None:
    store = await old.begun()
    old.back_up(tmp_path / "one.age")
    await store.close()
    found = new.restored_from(tmp_path / "one.age", LedgerState({"later": Head(3, "a" * 64)}))
    assert (found.absent, found.gaps) == (("later",), ())


# --- who was erased -----------------------------------------------------------------------------------------------


async def erased(old: Place, store: SqlStore, target: Path) -> Erasure:
    """Keep a person matched with a visit, back up, then erase the person; return what the ledger knows."""
    visit = a_visit(upto="need")
    await store.write(opened(visit))
    await store.write(a_change(handed_off(visit), body={"choice": CANARY}))
    in_database(old.url, lambda connection: a_person(connection, "p1", visit.id))
    in_database(old.url, lambda connection: a_person(connection, "p2"))
    old.back_up(target)
    who = Erasure(FACILITY.id, "p1", NOW, await store.matched(FACILITY.id, "p1"))
    assert who.visits == (visit.id,)
    await forgetting.erase(store, old.ledger, [who], "somebody", NOW)
    return who


def people(connection: Connection) -> set[str]:
    """Return of whom anything is left."""
    left = set(connection.execute(select(t.person.c.id)).scalars())
    for table in (t.person_consent, t.person_reference, t.person_name):
        left |= set(connection.execute(select(table.c.person)).scalars())
    return left


async def log_of(store: SqlStore) -> list[Logged]:
    return [each async for each in store.export(FACILITY.id)]


@pytest.mark.threat("T16")
async def test_who_is_erased_is_gone_and_the_chain_holds(old: Place, tmp_path: Path) -> None:
    store = await old.begun()
    await erased(old, store, tmp_path / "one.age")
    assert in_database(old.url, people) == {"p2"}
    log = await log_of(store)
    assert verify([each.line() for each in log]).without_body == 2
    assert log[-1].entry.visit == OF_A_PERSON + "p1"
    assert log[-1].body == {"by": "somebody"}
    await forgetting.erase(store, old.ledger, [Erasure(FACILITY.id, "p2", NOW)], "somebody", NOW)
    await store.close()
    assert CANARY.encode() not in bytes_of(old.folder.iterdir())  # neither in the database nor in its journal
    assert CANARY.encode() not in old.ledger.path.read_bytes()


@pytest.mark.threat("T23")
async def test_who_was_erased_stays_so_after_an_older_backup_is_restored(
    old: Place, new: Place, tmp_path: Path
) -> None:
    store = await old.begun()
    await erased(old, store, tmp_path / "one.age")
    await forgetting.note(store, old.ledger, NOW)
    await store.close()
    found = new.restored_from(tmp_path / "one.age", old.ledger.known())
    assert found.erased == 1
    assert in_database(new.url, people) == {"p2"}
    again = new.open()
    assert await visit_of(again) is None  # the matched visit went with the person
    with pytest.raises(Broken, match="no later entry says why"):  # while it is read-only, none can
        verify([each.line() for each in await log_of(again)])
    assert await forgetting.accept(again, new.ledger, FACILITY.id, "somebody", NOW) is not None
    told = [each.entry.type for each in await log_of(again)]
    assert told[-2:] == [EventType.RESTORED, EventType.ERASED]
    assert verify([each.line() for each in await log_of(again)]).without_body == 2
    await again.close()


async def test_without_the_ledger_who_was_erased_comes_back(old: Place, new: Place, tmp_path: Path) -> None:
    """The control: that is why `kazasu restore` asks for it."""
    store = await old.begun()
    await erased(old, store, tmp_path / "one.age")
    await store.close()
    assert new.restored_from(tmp_path / "one.age").erased == 0
    assert in_database(new.url, people) == {"p1", "p2"}


async def test_a_power_cut_between_ledger_and_database_is_made_up_for(old: Place) -> None:
    store = await old.begun()
    in_database(old.url, lambda connection: a_person(connection, "p1"))
    old.ledger.erase([Erasure(FACILITY.id, "p1", NOW)], NOW)
    await store.close()
    for _ in range(2):
        quarantine.look_back(old.url, old.ledger.known(), NOW, RECORD_KEY)
    store = old.open()
    assert in_database(old.url, people) == set()
    assert [each.entry.type for each in await log_of(store)] == [EventType.ERASED]
    await store.close()


async def test_who_was_erased_by_another_node_is_in_this_ones_ledger_too(old: Place, tmp_path: Path) -> None:
    store = await old.begun()
    in_database(old.url, lambda connection: a_person(connection, "p1"))
    theirs, ours = FileLedger(tmp_path / "theirs"), FileLedger(tmp_path / "ours")
    await forgetting.erase(store, theirs, [Erasure(FACILITY.id, "p1", NOW, ("v",))], "somebody", NOW)
    for _ in range(2):
        await forgetting.note(store, ours, NOW)
        await forgetting.note(store, theirs, NOW)
    assert ours.known().erasures == (Erasure(FACILITY.id, "p1", NOW),)
    assert theirs.known().erasures == (Erasure(FACILITY.id, "p1", NOW, ("v",)),)
    await store.close()


# --- whose time is over -------------------------------------------------------------------------------------------

DAY = 24 * 3600


async def test_what_is_settled_goes_when_its_time_is_over(old: Place) -> None:
    store = await old.begun()
    visits = [replace(a_visit(upto="need"), id=each * 22) for each in "abc"]
    for place, visit in enumerate(visits):
        await store.write(opened(visit, session=f"{place}" * 64))
        await store.write(a_change(handed_off(visit)))

    def settle(connection: Connection) -> None:
        for visit, at in ((visits[0], NOW), (visits[1], NOW + 20 * DAY)):
            connection.execute(update(t.followup).where(t.followup.c.visit == visit.id).values(settled=1, at=at))
        connection.execute(
            insert(t.station).values(
                facility=FACILITY.id,
                terminal="unknown",
                maintenance_telephone="",
                router="",
                certificate_ends="",
                retention_days=30,
                keeps_names=0,
                hours="",
            )
        )
        a_person(connection, "old")
        a_person(connection, "seen")
        connection.execute(update(t.person).where(t.person.c.id == "seen").values(seen_at=NOW + 20 * DAY))

    in_database(old.url, settle)
    assert await forgetting.delete_over(store, old.ledger, NOW + 30 * DAY) == (0, 0)  # to the day
    assert await forgetting.delete_over(store, old.ledger, NOW + 31 * DAY) == (1, 1)
    assert await forgetting.delete_over(store, old.ledger, NOW + 31 * DAY) == (0, 0)
    assert in_database(old.url, people) == {"seen"}
    assert [each.person for each in old.ledger.known().erasures] == ["old"]
    left = in_database(old.url, lambda connection: set(connection.execute(select(t.visit.c.id)).scalars()))
    assert left == {visits[1].id, visits[2].id}  # the last one is open: it waits however old it is
    log = await log_of(store)
    assert verify([each.line() for each in log]).without_body == 2
    assert [each.entry.type for each in log[-2:]] == [EventType.PURGED, EventType.ERASED]
    await store.close()
