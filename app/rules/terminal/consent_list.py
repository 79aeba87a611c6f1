"""The station's list of consents: the data of each person in the terminal's files, and its meaning. Pure.

Nothing is guessed: a code without a known meaning stays a code, insurances that differ stay separate, an end is there
only if received. Names are a separate object, so that they can be erased alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from app.rules.terminal.values import FLAGS, Consent, Meaning, Person, comparable, parse_day
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
"""Table 006; another code has no label."""
SEXES: Final[Mapping[str, str]] = {"1": "男", "2": "女", "3": "未設定"}


class ConsentState(StrEnum):
    """A person's consents as a whole, by the source. Only a new file changes it, never the passing of time."""

    GIVEN = "given"
    EXPIRED = "expired"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PersonNames:
    """The identity of a person, raw. Stored only if the station's setting says so, and only encrypted."""

    name: str = ""
    kana: str = ""
    born: str = ""
    """YYYYMMDD, raw."""
    sex: str = ""

    @property
    def born_on(self) -> date | None:
        """The birth date, or None when missing or invalid."""
        return parse_day(self.born)

    @property
    def is_there(self) -> bool:
        """Whether a name or birth date is known."""
        return any((self.name, self.kana, self.born))


@dataclass(frozen=True, slots=True)
class Insured:
    """One insurance of a person: its kind and its consents."""

    card: str
    consents: tuple[Consent, ...]


@dataclass(frozen=True, slots=True)
class MergedFlag:
    """One flag of a person over all insurances."""

    flag: str
    """The flag's id, or its name in the file if unknown."""
    meaning: Meaning
    """UNKNOWN also when two insurances differ."""
    codes: tuple[str, ...]
    consented_at: int | None
    available_until: int | None

    @property
    def is_mixed(self) -> bool:
        """Whether two insurances differ."""
        return len(self.codes) > 1


@dataclass(frozen=True, slots=True)
class Incoming:
    """One person of a file before import; `person_hash` and `born` are keyed hashes (hex) or empty."""

    references: tuple[str, ...]
    validity: str
    results: tuple[Insured, ...]
    names: PersonNames | None = None
    person_hash: str = ""
    born: str = ""


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """One person of the list, as in the newest file with them."""

    id: str
    facility: str
    references: tuple[str, ...]
    validity: str
    results: tuple[Insured, ...]
    seen_at: int
    """When the newest file with them was made."""
    names: PersonNames | None = None

    @property
    def merged(self) -> Mapping[str, MergedFlag]:
        """Every received flag, known or not, in the order of the terminal's list."""
        return merged_flags(self.results)

    @property
    def day(self) -> int:
        """The day of the newest consent as YYYYMMDD; 0 without one."""
        return newest_day(self.results)

    @property
    def consented_on(self) -> date | None:
        """`day` as a date."""
        return parse_day(str(self.day))

    @property
    def ends_at(self) -> int | None:
        """The earliest received end of a given consent (seconds since 1970)."""
        return first_end(self.results)

    @property
    def state(self) -> ConsentState:
        """The consents as a whole."""
        return state(self.results)


def merged_flags(results: Iterable[Insured]) -> dict[str, MergedFlag]:
    """Merge flags over all insurances: the list's six first, then the others in the order of the file."""
    found: dict[str, list[Consent]] = {flag.id: [] for flag in COLUMNS}
    for result in results:
        for consent in result.consents:
            found.setdefault(consent.flag.id if consent.flag else consent.name, []).append(consent)
    return {flag: _merged(flag, consents) for flag, consents in found.items() if consents}


def _merged(flag: str, consents: list[Consent]) -> MergedFlag:
    codes = tuple(dict.fromkeys(each.code for each in consents))
    given = [each for each in consents if each.meaning is Meaning.GIVEN] or consents
    return MergedFlag(
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
    """Return the earliest received end of a given consent (seconds since 1970)."""
    given = (each for result in results for each in result.consents if each.meaning is Meaning.GIVEN)
    return min((each.available_until for each in given if each.available_until is not None), default=None)


def state(results: Iterable[Insured]) -> ConsentState:
    """Return GIVEN if any flag is given, else EXPIRED if any is expired, NONE only if all are known as not given."""
    meanings = {each.meaning for result in results for each in result.consents if each.flag and each.flag.codes}
    if Meaning.GIVEN in meanings:
        return ConsentState.GIVEN
    if Meaning.EXPIRED in meanings:
        return ConsentState.EXPIRED
    return ConsentState.NONE if meanings == {Meaning.NOT_GIVEN} else ConsentState.UNKNOWN


def incoming(person: Person) -> Incoming:
    """Convert a person of a file, dropping the fields that are not needed."""
    results = tuple(Insured(each.card, each.consents) for each in person.results)
    references = tuple(dict.fromkeys(comparable(each) for each in person.references if comparable(each)))
    return Incoming(references, person.validity, results, _names(person))


def _names(person: Person) -> PersonNames | None:
    for each in person.results:
        sex = each.sex if each.sex in {"1", "2"} else each.sex_on_back or each.sex
        found = PersonNames(each.name, each.kana, each.birthdate, sex)
        if found.is_there:
            return found
    return None


def united(people: Iterable[Incoming]) -> list[Incoming]:
    """Merge people with the same `person_hash`, uniting their numbers and insurances; the order is kept."""
    found: dict[object, Incoming] = {}
    for person in people:
        # Without a hash nothing is merged.
        key = person.person_hash or object()
        first = found.get(key)
        found[key] = _joined(first, person) if first else person
    return list(found.values())


def _joined(one: Incoming, other: Incoming) -> Incoming:
    return replace(
        one,
        references=tuple(dict.fromkeys((*one.references, *other.references))),
        results=tuple(dict.fromkeys((*one.results, *other.results))),
    )


def without_names(person: Incoming) -> Incoming:
    """Return the person without names."""
    return replace(person, names=None)


# --- what changed ------------------------------------------------------------------------------------------------


class Turn(StrEnum):
    """How a given consent ended at the source."""

    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


def turned(before: Iterable[Insured], after: Iterable[Insured]) -> dict[Turn, list[str]]:
    """Return the flags that were given and no longer are, by how they ended; an unknown code ends nothing."""
    was, now = merged_flags(before), merged_flags(after)
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
    """Serialize what is stored of a person besides names."""
    kept = [[each.card, [[c.name, c.code, c.time, c.available] for c in each.consents]] for each in results]
    return json.dumps({"references": list(references), "results": kept}, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> tuple[tuple[Insured, ...], tuple[str, ...]]:
    """Parse the output of `as_json`: insurances and reference numbers."""
    kept = json.loads(text)
    results = tuple(Insured(card, tuple(Consent(*each) for each in consents)) for card, consents in kept["results"])
    return results, tuple(kept["references"])


def packed(people: Iterable[Incoming]) -> bytes:
    """Serialize the people of an upload; the caller encrypts them."""
    rows = [
        (as_json(p.results, p.references), p.validity, asdict(p.names) if p.names else None, p.person_hash, p.born)
        for p in people
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()


def unpacked(data: bytes) -> list[Incoming]:
    """Parse the output of `packed`."""
    return [_unpacked(*row) for row in json.loads(data)]


def _unpacked(body: str, validity: str, names: dict[str, Any] | None, person_hash: str, born: str) -> Incoming:
    results, references = from_json(body)
    return Incoming(
        references=references,
        validity=validity,
        results=results,
        names=PersonNames(**names) if names else None,
        person_hash=person_hash,
        born=born,
    )


class By(StrEnum):
    """What the list is filtered by: one at a time, each with an index of its own."""

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
    """A query of the list. Days as YYYYMMDD; `moments` (seconds since 1970) for ends only."""

    by: By = By.ALL
    value: str = ""
    meaning: str = ""
    """For an item: what its flag must mean."""
    first_day: int = NO_DAY
    last_day: int = LAST_DAY
    moments: tuple[int, int] = (0, 0)
