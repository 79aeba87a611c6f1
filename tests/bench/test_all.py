"""What `python -m bench all` returns, and which benches may run at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench import __main__ as command
from bench.report import Profile


@pytest.mark.parametrize(("returned", "worst"), [(0, 0), (1, 1), (-15, 15)], ids=["pass", "fail", "killed"])
def test_a_bench_that_was_killed_is_no_pass(monkeypatch: pytest.MonkeyPatch, returned: int, worst: int) -> None:
    def ran(asked: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(asked, returned if "P1" in asked else 0, "")

    monkeypatch.setattr(subprocess, "run", ran)
    monkeypatch.setattr(sys, "argv", ["bench", "all"])
    assert command.main() == worst


def test_no_bench_that_a_clock_judges_shares_the_machine() -> None:
    assert set(command.COUNT_ONLY) <= command.benches().keys()
    assert not {"B1", "B11", "B12", "P1", "P2", "P6", "P8", "P9"} & set(command.COUNT_ONLY)


@pytest.mark.parametrize("profile", Profile)
def test_a_bench_that_takes_a_night_runs_in_the_night_alone(monkeypatch: pytest.MonkeyPatch, profile: Profile) -> None:
    began: set[str] = set()

    def ran(asked: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        began.update(command.benches().keys() & set(asked))
        return subprocess.CompletedProcess(asked, 0, "")

    monkeypatch.setattr(subprocess, "run", ran)
    monkeypatch.setattr(sys, "argv", ["bench", "all", f"--profile={profile}"])
    assert command.main() == 0
    left_out = set() if profile is Profile.SOAK else set(command.SOAK_ONLY)
    assert began == command.benches().keys() - left_out
    assert left_out <= command.benches().keys()
