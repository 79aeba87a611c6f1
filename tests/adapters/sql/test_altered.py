"""Whoever has SQL and no key alters one consent: every way is found, at the places that must find it.

Places: `shown` (office and copy show the record's choices, or nothing), `start` (of an open visit), `backup`, `weekly`
(a backup that compares everything), `verify` (with the record key), `ledger` (what is known outside the database).
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, text, update

import app.adapters.sql.schema as t
from app.adapters.sql import chain_check
from app.adapters.sql import gap as quarantine
from app.adapters.sql.database import Database, reading
from app.adapters.sql.replay import compare_open
from app.adapters.sql.rows import AnyRow, row_of, value_of
from app.adapters.sql.store import SqlStore
from app.adapters.sql.worklist import SqlWorklist
from app.ports.office import Act
from app.ports.store import ReadOnly, StoreUnsafe, Written
from app.rules.record.event import Body, EventType
from app.rules.record.evidence import Entry, body_hash, canonical, hashed
from app.rules.visit.standing import Doubt, Followed, Sight
from app.verify import Broken, verify
from app.work import forgetting
from tests.adapters.keeping import Place, behind_our_back, in_database
from tests.adapters.samples import FACILITY, RECORD_KEY, a_change, after, handed_off, opened, telling
from tests.rules.visits import NOW, a_visit

DECLINED = replace(a_visit(upto="need"), id="d" * 22)
OTHER = replace(a_visit(upto="need"), id="e" * 22)
WAS = {item.id: "decline" for item in a_visit(upto="consent").items}
AGREES = json.dumps({**dict.fromkeys(WAS, "agree")})


@dataclass
class World:
    """A server's folder with one visit that declined everything and another beside it, both seen by the office."""

    place: Place
    store: SqlStore
    worklist: SqlWorklist
    backups: int = 0

    async def shown(self) -> Followed | None:
        return await self.worklist.followed(FACILITY.id, DECLINED.id)

    def backup(self, since: int) -> set[str]:
        """Back up; return of which visits, or of the `record`, it says that they do not hold."""
        from app.adapters.sql import backup  # noqa: PLC0415 - its key is of the place

        self.backups += 1
        target, now = self.place.folder / f"{self.backups}.age", self.place.clock.now()
        recipients = backup.recipients(backup.new_key()[0])
        made = backup.make(self.place.url, {}, target, recipients, now, key=RECORD_KEY, since=since)
        return set(made.broken.get(FACILITY.id, {}))

    async def verified(self, key: bytes) -> bool:
        lines = [each.line() async for each in self.store.export(FACILITY.id)]
        try:
            verify(lines, key=key)
        except Broken:
            return False
        return True


def refusing(visit: Any) -> Any:
    """Return a visit that has confirmed that it declines every item."""
    confirmed = handed_off(visit)
    return replace(after(confirmed), answers={**confirmed.answers, "consent": dict(WAS)})


SAW: Body = {
    "by": "a",
    "from": "screen",
    "found": True,
    "flags": {"surgery": False},
    "consented_on": "",
    "available_until": "",
}
SIGHT = Sight(NOW, "受付 はる", found=True, flags={"surgery": False})


@pytest.fixture
async def world(tmp_path: Path, url: str) -> AsyncIterator[World]:
    place = Place(tmp_path / "server", database="" if url.startswith("sqlite") else url)
    store = await place.begun()
    worklist = SqlWorklist(Database(place.url, key=RECORD_KEY))
    for visit in (DECLINED, OTHER):
        await store.write(telling(opened(visit, session=hashed(visit.id))))
        await store.write(telling(a_change(handed_off(visit))))
    await store.write(telling(a_change(refusing(DECLINED))))  # what was agreed to at first
    act = Act(FACILITY.id, OTHER.id, "seen", EventType.VERIFIED, NOW, SAW, is_settled=False, sight=SIGHT)
    await worklist.record(act)
    await forgetting.note(store, place.ledger, NOW)
    yield World(place, store, worklist)
    await worklist.close()
    await store.close()


# --- thirty ways ------------------------------------------------------------------------------------------------


def body(visit: str = DECLINED.id) -> Any:
    return select(t.visit.c.body).where(t.visit.c.id == visit)


def change_body(connection: Connection, change: Callable[[dict[str, Any]], Any], visit: str = DECLINED.id) -> None:
    kept = json.loads(connection.execute(body(visit)).scalar_one())
    change(kept)
    connection.execute(update(t.visit).where(t.visit.c.id == visit).values(body=json.dumps(kept)))


def agreeing(connection: Connection) -> None:
    change_body(connection, lambda kept: kept["answers"].update(consent=json.loads(AGREES)))


def agreeing_to_one(connection: Connection) -> None:
    change_body(connection, lambda kept: kept["answers"]["consent"].update(surgery="agree"))


def another_operator(connection: Connection) -> None:
    change_body(connection, lambda kept: kept["answers"]["check"].update(confirmed="child"))


def another_report(connection: Connection) -> None:
    change_body(connection, lambda kept: kept["answers"].update(result={"report": "done"}))


def registered(connection: Connection) -> None:
    change_body(connection, lambda kept: kept.update(registration="accepted"))


def chosen_there(connection: Connection) -> None:
    change_body(connection, lambda kept: kept["answers"].update(consent={"there": "yes"}))


def younger(connection: Connection) -> None:
    change_body(connection, lambda kept: kept["answers"]["need"].update(over_40="no"))


def another_language(connection: Connection) -> None:
    change_body(connection, lambda kept: kept.update(language="en"))


def another_number(connection: Connection) -> None:
    change_body(connection, lambda kept: kept["answers"]["need"].update(reference="A-0001"))


def on_paper(connection: Connection) -> None:
    change_body(connection, lambda kept: kept.update(transcribed_by="事務 さくら"))


def no_json(connection: Connection) -> None:
    connection.execute(update(t.visit).where(t.visit.c.id == DECLINED.id).values(body='{"answers":{}}'))


def bodies_swapped(connection: Connection) -> None:
    theirs = [connection.execute(body(visit)).scalar_one() for visit in (DECLINED.id, OTHER.id)]
    for visit, kept in zip((OTHER.id, DECLINED.id), theirs, strict=True):
        connection.execute(update(t.visit).where(t.visit.c.id == visit).values(body=kept))


def opened_on_another_day(connection: Connection) -> None:
    connection.execute(update(t.visit).where(t.visit.c.id == DECLINED.id).values(opened_at=NOW - 400 * 86400))


def at_another_station(connection: Connection) -> None:
    for table, column in ((t.visit, t.visit.c.id), (t.followup, t.followup.c.visit)):
        connection.execute(update(table).where(column == DECLINED.id).values(facility="otonari"))


def row_deleted(connection: Connection) -> None:
    connection.execute(delete(t.visit).where(t.visit.c.id == DECLINED.id))


def off_the_list(connection: Connection) -> None:
    connection.execute(delete(t.followup).where(t.followup.c.visit == DECLINED.id))


def another_sight(connection: Connection) -> None:
    sight = {"at": NOW, "by": "受付 はる", "found": True, "flags": {"surgery": True}, "consented_on": None}
    mine = update(t.followup).where(t.followup.c.visit == DECLINED.id)
    connection.execute(mine.values(sight=json.dumps(sight), settled=1))


def off_the_open_list(connection: Connection) -> None:
    connection.execute(update(t.followup).where(t.followup.c.visit == DECLINED.id).values(settled=1))


def a_wish_off_the_list(connection: Connection) -> None:
    a_wish_of_nobody(connection)
    off_the_open_list(connection)


def somebody_elses(connection: Connection) -> None:
    connection.execute(update(t.followup).where(t.followup.c.visit == DECLINED.id).values(person="p1"))


def found_by_another_number(connection: Connection) -> None:
    connection.execute(update(t.visit).where(t.visit.c.id == DECLINED.id).values(reference="A-0001"))


def sight_of_another_kind(connection: Connection) -> None:
    connection.execute(update(t.followup).where(t.followup.c.visit == DECLINED.id).values(sight="5"))


def nested_deeply(connection: Connection) -> None:
    deep = "[" * 50_000 + "]" * 50_000
    connection.execute(update(t.visit).where(t.visit.c.id == DECLINED.id).values(body=deep))


def body_of_no_json(connection: Connection) -> None:
    row = _event(connection, EventType.CONFIRMED)
    connection.execute(update(t.event_body).where(t.event_body.c.seq == row.seq).values(body="{"))


def closed_by_nobody(connection: Connection) -> None:
    closed = json.dumps({"at": NOW, "by": "受付 はる", "why": "answered"})
    connection.execute(update(t.followup).where(t.followup.c.visit == DECLINED.id).values(closed=closed, settled=1))


def a_wish_of_nobody(connection: Connection) -> None:
    asked = json.dumps([{"at": NOW, "what": "withdraw"}])
    connection.execute(update(t.followup).where(t.followup.c.visit == DECLINED.id).values(asked=asked))


def _event(connection: Connection, kind: EventType) -> AnyRow:
    mine = select(t.event, t.event_body.c.nonce, t.event_body.c.body).join_from(t.event, t.event_body)
    row = connection.execute(
        mine.where(t.event.c.visit == DECLINED.id, t.event.c.type == kind.value).order_by(t.event.c.seq.desc())
    ).first()
    assert row is not None
    return row


def refusal_gone(connection: Connection) -> None:
    for kind in (EventType.ITEMS_ANSWERED, EventType.CONFIRMED):
        connection.execute(delete(t.event_body).where(t.event_body.c.seq == _event(connection, kind).seq))


def all_bodies_gone(connection: Connection) -> None:
    theirs = select(t.event.c.seq).where(t.event.c.visit == DECLINED.id)
    connection.execute(delete(t.event_body).where(t.event_body.c.seq.in_(theirs)))


def _rewritten(connection: Connection) -> tuple[AnyRow, str]:
    row = _event(connection, EventType.CONFIRMED)
    said = json.loads(row.body)
    return row, canonical({**said, "choices": dict.fromkeys(said["choices"], "agree")}).decode()


def refusal_explained_away(connection: Connection) -> None:
    seqs = [_event(connection, kind).seq for kind in (EventType.ITEMS_ANSWERED, EventType.CONFIRMED)]
    _append(connection, EventType.RESTORED, {"without_body": seqs}, "record")
    refusal_gone(connection)
    agreeing(connection)


def body_altered(connection: Connection) -> None:
    row, said = _rewritten(connection)
    connection.execute(update(t.event_body).where(t.event_body.c.seq == row.seq).values(body=said))


def body_and_its_hash_altered(connection: Connection) -> None:
    row, said = _rewritten(connection)
    connection.execute(update(t.event_body).where(t.event_body.c.seq == row.seq).values(body=said))
    new = body_hash(bytes.fromhex(row.nonce), json.loads(said))
    connection.execute(update(t.event).where(t.event.c.seq == row.seq).values(body_hash=new))


def _chained_anew(connection: Connection, *, macs: bool) -> None:
    """Make every hash of the record anew, as whoever knows the format can; MACs stay as they were, or go."""
    rows = connection.execute(select(t.event).where(t.event.c.facility == FACILITY.id).order_by(t.event.c.seq)).all()
    before = "0" * 64
    for row in rows:
        entry = replace(value_of(Entry, row), prev_hash=before)
        before = entry.hashed()
        values: dict[str, Any] = {"prev_hash": entry.prev_hash, "hash": before, **({} if macs else {"mac": None})}
        connection.execute(update(t.event).where(t.event.c.seq == row.seq).values(values))


def chain_made_anew(connection: Connection) -> None:
    body_and_its_hash_altered(connection)
    agreeing(connection)
    _chained_anew(connection, macs=True)


def chain_made_anew_without_macs(connection: Connection) -> None:
    body_and_its_hash_altered(connection)
    agreeing(connection)
    _chained_anew(connection, macs=False)


def another_type(connection: Connection) -> None:
    row = _event(connection, EventType.CONFIRMED)
    connection.execute(update(t.event).where(t.event.c.seq == row.seq).values(type="moved"))


def another_moment(connection: Connection) -> None:
    row = _event(connection, EventType.CONFIRMED)
    connection.execute(update(t.event).where(t.event.c.seq == row.seq).values(at=NOW - 9))


def another_visits(connection: Connection) -> None:
    row = _event(connection, EventType.CONFIRMED)
    connection.execute(update(t.event).where(t.event.c.seq == row.seq).values(visit=OTHER.id))


def entry_cut_out(connection: Connection) -> None:
    row = _event(connection, EventType.CONFIRMED)
    for table in (t.event_body, t.event):
        connection.execute(delete(table).where(table.c.facility == FACILITY.id, table.c.seq == row.seq))


def _append(connection: Connection, kind: EventType, said: dict[str, Any], visit: str = DECLINED.id) -> None:
    last = connection.execute(select(t.event).order_by(t.event.c.seq.desc()).limit(1)).one()
    nonce = b"n" * 16
    entry = Entry(last.seq + 1, FACILITY.id, "f" * 32, visit, kind.value, NOW, body_hash(nonce, said), last.hash)
    row = row_of(entry)
    connection.execute(insert(t.event).values(**row, hash=entry.hashed(), mac="0" * 64))
    kept = {"facility": FACILITY.id, "seq": entry.seq, "nonce": nonce.hex(), "body": canonical(said).decode()}
    connection.execute(insert(t.event_body).values(kept))


def agreement_appended(connection: Connection) -> None:
    agrees = {"choices": json.loads(AGREES), "operator": "yes"}
    _append(connection, EventType.ITEMS_ANSWERED, {**agrees, "lang": "ja"})
    agreeing(connection)


def purge_appended(connection: Connection) -> None:
    _append(connection, EventType.PURGED, {})
    all_bodies_gone(connection)
    row_deleted(connection)


PROJECTION = {"shown", "start", "backup", "weekly"}
"""What is kept beside the record was altered: the record itself holds, and `verify` says so."""
RECORD = {"shown", "start", "backup", "weekly", "verify"}
WAYS: dict[Callable[[Connection], None], set[str]] = {
    **dict.fromkeys(
        (
            agreeing,
            agreeing_to_one,
            another_operator,
            another_report,
            registered,
            chosen_there,
            younger,
            another_language,
            another_number,
            on_paper,
            no_json,
            bodies_swapped,
            opened_on_another_day,
            at_another_station,
            off_the_list,
            another_sight,
            closed_by_nobody,
            a_wish_of_nobody,
            a_wish_off_the_list,
            somebody_elses,
            sight_of_another_kind,
            nested_deeply,
        ),
        PROJECTION,
    ),
    row_deleted: PROJECTION - {"start"},
    off_the_open_list: PROJECTION - {"shown"},
    found_by_another_number: PROJECTION - {"shown"},
    **dict.fromkeys(
        (
            refusal_gone,
            refusal_explained_away,
            all_bodies_gone,
            body_altered,
            body_of_no_json,
            body_and_its_hash_altered,
            chain_made_anew,
            chain_made_anew_without_macs,
            another_type,
            another_moment,
            another_visits,
            entry_cut_out,
            agreement_appended,
        ),
        RECORD,
    ),
    purge_appended: RECORD - {"start"},
}


@pytest.mark.threat("T27")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_every_way_is_found_where_it_must_be(world: World, way: Callable[[Connection], None]) -> None:
    assert (await world.verified(RECORD_KEY), world.backup(0)) == (True, set())  # the control: nothing is altered yet
    behind_our_back(world.place.url, way)
    found = WAYS[way]
    shown = await world.shown()
    if shown is not None and "shown" in found:
        assert shown.doubt is not Doubt.NONE
    if shown is not None:
        assert "agree" not in {shown.visit.choice(item) for item in WAS}
    assert ("start" not in found) or compare_open(world.place.url, RECORD_KEY, NOW) >= 1
    assert world.backup(NOW - 60) & {DECLINED.id, "record"}
    assert world.backup(0) & {DECLINED.id, "record"}
    assert await world.verified(RECORD_KEY) is ("verify" not in found)
    assert (await world.store.pulse()).broken  # said on /readyz
    assert {each.subject for each in await world.store.broken(FACILITY.id)} & {DECLINED.id, "record"}


@pytest.mark.parametrize("way", [agreeing, refusal_gone])
async def test_the_chain_alone_would_not_tell(world: World, way: Callable[[Connection], None]) -> None:
    behind_our_back(world.place.url, way)
    assert (
        in_database(world.place.url, chain_check.breaks) == {}
    )  # how it was before 0.4: hashes, and bodies that are there


def test_thirty_ways_are_tried() -> None:
    assert len(WAYS) >= 30


@pytest.mark.threat("T27")
async def test_nothing_is_written_over_what_was_altered(world: World) -> None:
    behind_our_back(world.place.url, agreeing)
    assert compare_open(world.place.url, RECORD_KEY, NOW) == 1
    before = in_database(world.place.url, lambda connection: connection.execute(body()).scalar_one())
    with pytest.raises(ReadOnly):
        await world.store.write(a_change(after(refusing(DECLINED))))
    act = Act(FACILITY.id, DECLINED.id, "act", EventType.VERIFIED, NOW, SAW, sight=SIGHT)
    with pytest.raises(ReadOnly):
        await world.worklist.record(act)
    await world.store.expire(NOW + 99 * 3600)
    await world.store.purge(NOW + 9999 * 86400)
    assert in_database(world.place.url, lambda connection: connection.execute(body()).scalar_one()) == before


@pytest.mark.threat("T27")
@pytest.mark.parametrize("route", ["a draft", "settled long ago"])
async def test_our_own_retention_takes_away_no_consent_that_was_moved_into_its_way(world: World, route: str) -> None:
    def moved(connection: Connection) -> None:
        if route == "a draft":
            row = update(t.visit).where(t.visit.c.id == DECLINED.id).values(handed_off_at=None, touched_at=1)
        else:
            row = update(t.followup).where(t.followup.c.visit == DECLINED.id).values(settled=1, closed=None, at=1)
        connection.execute(row)

    in_database(world.place.url, moved)
    await world.store.expire(NOW)
    await world.store.purge(NOW + 9999)
    assert await world.verified(RECORD_KEY)
    kept = in_database(world.place.url, lambda connection: connection.execute(body()).scalar())
    assert kept is not None
    assert world.backup(0) == {DECLINED.id}


@pytest.mark.threat("T27")
async def test_what_is_put_back_as_it_was_is_whole_again(world: World) -> None:
    before = in_database(world.place.url, lambda connection: connection.execute(body()).scalar_one())
    behind_our_back(world.place.url, agreeing)
    assert world.backup(0) == {DECLINED.id}
    back = update(t.visit).where(t.visit.c.id == DECLINED.id).values(body=before)
    in_database(world.place.url, lambda connection: connection.execute(back))
    assert world.backup(0) == set()
    assert await world.store.broken(FACILITY.id) == ()


@pytest.mark.threat("T27")
async def test_an_older_file_is_found_by_the_ledger(tmp_path: Path) -> None:
    place = Place(tmp_path / "server")
    store = await place.begun()
    await store.write(telling(opened(DECLINED)))
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(place.folder / "kazasu.db")) as source, closing(sqlite3.connect(old)) as copy:
        source.backup(copy)
    assert await store.write(telling(a_change(handed_off(DECLINED)))) is Written.DONE
    await forgetting.note(store, place.ledger, NOW)
    await store.close()
    for name in ("kazasu.db-wal", "kazasu.db-shm"):
        (place.folder / name).unlink(missing_ok=True)
    shutil.copy(old, place.folder / "kazasu.db")
    quarantine.look_back(place.url, place.ledger.known(), NOW, RECORD_KEY)
    again = place.open()
    assert [gap.facility for gap in await again.all_held()] == [FACILITY.id]
    await again.close()


@pytest.mark.threat("T34")
async def test_without_the_key_verify_cannot_tell_who_appended_and_says_so(world: World, capsys: Any) -> None:
    from app.verify import main  # noqa: PLC0415 - the command

    def appended(connection: Connection) -> None:
        _append(connection, EventType.MOVED, {})

    behind_our_back(world.place.url, appended)
    log, key = world.place.folder / "log.jsonl", world.place.folder / "record-key"
    log.write_bytes(b"".join([each.line() async for each in world.store.export(FACILITY.id)]))
    assert main([str(log)]) == 0
    assert "MACs not checked" in capsys.readouterr().out
    assert main([str(log), "--key", str(key)]) == 1
    assert "not written with the record key" in capsys.readouterr().out


# --- triggers -----------------------------------------------------------------------------------------------------


@pytest.mark.threat("T27")
async def test_bodies_of_live_visits_cannot_be_deleted_or_changed(world: World) -> None:
    mine = t.event_body.c.facility == FACILITY.id
    for statement in (delete(t.event_body).where(mine), update(t.event_body).where(mine).values(body="{}")):
        with pytest.raises(Exception, match=r"append-only|not over"):
            in_database(world.place.url, lambda connection, it=statement: connection.execute(it))


@pytest.mark.threat("T27")
async def test_a_database_without_a_trigger_is_not_served(world: World) -> None:
    is_sqlite = world.place.url.startswith("sqlite")
    drop = "DROP TRIGGER event_body_no_delete" + ("" if is_sqlite else " ON event_body")
    in_database(world.place.url, lambda connection: connection.execute(text(drop)))
    with pytest.raises(StoreUnsafe, match="event_body_no_delete"):
        reading(world.place.url).connect()
    assert world.backup(0) == set()  # what is there can still be carried away
