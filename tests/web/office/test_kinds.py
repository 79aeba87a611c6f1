"""A database of practice serves nobody on another route, and a real one nobody at practice."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete

from app.adapters.sql.schema.terminal import installation
from app.cli.seed import seed_office, seed_practice
from app.main import create_app
from app.rules.visit.visit import Route
from app.settings import Settings, UnsafeSettings
from tests.adapters.keeping import in_database
from tests.identity.patient import CLIENT, ISSUER
from tests.web.bedside.nurse import StillClock

REAL = {"origin": "https://kazasu.example"}
IDENTITY = {**REAL, "identity_issuer": ISSUER, "identity_client_id": CLIENT}


def on(route: Route, folder: Path) -> Settings:
    given = {Route.PRACTICE: {}, Route.OFFICIAL: REAL, Route.IDENTITY: IDENTITY}[route]
    return Settings(route=route, data=folder, **given)  # type: ignore[arg-type]


async def practised(folder: Path) -> Settings:
    """Return the settings of a practice server that was used: its accounts are there."""
    settings, clock = on(Route.PRACTICE, folder), StillClock()
    kazasu = create_app(settings, clock=clock)
    await seed_practice(kazasu.store, clock)
    await seed_office(kazasu)
    await kazasu.close()
    return settings


@pytest.mark.threat("T29")
@pytest.mark.parametrize("from_before", [False, True])
async def test_practice_never_becomes_real(tmp_path: Path, from_before: bool) -> None:
    settings = await practised(tmp_path)
    if from_before:  # a database from before there was this row
        in_database(settings.database, lambda connection: connection.execute(delete(installation)))
    for _ in range(2):
        with pytest.raises(UnsafeSettings, match=r"made for practice.*KAZASU_DATA.*empty place"):
            create_app(on(Route.OFFICIAL, tmp_path))
    create_app(settings)  # practice goes on


@pytest.mark.threat("T29")
async def test_nobody_practises_with_real_data(tmp_path: Path) -> None:
    await create_app(on(Route.OFFICIAL, tmp_path)).close()
    with pytest.raises(UnsafeSettings, match=r"real station.*KAZASU_ROUTE as it was"):
        create_app(on(Route.PRACTICE, tmp_path))
    await create_app(on(Route.OFFICIAL, tmp_path)).close()


async def test_without_the_check_a_published_password_would_open_a_real_office(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = await practised(tmp_path)
    published = create_app(settings)
    (each, *_) = published.desk.practice
    await published.close()
    monkeypatch.setattr("app.main.is_practice", lambda *_: None)
    real = create_app(on(Route.OFFICIAL, tmp_path))
    account = await real.desk.office.account(each.login)
    assert account is not None
    assert await real.desk.secrets.is_right(account.password, each.password)
    await real.close()
