"""What the terminal's `OQSmuhvq` files hold: messages, persons, results, consents, and what is odd about a value. Pure.

Written after public implementations and not tested against a terminal: the layout is known from open source only.
So nothing is guessed. Every value is kept as it came; what it means is a property beside it, and unknown stays unknown.
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
    """The two ways in which a file's letters are written; the value is what its first line declares."""

    SHIFT_JIS = "Shift_JIS"
    UTF_8 = "UTF-8"

    @property
    def codec(self) -> str:
        """Python's name for it: Windows' cp932 has 髙 and 﨑, which strict Shift_JIS lacks."""
        return "cp932" if self is Encoding.SHIFT_JIS else "utf-8"


class Outcome(StrEnum):
    """How the terminal's work ended (tables 003 and 004)."""

    DONE = "done"
    PROCESSING = "processing"
    """Still at work: the same 02 request is to be sent again later."""
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
    """A consent flag that has a name: its group, its code table, and its column in the terminal's list."""

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
    # Since 2025-01-28. No public source says which table their codes are of, so none of them is given a meaning.
    "DiagnosisName": Flag("diagnosis_name", "SHJ", _NO_TABLE),
    "InfectiousInfo": Flag("infectious", "SHJ", _NO_TABLE),
    "AllergyInfo": Flag("allergy", "SRJ", _NO_TABLE),
    "ContraindicationInfo": Flag("contraindication", "SRJ", _NO_TABLE),
    "TestInfo": Flag("test", "SRJ", _NO_TABLE),
    "PrescriptionInfo": Flag("prescription", "YZK", _NO_TABLE),
}
"""By the word with which the names of a flag's three elements begin."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One flag as it came. `name` is the word before `ConsFlg`, `ConsTime` and `AvailableTime`, known or not."""

    name: str
    code: str = ""
    time: str = ""
    available: str = ""

    @property
    def flag(self) -> Flag | None:
        """The flag of that name, or None when it is a new one."""
        return FLAGS.get(self.name)

    @property
    def meaning(self) -> Meaning:
        """What the code says; a code without a known table says nothing."""
        flag = self.flag
        return flag.codes.get(self.code, Meaning.UNKNOWN) if flag else Meaning.UNKNOWN

    @property
    def consented_at(self) -> int | None:
        """When it was decided (seconds since 1970), or None when no such time came."""
        return parse_time(self.time)

    @property
    def available_until(self) -> int | None:
        """When viewing ends, as received and never computed, or None when no such time came."""
        return parse_time(self.available)


@dataclass(frozen=True, slots=True)
class Result:
    """One insurance of a person, and the consents beside it: what the terminal's list shows, and nothing more."""

    card: str = ""
    insurer_number: str = ""
    """Eight characters as they came; a number of 6 digits has two blanks before it."""
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
        """The birth date, or None when none came that exists."""
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
        """The consents of all results; where two results differ on a flag, both stand here."""
        return tuple(dict.fromkeys(consent for result in self.results for consent in result.consents))


@dataclass(frozen=True, slots=True)
class Header:
    """What stands around the content: when it was made, for whom, and how that went."""

    executed: str = ""
    facility_code: str = ""
    key: str = ""
    """The station's own word for its request (`ArbitraryFileIdentifier`)."""
    character_code: str = ""
    """Sources disagree on what its values mean; the encoding is taken from the first line instead."""
    segment: str = ""
    status: str = ""
    code: str = ""
    message: str = ""

    @property
    def executed_at(self) -> int | None:
        """When the answer was made (seconds since 1970), or None when no such time came."""
        return parse_time(self.executed)

    @property
    def outcome(self) -> Outcome:
        """How it went; unknown as soon as one of the two codes is, or when neither came."""
        if self.segment not in CODES["SegmentOfResult"] or self.status not in CODES["ProcessingResultStatus"]:
            return Outcome.UNKNOWN
        if self.segment == "9" or self.status == "2":
            return Outcome.FAILED
        if self.segment == "2":
            return Outcome.PROCESSING
        return Outcome.DONE if self.segment or self.status else Outcome.UNKNOWN


@dataclass(frozen=True, slots=True)
class Request01:
    """Asks for everybody who decided between two days, both included."""

    facility_code: str
    key: str
    consent_from: date
    consent_to: date

    def __post_init__(self) -> None:
        if self.consent_to < self.consent_from:
            raise ValueError("a window ends before it begins")


@dataclass(frozen=True, slots=True)
class Request02:
    """Asks for the answer that waits under a reception number."""

    facility_code: str
    reception: str

    def __post_init__(self) -> None:
        if not self.reception:
            raise ValueError("nothing waits under no number")


@dataclass(frozen=True, slots=True)
class Answer01:
    """That a request was taken in, and under which number; it names nobody."""

    header: Header
    reception: str = ""


@dataclass(frozen=True, slots=True)
class Answer02:
    """The persons of the window. What matters in an answer without any is the header's outcome."""

    header: Header
    persons: tuple[Person, ...] = ()


Request: TypeAlias = Request01 | Request02
Answer: TypeAlias = Answer01 | Answer02


class Odd(StrEnum):
    """What is odd about one value; the value is kept raw and the rest of the file is read."""

    CODE = "code"
    """A code that its table does not have."""
    TIME = "time"
    """Not 14 digits that name a moment."""
    DAY = "day"
    """Not 8 digits that name a day."""
    INSURER = "insurer"
    """An insurer's number that is neither 8 digits nor two blanks and 6."""
    REPEATED = "repeated"
    """Given again with another value: both are kept, joined by a bar, and so mean nothing known."""
    NO_CODE = "no_code"
    """A consent that has times but no code."""
    NO_TIME = "no_time"
    """A consent that was given and does not say when."""
    NO_RECEPTION = "no_reception"
    """An answer that says that all went well and has no reception number."""


@dataclass(frozen=True, slots=True)
class OddValue:
    """One odd value: where it stands, whose it is (1 is the first person, 0 is nobody), and what it was.

    `raw` may be personal data: it is shown to the office and never logged.
    """

    odd: Odd
    line: int
    person: int
    element: str
    raw: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An element that this reader does not know: how often it came, and where first. Nothing in it was used."""

    name: str
    count: int
    line: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from a file, and what there is to say about it before it is taken."""

    answer: Answer
    encoding: Encoding
    problems: tuple[OddValue, ...]
    """The first of them, up to a limit."""
    problem_count: int
    unknown: tuple[Unknown, ...]


class UnreadableReason(StrEnum):
    """Why a file is refused as a whole."""

    EMPTY = "empty"
    """No byte in it."""
    TOO_LARGE = "too_large"
    """More bytes than any station's file has, packed or unpacked."""
    NOT_XML = "not_xml"
    """Neither XML nor a ZIP."""
    ENCODING = "encoding"
    """Declares letters other than Shift_JIS and UTF-8, or contradicts its own first bytes."""
    LETTERS = "letters"
    """Bytes that are no letters in the encoding it declares."""
    CUT_OFF = "cut_off"
    """Ends in the middle."""
    BROKEN = "broken"
    """Not well-formed."""
    DOCTYPE = "doctype"
    """Has a document type: no terminal writes one, attacks do."""
    FORM = "form"
    """Elements or text where they cannot stand."""
    TOO_MUCH = "too_much"
    """More persons, results, elements or names, longer texts, or deeper nesting than a real file has."""
    OTHER_KIND = "other_kind"
    """Another of the terminal's files, or another program's."""
    REQUEST = "request"
    """The request that goes to the terminal, not the answer that comes back."""
    NO_STATION = "no_station"
    """Names persons and does not say for which station."""
    WRONG_STATION = "wrong_station"
    """The answer of another station."""
    ZIP_BROKEN = "zip_broken"
    """Cut off, damaged, or packed in a way that no terminal uses."""
    ZIP_ENTRIES = "zip_entries"
    """Not exactly one file in it."""
    ZIP_PATH = "zip_path"
    """A folder, or a name that leads out of the ZIP."""
    ZIP_NAME = "zip_name"
    """The one file in it is not called `.xml`."""
    ZIP_LOCKED = "zip_locked"
    """Locked with a password."""


class UnreadableFile(Exception):
    """A file that is refused as a whole: why, at which line if at one, and about what. Nothing of it was taken."""

    def __init__(self, reason: UnreadableReason, line: int | None = None, about: str = "") -> None:
        super().__init__(reason.value if line is None else f"{reason} (line {line})")
        self.reason = reason
        self.line = line
        self.about = about


class Unwritable(Exception):
    """A letter that cannot be written without becoming another one, with its Unicode name."""

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
    """Different names of elements and attributes: each of them is remembered."""
    depth: int = 32
    text: int = 1_000
    """Letters in one value or name."""
    token: int = 64 * 1024
    """Bytes of one tag or comment: expat reads a longer one again and again while it arrives."""
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


@lru_cache(maxsize=1024)  # a person's flags mostly have one time, and each is asked for again and again
def parse_time(raw: str) -> int | None:
    """Return 14 digits of Japanese time as seconds since 1970, or None when they name no moment."""
    found = _MOMENT.fullmatch(raw)
    if found is None:
        return None
    year, month, day_, hour, minute, second = map(int, found.groups())
    try:
        return int(datetime(year, month, day_, hour, minute, second, tzinfo=JST).timestamp())
    except ValueError:
        return None


def parse_day(raw: str) -> date | None:
    """Return 8 digits as a day, or None when they name none."""
    found = _DAY.fullmatch(raw)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def comparable(text: str) -> str:
    """Return a text in the form in which two spellings of it are equal: width of letters, spaces, both wave dashes."""
    return " ".join(unicodedata.normalize("NFKC", text.replace("〜", "～")).split())


def file_name(kind: FileKind, on: date, counter: int) -> str:
    """Return a file's name: its kind, the day, and a counter of that day."""
    if not 0 < counter <= _LARGEST_COUNTER:
        raise ValueError("a file's counter has four digits and begins at 1")
    return f"{kind}_{on:%Y%m%d}{counter:04}.xml"
