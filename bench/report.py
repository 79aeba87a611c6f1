"""What a bench hands in, and the one JSON line that it becomes."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_PACKAGES: Final = ("fastapi", "itsdangerous", "jinja2", "psycopg", "sqlalchemy", "starlette", "uvicorn", "uvloop")
BUSY: Final = 0.5
"""Cores that others may keep busy before a clock says more about them than about us."""


class Profile(StrEnum):
    """How much of the full n is run: floors only, an hour, or a night."""

    CI = "ci"
    BENCH = "bench"
    SOAK = "soak"


@dataclass(frozen=True, slots=True)
class Control:
    """A planted defect, and whether the bench noticed it."""

    name: str
    caught: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What one bench found. `failures` counts what must never happen; `passed` is about floors."""

    n: int
    failures: int
    figures: Mapping[str, object]
    control: Control
    passed: bool = True
    cores_busy_with_others: float = 0.0
    """How much else the machine did while time was taken by the clock."""


class Void(Exception):
    """A setting is not as asserted: whatever was measured says nothing."""


def verdict(finding: Finding) -> str:
    """Return pass, fail, or void: the planted defect went unnoticed, or a slow clock may be the others' fault."""
    if not finding.control.caught:
        return "void"
    if finding.failures:
        return "fail"
    if finding.passed:
        return "pass"
    return "void" if finding.cores_busy_with_others > BUSY else "fail"


def line(bench: str, profile: Profile, rand: int, finding: Finding, wall_s: float) -> str:
    """Return the line that a bench prints."""
    return json.dumps(
        {
            "bench": bench,
            "profile": profile.value,
            "commit": commit(),
            "machine": machine(),
            "versions": versions(),
            "rand": rand,
            "n": finding.n,
            "failures": finding.failures,
            "figures": finding.figures,
            "control": asdict(finding.control),
            "wall_s": round(wall_s, 1),
            "verdict": verdict(finding),
        },
        ensure_ascii=False,
    )


def commit() -> str:
    """Return the commit that is checked out, with a plus when files differ from it."""
    try:
        head, changed = (_git("rev-parse", "--short=12", "HEAD"), _git("status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")


def _git(*arguments: str) -> str:
    asked = ["git", *arguments]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> str:
    """Return system, processor and cores."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if _is_linux() else []
    model = next((one.partition(":")[2].strip() for one in lines if one.startswith("model name")), "")
    return f"{platform.system()} {platform.machine()}, {model or 'unknown'}, {os.cpu_count()} cores"


def _is_linux() -> bool:
    return Path("/proc/cpuinfo").exists()


def versions() -> dict[str, str]:
    """Return what the figures depend on."""
    own = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    return own | {name: version(name) for name in _PACKAGES}
