"""P3: what the station's entry needs before it can be seen: bytes as served, and requests."""

from __future__ import annotations

import asyncio
import random
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

from bench.load_browser import Line, browser
from bench.load_server import Defect, aside, free_port, kazasu, planted, subfolder
from bench.report import ROOT, Control, Finding, Profile

FLOOR: Final = 6_000
LOADS: Final = {Profile.CI: 3, Profile.BENCH: 9, Profile.SOAK: 21}
_HOLDS_UP: Final = """performance.getEntriesByType("resource")
    .filter((entry) => entry.renderBlockingStatus === "blocking").map((entry) => entry.name)"""
_PAINT: Final = """new Promise((resolve) => new PerformanceObserver((list) => list.getEntries()
    .filter(({ name }) => name === "first-contentful-paint").forEach(({ startTime }) => resolve(startTime))
).observe({ type: "paint", buffered: true }))"""
BLOCKS: Final = Defect(
    "templates/bedside/entry.html",
    """<script src="{{ asset('vendor/htmx.min.js') }}"></script>\n</head>""",
    over="</head>",
)


class First(NamedTuple):
    """What a first render took."""

    body: int
    head: int
    requests: int
    paint_ms: float
    failures: int

    @property
    def holds(self) -> bool:
        """Whether both floors hold."""
        return self.body <= FLOOR and self.requests == 1


def run(profile: Profile, rand: int) -> Finding:
    """Open the entry in browsers that have never been used, then with two defects."""
    with aside() as folder:
        loads = _loads(subfolder(folder, "product"), ROOT, LOADS[profile])
        heavy = _planted(folder, "heavy", Defect("static/entry.css", sheet(10_000, rand)))
        blocked = _planted(folder, "blocked", BLOCKS)
    return Finding(
        n=len(loads),
        failures=sum(each.failures for each in loads),
        figures={
            "floor_bytes": FLOOR,
            "bytes": max(each.body for each in loads),
            "headers_bytes": max(each.head for each in loads),
            "requests": max(each.requests for each in loads),
            "first_paint_ms_on_loopback": sorted(round(each.paint_ms) for each in loads),
            "with_more_css_bytes": heavy.body,
            "with_blocking_script_requests": blocked.requests,
        },
        control=Control("10 KB more of CSS; a script that blocks", caught=heavy.body > FLOOR and blocked.requests > 1),
        passed=all(each.holds for each in loads),
    )


def sheet(length: int, rand: int) -> str:
    """Return so many bytes of CSS that does not pack well."""
    drawn = random.Random(rand)
    rules = (f".x{drawn.getrandbits(40):x}{{color:#{drawn.getrandbits(24):06x}}}" for _ in range(length // 28))
    return "\n".join(rules)


def _planted(folder: Path, name: str, defect: Defect) -> First:
    own = subfolder(folder, name)
    return _loads(own, planted(own, defect), 1)[0]


def _loads(folder: Path, tree: Path, count: int) -> list[First]:
    port = free_port()
    with kazasu(folder, tree=tree, origin=f"http://127.0.0.1:{port}") as product:
        return [asyncio.run(_open(Line(product.port), port, product.entry)) for _ in range(count)]


async def _open(line: Line, port: int, entry: str) -> First:
    """Open the entry in a browser that has never been used."""
    async with line.open(port), browser() as page:
        answer = await page.goto(f"http://127.0.0.1:{port}{entry}")
        held_up: list[str] = await page.evaluate(_HOLDS_UP)
        paint: float = await page.evaluate(_PAINT)
    first = line.exchanges[0]
    is_packed = answer is not None and answer.headers.get("content-encoding") == "br"
    wrong = sum(each.status != HTTPStatus.OK for each in line.exchanges) + (not is_packed)
    return First(first.body, first.head, 1 + len(held_up), paint, wrong)
