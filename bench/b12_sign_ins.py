"""B12: sign-ins end when they should, what was ended stays so, and the door tells nobody who has an account."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from app.adapters.passwords import Passwords
from app.adapters.sql.office import SqlOffice
from app.cli.seed import seed_office
from app.main import PRACTICE_STATION
from app.rules.record.evidence import hashed
from app.rules.station.account import ABSOLUTE, IDLE, Account, Role, SignIn
from app.tokens import new_secret
from bench.load import get, percentile, post, run_to_end
from bench.load_inside import PORT, Inside, InsideLine, SetClock
from bench.load_server import aside, others, subfolder
from bench.report import Control, Finding, Profile

REPLAYS: Final = {Profile.CI: 1_000, Profile.BENCH: 10_000, Profile.SOAK: 100_000}
PAIRS: Final = {Profile.CI: 100, Profile.BENCH: 1_000, Profile.SOAK: 10_000}
CONTROL_REPLAYS: Final = 20
APART: Final = 0.01
"""By how much the work for a known and an unknown account may differ."""
_START: Final = 1_795_000_000
_THERE: Final = 200


def run(profile: Profile, _: int) -> Finding:
    """Replay ended sign-ins and used codes, look at the limits, time the door; then with defects."""
    with aside() as folder, others() as load:
        found = run_to_end(_tried(subfolder(folder, "product"), REPLAYS[profile], PAIRS[profile]))
        with _only_the_cookie_goes(), _a_minute_longer(), _nobody_is_quick():
            wrong = run_to_end(_tried(subfolder(folder, "defect"), CONTROL_REPLAYS, CONTROL_REPLAYS))
    caught = wrong["replayed"] > 0 and wrong["limits_missed"] > 0 and wrong["apart"] > 10 * APART
    return Finding(
        n=2 * REPLAYS[profile] + PAIRS[profile],
        failures=int(found["replayed"] + found["codes_twice"] + found["limits_missed"]),
        figures={**found, "with_defects": wrong, **load},
        control=Control("only the cookie deleted; a minute too long; no work for nobody", caught),
        # In CI the clock also measures the neighbours: there the difference is reported only.
        passed=profile is Profile.CI or found["apart"] < APART,
        cores_busy_with_others=load["cores_busy_with_others"],
    )


async def _tried(folder: Path, replays: int, pairs: int) -> dict[str, float]:
    clock = SetClock(_START)
    one = Inside(folder, clock)
    await one.begin()
    await seed_office(one.kazasu)
    line = await one.dial()
    return {
        "replayed": sum([await _replayed(one, line) for _ in range(replays)]),
        "codes_twice": await _codes_twice(one, clock, replays),
        "limits_missed": await _limits_missed(one, line, clock),
        "apart": round(await _apart(one, line, pairs), 4),
    }


async def _signed_in(one: Inside) -> tuple[SignIn, str]:
    office, secret, now = one.kazasu.desk.office, new_secret(), one.clock.now()
    account = await office.account("sakura")
    assert account is not None
    made = SignIn(new_secret(), hashed(secret), account.id, PRACTICE_STATION.id, True, now, now)  # noqa: FBT003
    await office.sign_in(made)
    return made, f"office={secret}"


async def _replayed(one: Inside, line: InsideLine) -> bool:
    """Sign out, and come back with what was kept: whether that opens the office."""
    _, cookies = await _signed_in(one)
    assert (await line.ask(get(PORT, "/office", cookies=cookies))).status == _THERE
    token = one.kazasu.signer.form(f"{cookies.removeprefix('office=')}\0{PRACTICE_STATION.id}")
    await line.ask(post(PORT, "/office/sign-out", {"token": token}, cookies=cookies))
    return (await line.ask(get(PORT, "/office", cookies=cookies))).status == _THERE


async def _codes_twice(one: Inside, clock: SetClock, count: int) -> int:
    """Use each code once more: how many counted twice."""
    desk = one.kazasu.desk
    account = await desk.office.account("haru")
    assert account is not None
    twice = 0
    for _ in range(count):
        clock.at += 30
        step = desk.secrets.step_of(desk.practice[1].totp, desk.secrets.code(desk.practice[1].totp, clock.at), clock.at)
        assert await desk.office.take_step(account.id, step)
        twice += await desk.office.take_step(account.id, step)
    return twice


async def _limits_missed(one: Inside, line: InsideLine, clock: SetClock) -> int:
    """Stand a second before and at each limit: how often the office was on the wrong side."""
    missed = 0
    for second, is_open in ((IDLE - 1, True), (IDLE, False)):
        _, cookies = await _signed_in(one)
        clock.at += second
        missed += ((await line.ask(get(PORT, "/office", cookies=cookies))).status == _THERE) is not is_open
    for late, is_open in ((-1, True), (0, False)):
        made, cookies = await _signed_in(one)
        clock.at += ABSOLUTE + late
        await one.kazasu.desk.office.touch(made.id, clock.at - 1)
        missed += ((await line.ask(get(PORT, "/office", cookies=cookies))).status == _THERE) is not is_open
    return missed


async def _apart(one: Inside, line: InsideLine, pairs: int) -> float:
    """Return by which share known and unknown accounts differ in processor time, at the middle."""
    desk = one.kazasu.desk
    kept = await desk.secrets.hashed("kept-and-never-typed")
    times: dict[bool, list[float]] = {True: [], False: []}
    for pair in range(pairs):
        known = Account(new_secret(), f"known{pair}", "練習", kept, created_at=_START)
        await desk.office.add(known, PRACTICE_STATION.id, Role.STAFF)
        for is_known in (True, False) if pair % 2 else (False, True):
            login = f"known{pair}" if is_known else f"nobody{pair}"
            sent = {"login": login, "password": "wrong-wrong-wrong", "code": "000000"}
            began = time.process_time()
            await line.ask(post(PORT, "/office/sign-in", sent))
            times[is_known].append(time.process_time() - began)
    known_s, unknown_s = (percentile(times[is_known], 0.5) for is_known in (True, False))
    return abs(known_s - unknown_s) / known_s


# --- defects ----------------------------------------------------------------------------------------------------


@contextmanager
def _only_the_cookie_goes() -> Iterator[None]:
    async def nothing(*_: object, **__: object) -> bool:
        return True

    with patch.object(SqlOffice, "sign_out", nothing):
        yield


@contextmanager
def _a_minute_longer() -> Iterator[None]:
    with patch.object(SignIn, "is_open", lambda self, now: now < self.used_at + IDLE + 60):
        yield


@contextmanager
def _nobody_is_quick() -> Iterator[None]:
    right = Passwords.is_right

    async def quick(self: Passwords, kept: str, password: str) -> bool:
        return bool(kept) and await right(self, kept, password)

    patched: Any = patch.object(Passwords, "is_right", quick)
    with patched:
        yield
