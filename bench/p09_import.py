"""P9: five thousand people of a terminal's file taken into the list, on each store, while nurses go on with visits."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.load import percentile, run_to_end
from bench.load_office import Clerk, a_file, people, signed_in
from bench.load_server import Defect, Server, aside, kazasu, others, planted, subfolder
from bench.load_stores import DATABASES, Kind
from bench.load_visit import Phone
from bench.report import ROOT, Control, Finding, Profile

PERSONS: Final = 5_000
FEW: Final = 600
"""People of the file that the leaking server takes."""
FLOOR: Final = 15.0
"""Seconds from sending the file to its page saying that it is taken."""
MEMORY: Final = 300.0
"""MiB of the server at its highest."""
LATE: Final = 500.0
"""Milliseconds for a nurse's submission meanwhile, at the 99th percentile."""
ROUNDS: Final = {Profile.CI: 1, Profile.BENCH: 5, Profile.SOAK: 9}
NURSES: Final = 6
THINKS: Final = (0.2, 0.6)
_LOOKS: Final = 0.1
_PATIENCE: Final = 120.0
LEAKS: Final = Defect(
    "app/adapters/sql/consent_list.py",
    """
_kept = []
_take = SqlConsentList.take


async def _leaking(self, upload, people, done, now):
    _kept.append(b"x" * 24 * 1024 * 1024)
    return await _take(self, upload, people, done, now)


SqlConsentList.take = _leaking
""",
)


@dataclass(slots=True)
class Taken:
    """What taking one file took."""

    read_s: float
    all_s: float
    cpu_s: float
    peak_mib: float
    steps: int
    """How many different numbers of people the page showed while it was taken."""
    written: list[float] = field(default_factory=list)


def run(profile: Profile, rand: int) -> Finding:
    """Take a file on every store, several times; then with a leak of memory."""
    random.seed(rand)
    now = int(time.time())
    data, few = (a_file(people(count, rand, now), now) for count in (PERSONS, FEW))
    with aside() as folder, others() as load:
        found = {
            database.kind: [
                _taken(subfolder(folder, f"{database.kind}{n}"), database, data) for n in range(ROUNDS[profile])
            ]
            for database in DATABASES
        }
        own = subfolder(folder, "defect")
        leaking = _taken(own, Kind(), few, tree=planted(own, LEAKS))
    everything = [each for rounds in found.values() for each in rounds]
    quick = max(each.all_s for each in everything) <= FLOOR
    prompt = all(_late(rounds) < LATE for rounds in found.values())
    return Finding(
        n=len(everything),
        failures=sum(each.steps < 2 for each in everything),  # noqa: PLR2004 - one number does not move
        figures={
            "persons": PERSONS,
            "file_bytes": len(data),
            "floor_s": FLOOR,
            "floor_mib": MEMORY,
            **{kind: _figures(rounds) for kind, rounds in found.items()},
            "leaking_mib": round(leaking.peak_mib),
            **load,
        },
        control=Control("24 MiB kept with every batch", caught=leaking.peak_mib > MEMORY),
        # In CI nobody else's work may be called ours: what nurses wait there is reported only.
        passed=quick and max(each.peak_mib for each in everything) <= MEMORY and (prompt or profile is Profile.CI),
        cores_busy_with_others=load["cores_busy_with_others"],
    )


def _late(rounds: list[Taken]) -> float:
    return percentile([each for one in rounds for each in one.written], 0.99) * 1e3


def _figures(rounds: list[Taken]) -> dict[str, object]:
    written = [each for one in rounds for each in one.written]
    return {
        "until_preview_s": sorted(round(each.read_s, 2) for each in rounds),
        "until_taken_s": sorted(round(each.all_s, 2) for each in rounds),
        "server_cpu_s": sorted(round(each.cpu_s, 2) for each in rounds),
        "peak_mib": sorted(round(each.peak_mib) for each in rounds),
        "progress_steps": sorted(each.steps for each in rounds),
        "nurses_posts": len(written),
        "nurses_post_ms": {
            name: round(percentile(written, share) * 1e3, 1)
            for name, share in {"p50": 0.5, "p99": 0.99, "max": 1.0}.items()
        },
    }


def _taken(folder: Path, database: Kind, data: bytes, tree: Path = ROOT) -> Taken:
    keys = secrets.token_urlsafe(48)
    with (
        database.fresh() as url,
        kazasu(folder, database_url=url, secret_keys=keys, record_key=keys, tree=tree) as product,
    ):
        return run_to_end(_watched(product, url, keys, data))


async def _watched(product: Server, url: str, keys: str, data: bytes) -> Taken:
    """Let nurses walk visits, and take the file beside them."""
    clerk, is_over = await signed_in(product, url, keys), asyncio.Event()
    phones = [Phone(product, _thinking(is_over)) for _ in range(NURSES)]
    nurses = [asyncio.create_task(_nurse(phone)) for phone in phones]
    await asyncio.sleep(2 * THINKS[1])
    for phone in phones:
        phone.written.clear()
    found = await _take(product, clerk, data)
    is_over.set()
    await asyncio.gather(*nurses)
    found.written = [each for phone in phones for each in phone.written]
    clerk.close()
    return found


async def _take(product: Server, clerk: Clerk, data: bytes) -> Taken:
    began, cpu = time.perf_counter(), product.cpu
    address = await clerk.carry(data)
    read = time.perf_counter() - began
    await clerk.take(address)
    shown, is_over = set[int](), False
    while not is_over and time.perf_counter() - began < _PATIENCE:
        done, is_over = await clerk.progress(address)
        shown |= {done} - {0}
        await asyncio.sleep(0 if is_over else _LOOKS)
    return Taken(read, time.perf_counter() - began, product.cpu - cpu, product.peak_rss, len(shown))


class _Over(Exception):
    """The file is taken."""


def _thinking(is_over: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def think() -> None:
        await asyncio.sleep(random.uniform(*THINKS))
        if is_over.is_set():
            raise _Over

    return think


async def _nurse(phone: Phone) -> None:
    try:
        while True:
            await phone.whole_visit()
    except _Over:
        phone.close()
