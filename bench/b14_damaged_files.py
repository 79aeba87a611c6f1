"""B14: whatever happens to a terminal's file, it is read or refused; no crash, bounded memory, and read as written."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from bench.report import ROOT, Control, Finding, Profile, Void

SECONDS: Final = {Profile.CI: 24, Profile.BENCH: 600, Profile.SOAK: 7_200}
"""For which damaged files are read; in CI the planted faults take the rest of its half minute."""
FAULT_SECONDS: Final = 5
PROCESSES: Final = 2
MEMORY: Final = 250.0
"""MiB of a process that reads files, the making of them included."""
SLOW: Final = 15.0
"""Seconds of processor time for one file."""
FEWEST: Final = 0.03
"""Share of files that must survive: else only the reader's outer half is tried."""


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What became of the files of one process."""

    seen: dict[str, int]
    slowest_s: float
    crash: str
    peak_mib: float


def run(profile: Profile, rand: int) -> Finding:
    """Read damaged files in two processes; then with a reader that fails, and one that unpacks anything."""
    with ThreadPoolExecutor(PROCESSES) as at_once:
        asked = [at_once.submit(_fuzzed, SECONDS[profile], rand * 1_000 + n) for n in range(PROCESSES)]
        found = [each.result() for each in asked]
        faults = [at_once.submit(_fuzzed, FAULT_SECONDS, rand, fault) for fault in ("key", "size")]
        failing, greedy = (each.result() for each in faults)
    seen: dict[str, int] = {}
    for each in found:
        for what, count in each.seen.items():
            seen[what] = seen.get(what, 0) + count
    files = sum(seen.values())
    peak, slowest = max(each.peak_mib for each in found), max(each.slowest_s for each in found)
    if seen.get("read", 0) < FEWEST * files:
        raise Void("too few files survive the damage")
    return Finding(
        n=files,
        failures=sum(bool(each.crash) for each in found),
        figures={
            "seconds": SECONDS[profile] * PROCESSES,
            "outcomes": dict(sorted(seen.items())),
            "crashes": [each.crash for each in found if each.crash],
            "peak_mib": peak,
            "floor_mib": MEMORY,
            "slowest_file_cpu_s": slowest,
            "with_failing_reader": failing.crash,
            "with_greedy_reader_mib": greedy.peak_mib,
        },
        control=Control(
            "a reader that knows one flag only; one that unpacks anything",
            caught="KeyError" in failing.crash and greedy.peak_mib > MEMORY,
        ),
        passed=peak <= MEMORY and slowest <= SLOW,
    )


def _fuzzed(seconds: int, rand: int, fault: str = "") -> Fuzzed:
    command = [sys.executable, "-m", "bench.load_fuzz", str(seconds), str(rand), *([fault] if fault else [])]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Void(ended.stderr[-2000:])
    return Fuzzed(**json.loads(ended.stdout))
