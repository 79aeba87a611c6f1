"""What counts as a dead mutant, and which survivors are accepted."""

from __future__ import annotations

import pytest

from bench.m01_mutation import Mutant, reason, reasons, share


def a_mutant(
    end: str, place: str = "gap.x__line", after: str = 'return json.dumps(said, separators=("XX,XX", ":"))'
) -> Mutant:
    return Mutant(f"app.rules.record.{place}__mutmut_1", "record", place, end, ("", after))


@pytest.mark.parametrize(
    ("end", "dead"), [("killed", 1), ("timeout", 1), ("survived", 0), ("no tests", 0), ("not checked", 0)]
)
def test_a_mutant_is_dead_only_when_a_test_noticed_it(end: str, dead: int) -> None:
    assert share([a_mutant(end), a_mutant("killed")]) == (1 + dead) / 2


def test_every_accepted_survivor_has_its_reason() -> None:
    assert all(why and place.pattern and line.pattern for place, line, why in reasons())


def test_a_survivor_elsewhere_or_of_another_line_is_not_accepted() -> None:
    accepted = reasons()
    assert reason(a_mutant("survived"), accepted)
    assert not reason(a_mutant("survived", place="gap.x_gap"), accepted)
    assert not reason(a_mutant("survived", after="return None"), accepted)
