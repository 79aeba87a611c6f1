"""`python -m bench ID --profile ci|bench|soak --rand 1`: one JSON line each; `all` runs every bench.

A bench is a module `bench/b01.py`, `bench/p02.py`, … with `run(profile, rand)` that returns a `Finding`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Final

from bench.report import Control, Finding, Profile, Void, line, verdict

_NAMED: Final = re.compile(r"([bp])(\d\d)([a-z]?)")


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
    asked = parser.parse_args()
    return _all(asked) if asked.id == "all" else _one(asked.id, asked.profile, asked.rand)


def _all(asked: argparse.Namespace) -> int:
    """Run each bench in a process of its own: none inherits memory, threads or cores of another."""
    worst = 0
    for bench in benches():
        command = [sys.executable, "-m", "bench", bench, f"--profile={asked.profile}", f"--rand={asked.rand}"]
        worst = max(worst, subprocess.run(command, check=False).returncode)
    return worst


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
