"""The station's list of consents: what the terminal's files said of each person, and what that means. Pure.

Nothing is guessed: a code without a known meaning stays a code, two insurances that differ stay two answers, an end is
there when it was received. Names stand apart from all the rest, so that they can go without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from app.rules.terminal.values import FLAGS, Consent, Meaning, Person, Reading, comparable, parse_day
from app.rules.words.dates import day_of

COLUMNS: Final = tuple(flag for flag in FLAGS.values() if flag.column)
"""The flags that the terminal's list shows, in its order."""
VALIDITIES: Final[Mapping[str, str]] = {
    "1": "有効",
    "2": "無効",
    "3": "無効（新しい資格あり）",
    "4": "該当なし",
    "5": "複数該当",
    "6": "有効（未登録）",
}
"""Table 006; another code has no words."""
SEXES: Final[Mapping[str, str]] = {"1": "男", "2": "女", "3": "未設定"}


class State(StrEnum):
    """What the source says of a person's consents as a whole. Time does not change it; the next file may."""

    GIVEN = "given"
    EXPIRED = "expired"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Names:
    """Who somebody is, as the terminal writes it. Kept only where the station says so, and only encrypted."""

    name: str = ""
    kana: str = ""
    born: str = ""
    """YYYYMMDD as it came."""
    sex: str = ""

    @property
    def born_on(self) -> date | None:
        """The birth date, or None when none came that exists."""
        return parse_day(self.born)

    @property
    def is_there(self) -> bool:
        """Whether anything is known."""
        return any((self.name, self.kana, self.born))


@dataclass(frozen=True, slots=True)
class Insured:
    """One insurance of a person: its kind, and the consents that came beside it."""

    card: str
    consents: tuple[Consent, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """One flag of a person over all insurances."""

    flag: str
    """The flag's id, or the file's own word for a flag that is not known."""
    meaning: Meaning
    """Unknown also when two insurances say different things."""
    codes: tuple[str, ...]
    consented_at: int | None
    available_until: int | None

    @property
    def is_mixed(self) -> bool:
        """Whether two insurances say different things."""
        return len(self.codes) > 1


@dataclass(frozen=True, slots=True)
class Incoming:
    """One person of a file, on the way into the list; `mark` and `born` are keyed hashes (hex) or empty."""

    references: tuple[str, ...]
    validity: str
    results: tuple[Insured, ...]
    names: Names | None = None
    mark: str = ""
    born: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """One person of the list, as the newest file with them said."""

    id: str
    facility: str
    references: tuple[str, ...]
    validity: str
    results: tuple[Insured, ...]
    seen_at: int
    """When the newest file with them was made."""
    names: Names | None = None

    @property
    def marked(self) -> Mapping[str, Marked]:
        """Every flag that came, known or not, in the order of the terminal's list."""
        return marked(self.results)

    @property
    def day(self) -> int:
        """The day of the newest consent as YYYYMMDD; 0 without one."""
        return newest_day(self.results)

    @property
    def consented_on(self) -> date | None:
        """The same as a date."""
        return parse_day(str(self.day))

    @property
    def ends_at(self) -> int | None:
        """The earliest end that was received for something that is given (seconds since 1970)."""
        return first_end(self.results)

    @property
    def state(self) -> State:
        """What the source says as a whole."""
        return state(self.results)


def marked(results: Iterable[Insured]) -> dict[str, Marked]:
    """Return every flag over all insurances: the list's six first, then the others as they came."""
    found: dict[str, list[Consent]] = {flag.id: [] for flag in COLUMNS}
    for result in results:
        for consent in result.consents:
            found.setdefault(consent.flag.id if consent.flag else consent.name, []).append(consent)
    return {flag: _merged(flag, consents) for flag, consents in found.items() if consents}


def _merged(flag: str, consents: list[Consent]) -> Marked:
    codes = tuple(dict.fromkeys(each.code for each in consents))
    given = [each for each in consents if each.meaning is Meaning.GIVEN] or consents
    return Marked(
        flag,
        consents[0].meaning if len(codes) == 1 else Meaning.UNKNOWN,
        codes,
        max((each.consented_at for each in given if each.consented_at is not None), default=None),
        min((each.available_until for each in given if each.available_until is not None), default=None),
    )


def newest_day(results: Iterable[Insured]) -> int:
    """Return the day of the newest consent time as YYYYMMDD; 0 without one."""
    times = [each.consented_at for result in results for each in result.consents if each.consented_at is not None]
    return int(f"{day_of(max(times)):%Y%m%d}") if times else 0


def first_end(results: Iterable[Insured]) -> int | None:
    """Return the earliest received end of what is given."""
    given = (each for result in results for each in result.consents if each.meaning is Meaning.GIVEN)
    return min((each.available_until for each in given if each.available_until is not None), default=None)


def state(results: Iterable[Insured]) -> State:
    """Return what the source says as a whole: given if anything is, none only if everything is known not to be."""
    meanings = {each.meaning for result in results for each in result.consents if each.flag and each.flag.codes}
    if Meaning.GIVEN in meanings:
        return State.GIVEN
    if Meaning.EXPIRED in meanings:
        return State.EXPIRED
    return State.NONE if meanings == {Meaning.NOT_GIVEN} else State.UNKNOWN


def incoming(person: Person) -> Incoming:
    """Return a person of a file with names, and without what nobody needs."""
    results = tuple(Insured(each.card, each.consents) for each in person.results)
    references = tuple(dict.fromkeys(comparable(each) for each in person.references if comparable(each)))
    return Incoming(references, person.validity, results, _names(person))


def _names(person: Person) -> Names | None:
    for each in person.results:
        sex = each.sex if each.sex in {"1", "2"} else each.sex_on_back or each.sex
        found = Names(each.name, each.kana, each.birthdate, sex)
        if found.is_there:
            return found
    return None


def united(people: Iterable[Incoming]) -> list[Incoming]:
    """Return people with those made one who stand in a file twice: with all numbers and insurances, the first first."""
    found: dict[object, Incoming] = {}
    for each in people:
        # Whoever has no mark stays alone.
        key = each.mark or object()
        first = found.get(key)
        found[key] = _joined(first, each) if first else each
    return list(found.values())


def _joined(one: Incoming, other: Incoming) -> Incoming:
    return replace(
        one,
        references=tuple(dict.fromkeys((*one.references, *other.references))),
        results=tuple(dict.fromkeys((*one.results, *other.results))),
    )


def without_names(person: Incoming) -> Incoming:
    """Return the person as a station keeps them that keeps no names."""
    return replace(person, names=None)


# --- what changed ------------------------------------------------------------------------------------------------


class Turn(StrEnum):
    """How something that was given ended at the source."""

    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


def turned(before: Iterable[Insured], after: Iterable[Insured]) -> dict[Turn, list[str]]:
    """Return which flags were given and are not any more, by how they ended; codes without a meaning end nothing."""
    was, now = marked(before), marked(after)
    ends = {Meaning.NOT_GIVEN: Turn.WITHDRAWN, Meaning.EXPIRED: Turn.LAPSED}
    found: dict[Turn, list[str]] = {}
    for flag, old in was.items():
        new = now.get(flag)
        turn = ends.get(new.meaning) if new else None
        if old.meaning is Meaning.GIVEN and turn:
            found.setdefault(turn, []).append(flag)
    return found


# --- as it is kept ------------------------------------------------------------------------------------------------


def as_json(results: Iterable[Insured], references: Iterable[str]) -> str:
    """Return what is kept of a person besides names."""
    kept = [[each.card, [[c.name, c.code, c.time, c.available] for c in each.consents]] for each in results]
    return json.dumps({"references": list(references), "results": kept}, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> tuple[tuple[Insured, ...], tuple[str, ...]]:
    """Return insurances and reference numbers as they were kept."""
    kept = json.loads(text)
    results = tuple(Insured(card, tuple(Consent(*each) for each in consents)) for card, consents in kept["results"])
    return results, tuple(kept["references"])


def packed(people: Iterable[Incoming]) -> bytes:
    """Return people on the way as bytes, to be encrypted while they wait."""
    rows = [
        (as_json(p.results, p.references), p.validity, asdict(p.names) if p.names else None, p.mark, p.born)
        for p in people
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()


def unpacked(data: bytes) -> list[Incoming]:
    """Return the people who waited."""
    return [_unpacked(*row) for row in json.loads(data)]


def _unpacked(body: str, validity: str, names: dict[str, Any] | None, mark: str, born: str) -> Incoming:
    results, references = from_json(body)
    return Incoming(references, validity, results, Names(**names) if names else None, mark, born)


# --- the preview ----------------------------------------------------------------------------------------------------

LINES: Final = 50
"""Odd lines that a preview shows; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Line:
    """One odd value of a file: which line, whose (0 is nobody's), which element, and what it was."""

    odd: str
    line: int
    person: int
    element: str
    raw: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file holds, before it is taken: counts and odd lines, no person."""

    encoding: str
    executed_at: int | None
    key: str
    persons: int
    without_reference: int
    several: int
    """People with more than one insurance."""
    flags: Mapping[str, Mapping[str, int]]
    """Flag to meaning to how many people."""
    validities: Mapping[str, int]
    lines: tuple[Line, ...]
    line_count: int
    unknown: tuple[tuple[str, int, int], ...]
    """Elements that this reader does not know: name, how often, first line."""

    def as_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Preview:
        """Return it as it was."""
        kept = json.loads(text)
        kept["lines"] = tuple(Line(**each) for each in kept["lines"])
        kept["unknown"] = tuple(tuple(each) for each in kept["unknown"])
        return cls(**kept)


def preview(reading: Reading, people: Iterable[Incoming]) -> Preview:
    """Return what there is to say about a file before it is taken."""
    people, header = list(people), reading.answer.header
    flags: dict[str, dict[str, int]] = {}
    validities: dict[str, int] = {}
    for each in people:
        validities[each.validity] = validities.get(each.validity, 0) + 1
        for flag, mark in marked(each.results).items():
            counts = flags.setdefault(flag, {})
            counts[mark.meaning.value] = counts.get(mark.meaning.value, 0) + 1
    return Preview(
        encoding=reading.encoding.value,
        executed_at=header.executed_at,
        key=header.key,
        persons=len(people),
        without_reference=sum(not each.references for each in people),
        several=sum(len(each.results) > 1 for each in people),
        flags=flags,
        validities=validities,
        lines=tuple(Line(p.odd.value, p.line, p.person, p.element, p.raw[:40]) for p in reading.problems[:LINES]),
        line_count=reading.problem_count,
        unknown=tuple((each.name, each.count, each.line) for each in reading.unknown),
    )


# --- files on the way, and what is asked of the list ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that was made for the terminal; `reception` is the number under which it was taken in there."""

    key: str
    facility: str
    day: str
    counter: int
    consent_from: str
    consent_to: str
    at: int
    by: str
    reception: str = ""


STALE: Final = 30
"""Seconds without a batch after which a file that is being taken may be taken up by another."""


class Stage(StrEnum):
    """Where a file is on its way into the list."""

    WAITING = "waiting"
    TAKING = "taking"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What taking a file did: people by what was known of them before, endings at the source, visits seen."""

    new: int = 0
    changed: int = 0
    same: int = 0
    older: int = 0
    """Of whom a newer file was taken before: it stays."""
    withdrawn: int = 0
    lapsed: int = 0
    matched: int = 0
    differs: int = 0
    """Of the matched visits, those in which the file differs from what was chosen."""

    def with_people(self, taken: Iterable[Taken]) -> Outcome:
        """Return it with a batch of people counted."""
        found = self
        for each in taken:
            kind = "older" if each.is_older else "new" if each.before is None else "same" if each.is_same else "changed"
            found = replace(
                found,
                **{kind: getattr(found, kind) + 1},
                withdrawn=found.withdrawn + (Turn.WITHDRAWN in each.turns),
                lapsed=found.lapsed + (Turn.LAPSED in each.turns),
            )
        return found


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the terminal that was read; its people are kept, encrypted, until they are taken."""

    id: str
    facility: str
    stage: Stage
    at: int
    by: str
    preview: Preview
    total: int
    done: int = 0
    touched_at: int = 0
    outcome: Outcome = Outcome()

    def is_left(self, now: int) -> bool:
        """Whether whoever took it seems to have died half-way: anybody may go on."""
        return self.stage is Stage.TAKING and abs(now - self.touched_at) > STALE


@dataclass(frozen=True, slots=True)
class Taken:
    """One person as they were before a file and as they are after it."""

    before: Known | None
    after: Known
    is_older: bool = False
    """Whether a newer file had brought them: they stay as they were."""

    @property
    def is_same(self) -> bool:
        """Whether the file said nothing new."""
        before = self.before
        return before is not None and (before.validity, before.results, before.references) == (
            self.after.validity,
            self.after.results,
            self.after.references,
        )

    @property
    def turns(self) -> Mapping[Turn, list[str]]:
        """Which flags were given before and are not any more, by how they ended."""
        return turned(self.before.results, self.after.results) if self.before else {}


class By(StrEnum):
    """By what the list is narrowed: one at a time, each with an index of its own."""

    ALL = "all"
    STATE = "state"
    VALIDITY = "validity"
    ITEM = "item"
    ENDS = "ends"
    NAME = "name"
    REFERENCE = "reference"


NO_DAY: Final = 0
LAST_DAY: Final = 99991231


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked of the list. Days as YYYYMMDD; `moments` (seconds since 1970) for ends only."""

    by: By = By.ALL
    value: str = ""
    meaning: str = ""
    """For an item: what its flag must mean."""
    first_day: int = NO_DAY
    last_day: int = LAST_DAY
    moments: tuple[int, int] = (0, 0)
