"""The terminal's `OQSmuhvq` files, read and written: bytes in, values out. Pure.

Written after public implementations and not tested against a terminal: the layout is known from open source only.
So nothing is guessed. Every value is kept as it came; what it means is a property beside it, and unknown stays unknown.

A file is read whole or not at all. *Refused* (`Unreadable`) is whatever makes the file as a whole doubtful: its
packing, its letters, its form, its station, its kind, or a size that no station has. *Odd* (`Problem`) is a value that
does not bear its usual sense: it is kept raw, it is listed with its line, and it can never look like a known one.

The parser is expat itself, since only it knows lines and reads piece by piece. Document types, and with them entities
and outside references, are refused where they begin, as defusedxml does.
"""

from __future__ import annotations

import codecs
import io
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Final, NoReturn, TypeAlias
from xml.parsers import expat

from app.rules.visit.consent import JST

# --- what the files hold -----------------------------------------------------------------------------------------


class Kind(StrEnum):
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
        return moment(self.time)

    @property
    def available_until(self) -> int | None:
        """When viewing ends, as received and never computed, or None when no such time came."""
        return moment(self.available)


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
        return day(self.birthdate)


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
        return moment(self.executed)

    @property
    def outcome(self) -> Outcome:
        """How it went; unknown as soon as one of the two codes is, or when neither came."""
        if self.segment not in _CODES["SegmentOfResult"] or self.status not in _CODES["ProcessingResultStatus"]:
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
class Problem:
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
    problems: tuple[Problem, ...]
    """The first of them, up to a limit."""
    problem_count: int
    unknown: tuple[Unknown, ...]


class Reason(StrEnum):
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


class Unreadable(Exception):
    """A file that is refused as a whole: why, at which line if at one, and about what. Nothing of it was taken."""

    def __init__(self, reason: Reason, line: int | None = None, about: str = "") -> None:
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
_INSURER: Final = re.compile(r"(?:  |[0-9]{2})[0-9]{6}")
_LARGEST_COUNTER: Final = 9999


@lru_cache(maxsize=1024)  # a person's flags mostly have one time, and each is asked for again and again
def moment(raw: str) -> int | None:
    """Return 14 digits of Japanese time as seconds since 1970, or None when they name no moment."""
    found = _MOMENT.fullmatch(raw)
    if found is None:
        return None
    year, month, day_, hour, minute, second = map(int, found.groups())
    try:
        return int(datetime(year, month, day_, hour, minute, second, tzinfo=JST).timestamp())
    except ValueError:
        return None


def day(raw: str) -> date | None:
    """Return 8 digits as a day, or None when they name none."""
    found = _DAY.fullmatch(raw)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def comparable(text: str) -> str:
    """Return a text in the form in which two spellings of it are equal: width of letters, spaces, both wave dashes."""
    return " ".join(unicodedata.normalize("NFKC", text.replace("〜", "～")).split())


def name(kind: Kind, on: date, counter: int) -> str:
    """Return a file's name: its kind, the day, and a counter of that day."""
    if not 0 < counter <= _LARGEST_COUNTER:
        raise ValueError("a file's counter has four digits and begins at 1")
    return f"{kind}_{on:%Y%m%d}{counter:04}.xml"


# --- which element is which value ----------------------------------------------------------------------------------

_ROOT: Final = "XmlMsg"
_UNIT: Final = "BulkConfirmUnit"
_CONFIRMATION: Final = "ResultOfQualificationConfirmation"
_SEARCH: Final = "QualificationConfirmSearchInfo"
_REFERENCE: Final = "ReferenceNumber"
_RECEPTION: Final = "ReceptionNumber"
_STATION: Final = "MedicalInstitutionCode"
_INSURER_NUMBER: Final = "InsurerNumber"
_HEADER: Final = {
    "ProcessExecutionTime": "executed",
    _STATION: "facility_code",
    "ArbitraryFileIdentifier": "key",
    "CharacterCodeIdentifier": "character_code",
    "SegmentOfResult": "segment",
}
_PROCESSING: Final = {
    "ProcessingResultStatus": "status",
    "ProcessingResultCode": "code",
    "ProcessingResultMessage": "message",
}
_WINDOW: Final = {
    "ConsentDateFrom": "consent_from",
    "ConsentDateTo": "consent_to",
    "MedicalTreatmentFlag": "care",
}
_MESSAGE: Final = {**_HEADER, **_PROCESSING, **_WINDOW, _RECEPTION: "reception"}
_PERSON: Final = {"QualificationValidity": "validity", **_PROCESSING}
_RESULT: Final = {
    "InsuredCardClassification": "card",
    _INSURER_NUMBER: "insurer_number",
    "InsurerName": "insurer_name",
    "Name": "name",
    "NameKana": "kana",
    "NameOfOther": "name_of_other",
    "NameOfOtherKana": "kana_of_other",
    "Sex1": "sex",
    "Sex2": "sex_on_back",
    "Birthdate": "birthdate",
}
_WRAPPERS: Final = frozenset({"MessageHeader", "MessageBody", _SEARCH})
_PASSED_OVER: Final = frozenset(
    {
        "InsuredCardSymbol",
        "InsuredIdentificationNumber",
        "InsuredBranchNumber",
        "PersonalFamilyClassification",
        "InsuredName",
        "Address",
        "PostNumber",
        "QualificationDate",
        "DisqualificationDate",
        "InsuredCertificateIssuanceDate",
        "InsuredCardValidDate",
        "InsuredCardExpirationDate",
        "InsuredPartialContributionRatio",
        "PreschoolClassification",
        "ReasonOfLoss",
        "ElderlyRecipientCertificateInfo",
        "LimitApplicationCertificateRelatedInfo",
        "SpecificDiseasesCertificateList",
        "SpecificDiseasesCertificateInfo",
        "PublicExpenseResultList",
        "MedicalTicketInfo",
    }
)
"""Known, and passed over with all that stands in them: nobody needs it, so it is not even read."""
_FLAG, _TIME, _AVAILABLE = "ConsFlg", "ConsTime", "AvailableTime"
_ENDINGS: Final = {_FLAG: 0, _TIME: 1, "ConsTim": 1, _AVAILABLE: 2}
"""What ends the name of a consent's element, and its place in it. `ConsTim` is a misspelling seen in public files."""
_INVENTED: Final = frozenset({"SpecificDiseases", "PharmaceuticalInfo"})
"""Names that one program once made up: reading them would make a consent of nothing."""
_SEXES: Final = frozenset({"", "1", "2", "3"})
_CODES: Final[Mapping[str, frozenset[str]]] = {
    "SegmentOfResult": frozenset({"", "1", "2", "9"}),
    "ProcessingResultStatus": frozenset({"", "1", "2"}),
    "QualificationValidity": frozenset({"", "1", "2", "3", "4", "5", "6"}),
    "InsuredCardClassification": frozenset({"", "01", "02", "03", "04", "05", "06", "07", "A1"}),
    "Sex1": _SEXES,
    "Sex2": _SEXES,
}


@lru_cache(maxsize=256)
def _consent_part(element: str) -> tuple[str, int] | None:
    """Return the flag's name and the place in the consent of such an element, or None when it is none."""
    for ending, place in _ENDINGS.items():
        stem = element.removesuffix(ending)
        if stem and stem != element:
            return None if stem in _INVENTED or not (stem.isascii() and stem.isalnum()) else (stem, place)
    return None


def _odd(element: str, value: str) -> Odd | None:
    """Return what is odd about a value outside the consents; a value that is not there never is."""
    if element in _CODES:
        return None if value in _CODES[element] else Odd.CODE
    if not value:
        return None
    if element == _INSURER_NUMBER:
        return None if _INSURER.fullmatch(value) else Odd.INSURER
    if element == "Birthdate":
        return None if day(value) else Odd.DAY
    if element == "ProcessExecutionTime":
        return None if moment(value) is not None else Odd.TIME
    return None


def _odd_in_consent(stem: str, place: int, value: str) -> Odd | None:
    if not value:
        return None
    if place:
        return None if moment(value) is not None else Odd.TIME
    flag = FLAGS.get(stem)
    return Odd.CODE if flag and flag.codes and value not in flag.codes else None


# --- reading: packing and letters ----------------------------------------------------------------------------------

_CHUNK: Final = 16 * 1024
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_ENTRY: Final = b"PK\x01\x02"
_ZIP_ENTRIES_LOOKED_AT: Final = 100
_ZIP_LOCKED: Final = 0x41
_ZIP_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ZIP_FAULTS: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)
_PATH: Final = re.compile(r"[/\\:\0]|^\.")
_DECLARED: Final = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS: Final = {
    b"utf-8": Encoding.UTF_8,
    b"utf8": Encoding.UTF_8,
    b"shift_jis": Encoding.SHIFT_JIS,
    b"shift-jis": Encoding.SHIFT_JIS,
    b"sjis": Encoding.SHIFT_JIS,
    b"x-sjis": Encoding.SHIFT_JIS,
    b"windows-31j": Encoding.SHIFT_JIS,
    b"ms932": Encoding.SHIFT_JIS,
    b"cp932": Encoding.SHIFT_JIS,
}


def _unpacked(data: bytes, limits: Limits) -> tuple[bytes, str]:
    """Return the XML of an upload, and its name if it came in a ZIP. Nothing is ever written to a disk."""
    if not data:
        raise Unreadable(Reason.EMPTY)
    if len(data) > limits.file:
        raise Unreadable(Reason.TOO_LARGE)
    if not data.startswith(_ZIP):
        return data, ""
    # zipfile remembers every entry, so they are counted before it may look. Packed bytes may look like one by chance.
    if data.count(_ZIP_ENTRY) > _ZIP_ENTRIES_LOOKED_AT:
        raise Unreadable(Reason.ZIP_ENTRIES)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entry = _only_entry(archive.infolist(), limits)
            with archive.open(entry) as stream:
                xml = stream.read(limits.unpacked + 1)
    except _ZIP_FAULTS as fault:
        raise Unreadable(Reason.ZIP_BROKEN) from fault
    if len(xml) > limits.unpacked:  # what is declared was looked at before; what counts is what came
        raise Unreadable(Reason.TOO_LARGE)
    return xml, entry.filename


def _only_entry(entries: list[zipfile.ZipInfo], limits: Limits) -> zipfile.ZipInfo:
    if any(_PATH.search(entry.orig_filename) for entry in entries):
        raise Unreadable(Reason.ZIP_PATH)
    if len(entries) != 1:
        raise Unreadable(Reason.ZIP_ENTRIES, about=str(len(entries)))
    (entry,) = entries
    if not entry.filename.lower().endswith(".xml"):
        raise Unreadable(Reason.ZIP_NAME)
    if entry.flag_bits & _ZIP_LOCKED:
        raise Unreadable(Reason.ZIP_LOCKED)
    if entry.compress_type not in _ZIP_METHODS:
        raise Unreadable(Reason.ZIP_BROKEN, about="method")
    if entry.file_size > limits.unpacked:
        raise Unreadable(Reason.TOO_LARGE)
    return entry


def _encoding(xml: bytes) -> Encoding:
    """Return the encoding a file declares; one that declares none is UTF-8 if its bytes are, else Shift_JIS."""
    has_mark = xml.startswith(codecs.BOM_UTF8)
    start = xml[:512].removeprefix(codecs.BOM_UTF8)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"<\0", b"\0<")):
        raise Unreadable(Reason.ENCODING, 1, "UTF-16")
    if not start.lstrip().startswith(b"<"):
        raise Unreadable(Reason.NOT_XML)
    declared = _DECLARED.match(start)
    if declared is None:
        return Encoding.UTF_8 if has_mark or _is_utf_8(xml) else Encoding.SHIFT_JIS
    found = _ENCODINGS.get(declared[1].lower())
    if found is None or (has_mark and found is not Encoding.UTF_8):
        raise Unreadable(Reason.ENCODING, 1, declared[1].decode())
    return found


def _is_utf_8(xml: bytes) -> bool:
    try:
        for _ in _letters(xml, Encoding.UTF_8):
            pass
    except Unreadable:
        return False
    return True


def _letters(xml: bytes, encoding: Encoding) -> Iterator[str]:
    """Yield a file's text piece by piece, so that it never stands in memory as a whole."""
    decoder = codecs.getincrementaldecoder(encoding.codec)("strict")
    for start in range(0, len(xml), _CHUNK):
        held = len(decoder.getstate()[0])
        try:
            yield decoder.decode(xml[start : start + _CHUNK])
        except UnicodeDecodeError as fault:
            raise Unreadable(Reason.LETTERS, xml.count(b"\n", 0, start - held + fault.start) + 1) from fault
    try:
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as fault:
        raise Unreadable(Reason.CUT_OFF, xml.count(b"\n") + 1) from fault


# --- reading: elements ---------------------------------------------------------------------------------------------


class _Mark(IntEnum):
    """What an open element is to the reader."""

    WRAPPER = 0
    UNIT = 1
    CONFIRMATION = 2
    VALUE = 3
    UNKNOWN = 4
    PASSED_OVER = 5


@dataclass(slots=True)
class _Gathered:
    """A person or a result while it is read."""

    line: int
    values: dict[str, str] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    consents: dict[str, list[str]] = field(default_factory=dict)


_ENDS: Final = frozenset(
    expat.errors.codes[said]
    for said in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)
"""What expat says of a text that ends too early."""
_BLANK: Final = " \t\r\n"
_BETWEEN: Final = "\x1f"
"""Stands between a namespace and a name: no XML can hold it."""


class _Reader:
    """Walks through one file and gathers its values; refuses as soon as there is a reason to."""

    def __init__(self, limits: Limits) -> None:
        self.message: dict[str, str] = {}
        self.persons: list[Person] = []
        self.problems: list[Problem] = []
        self.problem_count = 0
        self.lines: dict[str, int] = {}
        self.unknown: dict[str, list[int]] = {}
        self._limits = limits
        self._open: list[_Mark] = []
        self._names: set[str] = set()
        self._elements = 0
        self._person: _Gathered | None = None
        self._result: _Gathered | None = None
        self._element = ""
        self._line = 0
        self._text: list[str] = []
        self._length = 0
        self._parser = expat.ParserCreate("utf-8", _BETWEEN)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, pieces: Iterator[str]) -> None:
        """Read the pieces of a text to its end."""
        fed = 0
        try:
            for piece in pieces:
                part = piece.encode()
                fed += len(part)
                self._parser.Parse(part, False)  # noqa: FBT003 - expat takes it by place
                if fed - self._parser.CurrentByteIndex > self._limits.token:
                    self._refuse(Reason.TOO_MUCH, "token")
            self._parser.Parse(b"", True)  # noqa: FBT003 - the same
        except expat.ExpatError as fault:
            reason = Reason.CUT_OFF if fault.code in _ENDS else Reason.BROKEN
            raise Unreadable(reason, fault.lineno, expat.ErrorString(fault.code) or "") from fault

    def note(self, odd: Odd, line: int, element: str, raw: str) -> None:
        """Note that a value is odd."""
        self.problem_count += 1
        if len(self.problems) < self._limits.problems:
            person = len(self.persons) + 1 if self._person else 0
            self.problems.append(Problem(odd, line, person, element, raw))

    def _refuse(self, reason: Reason, about: str = "") -> NoReturn:
        raise Unreadable(reason, self._parser.CurrentLineNumber, about)

    def _doctype(self, *_: object) -> None:
        self._refuse(Reason.DOCTYPE)

    def _start(self, full: str, attributes: dict[str, str]) -> None:
        element = full.rpartition(_BETWEEN)[2]
        self._bound(full, attributes)
        mark = self._mark(element)
        self._open.append(mark)
        self._line = self._parser.CurrentLineNumber
        if mark is _Mark.VALUE:
            self._element = element
            self._text.clear()
            self._length = 0
        elif mark is _Mark.UNKNOWN:
            self.unknown.setdefault(element, [0, self._line])[0] += 1
        elif mark is _Mark.CONFIRMATION:
            self._result = _Gathered(self._line)
        elif mark is _Mark.UNIT:
            self._person = _Gathered(self._line)
        elif element == _SEARCH:
            self.lines[_SEARCH] = self._line

    def _bound(self, full: str, attributes: dict[str, str]) -> None:
        limits = self._limits
        self._elements += 1
        self._names.add(full)
        if attributes:
            self._names.update(attributes)
        if len(self._open) >= limits.depth:
            self._refuse(Reason.TOO_MUCH, "depth")
        if self._elements > limits.elements:
            self._refuse(Reason.TOO_MUCH, "elements")
        if len(self._names) > limits.names or len(full) > limits.text:
            self._refuse(Reason.TOO_MUCH, "names")

    def _mark(self, element: str) -> _Mark:
        """Return what an element is where it stands; an unknown one may stand around known ones."""
        outer = self._open[-1] if self._open else None
        if outer is None and element != _ROOT:
            self._refuse(Reason.OTHER_KIND, element[:100])
        if outer is _Mark.PASSED_OVER:
            return outer
        if outer is _Mark.VALUE:
            self._refuse(Reason.FORM, self._element)
        if element == _UNIT:
            return self._unit_mark()
        if element == _CONFIRMATION:
            return self._confirmation_mark()
        if self._is_value(element):
            return _Mark.VALUE
        if element in _PASSED_OVER:
            return _Mark.PASSED_OVER
        is_wrapper = outer is None or (element in _WRAPPERS and self._person is None)
        return _Mark.WRAPPER if is_wrapper else _Mark.UNKNOWN

    def _unit_mark(self) -> _Mark:
        if self._person:
            self._refuse(Reason.FORM, _UNIT)
        if len(self.persons) >= self._limits.persons:
            self._refuse(Reason.TOO_MUCH, "persons")
        return _Mark.UNIT

    def _confirmation_mark(self) -> _Mark:
        if self._person is None:
            # So look the answers about one patient: the card reader's copy, and the single check.
            self._refuse(Reason.OTHER_KIND, _CONFIRMATION)
        if self._result:
            self._refuse(Reason.FORM, _CONFIRMATION)
        if len(self._person.results) >= self._limits.results:
            self._refuse(Reason.TOO_MUCH, "results")
        return _Mark.CONFIRMATION

    def _is_value(self, element: str) -> bool:
        if self._result:
            return element in _RESULT or _consent_part(element) is not None
        if self._person:
            return element in _PERSON or element == _REFERENCE
        return element in _MESSAGE

    def _characters(self, text: str) -> None:
        mark = self._open[-1]
        if mark is _Mark.VALUE:
            self._length += len(text)
            if self._length > self._limits.text:
                self._refuse(Reason.TOO_MUCH, self._element)
            self._text.append(text)
        elif mark < _Mark.VALUE and text.strip(_BLANK):
            self._refuse(Reason.FORM, "text")

    def _end(self, _: str) -> None:
        mark = self._open.pop()
        if mark is _Mark.VALUE:
            self._take(self._element, "".join(self._text))
        elif mark is _Mark.CONFIRMATION:
            self._close_result()
        elif mark is _Mark.UNIT:
            self._close_person()

    def _take(self, element: str, text: str) -> None:
        # Two blanks before an insurer's number belong to it.
        value = text.strip("\t\r\n" if element == _INSURER_NUMBER else _BLANK)
        if self._result:
            part = _consent_part(element)
            if part:
                self._put_consent(self._result, *part, value)
            else:
                self._put(self._result.values, _RESULT[element], value)
        elif self._person is None:
            self.lines[element] = self._line
            self._put(self.message, _MESSAGE[element], value)
        elif element == _REFERENCE:
            self._put_reference(self._person, value)
        else:
            self._put(self._person.values, _PERSON[element], value)

    def _put(self, into: dict[str, str], key: str, value: str) -> None:
        into[key] = self._joined(into.get(key, ""), value)
        odd = _odd(self._element, value)
        if odd:
            self.note(odd, self._line, self._element, value)

    def _put_consent(self, result: _Gathered, stem: str, place: int, value: str) -> None:
        parts = result.consents.setdefault(stem, ["", "", ""])
        if len(result.consents) > self._limits.consents:
            self._refuse(Reason.TOO_MUCH, "consents")
        parts[place] = self._joined(parts[place], value)
        odd = _odd_in_consent(stem, place, value)
        if odd:
            self.note(odd, self._line, self._element, value)

    def _put_reference(self, person: _Gathered, value: str) -> None:
        if len(person.references) >= self._limits.results:
            self._refuse(Reason.TOO_MUCH, _REFERENCE)
        if value:
            person.references.append(value)

    def _joined(self, before: str, value: str) -> str:
        """Return the one value there is, or both when they contradict each other."""
        if not before or not value or before == value:
            return value or before
        self.note(Odd.REPEATED, self._line, self._element, value)
        if len(before) + len(value) >= self._limits.text:
            self._refuse(Reason.TOO_MUCH, self._element)
        return f"{before}|{value}"

    def _close_result(self) -> None:
        if self._result is None or self._person is None:
            return
        consents = tuple(Consent(stem, *parts) for stem, parts in self._result.consents.items() if any(parts))
        for consent in consents:
            if not consent.code:
                self.note(Odd.NO_CODE, self._result.line, consent.name, "")
            elif consent.meaning is Meaning.GIVEN and not consent.time:
                self.note(Odd.NO_TIME, self._result.line, consent.name, consent.code)
        self._person.results.append(Result(**self._result.values, consents=consents))
        self._result = None

    def _close_person(self) -> None:
        if self._person is None:
            return
        gathered, self._person = self._person, None
        references, results = tuple(gathered.references), tuple(gathered.results)
        self.persons.append(Person(references, **gathered.values, results=results))


# --- reading -------------------------------------------------------------------------------------------------------

_NAMED: Final = re.compile(r"(?:.*[/\\])?([A-Z]{3}[a-z]{5}[0-9]{2}re[qs])")


def read(data: bytes, *, facility_code: str, filename: str = "", limits: Limits | None = None) -> Reading:
    """Return what an uploaded answer says, plain or in a ZIP; raise `Unreadable` when it is refused as a whole.

    Refused besides what is damaged or hostile: the answer of another station, persons without a station, a request,
    and the answer to another inquiry. The one for online care looks the same inside and is known by its name alone.
    """
    reader, encoding, kind = _read(data, filename, limits or Limits())
    if kind in {Kind.REQUEST_01, Kind.REQUEST_02} or _is_request(reader):
        raise Unreadable(Reason.REQUEST)
    answer = _answer(reader, kind)
    header = answer.header
    if header.facility_code not in {"", facility_code}:
        raise Unreadable(Reason.WRONG_STATION, reader.lines.get(_STATION), header.facility_code)
    if reader.persons and not header.facility_code:
        raise Unreadable(Reason.NO_STATION)
    unknown = tuple(Unknown(element, count, line) for element, (count, line) in reader.unknown.items())
    return Reading(answer, encoding, tuple(reader.problems), reader.problem_count, unknown)


def read_request(data: bytes, *, filename: str = "", limits: Limits | None = None) -> Request:
    """Return what a request asks, as a terminal would read it; raise `Unreadable` when it is none."""
    reader, _, _ = _read(data, filename, limits or Limits())
    message = reader.message
    if not _is_request(reader) or message.get("care", "2") != "2":
        raise Unreadable(Reason.OTHER_KIND)
    facility_code = message.get("facility_code", "")
    if not facility_code:
        raise Unreadable(Reason.NO_STATION)
    if _SEARCH in reader.lines:
        begins, ends = day(message.get("consent_from", "")), day(message.get("consent_to", ""))
        if begins and ends and begins <= ends:
            return Request01(facility_code, message.get("key", ""), begins, ends)
        raise Unreadable(Reason.FORM, reader.lines[_SEARCH], _SEARCH)
    if message["reception"]:
        return Request02(facility_code, message["reception"])
    raise Unreadable(Reason.FORM, reader.lines[_RECEPTION], _RECEPTION)


def _read(data: bytes, filename: str, limits: Limits) -> tuple[_Reader, Encoding, Kind | None]:
    kind = _kind(filename)
    xml, inner = _unpacked(data, limits)
    kind = _kind(inner) or kind
    encoding = _encoding(xml)
    reader = _Reader(limits)
    reader.read(_letters(xml, encoding))
    return reader, encoding, kind


def _kind(filename: str) -> Kind | None:
    """Return the kind that a file's name tells, or None when it tells none."""
    named = _NAMED.match(filename)
    if named is None:
        return None
    if named[1] not in set(Kind):
        raise Unreadable(Reason.OTHER_KIND, about=named[1])
    return Kind(named[1])


def _is_request(reader: _Reader) -> bool:
    is_second = "reception" in reader.message and not _has_answered(reader) and not reader.persons
    return _SEARCH in reader.lines or is_second


def _has_answered(reader: _Reader) -> bool:
    return bool(reader.message.get("segment") or reader.message.get("status"))


def _answer(reader: _Reader, kind: Kind | None) -> Answer:
    """Return which of the two answers it is: a reception number makes the first, persons make the second.

    With neither (it failed, or nobody registered in the window) the file's name decides; without one it is the second.
    """
    message = reader.message
    if not reader.persons and not _has_answered(reader):
        raise Unreadable(Reason.OTHER_KIND)
    fields = {*_HEADER.values(), *_PROCESSING.values()}
    header = Header(**{key: value for key, value in message.items() if key in fields})
    if reader.persons or ("reception" not in message and kind is not Kind.ANSWER_01):
        if "reception" in message:
            raise Unreadable(Reason.FORM, reader.lines[_RECEPTION], _RECEPTION)
        return Answer02(header, tuple(reader.persons))
    answer = Answer01(header, message.get("reception", ""))
    if not answer.reception and header.outcome is Outcome.DONE:
        reader.note(Odd.NO_RECEPTION, reader.lines.get(_RECEPTION, 1), _RECEPTION, "")
    return answer


# --- writing -------------------------------------------------------------------------------------------------------

_NO_CHARACTER: Final = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


def write(message: Request | Answer, encoding: Encoding = Encoding.SHIFT_JIS) -> bytes:
    """Return a request or an answer as a file, each value on a line of its own; raise `Unwritable` for a lost letter.

    A letter is lost when the encoding lacks it, and also when it would be read back as another one (〜 as ～).
    """
    head = f'<?xml version="1.0" encoding="{encoding}" standalone="no"?>\n<{_ROOT}>\n'
    text = head + "".join(_message(message)) + f"</{_ROOT}>\n"
    for letter in sorted(set(text)):
        if _NO_CHARACTER.match(letter) or not _survives(letter, encoding):
            raise Unwritable(letter)
    return text.encode(encoding.codec)


def _survives(letter: str, encoding: Encoding) -> bool:
    try:
        return letter.encode(encoding.codec).decode(encoding.codec) == letter
    except UnicodeError:
        return False


def _message(message: Request | Answer) -> Iterator[str]:
    header = message.header if isinstance(message, Answer01 | Answer02) else message
    yield from _within("MessageHeader", _values(header, _HEADER))
    yield from _within("MessageBody", _body(message))


def _body(message: Request | Answer) -> Iterator[str]:
    match message:
        case Request01():
            yield from _within(_SEARCH, _window(message))
        case Request02():
            yield _value(_RECEPTION, message.reception)
        case Answer01():
            yield _value(_RECEPTION, message.reception) or f"<{_RECEPTION}/>\n"
            yield from _values(message.header, _PROCESSING)
        case Answer02():
            yield from _values(message.header, _PROCESSING)
            for person in message.persons:
                yield from _within(_UNIT, _person(person))


def _window(request: Request01) -> Iterator[str]:
    yield _value("ConsentDateFrom", f"{request.consent_from:%Y%m%d}")
    yield _value("ConsentDateTo", f"{request.consent_to:%Y%m%d}")
    yield _value("MedicalTreatmentFlag", "2")


def _person(person: Person) -> Iterator[str]:
    for reference in person.references:
        yield _value(_REFERENCE, reference)
    yield from _values(person, _PERSON)
    for result in person.results:
        yield from _within(_CONFIRMATION, _result(result))


def _result(result: Result) -> Iterator[str]:
    yield from _values(result, _RESULT)
    for consent in result.consents:
        yield _value(consent.name + _FLAG, consent.code)
        yield _value(consent.name + _TIME, consent.time)
        yield _value(consent.name + _AVAILABLE, consent.available)


def _values(source: object, elements: Mapping[str, str]) -> Iterator[str]:
    for element, attribute in elements.items():
        yield _value(element, getattr(source, attribute, ""))


def _value(element: str, value: str) -> str:
    return f"<{element}>{value.translate(_ESCAPES)}</{element}>\n" if value else ""


def _within(element: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"<{element}>\n"
    yield from lines
    yield f"</{element}>\n"
