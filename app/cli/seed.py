"""Creates the practice station and its accounts where they are missing."""

from __future__ import annotations

from dataclasses import replace

from app.main import PRACTICE_STATION, Kazasu
from app.ports.outside import Clock
from app.ports.store import Store
from app.rules.station.account import Account
from app.rules.station.station import Link, StationProfile, new_token
from app.tokens import Sealed, new_secret


async def seed(kazasu: Kazasu) -> Link:
    """Create the practice station and its accounts if missing; return the station's live link."""
    link = await seed_practice(kazasu.store, kazasu.clock)
    await seed_office(kazasu)
    return link


async def seed_practice(store: Store, clock: Clock) -> Link:
    """Create the practice station and its link if missing; return the live link."""
    found = await store.live_link(PRACTICE_STATION.id)
    if found is None:
        found = Link(new_token(), PRACTICE_STATION.id, revision=1, issued_at=clock.now())
        await store.add_facility(PRACTICE_STATION, found)
    return found


async def seed_office(kazasu: Kazasu) -> None:
    """Create the practice accounts at the practice station if missing."""
    desk, now = kazasu.desk, kazasu.clock.now()
    station = StationProfile(PRACTICE_STATION.id)
    if await desk.office.station(station.facility) == station:  # still the defaults: practice keeps names
        await desk.office.save_station(PRACTICE_STATION, replace(station, keeps_names=True))
    for each in desk.practice:
        if await desk.office.account(each.login) is not None:
            continue
        password, totp = await desk.secrets.hashed(each.password), desk.sealer.seal(Sealed.ONE_TIME, each.totp)
        account = Account(new_secret(), each.login, each.name, password, totp, created_at=now)
        await desk.office.add(account, PRACTICE_STATION.id, each.role)
