"""The status of a visit for the office: what was chosen, reported and seen, and what needs action. Pure.

Reported, seen and needing action are kept apart. Chosen and seen values are both stored; a difference is shown and
never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from app.rules.record.clock import is_young
from app.rules.record.evidence import VisitState, state
from app.rules.terminal.values import parse_day
from app.rules.visit.consent import Choice, Item
from app.rules.visit.copy import Wish
from app.rules.visit.visit import Report, Visit

UNDERWAY: Final = 30 * 60
"""Seconds after the last answer in which a visit counts as still running at the bedside."""


class Doubt(StrEnum):
    """Whether a visit differs from its record."""

    NONE = ""
    DIFFERS = "differs"
    """The stored visit differs from its record: the record is shown."""
    BROKEN = "broken"
    """Its record is invalid: nothing of it is shown."""


class Standing(StrEnum):
    """The status of a visit for the office, most urgent first."""

    ALTERED = "altered"
    """It differs from its record: somebody has written into the database."""

    OTHER_NAME = "other_name"
    """The official page named another institution: the station's address may be wrong."""
    DISPUTED = "disputed"
    """Somebody with the patient's copy says: I did not agree to this."""
    WITHDRAWAL_ASKED = "withdrawal_asked"
    CHANGE_ASKED = "change_asked"
    TROUBLE = "trouble"
    DIFFERS = "differs"
    NOT_FOUND = "not_found"
    UNCLEAR = "unclear"
    """Seen, but not every item that was chosen."""
    STOPPED_OUTSIDE = "stopped_outside"
    """Stopped when something may be registered: the terminal tells."""
    UNREPORTED = "unreported"
    STOPPED = "stopped"
    REPORTED = "reported"
    TRANSCRIBED = "transcribed"
    """Transcribed from paper; whether anything was registered is unknown."""
    ANOTHER_WAY = "another_way"
    UNDERWAY = "underway"
    SEEN = "seen"
    CLOSED = "closed"


DONE: Final = frozenset({Standing.SEEN, Standing.CLOSED})
"""Nothing is left to do."""
_ASKED: Final = {
    Wish.DISAGREE: Standing.DISPUTED,
    Wish.WITHDRAW: Standing.WITHDRAWAL_ASKED,
    Wish.CHANGE: Standing.CHANGE_ASKED,
}
NEEDY: Final = frozenset(
    {
        Standing.ALTERED,
        Standing.OTHER_NAME,
        *_ASKED.values(),
        Standing.TROUBLE,
        Standing.DIFFERS,
        Standing.NOT_FOUND,
        Standing.UNCLEAR,
    }
)
"""要対応: somebody must act."""
_REACHED: Final = {
    VisitState.ANOTHER_WAY: Standing.ANOTHER_WAY,
    VisitState.REPORTED: Standing.REPORTED,
    VisitState.TRANSCRIBED: Standing.TRANSCRIBED,
}
_RANKS: Final = {standing: rank for rank, standing in enumerate(Standing)}


class Closing(StrEnum):
    """Why a visit was closed."""

    ELSEWHERE = "elsewhere"
    """Eligibility was checked in another way."""
    ANOTHER_DAY = "another_day"
    MISTAKE = "mistake"
    """Begun by mistake, or for practice."""
    UNKNOWABLE = "unknowable"
    """It cannot be found out any more."""
    ANSWERED = "answered"
    """What the patient asked for was done or discussed."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody saw on the terminal's list: a row with its flags and dates as they stand there, or no row."""

    at: int
    by: str
    found: bool
    flags: Mapping[str, bool]
    """Flag id (`Item.flags`) to whether ○ was shown; a flag that was not looked at is missing."""
    consented_on: date | None = None
    available_until: str = ""
    """同意有効期限 as it stands on the screen; never computed."""
    source: str = "screen"
    """`screen` when a person read the terminal's screen, `file` when a file of the terminal said it."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Flag id to the meaning in a file, or "mixed"; empty for a screen."""


@dataclass(frozen=True, slots=True)
class Closed:
    """When a visit was closed, by whom and why."""

    at: int
    by: str
    why: Closing


@dataclass(frozen=True, slots=True)
class StandingWish:
    """What the patient asks of the station from the copy; it stays until the office closes the visit."""

    at: int
    what: Wish


@dataclass(frozen=True, slots=True)
class Followed:
    """A visit with what the office did about it."""

    visit: Visit
    handed_off_at: int
    sight: Sight | None = None
    closed: Closed | None = None
    settled_at: int = 0
    """When the office last did something about it."""
    person: str = ""
    """The matched person of the terminal's files."""
    asked: tuple[StandingWish, ...] = ()
    """The unanswered wishes from the patient's copies, most urgent first, each once."""
    doubt: Doubt = Doubt.NONE


_CHOICE_OF: Final = {True: Choice.AGREE, False: Choice.DECLINE, None: None}


class Verdict(StrEnum):
    """The comparison of chosen and seen."""

    MATCHES = "matches"
    DIFFERS = "differs"
    NOT_CHOSEN_HERE = "not_chosen_here"
    NOT_LOOKED_AT = "not_looked_at"


@dataclass(frozen=True, slots=True)
class Compared:
    """One item with both values."""

    item: Item
    chosen: Choice
    seen: tuple[tuple[str, bool | None], ...]
    """Each flag of the item with the seen value; None when not looked at."""
    verdict: Verdict

    @property
    def stood(self) -> Choice | None:
        """What the terminal shows of the item; None unless all its flags were looked at and agree."""
        return _stood({agreed for _, agreed in self.seen})


def compared(visit: Visit, sight: Sight) -> tuple[Compared, ...]:
    """Compare chosen and seen for every item that the patient was asked."""
    return tuple(_compared(item, visit, sight) for item in visit.items)


def _compared(item: Item, visit: Visit, sight: Sight) -> Compared:
    answer = "" if visit.chooses_there else visit.choice(item.id)
    chosen = Choice(answer) if answer else Choice.NOT_ASKED
    seen = tuple((flag, sight.flags.get(flag)) for flag in item.flags)
    return Compared(item, chosen, seen, _verdict(chosen, [agreed for _, agreed in seen]))


def as_chosen(sight: Sight, items: Iterable[Item]) -> dict[str, str]:
    """Convert a sight to choices: item to choice, for the items whose flags all agree."""
    stood = {item.id: _stood({sight.flags.get(flag) for flag in item.flags}) for item in items}
    return {item: choice.value for item, choice in stood.items() if choice}


def _stood(flags: set[bool | None]) -> Choice | None:
    choices = {_CHOICE_OF[flag] for flag in flags}
    return choices.pop() if len(choices) == 1 else None


def _verdict(chosen: Choice, seen: Iterable[bool | None]) -> Verdict:
    if chosen is Choice.NOT_ASKED:
        return Verdict.NOT_CHOSEN_HERE
    agreed, answers = chosen is Choice.AGREE, set(seen)
    if (not agreed) in answers:
        return Verdict.DIFFERS
    return Verdict.NOT_LOOKED_AT if None in answers else Verdict.MATCHES


def standing(followed: Followed, now: int) -> Standing:
    """Return where a visit stands for the office at a moment (seconds since 1970, UTC)."""
    visit, sight = followed.visit, followed.sight
    if followed.doubt:
        return Standing.ALTERED
    if followed.closed:
        return Standing.CLOSED
    if followed.asked:
        return _ASKED[followed.asked[0].what]
    if sight:
        return _as_seen(visit, sight)
    if not visit.ended and is_young(visit.touched_at, UNDERWAY, now) and not visit.report:
        return Standing.UNDERWAY
    return _as_said(visit)


def _as_seen(visit: Visit, sight: Sight) -> Standing:
    if not sight.found:
        return Standing.SEEN if visit.withdraws else Standing.NOT_FOUND
    verdicts = {each.verdict for each in compared(visit, sight)}
    if Verdict.DIFFERS in verdicts:
        return Standing.DIFFERS
    return Standing.UNCLEAR if Verdict.NOT_LOOKED_AT in verdicts else Standing.SEEN


def may_suffice(sight: Sight | None, today: date) -> bool:
    """Whether the last sight shows a registration that has not ended; without an end it counts, with a bad one not."""
    if sight is None or not sight.found or not any(sight.flags.values()):
        return False
    if not sight.available_until:
        return True
    ends = parse_day(sight.available_until[:10].replace("/", ""))  # as the terminal shows it: 2024/04/30 23:59
    return ends is not None and today <= ends


def is_news(before: Visit, after: Visit, *, was_closed: bool) -> bool:
    """Whether choices or report have changed since the office settled or closed the visit."""
    report = after.report
    # A report of success is no news if the office has seen it already.
    is_told = was_closed or _TOLD.get(report) is not Truth.REPORTED
    return _chosen(before) != _chosen(after) or (is_told and report != before.report)


def _chosen(visit: Visit) -> tuple[bool, bool, dict[str, str]]:
    return visit.withdraws, visit.chooses_there, visit.choices


def _as_said(visit: Visit) -> Standing:
    standing_of: dict[str, Standing] = {
        Report.OTHER_NAME: Standing.OTHER_NAME,
        Report.TROUBLE: Standing.TROUBLE,
        Report.STOPPED: Standing.STOPPED,
        Report.LATER: Standing.UNREPORTED,
    }
    report = visit.report
    if report in standing_of:
        return standing_of[report]
    if visit.is_stopped:
        return Standing.STOPPED_OUTSIDE if visit.may_be_registered else Standing.STOPPED
    return _REACHED.get(state(visit), Standing.UNREPORTED)


class Truth(StrEnum):
    """What a copy may claim of a visit: the same three claims as everywhere, and no more."""

    CHOSEN = "chosen"
    REPORTED = "reported"
    ALREADY = "already"
    OTHER_NAME = "other_name"
    TROUBLE = "trouble"
    STOPPED = "stopped"
    SEEN = "seen"
    UNCLEAR = "unclear"
    DIFFERS = "differs"
    NOT_FOUND = "not_found"


_TOLD: Final[Mapping[str, Truth]] = {
    Report.ANSWERED: Truth.REPORTED,
    Report.DONE: Truth.REPORTED,
    Report.ALREADY: Truth.ALREADY,
    Report.OTHER_NAME: Truth.OTHER_NAME,
    Report.TROUBLE: Truth.TROUBLE,
    Report.STOPPED: Truth.STOPPED,
}
_SEEN: Final = {
    Standing.SEEN: Truth.SEEN,
    Standing.UNCLEAR: Truth.UNCLEAR,
    Standing.DIFFERS: Truth.DIFFERS,
    Standing.NOT_FOUND: Truth.NOT_FOUND,
}


def truth(visit: Visit, sight: Sight | None) -> Truth:
    """Return what a copy may claim: what the office saw, else what was reported, else what was chosen."""
    if sight is None:
        return _TOLD.get(visit.report, Truth.CHOSEN)
    return _SEEN[_as_seen(visit, sight)]


def has_copy(visit: Visit) -> bool:
    """Whether a visit has a copy: not when another way was taken and nothing was confirmed."""
    return state(visit) not in {VisitState.ANOTHER_WAY, VisitState.STOPPED}


def with_wish(asked: Iterable[StandingWish], wish: StandingWish) -> tuple[StandingWish, ...]:
    """Add a wish, most urgent first; none replaces another."""
    return tuple(sorted((*asked, wish), key=lambda each: _RANKS[_ASKED[each.what]]))


def repeats(asked: Iterable[StandingWish], wish: StandingWish) -> bool:
    """Whether the same is wished already: a second one would tell the office nothing."""
    return any(each.what is wish.what for each in asked)


def closes_too_late(asked: Iterable[StandingWish], answers: str) -> bool:
    """Whether a visit was closed on a page that did not show every wish; `answers` is what the page was made with."""
    return named(asked) != answers


def named(asked: Iterable[StandingWish]) -> str:
    """Serialize wishes with their times for a form field, so that a later wish gives another value."""
    return " ".join(f"{each.what}@{each.at}" for each in asked)


def neediest_first(visits: Iterable[Followed], now: int) -> list[tuple[Standing, Followed]]:
    """Return visits with their standing, most urgent first and among equals the oldest."""
    placed = [(standing(each, now), each) for each in visits]
    return sorted(placed, key=lambda pair: (_RANKS[pair[0]], pair[1].handed_off_at))
