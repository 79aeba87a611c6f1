"""Kazasu on the identity route, joined as in production, and a provider on the other side of a line without sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.adapters.oidc.client_keys import KeyRing
from app.cli.seed import seed_practice
from app.main import Kazasu, create_app
from app.practice.app import PracticeWorld
from app.rules.visit.visit import Route
from app.settings import Settings
from tests.identity.patient import AT, CLIENT, ISSUER, ORIGIN, Bedside, a_provider
from tests.web.bedside.nurse import StillClock


@pytest.fixture
def clock() -> StillClock:
    """Return a clock that stands until a test moves it."""
    return StillClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings as somebody with a contract would have them."""
    return Settings(
        route=Route.IDENTITY,
        origin=ORIGIN,
        data=tmp_path,
        identity_issuer=ISSUER,
        identity_client_id=CLIENT,
        deadline=0.5,
        starts_per_minute=10_000,
        posts_per_minute=100_000,
    )


@pytest.fixture
def ring(settings: Settings, clock: StillClock) -> KeyRing:
    """Return our keys, as the command line makes them: one, which signs."""
    found = KeyRing(settings.identity_keys)
    found.new(clock.now())
    return found


@pytest.fixture
def provider(ring: KeyRing, clock: StillClock, monkeypatch: pytest.MonkeyPatch) -> PracticeWorld:
    """Return a provider where our key is registered; whatever leaves for its host arrives there.

    Only the sockets are missing: the client is the one that `app.main` makes.
    """
    world = a_provider(ring, clock)
    inside = httpx.ASGITransport(world.app)

    async def carried(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if f"{request.url.scheme}://{request.url.host}" != AT:
            raise httpx.ConnectError("no such host")
        return await inside.handle_async_request(request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", carried)
    return world


@pytest.fixture
async def kazasu(settings: Settings, data: Path, clock: StillClock, provider: PracticeWorld) -> AsyncIterator[Kazasu]:
    """Return the application on a fresh store, joined to the provider."""
    assert settings.data == data
    joined = create_app(settings, clock=clock)
    await seed_practice(joined.store, clock)
    yield joined
    await joined.close()


@pytest.fixture
async def bedside(kazasu: Kazasu, provider: PracticeWorld) -> AsyncIterator[Bedside]:
    """Return a nurse with a browser, and a patient with a card."""
    async with Bedside(kazasu, provider) as one:
        yield one
