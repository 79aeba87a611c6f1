"""Who a client is: the address that a named proxy tells, and nobody else's word for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from app.cli.__main__ import main
from app.cli.seed import seed_practice
from app.cli.serve import _server
from app.main import Kazasu, create_app
from app.settings import Settings, UnsafeSettings
from tests.web.bedside.nurse import StillClock

ORIGIN = "https://kazasu.example"
HERE = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
PROXY, PHONE, LIMIT = "10.0.0.2", "198.51.100.7", 3
SHARED = {"database_url": "postgresql+psycopg://kazasu@db/kazasu", "secret_keys": "k" * 32, "record_key": "r" * 32}


def set_to(folder: Path, **given: Any) -> Settings:
    return Settings(data=folder, starts_per_minute=LIMIT, **{"origin": ORIGIN, **given})


@pytest.fixture
async def kazasu(tmp_path: Path, clock: StillClock) -> AsyncIterator[Kazasu]:
    """Return the application behind a proxy with TLS."""
    joined = create_app(set_to(tmp_path), clock=clock)
    await seed_practice(joined.store, clock)
    yield joined
    await joined.close()


async def starts(kazasu: Kazasu, settings: Settings, *, peer: str, says: list[str]) -> list[int]:
    """Return what a peer is answered that starts visits, naming each of these addresses in turn."""
    config = uvicorn.Config(kazasu.asgi, **_server(settings))
    config.load()
    link = await kazasu.store.live_link("hinatazaka")
    assert link is not None
    transport = httpx.ASGITransport(config.loaded_app, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as there:
        asked = [
            await there.post(f"/f/{link.token}", data={"start": "1"}, headers=HERE | {"X-Forwarded-For": said})
            for said in says
        ]
    return [answer.status_code for answer in asked]


MANY = [f"203.0.113.{number}" for number in range(LIMIT + 1)]


@pytest.mark.threat("T15")
async def test_nobody_gets_past_the_limit_by_naming_other_addresses(kazasu: Kazasu, tmp_path: Path) -> None:
    settings = set_to(tmp_path, trusted_proxies=PROXY)
    assert await starts(kazasu, settings, peer=PHONE, says=MANY) == [303] * LIMIT + [429]
    # Through the proxy neither: it writes behind what the phone sent from where the phone really came.
    says = [f"{invented}, {PHONE}" for invented in MANY]
    assert await starts(kazasu, settings, peer=PROXY, says=says) == [429] * (LIMIT + 1)


async def test_a_named_proxy_tells_who_is_who(kazasu: Kazasu, tmp_path: Path) -> None:
    for trusted in (PROXY, "192.0.2.0/24 10.0.0.0/30"):
        settings = set_to(tmp_path, trusted_proxies=trusted)
        assert set(await starts(kazasu, settings, peer=PROXY, says=MANY)) == {303}


async def test_without_tls_in_front_no_proxy_is_believed(kazasu: Kazasu, tmp_path: Path) -> None:
    settings = set_to(tmp_path, trusted_proxies=PROXY, origin="http://kazasu.example")
    assert (await starts(kazasu, settings, peer=PROXY, says=MANY))[-1] == 429


@pytest.mark.parametrize("everybody", ["*", "0.0.0.0/0", "::/0", "10.0.0.2,10.0.0.3", "proxy"])
def test_everybody_is_no_proxy(tmp_path: Path, everybody: str) -> None:
    with pytest.raises(UnsafeSettings, match="KAZASU_TRUSTED_PROXIES"):
        set_to(tmp_path, trusted_proxies=everybody).check()


# --- a shared database ------------------------------------------------------------------------------------------


def test_a_shared_database_needs_shared_keys(tmp_path: Path) -> None:
    set_to(tmp_path, **SHARED).check()
    with pytest.raises(UnsafeSettings, match="KAZASU_SECRET_KEYS"):
        set_to(tmp_path, **SHARED | {"secret_keys": ""}).check()
    assert not (tmp_path / "secret").exists()


@pytest.mark.parametrize("address", ["mysql://kazasu@db/kazasu", "postgres://kazasu@db/kazasu", "kazasu.db"])
def test_another_kind_of_database_is_refused_before_it_is_reached(tmp_path: Path, address: str) -> None:
    with pytest.raises(UnsafeSettings, match="KAZASU_DATABASE_URL"):
        set_to(tmp_path, **SHARED | {"database_url": address}).check()


def test_a_password_in_the_address_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("KAZASU_DATABASE_URL", f"postgresql+psycopg://kazasu:geheim@/kazasu?host={tmp_path}")
    monkeypatch.setenv("KAZASU_SECRET_KEYS", "k" * 32)
    monkeypatch.setenv("KAZASU_RECORD_KEY", "r" * 32)
    assert main(["settings"]) == 0
    assert main(["facility"]) == 1
    said = capsys.readouterr()
    assert "KAZASU_DATABASE_URL=(set)" in said.out
    assert "the database does not answer" in said.err
    assert "geheim" not in said.out + said.err
