"""How far the wall clock is believed: against a steady one, second by second."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.clock import AHEAD, BEHIND, PATIENCE, ClockNote, Trust, is_young
from app.people import Invitation, Role, SignIn
from app.registry import Stage, Upload, preview
from app.terminal import Answer02, Encoding, Header, Reading
from app.worklist import Followed, Standing, standing
from tests.flow.visits import NOW, a_visit

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
STEADY = 500
"""Seconds for which the machine has run at the start."""


def begun(off: int = 0, known: ClockNote | None = None) -> Trust:
    """Return what is believed at a start, `off` seconds after the last moment that is known."""
    return Trust.begun(known or ClockNote(NOW), NOW + off, STEADY)


def run(trust: Trust, seconds: int, *, set_by: int = 0, rate: float = 1.0, begin: int = 0) -> Trust:
    """Return what is believed after so many seconds of a round a minute, on a wall clock that was set and runs so."""
    for passed in range(begin, begin + seconds + 1, MINUTE):
        trust = trust.read(NOW + set_by + int(passed * rate), STEADY + passed)
    return trust


@pytest.mark.parametrize(
    ("off", "doubt"),
    [
        (0, ""),
        (14 * HOUR, ""),
        (AHEAD, ""),
        (AHEAD + 1, "gap"),
        (62 * HOUR, "gap"),
        (-BEHIND, ""),
        (-BEHIND - 1, "behind"),
    ],
)
def test_a_start_long_after_the_last_known_moment_is_a_gap_and_one_before_it_an_alarm(off: int, doubt: str) -> None:
    trust = begun(off)
    assert (trust.doubt, trust.is_alarm) == (doubt, doubt == "behind")


@pytest.mark.parametrize(
    ("set_by", "doubt"), [(AHEAD, ""), (AHEAD + 1, "ahead"), (400 * DAY, "ahead"), (-BEHIND, ""), (-2 * HOUR, "behind")]
)
def test_a_clock_that_is_set_while_it_runs_is_an_alarm(set_by: int, doubt: str) -> None:
    trust = begun().read(NOW + set_by + MINUTE, STEADY + MINUTE)
    assert (trust.doubt, trust.is_alarm) == (doubt, bool(doubt))


@pytest.mark.parametrize("set_by", [400 * DAY, -2 * HOUR, -400 * DAY])
def test_a_doubt_lasts_until_the_clock_is_right_again(set_by: int) -> None:
    wrong = run(begun(), 20 * HOUR, set_by=set_by)
    assert wrong.is_alarm
    assert run(wrong, 0, begin=20 * HOUR).doubt == ""


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.5])
def test_a_clock_that_stands_or_is_slow_is_found_and_one_that_is_fast_within_a_day_is_not(rate: float) -> None:
    found = run(begun(), 20 * MINUTE, rate=rate)
    assert found.doubt == ("behind" if rate < 1 else "")


def test_a_clock_that_stands_is_never_believed() -> None:
    assert run(run(begun(), HOUR), 3 * PATIENCE, rate=0.0, begin=HOUR).is_alarm


def test_small_steps_for_years_are_no_alarm() -> None:
    trust, steady, wall = begun(), STEADY, NOW
    for _ in range(1_000):
        steady, wall = steady + HOUR, wall + HOUR - 10
        trust = trust.read(wall, steady)
        assert trust.doubt == ""


@pytest.mark.parametrize("set_by", [400 * DAY, -2 * HOUR])
def test_after_a_day_of_even_running_the_clock_is_believed(set_by: int) -> None:
    wrong = run(begun(), PATIENCE - MINUTE, set_by=set_by)
    assert wrong.is_alarm
    assert run(wrong, 2 * MINUTE, set_by=set_by, begin=PATIENCE - MINUTE).doubt == ""


def test_each_setting_of_the_clock_begins_the_day_anew() -> None:
    wrong = run(begun(), 20 * HOUR, set_by=400 * DAY)
    wrong = run(wrong, 20 * HOUR, set_by=300 * DAY, begin=20 * HOUR)
    assert wrong.is_alarm
    assert run(wrong, 5 * HOUR, set_by=300 * DAY, begin=40 * HOUR).doubt == ""


def test_a_gap_is_no_alarm_until_the_clock_is_set_besides() -> None:
    gap = begun(62 * HOUR)
    gap = run(gap, HOUR, set_by=62 * HOUR)
    assert gap.doubt == "gap"
    assert run(gap, 0, set_by=70 * HOUR, begin=HOUR).doubt == "ahead"


def test_a_server_that_is_off_each_night_has_its_day_after_three() -> None:
    """Ten hours a day, from Monday at eight, after a weekend."""
    note = ClockNote(NOW)
    for day, at_the_end in enumerate(("gap", "gap", "")):
        morning = NOW + 62 * HOUR + day * DAY
        trust = Trust.begun(note, morning, STEADY)
        assert trust.doubt == "gap"
        for passed in range(0, 10 * HOUR + 1, MINUTE):
            trust = trust.read(morning + passed, STEADY + passed)
        assert trust.doubt == at_the_end
        note = trust.note(morning + 10 * HOUR, STEADY + 10 * HOUR)


@pytest.mark.parametrize(("set_by", "doubt"), [(400 * DAY, "ahead"), (-2 * HOUR, "behind")])
def test_an_alarm_outlives_a_restart(set_by: int, doubt: str) -> None:
    passed = 5 * HOUR
    note = run(begun(), passed, set_by=set_by).note(NOW + set_by + passed, STEADY + passed)
    assert note.at == NOW + passed  # what the clock should say, not what it says
    again = Trust.begun(note, NOW + set_by + passed + MINUTE, 7)
    assert again.doubt == doubt
    assert again.read(NOW + passed + 2 * MINUTE, 7 + MINUTE).doubt == ""
    assert Trust.begun(note, NOW + passed + MINUTE, 7).doubt == ""


SIGN_IN = SignIn("id", "secret", "account", "facility", True, NOW, NOW)
INVITED = Invitation("id", "secret", "facility", Role.STAFF, "name", "by", NOW)
VISIT = Followed(a_visit(upto="result"), NOW)
READ = preview(Reading(Answer02(Header()), Encoding.UTF_8, (), 0, ()), ())
TAKEN = Upload("id", "facility", Stage.TAKING, NOW, "by", READ, 0, touched_at=NOW)


@pytest.mark.parametrize(
    "lasts",
    [
        SIGN_IN.is_open,
        INVITED.is_open,
        lambda now: standing(VISIT, now) is Standing.UNDERWAY,
        lambda now: not TAKEN.is_left(now),
    ],
)
def test_nothing_lasts_until_a_time_that_is_not_yet(lasts: Callable[[int], bool]) -> None:
    assert lasts(NOW)
    assert not lasts(NOW - 400 * DAY)


@pytest.mark.parametrize(
    ("age", "young"), [(0, True), (9, True), (10, False), (-9, True), (-10, False), (-400 * DAY, False)]
)
def test_a_moment_from_the_future_is_not_young(age: int, young: bool) -> None:
    assert is_young(NOW - age, 10, NOW) is young
