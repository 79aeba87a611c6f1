"""B11: two hundred nurses at once, each walking real visits on a phone of her own."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.load import Line, connect, percentile, run_to_end
from bench.load_server import Defect, Server, aside, kazasu, others, planted, subfolder
from bench.load_visit import Astray, Phone
from bench.report import Control, Finding, Profile

FLOOR: Final = 150.0
TARGET: Final = 60.0
NURSES: Final = 200
SLOW_CLIENTS: Final = 20
SECONDS: Final = {Profile.CI: 20, Profile.BENCH: 180, Profile.SOAK: 1800}
THINKS: Final = (0.5, 1.5)
"""Seconds between seeing a page and tapping on it: fewer than anybody needs."""
STALLS: Final = Defect(
    "app/adapters/sql/store.py",
    """
import time

_write = SqlStore.write


async def _stalled(self, change):
    time.sleep(0.02)
    return await _write(self, change)


SqlStore.write = _stalled
""",
)


class TimeIsUp(Exception):
    """The run is over."""


@dataclass(slots=True)
class Crowd:
    """What the nurses of one run met."""

    written: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """By how much the load generator itself woke up too late: no latency below this can be seen."""
    errors: list[str] = field(default_factory=list)

    def figures(self, seconds: float) -> dict[str, object]:
        """Return what is reported of a run."""
        return {
            "durable_posts": len(self.written),
            "durable_posts_per_s": round(len(self.written) / seconds),
            "durable_post_ms": _shares(self.written),
            "page_ms": _shares(self.read),
            "generator_late_ms": _shares(self.late),
            "errors": self.errors[:5],
        }


def run(profile: Profile, rand: int) -> Finding:
    """Let the nurses work, then beside slow clients, then with a defect."""
    random.seed(rand)
    seconds = SECONDS[profile]
    with aside() as folder:
        with others() as load, kazasu(subfolder(folder, "product")) as product:
            run_to_end(_crowd(product, 1))
            before, cpu = product.rss, product.cpu
            crowd = run_to_end(_crowd(product, seconds))
            after, busy = product.rss, (product.cpu - cpu) / seconds
            beside_slow = run_to_end(_beside_slow_clients(product, max(4, seconds // 5)))
            kept = product.ask("SELECT count(*) FROM submission")
            durable = product.assert_durable()
        stalled = _with_defect(folder)
    slow, worst = percentile(stalled.written, 0.99) * 1e3, percentile(crowd.written, 0.99) * 1e3
    lost = max(0, len(crowd.written) + len(beside_slow.written) - kept)
    return Finding(
        n=len(crowd.written) + len(crowd.read),
        failures=len(crowd.errors) + len(beside_slow.errors) + lost,
        figures={
            "floor_p99_ms": FLOOR,
            "target_p99_ms": TARGET,
            "nurses": NURSES,
            "seconds": seconds,
            **crowd.figures(seconds),
            **durable,
            **load,
            "server_busy": round(busy, 2),
            "rss_mib": [round(before, 1), round(after, 1)],
            "beside_slow_clients_ms": _shares(beside_slow.written),
            "with_defect_ms": _shares(stalled.written),
        },
        control=Control("a stall of 20 ms in each write", caught=slow > max(FLOOR, worst)),
        # In CI the clock also measures the neighbours: there it is reported, and errors and the control are judged.
        passed=profile is Profile.CI or worst < FLOOR,
        cores_busy_with_others=load["cores_busy_with_others"],
    )


def _shares(times: list[float]) -> dict[str, float]:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(times, share) * 1e3, 1) for name, share in shares.items()}


async def _crowd(product: Server, seconds: float) -> Crowd:
    """Let all nurses walk visits for so long."""
    crowd, end = Crowd(), time.perf_counter() + seconds

    async def think() -> None:
        await asyncio.sleep(random.uniform(*THINKS))
        if time.perf_counter() > end:
            raise TimeIsUp

    phones = [Phone(product, think) for _ in range(NURSES)]
    await asyncio.gather(_watch(crowd, end), *(_nurse(phone, crowd) for phone in phones))
    return crowd


async def _nurse(phone: Phone, crowd: Crowd) -> None:
    """Walk one visit after the other until the time is up."""
    try:
        await asyncio.sleep(random.uniform(0, THINKS[1]))
        while True:
            await phone.whole_visit()
    except TimeIsUp:
        phone.close()
    except (Astray, OSError) as error:
        crowd.errors.append(f"{type(error).__name__} {error}")
    crowd.written += phone.written
    crowd.read += phone.read


async def _watch(crowd: Crowd, end: float) -> None:
    while (began := time.perf_counter()) < end:
        await asyncio.sleep(0.01)
        crowd.late.append(time.perf_counter() - began - 0.01)


async def _beside_slow_clients(product: Server, seconds: float) -> Crowd:
    """Let the nurses work while other clients send a request letter by letter."""
    lines = [await connect(product.port) for _ in range(SLOW_CLIENTS)]
    dawdling = [asyncio.create_task(_dawdle(line, product.port)) for line in lines]
    crowd = await _crowd(product, seconds)
    for task, line in zip(dawdling, lines, strict=True):
        task.cancel()
        line.close()
    return crowd


async def _dawdle(line: Line, port: int) -> None:
    for letter in f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Slow: {'-' * 9999}":
        line.put(letter.encode())
        await asyncio.sleep(0.05)


def _with_defect(folder: Path) -> Crowd:
    own = subfolder(folder, "defect")
    with kazasu(own, tree=planted(own, STALLS)) as product:
        return run_to_end(_crowd(product, 3))
