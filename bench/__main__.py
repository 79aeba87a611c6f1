"""`python -m bench ID --profile ci|bench|soak --rand 1`: one JSON line each; `all` runs every bench.

A bench is a module named by its id and what it measures (`bench/b01_kill.py`), with `run(profile, rand)` that returns
a `Finding`.

`all` leaves out what takes hours (`SOAK_ONLY`) unless the profile is `soak`. In CI it runs those that only count at the
same time, each on a core of its own; those that a clock judges run alone, on all cores. The lines come in the same
order either way.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from bench.report import Control, Finding, Profile, Void, line, verdict

COUNT_ONLY: Final = ("B7", "B8", "B1p", "B9", "B3", "P5", "P3", "P7", "P4", "B5")
"""Benches with no clock in their verdict in CI, longest first: of them, two may run at once. Any other runs alone."""
SOAK_ONLY: Final = ("M1",)
"""Benches that take hours and say nothing about the machine: `all` runs them in the profile `soak` alone."""
_NAMED: Final = re.compile(r"([bmp])(\d\d)([a-z]?)_\w+")


def benches() -> dict[str, str]:
    """Return every bench: its id and its module."""
    found = (_NAMED.fullmatch(path.stem) for path in sorted(Path(__file__).parent.glob("*.py")))
    return {f"{one[1].upper()}{int(one[2])}{one[3]}": f"bench.{one[0]}" for one in found if one}


def main() -> int:
    """Run what was asked for; return 1 when a bench fails or is void."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Claims, measured")
    parser.add_argument("id", choices=["all", *benches()])
    parser.add_argument("--profile", type=Profile, choices=list(Profile), default=Profile.CI)
    parser.add_argument("--rand", type=int, default=1)
    parser.add_argument("--jobs", type=int, help="how many may run at once, where no clock judges (2 in CI, else 1)")
    asked = parser.parse_args()
    return _all(asked) if asked.id == "all" else _one(asked.id, asked.profile, asked.rand)


def _all(asked: argparse.Namespace) -> int:
    """Run every bench; return the worst of what they return."""
    cores = sorted(os.sched_getaffinity(0))
    jobs = min(asked.jobs or (2 if asked.profile is Profile.CI else 1), len(cores))
    at_once = _at_once(asked, cores[:jobs]) if jobs > 1 else {}
    worst = 0
    for bench in benches():
        if bench in SOAK_ONLY and asked.profile is not Profile.SOAK:
            continue
        ran = at_once[bench] if bench in at_once else subprocess.run(_command(bench, asked), check=False)
        if ran.stdout:
            print(ran.stdout, end="", flush=True)
        worst = max(worst, abs(ran.returncode))  # below zero: ended by a signal, which is no pass either
    return worst


Ran = subprocess.CompletedProcess[str]


def _at_once(asked: argparse.Namespace, cores: list[int]) -> dict[str, Ran]:
    """Run those that only count, as many at once as there are cores: none can take the time of its neighbour."""
    free: SimpleQueue[int] = SimpleQueue()
    for core in cores:
        free.put(core)

    def ran(bench: str) -> Ran:
        core = free.get()
        command = ["taskset", "--cpu-list", str(core), *_command(bench, asked)]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        free.put(core)
        return done

    with ThreadPoolExecutor(len(cores)) as lanes:
        started: dict[str, Future[Ran]] = {bench: lanes.submit(ran, bench) for bench in COUNT_ONLY}
        return {bench: future.result() for bench, future in started.items()}


def _command(bench: str, asked: argparse.Namespace) -> list[str]:
    """Return what runs a bench in a process of its own: none inherits memory, threads or cores of another."""
    return [sys.executable, "-m", "bench", bench, f"--profile={asked.profile}", f"--rand={asked.rand}"]


def _one(bench: str, profile: Profile, rand: int) -> int:
    began = time.monotonic()
    try:
        finding: Finding = import_module(benches()[bench]).run(profile, rand)
    except Void as void:
        finding = Finding(0, 0, {"void": str(void)}, Control("not reached", caught=False))
    print(line(bench, profile, rand, finding, time.monotonic() - began), flush=True)
    return int(verdict(finding) != "pass")


if __name__ == "__main__":
    sys.exit(main())
