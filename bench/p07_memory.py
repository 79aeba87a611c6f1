"""P7: the memory of one worker after a thousand steps."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from bench.load import get, run_to_end, send_all
from bench.load_server import Defect, Server, aside, bare, kazasu, planted, subfolder
from bench.load_visit import Phone
from bench.report import Control, Finding, Profile

FLOOR: Final = 150.0
TARGET: Final = 100.0
STEPS: Final = {Profile.CI: 1_000, Profile.BENCH: 10_000, Profile.SOAK: 100_000}
PHONES: Final = 8
BALLAST: Final = Defect("app/main.py", 'BALLAST = b"-" * (96 << 20)')


def run(profile: Profile, _: int) -> Finding:
    """Walk visits until enough steps are written, and weigh the process; then the same with a defect."""
    with aside() as folder:
        with kazasu(subfolder(folder, "product")) as product:
            at_start = product.rss
            written, kept = run_to_end(_walk(product, STEPS[profile]))
            after = product.rss
        with bare(subfolder(folder, "bare"), b"-" * 8000) as reference:
            run_to_end(send_all(reference.port, [[get(reference.port, "/")] * 1000]))
            plain = reference.rss
        heavy = _with_defect(folder)
    return Finding(
        n=written,
        failures=max(0, written - kept),
        figures={
            "floor_mib": FLOOR,
            "target_mib": TARGET,
            "rss_mib": round(after, 1),
            "at_start_mib": round(at_start, 1),
            "bare_mib": round(plain, 1),
            "over_bare": round(after / plain, 2),
            "with_defect_mib": round(heavy, 1),
        },
        control=Control("96 MiB that nobody needs", caught=heavy > FLOOR),
        passed=after <= FLOOR,
    )


async def _walk(product: Server, steps: int) -> tuple[int, int]:
    """Walk whole visits on several phones; return the steps acknowledged, and the submissions kept."""
    phones = [Phone(product) for _ in range(PHONES)]

    async def nurse(phone: Phone) -> None:
        while sum(len(each.written) for each in phones) < steps:
            await phone.whole_visit()
        phone.close()

    await asyncio.gather(*(nurse(phone) for phone in phones))
    kept = product.ask("SELECT count(*) FROM submission")
    return sum(len(each.written) for each in phones), kept


def _with_defect(folder: Path) -> float:
    own = subfolder(folder, "defect")
    with kazasu(own, tree=planted(own, BALLAST)) as product:
        run_to_end(_walk(product, 1))
        return product.rss
