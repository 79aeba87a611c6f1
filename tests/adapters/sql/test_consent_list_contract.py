"""What every registry promises, whatever it is made of: people are taken once, found by everything offered, erased."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from app.adapters.sql import schema
from app.adapters.sql.consent_list import WAITING, SqlConsentList
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from app.rules.record.event import EventType
from app.rules.record.gap import Erasure
from app.rules.terminal.consent_list import By, Incoming, ListedPerson, PersonNames, Search
from app.rules.terminal.exchange import Exchange, MergeOutcome, Stage, Upload
from app.rules.terminal.preview import preview
from app.rules.terminal.values import Answer02, Encoding, Header, Reading
from app.tokens import Sealer, new_secret
from tests.adapters.samples import FACILITY, RECORD_KEY
from tests.rules.people import TARO, a_consent, a_person, insured
from tests.rules.record.chain import broken_link
from tests.rules.visits import NOW

SEALER = Sealer(("k" * 40,))
DAY = 86_400
ELSE = "elsewhere"


@pytest.fixture
async def registry(store: SqlStore, url: str) -> AsyncIterator[SqlConsentList]:
    fresh = SqlConsentList(Database(url, key=RECORD_KEY), SEALER)
    yield fresh
    await fresh.close()


def a_file(people: list[Incoming], facility: str = FACILITY.id) -> Upload:
    reading = Reading(Answer02(Header(executed="20261118090000")), Encoding.UTF_8, (), 0, ())
    return Upload(new_secret(), facility, Stage.WAITING, NOW, "事務 さくら", preview(reading, people), len(people))


async def imported(registry: SqlConsentList, *people: Incoming, at: int = NOW, names: bool = True) -> MergeOutcome:
    """Take people as a file brings them; return what became of it."""
    file = await registry.keep(a_file([*people]), new_secret().encode(), people, names=names)
    began = await registry.begin(FACILITY.id, file.id, at)
    assert began is not None
    outcome = MergeOutcome().with_people(await registry.take(file, began, len(began), at))
    assert await registry.finish(file, outcome, "sakura", at)
    return outcome


async def everybody(registry: SqlConsentList, search: Search | None = None, size: int = 50) -> list[ListedPerson]:
    """Return what a search finds, page by page."""
    found: list[ListedPerson] = []
    search, after = search or Search(), None
    while page := await registry.search(FACILITY.id, search, after, size):
        found += page
        last = page[-1]
        after = (last.ends_at or 0) if search.by is By.ENDS else last.day, last.id
        assert len({each.id for each in found}) == len(found)
    return found


async def test_it_works(registry: SqlConsentList) -> None:
    assert await imported(registry, a_person("A-0001")) == MergeOutcome(new=1)
    (known,) = await everybody(registry)
    assert known.names == TARO
    assert known.references == ("A-0001",)
    assert known.day == 20261118
    assert {flag: mark.meaning.value for flag, mark in known.merged.items()} == dict.fromkeys(known.merged, "given")
    assert known == await registry.person(FACILITY.id, known.id)
    assert await registry.person(ELSE, known.id) is None


async def test_a_file_taken_twice_changes_nothing(registry: SqlConsentList, store: SqlStore) -> None:
    people = [a_person("A-0001")]
    first = await registry.keep(a_file(people), b"the same", people, names=True)
    assert await registry.begin(FACILITY.id, first.id, NOW)
    assert await registry.finish(first, MergeOutcome(new=1), "sakura", NOW)
    head = await store.head(FACILITY.id)
    again = await registry.keep(a_file(people), b"the same", people, names=True)
    assert (again.id, again.stage, again.outcome) == (first.id, Stage.TAKEN, MergeOutcome(new=1))
    assert await registry.begin(FACILITY.id, first.id, NOW) is None
    assert not await registry.finish(first, MergeOutcome(), "sakura", NOW)
    assert await store.head(FACILITY.id) == head


async def test_what_is_read_twice_waits_once(registry: SqlConsentList) -> None:
    people = [a_person("A-0001")]
    for _ in range(2):
        await registry.keep(a_file(people), b"the same", people, names=True)
    assert len(await registry.uploads(FACILITY.id, 10)) == 1


async def test_only_so_many_files_wait_at_a_station(registry: SqlConsentList) -> None:
    people = [a_person("A-0001")]
    first = await registry.keep(a_file(people), b"first", people, names=True)
    assert await registry.begin(FACILITY.id, first.id, NOW) is not None
    for n in range(WAITING + 3):
        await registry.keep(replace(a_file(people), at=NOW + n), b"%d" % n, people, names=True)
    stages = [(each.stage, each.at) for each in await registry.uploads(FACILITY.id, 100)]
    assert stages == [(Stage.WAITING, NOW + n) for n in reversed(range(3, WAITING + 3))] + [(Stage.TAKING, NOW)]


async def test_whoever_stands_twice_in_one_file_has_both_insurances_and_nothing_ended(registry: SqlConsentList) -> None:
    twice = a_person("A-0001"), a_person("A-0002", drug="0")
    assert await imported(registry, *twice) == MergeOutcome(new=1)
    (known,) = await everybody(registry)
    assert known.merged["drug"].is_mixed
    assert set(known.references) == {"A-0001", "A-0002"}
    assert await imported(registry, *twice) == MergeOutcome(same=1)


async def test_one_of_many_takes_a_file_and_another_goes_on_where_it_was_left(registry: SqlConsentList) -> None:
    people = [a_person("A-0001"), a_person("A-0002", names=replace(TARO, kana="ﾔﾏﾀﾞ", name="山田"))]
    file = await registry.keep(a_file(people), b"file", people, names=True)
    began = await asyncio.gather(*(registry.begin(FACILITY.id, file.id, NOW) for _ in range(10)))
    assert sum(each is not None for each in began) == 1
    await registry.take(file, people[:1], 1, NOW)
    assert (await registry.upload(FACILITY.id, file.id) or file).done == 1
    assert await registry.begin(FACILITY.id, file.id, NOW + 30) is None
    left = await registry.begin(FACILITY.id, file.id, NOW + 31)
    assert left is not None
    outcome = MergeOutcome().with_people(await registry.take(file, left, 2, NOW + 31))
    assert outcome == MergeOutcome(new=1, same=1)


async def test_who_comes_again_is_the_same_person(registry: SqlConsentList) -> None:
    await imported(registry, a_person("A-0001"))
    later = a_person("A-0001", at=NOW + DAY)
    assert await imported(registry, later, at=NOW + DAY) == MergeOutcome(changed=1)
    (known,) = await everybody(registry)
    assert known.day == 20261119
    assert await everybody(registry, Search(By.NAME, "たかさき")) == [known]


async def test_who_got_a_number_later_is_known_by_name_and_birth_date(registry: SqlConsentList) -> None:
    await imported(registry, a_person())
    assert await imported(registry, a_person("A-0001")) == MergeOutcome(changed=1)
    assert await imported(registry, a_person("A-0001", "A-0001-OLD")) == MergeOutcome(changed=1)
    assert len(await everybody(registry)) == 1


async def test_a_number_given_to_somebody_else_does_not_join_two_people(registry: SqlConsentList) -> None:
    await imported(registry, a_person("A-0001"))
    other = a_person("A-0001", names=PersonNames("見本　花", "ﾐﾎﾝ ﾊﾅ", "19400101", "2"))
    assert await imported(registry, other) == MergeOutcome(new=1)
    assert len(await everybody(registry, Search(By.REFERENCE, "A-0001"))) == 2
    assert await imported(registry, other) == MergeOutcome(same=1)


async def test_without_number_and_birth_date_the_moments_tell_who_it_is(registry: SqlConsentList) -> None:
    nobody = a_person(names=None)
    assert await imported(registry, nobody) == MergeOutcome(new=1)
    assert await imported(registry, nobody) == MergeOutcome(same=1)
    assert await imported(registry, a_person(names=None, at=NOW + 60)) == MergeOutcome(new=1)


@pytest.mark.parametrize(("code", "turn"), [("0", EventType.WITHDRAWN), ("2", EventType.LAPSED)])
async def test_what_ended_at_the_source_is_an_event_with_its_reason(
    registry: SqlConsentList, store: SqlStore, code: str, turn: EventType
) -> None:
    await imported(registry, a_person("A-0001"))
    outcome = await imported(registry, a_person("A-0001", drug=code), at=NOW + DAY)
    assert (outcome.withdrawn, outcome.lapsed) == ((1, 0) if code == "0" else (0, 1))
    (known,) = await everybody(registry)
    (event,) = await registry.history(FACILITY.id, known.id)
    assert (event.entry.type, event.entry.at) == (turn.value, NOW + DAY)
    assert event.body is not None
    assert (event.body["flags"], event.body["codes"]) == (["drug"], {"drug": code})
    log = [each async for each in store.export(FACILITY.id)]
    assert broken_link([(each.entry, each.hash) for each in log]) is None


async def test_a_code_without_a_meaning_ends_nothing(registry: SqlConsentList) -> None:
    await imported(registry, a_person("A-0001"))
    assert await imported(registry, a_person("A-0001", drug="7")) == MergeOutcome(changed=1)


# --- searching ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ["髙﨑", "高崎", "髙﨑𠮷男", "高崎　吉男", "吉男", "たかさき", "ﾀｶｻｷ", "タカサキ ヨシオ", "よしお", "タカ", "よし"],
)
async def test_a_name_is_found_in_kanji_and_any_kana(registry: SqlConsentList, typed: str) -> None:
    await imported(
        registry, a_person("A-0001"), a_person("A-0002", names=PersonNames("林　次郎", "ﾊﾔｼ ｼﾞﾛｳ", "19500101", "1"))
    )
    (known,) = await everybody(registry, Search(By.NAME, typed))
    assert known.references == ("A-0001",)


@pytest.mark.parametrize("typed", ["", "タ", "男", "さき", "%", "ﾀﾞｶｻｷ", "はなこ"])
async def test_what_begins_no_name_finds_nobody(registry: SqlConsentList, typed: str) -> None:
    await imported(registry, a_person("A-0001"))
    assert await everybody(registry, Search(By.NAME, typed)) == []


async def test_a_name_of_one_kanji_is_found_whole(registry: SqlConsentList) -> None:
    await imported(registry, a_person("A-0001", names=PersonNames("林　次郎", "ﾊﾔｼ ｼﾞﾛｳ", "19500101", "1")))
    assert len(await everybody(registry, Search(By.NAME, "林"))) == 1


MANY = [
    a_person(
        f"B-{n:04}",
        names=PersonNames(f"練習　{n}", "ﾚﾝｼﾕｳ ｺ", f"1950{1 + n % 12:02}01", "2"),
        at=NOW + n % 5 * DAY,
        drug=str(n % 3),
    )
    for n in range(37)
]


@pytest.mark.parametrize(
    ("search", "count"),
    [
        (Search(), 37),
        (Search(first_day=20261119, last_day=20261120), 15),
        (Search(By.STATE, "given"), 37),
        (Search(By.STATE, "expired"), 0),
        (Search(By.VALIDITY, "1"), 37),
        (Search(By.VALIDITY, "2"), 0),
        (Search(By.ITEM, "drug", "given"), 12),
        (Search(By.ITEM, "drug", "expired"), 12),
        (Search(By.ITEM, "drug", "given", first_day=20261119, last_day=20261119), 3),
        (Search(By.NAME, "れんしゅう"), 37),
        (Search(By.NAME, "れんしゅう", first_day=20261122), 7),
        (Search(By.REFERENCE, "Ｂ-0003"), 1),
        (Search(By.REFERENCE, "B-0003", last_day=20260101), 1),
        (Search(By.ENDS, moments=(NOW, NOW + 31 * DAY)), 37),
        (Search(By.ENDS, moments=(NOW, NOW + 29 * DAY)), 0),
    ],
)
async def test_every_search_pages_through_all_that_it_finds(
    registry: SqlConsentList, search: Search, count: int
) -> None:
    await imported(registry, *MANY)
    found = await everybody(registry, search, size=5)
    assert len(found) == count
    if search.by not in {By.ENDS, By.REFERENCE}:
        assert [each.day for each in found] == sorted((each.day for each in found), reverse=True)
    assert await registry.search(ELSE, search, None, 5) == []


async def test_who_decided_between_two_moments_is_near(registry: SqlConsentList) -> None:
    await imported(
        registry, a_person("A-0001"), a_person(names=PersonNames("見本", "ﾐﾎﾝ", "19400101", "2"), at=NOW + 600)
    )
    assert {each.references for each in await registry.near(FACILITY.id, "", NOW + 500, NOW + 700)} == {()}
    near = await registry.near(FACILITY.id, "Ａ-0001", NOW + 500, NOW + 700)
    assert {each.references for each in near} == {(), ("A-0001",)}
    assert await registry.near(FACILITY.id, "A-000", NOW + 3600, NOW + 3700) == ()


async def test_two_insurances_that_differ_stay_two_answers(registry: SqlConsentList) -> None:
    both = (insured("01"), insured("A1", drug="0"))
    await imported(registry, a_person("A-0001", results=both))
    (known,) = await everybody(registry)
    assert known.results == both
    assert known.merged["drug"].is_mixed
    assert len(await everybody(registry, Search(By.ITEM, "drug", "unknown"))) == 1


async def test_a_flag_nobody_knows_is_kept_under_its_own_name(registry: SqlConsentList) -> None:
    new = replace(insured(), consents=(*insured().consents, a_consent("NewThing", "1")))
    await imported(registry, a_person("A-0001", results=(new,)))
    (known,) = await everybody(registry)
    assert known.merged["NewThing"].meaning.value == "unknown"


# --- names and erasure --------------------------------------------------------------------------------------


async def test_a_station_that_keeps_no_names_gets_none(registry: SqlConsentList) -> None:
    assert await imported(registry, a_person("A-0001"), names=False) == MergeOutcome(new=1)
    (known,) = await everybody(registry)
    assert known.names is None
    assert await everybody(registry, Search(By.NAME, "たかさき")) == []
    assert await imported(registry, a_person("A-0001"), names=False) == MergeOutcome(same=1)


async def test_names_that_are_kept_no_more_are_gone(registry: SqlConsentList) -> None:
    await imported(registry, a_person("A-0001"))
    assert await registry.forget_names(FACILITY.id) == 1
    (known,) = await everybody(registry)
    assert known.names is None
    assert await everybody(registry, Search(By.NAME, "たかさき")) == []
    await imported(registry, a_person("A-0001"))
    assert len(await everybody(registry, Search(By.NAME, "たかさき"))) == 1


async def test_an_erased_person_is_found_by_nothing_and_the_chain_holds(
    registry: SqlConsentList, store: SqlStore
) -> None:
    await imported(registry, a_person("A-0001"), a_person("A-0002", names=PersonNames("見本", "ﾐﾎﾝ", "19400101", "2")))
    await imported(registry, a_person("A-0001", drug="0"))
    (known,) = await everybody(registry, Search(By.REFERENCE, "A-0001"))
    await store.erase([Erasure(FACILITY.id, known.id, NOW)], "sakura")
    assert await registry.person(FACILITY.id, known.id) is None
    assert len(await everybody(registry)) == 1
    for search in (Search(By.REFERENCE, "A-0001"), Search(By.NAME, "たかさき"), Search(By.ITEM, "drug", "not_given")):
        assert await everybody(registry, search) == []
    withdrawn, erased = await registry.history(FACILITY.id, known.id)
    assert (withdrawn.body, erased.entry.type) == (None, "erased")
    log = [each async for each in store.export(FACILITY.id)]
    assert broken_link([(each.entry, each.hash) for each in log]) is None


async def test_another_key_opens_no_name(registry: SqlConsentList, url: str) -> None:
    await imported(registry, a_person("A-0001"))
    (known,) = await everybody(registry)
    other = SqlConsentList(Database(url, key=RECORD_KEY), Sealer(("o" * 40,)))
    found = await other.person(FACILITY.id, known.id)
    assert found is not None
    assert found.names is None
    await other.close()


async def test_names_that_were_put_into_another_persons_row_stay_closed(registry: SqlConsentList, url: str) -> None:
    await imported(registry, a_person("A-0001"), a_person("A-0002", names=PersonNames("見本", "ﾐﾎﾝ", "19400101", "2")))
    taro, hanako = sorted(await everybody(registry), key=lambda each: each.references)
    assert taro.names
    assert hanako.names
    database = Database(url, key=RECORD_KEY)
    with database.engines[0].begin() as connection:
        person = schema.person.c
        key, names = connection.execute(select(person.key, person.names).where(person.id == taro.id)).one()
        connection.execute(update(schema.person).where(person.id == hanako.id).values(key=key, names=names))
    await database.close()
    found = {each.references: each.names for each in await everybody(registry)}
    assert found == {taro.references: taro.names, hanako.references: None}


# --- requests -----------------------------------------------------------------------------------------------


async def test_requests_are_counted_by_the_day(registry: SqlConsentList) -> None:
    one = Exchange("key-1", FACILITY.id, "20261118", 0, "20261116", "20261118", NOW, "事務 さくら")
    assert (await registry.ask(one)).counter == 1
    assert (await registry.ask(replace(one, key="key-2"))).counter == 2
    assert (await registry.ask(replace(one, key="key-3", day="20261119"))).counter == 1
    assert [each.key for each in await registry.exchanges(FACILITY.id, 2)] == ["key-3", "key-2"]
    assert await registry.received(FACILITY.id, "key-1", "000123")
    assert (await registry.exchange(FACILITY.id, "key-1") or one).reception == "000123"
    assert not await registry.received(ELSE, "key-1", "000124")
    assert await registry.exchange(ELSE, "key-1") is None


async def test_a_file_that_nobody_takes_is_forgotten(registry: SqlConsentList) -> None:
    people = [a_person("A-0001")]
    file = await registry.keep(a_file(people), b"file", people, names=True)
    await registry.tidy(NOW + 3600)
    assert await registry.upload(FACILITY.id, file.id)
    await registry.tidy(NOW + 3601)
    assert await registry.upload(FACILITY.id, file.id) is None


async def test_a_file_from_a_time_that_is_not_yet_is_forgotten_and_never_stuck(registry: SqlConsentList) -> None:
    people, later = [a_person("A-0001")], NOW + 400 * 86_400
    waits = await registry.keep(replace(a_file(people), id="waits", at=later), b"waits", people, names=True)
    begun = await registry.keep(replace(a_file(people), id="begun", at=later), b"begun", people, names=True)
    assert await registry.begin(FACILITY.id, begun.id, later)
    assert (await registry.upload(FACILITY.id, begun.id) or begun).is_left(NOW)
    assert await registry.begin(FACILITY.id, begun.id, NOW)  # anybody may go on
    await registry.tidy(NOW)
    assert await registry.upload(FACILITY.id, waits.id) is None
    assert await registry.upload(FACILITY.id, begun.id)


async def test_who_was_seen_at_a_time_that_is_not_yet_is_seen_anew(registry: SqlConsentList) -> None:
    people, later = [a_person("A-0001")], NOW + 400 * DAY
    undated = a_file(people)
    undated = replace(undated, preview=replace(undated.preview, executed_at=None))
    file = await registry.keep(undated, b"undated", people, names=True)
    assert await registry.begin(FACILITY.id, file.id, later)
    await registry.take(file, people, 1, later)
    assert await registry.finish(file, MergeOutcome(), "sakura", later)
    assert await imported(registry, a_person("A-0001", at=NOW + DAY), at=NOW + DAY) == MergeOutcome(changed=1)
