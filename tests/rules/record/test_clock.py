"""How far the wall clock is believed: against a steady one, second by second."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.rules.record.clock import AHEAD, BEHIND, PATIENCE, Expected, is_young
from app.rules.station.account import Invitation, Role, SignIn
from app.rules.terminal.exchange import Stage, Upload
from app.rules.terminal.preview import preview
from app.rules.terminal.values import Answer02, Encoding, Header, Reading
from app.rules.visit.standing import Followed, Standing, standing
from tests.rules.visits import NOW, a_visit

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600


def run(expected: Expected, seconds: int, *, since: int = 0, set_by: int = 0, rate: float = 1.0) -> Expected:
    """Return what is expected after a round a minute, on a wall clock that was set and runs so since a second."""
    for passed in range(since + MINUTE, since + seconds + 1, MINUTE):
        expected = expected.after(MINUTE, NOW + set_by + since + int((passed - since) * rate))
    return expected


RIGHT = Expected(NOW)


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
@pytest.mark.threat("T28")
def test_a_start_long_after_the_last_known_moment_is_a_gap_and_one_before_it_an_alarm(off: int, doubt: str) -> None:
    found = RIGHT.started(NOW + off)
    assert (found.doubt, found.is_alarm) == (doubt, doubt == "behind")


def test_a_start_in_time_begins_at_what_the_clock_says() -> None:
    assert RIGHT.started(NOW + HOUR) == Expected(NOW + HOUR)


@pytest.mark.parametrize(
    ("set_by", "doubt"), [(AHEAD, ""), (AHEAD + 1, "ahead"), (400 * DAY, "ahead"), (-BEHIND, ""), (-2 * HOUR, "behind")]
)
def test_a_clock_that_is_set_while_it_runs_is_an_alarm(set_by: int, doubt: str) -> None:
    found = run(RIGHT, MINUTE, set_by=set_by)
    assert (found.doubt, found.is_alarm) == (doubt, bool(doubt))


@pytest.mark.parametrize("set_by", [400 * DAY, -2 * HOUR, -400 * DAY])
def test_a_doubt_lasts_until_the_clock_is_right_again(set_by: int) -> None:
    wrong = run(RIGHT, 20 * HOUR, set_by=set_by)
    assert wrong.is_alarm
    assert run(wrong, MINUTE, since=20 * HOUR) == Expected(NOW + 20 * HOUR + MINUTE)


@pytest.mark.parametrize(("rate", "doubt"), [(0.0, "behind"), (0.5, "behind"), (1.5, "")])
def test_a_clock_that_stands_or_is_slow_is_found(rate: float, doubt: str) -> None:
    assert run(RIGHT, 20 * MINUTE, rate=rate).doubt == doubt


def test_a_clock_that_stands_is_never_believed() -> None:
    found = run(RIGHT, 20 * MINUTE, rate=0.0)
    for _ in range(3 * PATIENCE // MINUTE):
        assert found.is_alarm
        found = found.after(MINUTE, NOW)


def test_small_steps_for_years_are_no_alarm() -> None:
    found, wall = RIGHT, NOW
    for _ in range(1_000):
        wall += HOUR - 10
        found = found.after(HOUR, wall)
        assert found.doubt == ""


@pytest.mark.parametrize("set_by", [400 * DAY, -2 * HOUR])
def test_after_a_day_of_even_running_the_clock_is_believed(set_by: int) -> None:
    wrong = run(RIGHT, PATIENCE, set_by=set_by)
    assert wrong.is_alarm
    assert run(wrong, MINUTE, since=PATIENCE, set_by=set_by) == Expected(NOW + PATIENCE + MINUTE + set_by)


def test_each_setting_of_the_clock_begins_the_day_anew() -> None:
    wrong = run(RIGHT, 20 * HOUR, set_by=400 * DAY)
    wrong = run(wrong, 20 * HOUR, since=20 * HOUR, set_by=300 * DAY)
    assert wrong.is_alarm
    assert run(wrong, 5 * HOUR, since=40 * HOUR, set_by=300 * DAY).doubt == ""


def test_a_gap_is_no_alarm_until_the_clock_is_set_besides() -> None:
    gap = run(RIGHT.started(NOW + 62 * HOUR), HOUR, set_by=62 * HOUR)
    assert gap.doubt == "gap"
    assert run(gap, MINUTE, since=HOUR, set_by=70 * HOUR).doubt == "ahead"


def test_a_server_that_is_off_each_night_has_its_day_after_three() -> None:
    """Ten hours a day, after a weekend."""
    found = RIGHT
    for day, at_the_end in enumerate(("gap", "gap", "")):
        morning = 62 * HOUR + day * DAY
        found = found.started(NOW + morning)
        assert found.doubt == "gap"
        found = run(found, 10 * HOUR, set_by=morning)
        assert found.doubt == at_the_end


def test_two_weekends_are_not_one_doubt() -> None:
    gap = run(RIGHT.started(NOW + 62 * HOUR), 10 * HOUR, set_by=62 * HOUR)
    assert gap.started(NOW + 86 * HOUR).held == 10 * HOUR
    assert gap.started(NOW + 200 * HOUR).held == 0


@pytest.mark.parametrize(("set_by", "doubt"), [(400 * DAY, "ahead"), (-2 * HOUR, "behind")])
def test_an_alarm_outlives_a_restart(set_by: int, doubt: str) -> None:
    wrong = run(RIGHT, 5 * HOUR, set_by=set_by)
    assert wrong.at == NOW + 5 * HOUR  # what the clock should say, not what it says
    again = wrong.started(NOW + set_by + 5 * HOUR + MINUTE)
    assert (again.doubt, again.is_alarm) == (doubt, True)
    assert again.after(MINUTE, NOW + 5 * HOUR + 2 * MINUTE).doubt == ""
    assert wrong.started(NOW + 5 * HOUR + MINUTE).doubt == ""


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
