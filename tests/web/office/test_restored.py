"""A record that is older than it was: read-only everywhere, shown to the office, and going on once it is accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.sql import gap as quarantine
from app.main import PRACTICE_STATION, Kazasu, create_app
from app.rules.record.event import EventType
from app.rules.record.evidence import Head
from app.rules.record.gap import LedgerState
from app.rules.terminal.consent_list import Search
from app.settings import Settings, UnsafeSettings
from app.verify import verify
from app.work import forgetting
from tests.adapters.samples import told
from tests.rules.people import a_person
from tests.rules.visits import a_visit, answered
from tests.web.bedside.nurse import Nurse
from tests.web.office.clerk import BROWSER, Clerk
from tests.web.office.conftest import settings
from tests.web.office.files import a_file, reads
from tests.web.office.test_copies import letters_of, prints
from tests.web.office.test_doors import OTHER, another_station
from tests.web.office.test_worklist import SEEN, at_the_bedside, record

PAGE = "/office/restored"
BANNER = "記録が前の時点にもどっています"
TOLD = len(told(answered(a_visit(upto="result"), "result", report="done"))) + 1
"""Entries that a visit of `at_the_bedside` leaves: of each step, and that it was opened."""


@pytest.fixture
async def nurse(kazasu: Kazasu) -> AsyncIterator[Nurse]:
    """Return a nurse at the bedside of the practice station."""
    async with Nurse(kazasu) as one:
        one.http.base_url = "http://localhost:8000"
        yield one


@pytest.fixture
def url(tmp_path: Path, database_url: str) -> str:
    """Return the address of the application's database."""
    return settings(tmp_path, database_url).database


async def hold(kazasu: Kazasu, url: str, ahead: int = 3) -> LedgerState:
    """Let the ledger know of more than there is, as after an older backup was restored."""
    head = await kazasu.store.head(PRACTICE_STATION.id)
    known = LedgerState({PRACTICE_STATION.id: Head(head.size + ahead, "a" * 64)})
    kazasu.ledger.note(known.heads, kazasu.clock.now())
    quarantine.look_back(url, known, kazasu.clock.now())
    return known


@pytest.mark.threat("T23")
async def test_everything_that_writes_is_refused_and_everything_is_readable(
    kazasu: Kazasu, staff: Clerk, url: str
) -> None:
    visit = await at_the_bedside(kazasu, "a")
    address = f"/office/visits/{visit.id}"
    await staff.get(address)  # the control: before, it can be pressed
    await hold(kazasu, url)
    before = await record(kazasu)
    page = await staff.press(f"{address}/seen", found="yes", expect=503, **SEEN)
    assert "記録を確かめています" in page.text
    assert PAGE in page.source
    page = await staff.get(address)
    assert visit.code in page.text
    assert BANNER in page.text
    for address in ("/office", "/office/links", "/office/guide"):
        assert BANNER in (await staff.get(address)).text
    assert await record(kazasu) == before


@pytest.mark.threat("T23")
async def test_no_visit_begins_and_the_nurse_is_told_what_to_do(kazasu: Kazasu, nurse: Nurse, url: str) -> None:
    entry = f"/f/{nurse.token}"
    await hold(kazasu, url)
    await nurse.get(entry)
    page = await nurse.send(entry, {"start": "1"}, headers=BROWSER, expect=503)
    assert "記録を確かめています" in page.text
    assert "紙に書いておきます" in page.text
    assert page.headers["kazasu-held"] == "1"
    assert await record(kazasu) == []


async def test_who_signs_in_sees_what_is_missing(kazasu: Kazasu, clerk: Clerk, url: str) -> None:
    await at_the_bedside(kazasu, "a")
    await hold(kazasu, url)
    page = await clerk.signs_in("haru", PAGE)
    assert f"{TOLD + 1}〜{TOLD + 3}（3件）" in page.text
    assert "管理者に知らせてください" in page.text
    assert "この記録から続ける" not in page.text
    await clerk.send(PAGE, {"token": clerk.token(), "understood": "yes"}, expect=403)


@pytest.mark.threat("T23")
async def test_an_administrator_goes_on_from_there(kazasu: Kazasu, admin: Clerk, staff: Clerk, url: str) -> None:
    await at_the_bedside(kazasu, "a")
    known = await hold(kazasu, url)
    await admin.get(PAGE)
    page = await admin.press(PAGE, expect=422)
    assert "足りないものを確かめて" in page.text
    assert len(await record(kazasu)) == TOLD
    page = await admin.press(PAGE, understood="yes")
    assert "この記録から続けています" in page.text
    log = await record(kazasu)
    assert [each.entry.type for each in log[TOLD - 1 :]] == [EventType.REPORTED, EventType.RESTORED]
    went_on = log[TOLD].body
    assert went_on is not None
    assert went_on["known_size"] == known.heads[PRACTICE_STATION.id].size
    assert verify([each.line() for each in log]).size == TOLD + 1
    assert kazasu.ledger.known().heads == {PRACTICE_STATION.id: Head(TOLD + 1, log[TOLD].hash)}
    assert BANNER not in (await staff.get("/office")).text
    await at_the_bedside(kazasu, "b")
    assert "足りない番号はありません" in (await admin.get(PAGE)).text
    await admin.send(PAGE, {"token": admin.token(), "understood": "yes"})  # pressed twice: once
    assert len(await record(kazasu)) == 2 * TOLD + 1


@pytest.mark.threat("T23")
async def test_a_copy_opens_no_more_and_a_new_one_does(kazasu: Kazasu, admin: Clerk, nurse: Nurse, url: str) -> None:
    visit = (await at_the_bedside(kazasu, "a")).id
    old = letters_of(await prints(admin, visit, language="ja"))
    await hold(kazasu, url)
    await nurse.get("/review", expect=403)
    page = await nurse.send("/review", {"letters": old}, headers=BROWSER, expect=503)
    assert PRACTICE_STATION.telephone in page.text
    page = await admin.get(PAGE)
    assert "続けると、いまある控えはすべて使えなくなります" in page.text
    assert "申し出" in page.text
    await admin.press(PAGE, understood="yes")
    assert [each.body["copies"] for each in await record(kazasu) if each.body and "copies" in each.body] == [1]
    await nurse.send("/review", {"letters": old}, headers=BROWSER, expect=404)
    new = letters_of(await prints(admin, visit, language="ja"))
    assert (await nurse.send("/review", {"letters": new}, headers=BROWSER)).h1 == "あなたの控え"


async def test_another_station_goes_on_as_ever(kazasu: Kazasu, admin: Clerk, url: str) -> None:
    await another_station(kazasu)
    await hold(kazasu, url)
    await at_the_bedside(kazasu, "a", facility=OTHER.id)
    assert (await kazasu.store.head(OTHER.id)).size == TOLD
    assert await kazasu.store.gap(OTHER.id) is None
    assert set(await kazasu.store.heads()) == {OTHER.id}
    assert BANNER in (await admin.get("/office")).text


async def test_an_older_database_is_noticed_by_the_next_start(
    kazasu: Kazasu, tmp_path: Path, database_url: str
) -> None:
    await at_the_bedside(kazasu, "a")
    await forgetting.note(kazasu.store, kazasu.ledger, 1)
    assert await missing_at_start(tmp_path, database_url) == []
    kazasu.ledger.note({PRACTICE_STATION.id: Head(11, "a" * 64)}, 1)
    assert await missing_at_start(tmp_path, database_url) == [(TOLD + 1, 11)]


async def missing_at_start(folder: Path, database_url: str) -> list[tuple[int, int]]:
    """Start another server on the same data, stop it, and return what it found missing."""
    again = create_app(settings(folder, database_url))
    found = [gap.missing for gap in await again.store.all_held()]
    await again.close()
    return found


async def test_what_is_asked_again_still_says_that_the_record_is_held(kazasu: Kazasu, staff: Clerk, url: str) -> None:
    await hold(kazasu, url)
    page = await staff.send("/office/today", {"token": staff.token(), "references": ""}, expect=422)
    assert "記録が前の時点にもどっています" in page.text


async def test_no_file_is_taken_in_part(kazasu: Kazasu, staff: Clerk, url: str) -> None:
    page = await reads(staff, a_file(a_person("A-0001")))
    await hold(kazasu, url)
    await staff.press(f"{page.path}/take", expect=503)
    assert await kazasu.importer.registry.search(PRACTICE_STATION.id, Search(), None, 9) == []
    assert await record(kazasu) == []
    await forgetting.accept(kazasu.store, kazasu.ledger, PRACTICE_STATION.id, "somebody", 1)
    await staff.get(page.path)
    await staff.press(f"{page.path}/take")  # it waited
    assert len(await kazasu.importer.registry.search(PRACTICE_STATION.id, Search(), None, 9)) == 1


async def test_a_database_that_is_gone_altogether_is_not_begun_anew(kazasu: Kazasu, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    await at_the_bedside(kazasu, "a")
    await forgetting.note(kazasu.store, kazasu.ledger, 1)
    (empty / "ledger.jsonl").write_bytes((tmp_path / "ledger.jsonl").read_bytes())
    with pytest.raises(UnsafeSettings, match="restore a backup"):
        create_app(Settings(data=empty))
