"""What a phone keeps for dead zones: one bundle, sent again only when something in it has changed."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import brotli
import pytest

from app.cli.seed import seed_practice
from app.main import PRACTICE_STATION, Kazasu, create_app
from app.rules.station.station import Note
from app.settings import Settings
from tests.web.bedside.nurse import Nurse, StillClock

BUNDLE = "/guide-kept"
LARGEST = 40_000
"""Bytes that the bundle may cost a nurse's contract, packed."""


@pytest.fixture
async def kazasu(data: Path) -> AsyncIterator[Kazasu]:
    """Return the application before a fresh store."""
    clock = StillClock()
    joined = create_app(Settings(data=data, starts_per_minute=10_000), clock=clock)
    await seed_practice(joined.store, clock)
    yield joined
    await joined.close()


@pytest.fixture
async def nurse(kazasu: Kazasu) -> AsyncIterator[Nurse]:
    """Return a nurse whose phone has opened the station's entry."""
    async with Nurse(kazasu) as one:
        await one.get(f"/f/{one.token}")
        yield one


async def test_what_the_phone_has_is_not_sent_again(nurse: Nurse) -> None:
    first = await nurse.http.get(BUNDLE)
    again = await nurse.http.get(BUNDLE, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert json.loads(first.text)["version"] in first.headers["etag"]


async def test_a_new_note_is_a_new_bundle(nurse: Nurse, kazasu: Kazasu) -> None:
    first = await nurse.http.get(BUNDLE)
    await kazasu.desk.office.save_note(Note(PRACTICE_STATION.id, "power", "鍵は金庫の中", "", "さくら", 0))
    second = await nurse.http.get(BUNDLE, headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert "鍵は金庫の中" in json.loads(second.text)["pages"]["/guide/power"]


async def test_the_bundle_is_small(nurse: Nurse) -> None:
    answer = await nurse.http.get(BUNDLE)
    assert 10_000 < len(brotli.compress(answer.content, quality=5)) < LARGEST


async def test_every_file_that_a_kept_page_needs_is_kept_with_it(nurse: Nurse) -> None:
    bundle = json.loads((await nurse.http.get(BUNDLE)).text)
    for address, html in bundle["pages"].items():
        needed = {each.partition("#")[0] for each in re.findall(r'"(/static/[^"]+)"', html)}
        assert {each for each in needed if "/icons/apple" not in each} <= set(bundle["files"]), address
