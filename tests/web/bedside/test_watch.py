"""What whoever runs the server looks at: ready or not, figures, and who may see them."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from sqlalchemy import text

from app.main import PRACTICE_STATION, Kazasu, create_app
from app.rules.record.gap import backup_line
from app.settings import Settings, UnsafeSettings
from app.web.watch import Tally
from tests.adapters.keeping import in_database
from tests.web.bedside.nurse import Nurse, StillClock


class Usage(NamedTuple):
    """What a disk says of itself."""

    total: int
    used: int
    free: int


async def ask(kazasu: Kazasu, address: str, *, host: str = "127.0.0.1", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(kazasu.asgi, client=(host, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        return await http.get(address, headers=named)


async def test_all_is_well(kazasu: Kazasu) -> None:
    answer = await ask(kazasu, "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "store": True,
        "schema": True,
        "disk": True,
        "clock": True,
        "ledger": True,
        "record": True,
        "read_only": 0,
    }
    assert (await ask(kazasu, "/healthz")).json() == {"status": "ok"}


async def test_another_schema_is_not_ready(kazasu: Kazasu, tmp_path: Path) -> None:
    change = text("UPDATE alembic_version SET version_num = '9999'")
    in_database(f"sqlite:///{tmp_path / 'kazasu.db'}", lambda connection: connection.execute(change))
    answer = await ask(kazasu, "/readyz")
    assert (answer.status_code, answer.json()["schema"]) == (503, False)


def writers() -> int:
    return [thread.name for thread in threading.enumerate()].count("store-writer")


async def test_all_stores_share_one_writer(data: Path, clock: StillClock) -> None:
    before = writers()
    joined = create_app(Settings(data=data), clock=clock)
    assert writers() == before + 1
    await joined.close()
    assert writers() == before


async def test_a_full_disk_is_not_ready(kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1_000))
    answer = await ask(kazasu, "/readyz")
    assert (answer.status_code, answer.json()["disk"]) == (503, False)
    assert "kazasu_disk_free_bytes 1000\n" in (await ask(kazasu, "/metrics")).text


async def test_a_ledger_that_takes_no_line_wants_a_person(kazasu: Kazasu, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.unlink()
    ledger.mkdir()
    answer = await ask(kazasu, "/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["ledger"]) == (200, "attention", False)


async def test_a_clock_that_was_set_back_wants_a_person(kazasu: Kazasu, clock: StillClock) -> None:
    await kazasu.sweeping.round()
    clock.pass_(-3600)
    answer = await ask(kazasu, "/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["clock"]) == (200, "attention", False)


async def test_the_figures_say_what_happened_and_of_nobody(
    kazasu: Kazasu, nurse: Nurse, tmp_path: Path, clock: StillClock
) -> None:
    await nurse.starts()
    (tmp_path / "ledger.jsonl").write_bytes(backup_line(clock.now() - 60, 0))
    await ask(kazasu, "/nowhere/at/all")
    answer = await ask(kazasu, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    said = answer.text
    for line in (
        'kazasu_requests_total{method="POST",route="/f/{token}",status="3xx"} 1',
        'kazasu_requests_total{method="GET",route="-",status="4xx"} 1',
        'kazasu_ready{check="store"} 1',
        "kazasu_stations 1",
        "kazasu_record_entries 1",
        "kazasu_stations_read_only 0",
        "kazasu_writes_waiting 0",
        "kazasu_backup_age_seconds 60",
    ):
        assert f"{line}\n" in said
    assert re.search(r'kazasu_request_seconds_bucket\{le="\+Inf"\} (\d+)\n', said)
    for secret in (nurse.token, PRACTICE_STATION.id, PRACTICE_STATION.name, str(tmp_path)):
        assert secret not in said
    well_formed = re.compile(r'# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"\n]*"(,\w+="[^"\n]*")*\})? [0-9.e+-]+')
    assert all(well_formed.fullmatch(line) for line in said.splitlines())


@pytest.mark.threat("T13")
@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.1", {}, 403),
        ("127.0.0.1", {"x_forwarded_for": "127.0.0.1"}, 403),
        ("127.0.0.1", {"via": "1.1 proxy"}, 403),
        ("192.0.2.1", {"authorization": "Bearer "}, 403),
    ],
)
async def test_without_a_token_figures_are_for_this_machine_alone(
    kazasu: Kazasu, host: str, headers: dict[str, str], status: int
) -> None:
    assert (await ask(kazasu, "/metrics", host=host, **headers)).status_code == status


@pytest.fixture
async def with_token(tmp_path: Path) -> AsyncIterator[Kazasu]:
    """Return the application with a token for its figures."""
    made = create_app(Settings(data=tmp_path, metrics_token="t" * 32))
    yield made
    await made.store.close()


async def test_with_a_token_nothing_else_opens_them(with_token: Kazasu) -> None:
    assert (await ask(with_token, "/metrics")).status_code == 403
    assert (await ask(with_token, "/metrics", authorization=f"Bearer {'u' * 32}")).status_code == 403
    right = {"authorization": f"Bearer {'t' * 32}"}
    assert (await ask(with_token, "/metrics", host="192.0.2.1", **right)).status_code == 200


def test_a_short_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeSettings, match="METRICS"):
        Settings(data=tmp_path, metrics_token="short").check()


def test_who_invents_addresses_fills_no_memory() -> None:
    tally = Tally()
    for each in range(2_000):
        tally.count("GET", f"/{each}", 404, 0.001)
    assert len(tally.answers) <= 501
    assert sum(tally.answers.values()) == 2_000
