"""The bedside on PostgreSQL: an ordinary visit, what a bad line does to it, and two nodes beside each other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection

from app.adapters.sql import submission as step
from app.cli.seed import seed_practice
from app.main import PRACTICE_STATION, Kazasu, create_app
from app.ports.store import Change, Written
from app.rules.record.evidence import hashed
from app.rules.visit.journey import IDLE
from app.settings import Settings
from app.tokens import new_secret
from tests.adapters.samples import visit_of
from tests.postgres import Cluster
from tests.rules.record.chain import broken_link
from tests.web.bedside.nurse import BROWSER, ORIGIN, Nurse, StillClock, must_be_guarded

pytestmark = pytest.mark.slow

KEYS = "one-and-the-same-key-on-every-node-of-ours"


def node(folder: Path, url: str, clock: StillClock) -> Kazasu:
    """Return one node on a database."""
    return create_app(
        Settings(
            data=folder,
            database_url=url,
            secret_keys=KEYS,
            record_key=KEYS,
            starts_per_minute=10_000,
            posts_per_minute=100_000,
        ),
        clock=clock,
    )


@pytest.fixture
async def kazasu(tmp_path: Path, clock: StillClock, postgres_url: str) -> AsyncIterator[Kazasu]:
    """Return the application on PostgreSQL."""
    joined = node(tmp_path / "one", postgres_url, clock)
    await seed_practice(joined.store, clock)
    yield joined
    await joined.close()


@pytest.fixture
async def other(tmp_path: Path, clock: StillClock, postgres_url: str, kazasu: Kazasu) -> AsyncIterator[Kazasu]:
    """Return a second node on the same database."""
    joined = node(tmp_path / "two", postgres_url, clock)
    yield joined
    await joined.close()


async def record(kazasu: Kazasu) -> list[str]:
    """Return the types of all events, after looking that the chain holds."""
    log = [each async for each in kazasu.store.export(PRACTICE_STATION.id)]
    assert broken_link((each.entry, each.hash) for each in log) is None
    return [each.entry.type for each in log]


async def test_an_ordinary_visit_with_a_repeated_submission(nurse: Nurse, kazasu: Kazasu) -> None:
    page = await nurse.chose()
    form = {**page.form_fields("/visit/check"), "confirmed": "yes"}
    once, twice = await nurse.send("/visit/check", form), await nurse.send("/visit/check", form)
    assert once.path == twice.path == "/visit/handoff"
    await nurse.comes_back()
    await nurse.press("/visit/result", report="answered")
    page = await nurse.press("/visit/end")
    assert page.path.startswith("/f/")
    assert (await record(kazasu)).count("handed_off") == 1


async def test_a_visit_that_was_left_expires(nurse: Nurse, kazasu: Kazasu, clock: StillClock) -> None:
    await nurse.is_ready()
    clock.pass_(IDLE + 1)
    assert await kazasu.store.expire(clock.now() - IDLE) == 1
    await nurse.get("/visit/consent", expect=410)
    assert (await record(kazasu))[-1] == "expired"


async def test_a_visit_goes_on_at_the_other_node(nurse: Nurse, other: Kazasu) -> None:
    page = await nurse.chose()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(other.asgi), base_url=ORIGIN) as there:
        there.cookies = nurse.http.cookies
        form = {**page.form_fields("/visit/check"), "confirmed": "yes"}
        answers = [await there.post("/visit/check", data=form, headers=BROWSER) for _ in range(2)]
        answers.append(await nurse.http.post("/visit/check", data=form, headers=BROWSER))
    assert [(answer.status_code, answer.headers["location"]) for answer in answers] == [(303, "/visit/handoff")] * 3


@pytest.mark.parametrize("address", ["/f/a%00b", "/start?a=%00", "/office/visits?before=1.%00"])
async def test_what_no_text_can_hold_is_asked_of_no_database(nurse: Nurse, address: str) -> None:
    answer = await nurse.http.get(address)
    assert answer.status_code == 404
    must_be_guarded(answer)


async def test_a_form_or_cookie_with_nul_is_refused(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.starts()
    before = await record(kazasu)
    page = await nurse.press("/visit/need", over_40="yes", intent="first", reference="A\0", expect=422)
    assert page.h1 == "送信の形が正しくありません"
    answer = await nurse.http.get("/start", headers={"Cookie": 'station="\\000"'})
    assert answer.status_code == 404
    assert await record(kazasu) == before


async def test_a_lost_database_is_said_and_nothing_is_lost(
    nurse: Nurse, kazasu: Kazasu, postgres: Cluster, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await nurse.is_ready()
    form = {**page.form_fields("/visit/consent"), "fill": "agree"}
    name = postgres_url.partition("@/")[2].partition("?")[0]
    written = step.write

    def written_and_cut(change: Change, connection: Connection) -> Written:
        postgres.kill_backends(name)
        return written(change, connection)

    with monkeypatch.context() as planted:
        planted.setattr(step, "write", written_and_cut)
        page = await nurse.send("/visit/consent", form, expect=503)
        assert "まだ保存されていません" in page.text
    postgres.kill_backends(name)
    await nurse.send("/visit/consent", form)
    visit = await visit_of(kazasu.store, hashed(nurse.http.cookies["visit"]))
    assert visit is not None
    assert set(visit.draft["consent"].values()) == {"agree"}


@pytest.mark.threat("T19")
async def test_two_nodes_take_what_is_sent_to_both_of_them_once(kazasu: Kazasu, other: Kazasu) -> None:
    """Every submission goes to both nodes at the same moment, and again later: as one phone on a bad line sends it."""
    dice, sent = random.Random(1), 0
    nodes = [httpx.AsyncClient(transport=httpx.ASGITransport(each.asgi), base_url=ORIGIN) for each in (kazasu, other)]

    async def phone() -> None:
        nonlocal sent
        async with Nurse(kazasu) as nurse:
            nurse.is_among_others = True
            held = (await nurse.starts()).form_fields("/visit/need")
            cookies = f"visit={nurse.http.cookies['visit']}"
            for version in range(int(held["version"]), int(held["version"]) + 20):
                given = {"version": str(version), "key": new_secret(), "over_40": "yes", "intent": "first"}
                times = dice.randint(1, 3)
                asked = (
                    one.post("/visit/need", data=held | given, headers=BROWSER | {"Cookie": cookies})
                    for one in nodes * times
                )
                assert {answer.status_code for answer in await asyncio.gather(*asked)} == {303}
                sent += 1

    await asyncio.gather(*(phone() for _ in range(8)))
    for one in nodes:
        await one.aclose()
    kept = await record(kazasu)
    assert sent == 160
    assert kept.count("need_answered") == sent
    assert await record(other) == kept
