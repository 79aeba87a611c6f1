"""M1: how many mutants of the rules die by the tests of the rules. Mutants are made and tried by mutmut.

mutmut changes one thing in one function at a time: an operator, a number, a text, an argument, a branch. It leaves out
what runs at import (constants, tables, enum members, defaults that are calls) and decorated functions (properties). It
has died when a test fails, or runs into the limit of CPU time; it lives when all pass or none runs it. Tests that draw
thousands of files are left out: they would take days, and a mutant that dies by one file of them died by luck.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.report import ROOT, Control, Finding, Profile, Void

ROOMS: Final[Mapping[Profile, tuple[str, ...]]] = {
    Profile.CI: ("record/clock.py",),
    Profile.BENCH: ("record", "terminal/matching.py", "terminal/merge.py"),
    Profile.SOAK: ("record", "terminal", "visit"),
}
"""What is mutated of `app/rules`: rooms, or single modules of them."""
FLOOR: Final = 0.9
"""The share of each room's mutants that die. Accepted survivors count as living."""
SURVIVORS: Final = Path(__file__).with_name("m01_survivors.toml")
_PARTS: Final = ("app", "tests", "templates", "static", "locales", "docs", "pyproject.toml")
_DEAD: Final = frozenset({"killed", "timeout", "segfault"})
_RESULT: Final = re.compile(r"\s+(app\.rules\.(?P<room>\w+)\.(?P<place>\S+)__mutmut_\d+): (?P<end>.+)")
_CONFIG: Final = """[mutmut]
source_paths =
{mutated}
track_dependencies = false
timeout_constant = 20
also_copy =
{parts}
pytest_add_cli_args =
    -m
    not slow and not browser
    -p
    no:cacheprovider
    --hypothesis-profile=mutants
    --ignore=tests/rules/terminal/test_terminal_fuzz.py
    --ignore=tests/rules/terminal/test_terminal_round.py
pytest_add_cli_args_test_selection =
{tests}
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mutant, and what became of it."""

    name: str
    room: str
    place: str
    """Module and function, as mutmut writes them."""
    end: str
    """mutmut's word: killed, survived, no tests, timeout, …"""
    change: tuple[str, str] = ("", "")
    """The changed lines before and after; read only for those that tests ran and did not notice."""

    @property
    def is_dead(self) -> bool:
        """Whether a test noticed it."""
        return self.end in _DEAD


def run(profile: Profile, _rand: int) -> Finding:
    """Mutate the rooms under the tests of the rules; then one module without its own tests."""
    mutants = [*_tried(ROOMS[profile], ["tests/rules"])]
    rooms = {room: [each for each in mutants if each.room == room] for room in sorted({each.room for each in mutants})}
    untested = [*_tried(["record/clock.py"], ["tests/rules/visit/test_journey.py"])]
    accepted = reasons()
    return Finding(
        n=len(mutants),
        failures=0,
        figures={
            "floor": FLOOR,
            **{room: _figures(theirs, accepted) for room, theirs in rooms.items()},
            "without_its_tests": round(share(untested), 3),
        },
        control=Control("a module without its tests", caught=share(untested) < FLOOR),
        passed=all(share(theirs) >= FLOOR for theirs in rooms.values()),
    )


def share(mutants: Sequence[Mutant]) -> float:
    """Return the share of mutants that died."""
    return sum(each.is_dead for each in mutants) / len(mutants)


def reasons() -> list[tuple[re.Pattern[str], re.Pattern[str], str]]:
    """Return the accepted survivors: patterns of their place and of the line that they have, and the reason."""
    rows = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["accepted"]
    return [(re.compile(row["place"]), re.compile(row["line"]), row["reason"]) for row in rows]


def reason(mutant: Mutant, accepted: Sequence[tuple[re.Pattern[str], re.Pattern[str], str]]) -> str:
    """Return why a survivor is accepted; empty if nothing says so."""
    fits = (why for place, line, why in accepted if place.fullmatch(mutant.place) and line.search(mutant.change[1]))
    return next(fits, "")


def _figures(mutants: Sequence[Mutant], accepted: Sequence[tuple[re.Pattern[str], re.Pattern[str], str]]) -> object:
    living = {each: reason(each, accepted) for each in mutants if not each.is_dead}
    return {
        "share": round(share(mutants), 3),
        **Counter(each.end for each in mutants),
        "accepted": sorted(Counter(why for why in living.values() if why).items()),
        "without_a_reason": [f"{each.name}: {each.change[1]}" for each, why in living.items() if not why],
    }


def _tried(mutated: Sequence[str], tests: Sequence[str]) -> Iterator[Mutant]:
    """Run mutmut in a copy of the tree; yield the mutants."""
    with tempfile.TemporaryDirectory(prefix="kazasu-mutants-") as name:
        folder = Path(name)
        _copy(folder, mutated, tests)
        _mutmut(folder, "run", "--max-children", str(os.cpu_count()))
        for line in _mutmut(folder, "results", "--all", "true").splitlines():
            if found := _RESULT.fullmatch(line):
                change = _change(_mutmut(folder, "show", found[1])) if found["end"] == "survived" else ("", "")
                yield Mutant(found[1], found["room"], found["place"], found["end"], change)


def _copy(folder: Path, mutated: Sequence[str], tests: Sequence[str]) -> None:
    for part in _PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    config = {
        "mutated": _lines([f"app/rules/{each}" for each in mutated]),
        "parts": _lines(_PARTS[:-1]),
        "tests": _lines(tests),
    }
    (folder / "setup.cfg").write_text(_CONFIG.format(**config), encoding="utf-8")


def _lines(values: Sequence[str]) -> str:
    return "\n".join(f"    {value}" for value in values)


def _mutmut(folder: Path, *arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    if not Path(command[0]).exists():
        raise Void("mutmut is needed: pip install --require-hashes -r requirements/mutation.txt")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Void(f"mutmut {arguments[0]}: {(done.stderr or done.stdout)[-1000:]}")
    return done.stdout


def _change(diff: str) -> tuple[str, str]:
    """Return the lines that a diff takes away, and those that it puts in their place."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    before, after = ([line[1:].strip() for line in lines if line.startswith(sign)] for sign in "-+")
    return " ".join(before), " ".join(after)
