"""B5: replaced codes start nothing, new ones work at once, and no crafted address is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest.mock import PropertyMock, patch

from app.main import PRACTICE_STATION
from app.rules.station.station import Address, Link, new_token, official_address
from app.web.office.desk import inside
from bench.addresses import HERE, crafted, is_safe
from bench.load import get, percentile, post, run_to_end
from bench.load_inside import PORT, Inside, InsideLine, SetClock
from bench.load_server import aside, subfolder
from bench.report import Control, Finding, Profile

ROTATIONS: Final = {Profile.CI: 100, Profile.BENCH: 1_000, Profile.SOAK: 10_000}
ADDRESSES: Final = {Profile.CI: 10_000, Profile.BENCH: 100_000, Profile.SOAK: 1_000_000}
CONTROL_ROTATIONS: Final = 5
USABLE: Final = 1.0
"""Seconds after which a new code must work."""
_START: Final = 1_795_000_000
_GONE, _THERE, _BEGUN = 410, 200, 303


def run(profile: Profile, rand: int) -> Finding:
    """Replace the entry many times; try every old one; try crafted addresses; then with a defect."""
    with aside() as folder:
        accepted, late = run_to_end(_rotate(subfolder(folder, "product"), ROTATIONS[profile]))
        with _still_accepted():
            missed, _ = run_to_end(_rotate(subfolder(folder, "defect"), CONTROL_ROTATIONS))
    tried = crafted(ADDRESSES[profile], rand)
    taken = [each for each in (official_address(one, our_host=HERE) for one in tried) if isinstance(each, Address)]
    misleading = sum(not is_safe(each) or each.host == HERE for each in taken)
    ways_out = sum(not inside(one).startswith("/office") or "//" in inside(one) for one in tried)
    return Finding(
        n=ROTATIONS[profile] + len(tried),
        failures=accepted + misleading + ways_out,
        figures={
            "rotations": ROTATIONS[profile],
            "old_codes_accepted": accepted,
            "new_code_usable_s": [round(percentile(late, share), 4) for share in (0.5, 0.99, 1.0)],
            "addresses": len(tried),
            "addresses_taken": len(taken),
            "misleading": misleading,
            "open_redirects": ways_out,
        },
        control=Control("an old code that still starts a visit", caught=missed > 0),
        passed=max(late) < USABLE,
    )


async def _rotate(folder: Path, count: int) -> tuple[int, list[float]]:
    """Replace the entry `count` times; return how often an old code started something, and how long new ones took."""
    inside_one = Inside(folder, SetClock(_START))
    await inside_one.begin()
    line, office = await inside_one.dial(), inside_one.kazasu.desk.office
    old, late = [], []
    live = (await office.links(PRACTICE_STATION.id, limit=1))[0]
    for _ in range(count):
        old.append(live.token)
        began = time.perf_counter()
        made = await office.replace_entry(Link(new_token(), PRACTICE_STATION.id, live.revision, _START))
        assert made is not None
        answer = await line.ask(get(PORT, f"/f/{made.token}"))
        late.append(time.perf_counter() - began if answer.status == _THERE else USABLE)
        live = made
    accepted = sum([await _starts(line, token) for token in old])
    accepted += not await _starts(line, live.token)
    return accepted, late


async def _starts(line: InsideLine, token: str) -> bool:
    """Whether a code shows an entry, or begins a visit."""
    shown = await line.ask(get(PORT, f"/f/{token}"))
    begun = await line.ask(post(PORT, f"/f/{token}", {"start": "1"}))
    return shown.status != _GONE or begun.status == _BEGUN


@contextmanager
def _still_accepted() -> Iterator[None]:
    with patch.object(Link, "is_live", PropertyMock(return_value=True)):
        yield
