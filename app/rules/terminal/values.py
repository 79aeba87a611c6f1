"""Types of the terminal's `OQSmuhvq` files: messages, persons, results, consents and odd values. Pure.

The layout is known from public implementations only and was not tested against a terminal, so nothing is guessed: every
value is kept raw, its meaning is a separate property, and an unknown value stays unknown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeAlias

from app.rules.words.dates import JST


class FileKind(StrEnum):
    """The four files of a home-visit inquiry, as their names begin."""

    REQUEST_01 = "OQSmuhvq01req"
    ANSWER_01 = "OQSmuhvq01res"
    REQUEST_02 = "OQSmuhvq02req"
    ANSWER_02 = "OQSmuhvq02res"


class Encoding(StrEnum):
    """The encoding of a file; the value is the name in its XML declaration."""

    SHIFT_JIS = "Shift_JIS"
    UTF_8 = "UTF-8"

    @property
    def codec(self) -> str:
        """Python's codec: Windows' cp932, since strict Shift_JIS lacks 髙 and 﨑."""
        return "cp932" if self is Encoding.SHIFT_JIS else "utf-8"


class Outcome(StrEnum):
    """The result of the terminal's processing (tables 003 and 004)."""

    DONE = "done"
    PROCESSING = "processing"
    """Not finished: send the same 02 request again later."""
    FAILED = "failed"
    UNKNOWN = "unknown"


class Meaning(StrEnum):
    """What a consent code says (tables 016 and 001)."""

    NOT_GIVEN = "not_given"
    GIVEN = "given"
    EXPIRED = "expired"
    UNOBTAINABLE = "unobtainable"
    UNKNOWN = "unknown"


_001: Final[Mapping[str, Meaning]] = {"0": Meaning.NOT_GIVEN, "1": Meaning.GIVEN}
_016: Final[Mapping[str, Meaning]] = {**_001, "2": Meaning.EXPIRED, "3": Meaning.UNOBTAINABLE}
_NO_TABLE: Final[Mapping[str, Meaning]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Flag:
    """A known consent flag: its group, its code table, and its column in the terminal's list."""

    id: str
    group: str
    codes: Mapping[str, Meaning] = field(repr=False)
    column: str = ""
    likely: str = ""
    """What the column most likely means, where the list itself seems to misspell it."""


FLAGS: Final[Mapping[str, Flag]] = {
    "OperationInfo": Flag("surgery", "SHJ", _016, "手術"),
    "DiagnosisInfo": Flag("clinical", "SRJ", _016, "診療"),
    "PharmacistsInfo": Flag("drug", "YZK", _016, "薬剤"),
    "SpecificHealthCheckupsInfo": Flag("health_checkup", "TKK", _016, "特健"),
    "LimitApplicationCertificateRelated": Flag("limit_amount", "limit", _001, "特適", likely="限適"),
    "SpecificDiseasesCertificateRelated": Flag("specific_disease", "TSR", _016, "特疾"),
    # Since 2025-01-28. No public source names the table of their codes, so the codes have no meaning here.
    "DiagnosisName": Flag("diagnosis_name", "SHJ", _NO_TABLE),
    "InfectiousInfo": Flag("infectious", "SHJ", _NO_TABLE),
    "AllergyInfo": Flag("allergy", "SRJ", _NO_TABLE),
    "ContraindicationInfo": Flag("contraindication", "SRJ", _NO_TABLE),
    "TestInfo": Flag("test", "SRJ", _NO_TABLE),
    "PrescriptionInfo": Flag("prescription", "YZK", _NO_TABLE),
}
"""By the common prefix of a flag's three element names."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One flag, raw. `name` is the element's name before `ConsFlg`, `ConsTime` and `AvailableTime`, known or not."""

    name: str
    code: str = ""
    time: str = ""
    available: str = ""

    @property
    def flag(self) -> Flag | None:
        """The flag, or None when the name is unknown."""
        return FLAGS.get(self.name)

    @property
    def meaning(self) -> Meaning:
        """The meaning of the code; UNKNOWN without a table."""
        flag = self.flag
        return flag.codes.get(self.code, Meaning.UNKNOWN) if flag else Meaning.UNKNOWN

    @property
    def consented_at(self) -> int | None:
        """The time of consent (seconds since 1970), or None when missing or invalid."""
        return parse_time(self.time)

    @property
    def available_until(self) -> int | None:
        """The end of viewing (seconds since 1970), as received and never computed; None when missing or invalid."""
        return parse_time(self.available)


@dataclass(frozen=True, slots=True)
class Result:
    """One insurance of a person with its consents: only the fields that the terminal's list shows."""

    card: str = ""
    insurer_number: str = ""
    """Eight characters, raw; a number of 6 digits has two leading spaces."""
    insurer_name: str = ""
    name: str = ""
    kana: str = ""
    name_of_other: str = ""
    kana_of_other: str = ""
    sex: str = ""
    sex_on_back: str = ""
    """Given where the front of the card omits it."""
    birthdate: str = ""
    consents: tuple[Consent, ...] = ()

    @property
    def born_on(self) -> date | None:
        """The birth date, or None when missing or invalid."""
        return parse_day(self.birthdate)


@dataclass(frozen=True, slots=True)
class Person:
    """One person of an answer: any number of reference numbers and of results. No reference number is normal."""

    references: tuple[str, ...] = ()
    validity: str = ""
    status: str = ""
    code: str = ""
    message: str = ""
    results: tuple[Result, ...] = ()

    @property
    def consents(self) -> tuple[Consent, ...]:
        """The consents of all results; two results that differ on a flag give two entries."""
        return tuple(dict.fromkeys(consent for result in self.results for consent in result.consents))


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a message: time of execution, station and processing result."""

    executed: str = ""
    facility_code: str = ""
    key: str = ""
    """The station's own id of its request (`ArbitraryFileIdentifier`)."""
    character_code: str = ""
    """Sources disagree on its values; the encoding is taken from the XML declaration instead."""
    segment: str = ""
    status: str = ""
    code: str = ""
    message: str = ""

    @property
    def executed_at(self) -> int | None:
        """The time of execution (seconds since 1970), or None when missing or invalid."""
        return parse_time(self.executed)

    @property
    def outcome(self) -> Outcome:
        """The outcome; UNKNOWN as soon as one of the two codes is, or without both."""
        if self.segment not in CODES["SegmentOfResult"] or self.status not in CODES["ProcessingResultStatus"]:
            return Outcome.UNKNOWN
        if self.segment == "9" or self.status == "2":
            return Outcome.FAILED
        if self.segment == "2":
            return Outcome.PROCESSING
        return Outcome.DONE if self.segment or self.status else Outcome.UNKNOWN


@dataclass(frozen=True, slots=True)
class Request01:
    """Asks for everybody with a consent between two days, both included."""

    facility_code: str
    key: str
    consent_from: date
    consent_to: date

    def __post_init__(self) -> None:
        if self.consent_to < self.consent_from:
            raise ValueError("a window ends before it begins")


@dataclass(frozen=True, slots=True)
class Request02:
    """Fetches the answer of a reception number."""

    facility_code: str
    reception: str

    def __post_init__(self) -> None:
        if not self.reception:
            raise ValueError("nothing waits under no number")


@dataclass(frozen=True, slots=True)
class Answer01:
    """Acknowledges a request with a reception number; it contains no persons."""

    header: Header
    reception: str = ""


@dataclass(frozen=True, slots=True)
class Answer02:
    """The persons of the window; without any, only the header's outcome counts."""

    header: Header
    persons: tuple[Person, ...] = ()


Request: TypeAlias = Request01 | Request02
Answer: TypeAlias = Answer01 | Answer02


class Odd(StrEnum):
    """What is odd about one value; the value is kept raw and the rest of the file is read."""

    CODE = "code"
    """A code that its table does not have."""
    TIME = "time"
    """Not a valid time of 14 digits."""
    DAY = "day"
    """Not a valid date of 8 digits."""
    INSURER = "insurer"
    """An insurer's number that is neither 8 digits nor two blanks and 6."""
    REPEATED = "repeated"
    """Repeated with another value: both are kept, joined by `|`, which no known code contains."""
    NO_CODE = "no_code"
    """A consent that has times but no code."""
    NO_TIME = "no_time"
    """A given consent without a time."""
    NO_RECEPTION = "no_reception"
    """A successful answer without a reception number."""


@dataclass(frozen=True, slots=True)
class OddValue:
    """One odd value; `person` is 1-based, 0 for none. `raw` may be personal data: shown to the office, never logged."""

    odd: Odd
    line: int
    person: int
    element: str
    raw: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An unknown element: its count and its first line. Its own text is ignored."""

    name: str
    count: int
    line: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A parsed file, with the findings to show before it is imported."""

    answer: Answer
    encoding: Encoding
    problems: tuple[OddValue, ...]
    """The first ones, up to `Limits.problems`."""
    problem_count: int
    unknown: tuple[Unknown, ...]


class UnreadableReason(StrEnum):
    """Why a file is refused as a whole."""

    EMPTY = "empty"
    """Zero bytes."""
    TOO_LARGE = "too_large"
    """More bytes than any station's file has, packed or unpacked."""
    NOT_XML = "not_xml"
    """Neither XML nor a ZIP."""
    ENCODING = "encoding"
    """Another encoding than Shift_JIS and UTF-8, or a declaration that contradicts the byte order mark."""
    LETTERS = "letters"
    """Bytes that are invalid in its encoding."""
    CUT_OFF = "cut_off"
    """Truncated."""
    BROKEN = "broken"
    """Not well-formed XML."""
    DOCTYPE = "doctype"
    """Has a DOCTYPE: no terminal writes one, attacks by entities need one."""
    FORM = "form"
    """Elements or text in the wrong place."""
    TOO_MUCH = "too_much"
    """More persons, results, elements or names, longer texts, or deeper nesting than a real file has."""
    OTHER_KIND = "other_kind"
    """Another of the terminal's files, or another program's."""
    REQUEST = "request"
    """The request that goes to the terminal, not the answer that comes back."""
    NO_STATION = "no_station"
    """Persons without a station code."""
    WRONG_STATION = "wrong_station"
    """The answer of another station."""
    ZIP_BROKEN = "zip_broken"
    """Truncated, damaged, or compressed by an unsupported method."""
    ZIP_ENTRIES = "zip_entries"
    """Not exactly one file in it."""
    ZIP_PATH = "zip_path"
    """A folder, or a name with path separators (path traversal)."""
    ZIP_NAME = "zip_name"
    """The name of the one file in it does not end in `.xml`."""
    ZIP_LOCKED = "zip_locked"
    """Encrypted with a password."""


class UnreadableFile(Exception):
    """A file that is refused as a whole: reason, line if known, and detail. Nothing of it was imported."""

    def __init__(self, reason: UnreadableReason, line: int | None = None, about: str = "") -> None:
        super().__init__(reason.value if line is None else f"{reason} (line {line})")
        self.reason = reason
        self.line = line
        self.about = about


class Unwritable(Exception):
    """A character that does not survive encoding, with its Unicode name."""

    def __init__(self, letter: str) -> None:
        self.letter = letter
        self.name = unicodedata.name(letter, f"U+{ord(letter):04X}")
        super().__init__(self.name)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may hold; far above what a station's file has."""

    file: int = 32 * 1024 * 1024
    unpacked: int = 32 * 1024 * 1024
    persons: int = 20_000
    results: int = 20
    """Per person; the same goes for reference numbers."""
    consents: int = 100
    """Per result."""
    elements: int = 1_500_000
    names: int = 1_000
    """Distinct names of elements and attributes: each is kept in memory."""
    depth: int = 32
    text: int = 1_000
    """Characters in one value or name."""
    token: int = 64 * 1024
    """Bytes of one tag or comment: expat rescans an incomplete one with every chunk."""
    problems: int = 5_000


# --- values ------------------------------------------------------------------------------------------------------

_MOMENT: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
_DAY: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_SEXES: Final = frozenset({"", "1", "2", "3"})
CODES: Final[Mapping[str, frozenset[str]]] = {
    "SegmentOfResult": frozenset({"", "1", "2", "9"}),
    "ProcessingResultStatus": frozenset({"", "1", "2"}),
    "QualificationValidity": frozenset({"", "1", "2", "3", "4", "5", "6"}),
    "InsuredCardClassification": frozenset({"", "01", "02", "03", "04", "05", "06", "07", "A1"}),
    "Sex1": _SEXES,
    "Sex2": _SEXES,
}
INSURER: Final = re.compile(r"(?:  |[0-9]{2})[0-9]{6}")
_LARGEST_COUNTER: Final = 9999


@lru_cache(maxsize=1024)  # the flags of a person mostly share one time, which is parsed many times
def parse_time(raw: str) -> int | None:
    """Parse YYYYMMDDhhmmss in Japan to seconds since 1970; None when invalid."""
    found = _MOMENT.fullmatch(raw)
    if found is None:
        return None
    year, month, day_, hour, minute, second = map(int, found.groups())
    try:
        return int(datetime(year, month, day_, hour, minute, second, tzinfo=JST).timestamp())
    except ValueError:
        return None


def parse_day(raw: str) -> date | None:
    """Parse YYYYMMDD; None when invalid."""
    found = _DAY.fullmatch(raw)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def comparable(text: str) -> str:
    """Normalize for comparison: NFKC, single spaces, both wave dashes equal."""
    return " ".join(unicodedata.normalize("NFKC", text.replace("〜", "～")).split())


def file_name(kind: FileKind, on: date, counter: int) -> str:
    """Return a file's name: its kind, the day, and a counter of that day."""
    if not 0 < counter <= _LARGEST_COUNTER:
        raise ValueError("a file's counter has four digits and begins at 1")
    return f"{kind}_{on:%Y%m%d}{counter:04}.xml"
