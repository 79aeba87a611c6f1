"""Commands for stations: `kazasu station`, `account`, `reseal`, `accept` and `purge`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from app.cli.refusal import WRONG, wrong
from app.main import Kazasu, create_app
from app.rules.record.clock import Expected
from app.rules.record.evidence import hashed
from app.rules.station.account import Account, Invitation, Role, login_name
from app.rules.station.station import Link, Station, judge_code, new_token
from app.settings import Settings
from app.tokens import BadToken, new_secret
from app.work import forgetting

_IN_DOUBT: Final = "nothing removed: the clock says {}, last known right at {}; if it is: kazasu purge --sure"


@contextlib.asynccontextmanager
async def _opened() -> AsyncIterator[Kazasu]:
    kazasu = create_app(Settings())
    try:
        yield kazasu
    finally:
        await kazasu.close()


async def add_or_list(name: str, code: str, telephone: str) -> int:
    """Add a station if one is named, then list all: id, name, code, entry. Return the exit status."""
    async with _opened() as kazasu:
        if name and not await _added(kazasu, name, code, telephone):
            return WRONG
        for each in await kazasu.store.facilities():
            link = await kazasu.store.live_link(each.id)
            print(f"{each.id}  {each.name}  {each.code}  /f/{link.token if link else '-'}")
    return 0


async def _added(kazasu: Kazasu, name: str, code: str, telephone: str) -> bool:
    judged = judge_code(code)
    if judged.problem or not telephone:
        wrong(judged.problem or "--telephone is missing")
        return False
    if judged.warning:
        wrong(judged.warning)
    made = Station(new_token(), name, code, telephone)
    await kazasu.store.add_facility(made, Link(new_token(), made.id, 1, kazasu.clock.now()))
    return True


async def invite(facility: str, name: str, role: Role, reset: str) -> int:
    """Print a one-time invitation: for a new account, or to reset that of the login `reset`."""
    async with _opened() as kazasu:
        office = kazasu.desk.office
        known = await office.account(login_name(reset)) if reset else None
        if await kazasu.store.facility(facility) is None or (reset and known is None):
            return wrong("no such station or login; `kazasu station` lists the stations")
        roles = {each.id: role for each, role in await office.stations_of(known.id)} if known else {}
        if known and facility not in roles:
            return wrong("this login does not belong to that station")
        who = known or Account("", "", name or "管理者")
        way_in = new_secret()
        invitation = Invitation(
            id=new_secret(),
            secret=hashed(way_in),
            facility=facility,
            role=roles.get(facility, role),
            name=who.name,
            by="kazasu account",
            made_at=kazasu.clock.now(),
            account=who.id,
        )
        await office.invite(invitation)
        print(f"{kazasu.desk.origin}/office/join#{way_in}\n（24時間以内に1回だけ使えます）")
    return 0


async def also(facility: str, login: str, role: Role) -> int:
    """Add an account to one more station; its office pages then have a switcher."""
    async with _opened() as kazasu:
        office = kazasu.desk.office
        known = await office.account(login_name(login))
        if known is None or await kazasu.store.facility(facility) is None:
            return wrong("no such station or login; `kazasu station` lists the stations")
        if facility in {each.id for each, _ in await office.stations_of(known.id)}:
            return wrong("this login belongs to that station already")
        await office.add_member(known.id, facility, role)
    return 0


async def reseal() -> int:
    """Encrypt everything again under the newest secret key; print how many values there were."""
    async with _opened() as kazasu:
        try:
            print(await kazasu.desk.office.reseal(kazasu.desk.sealer.renew))
        except BadToken:
            wrong("something is sealed with a key that is not among KAZASU_SECRET_KEYS")
            return 1
    return 0


async def accept_or_list(facility: str) -> int:
    """Make a station's read-only record writable again in its older state, or list those that wait for it."""
    async with _opened() as kazasu:
        if not facility:
            for gap in await kazasu.store.all_held():
                print(f"{gap.facility}  found {gap.found.size}, known {gap.known.size}")
            return 0
        head = await forgetting.accept(kazasu.store, kazasu.ledger, facility, "kazasu accept", kazasu.clock.now())
        if head is None:
            return wrong("this station's record is not read-only")
        print(f"{facility}:{head}")
    return 0


async def purge(*, sure: bool) -> int:
    """Remove settled visits and people past retention; refused while the clock is in doubt, unless `sure`."""
    async with _opened() as kazasu:
        now = kazasu.clock.now()
        known = await kazasu.sweeping.known(now)
        if sure:
            await asyncio.to_thread(kazasu.ledger.note_clock, Expected(now))
        elif known.started(now).doubt:
            return wrong(_IN_DOUBT.format(*(datetime.fromtimestamp(each, UTC) for each in (now, known.at))))
        visits, people = await forgetting.delete_over(kazasu.store, kazasu.ledger, now)
        print(f"{visits} visits, {people} people")
    return 0
