"""Makes the files of the practice terminal, as registered or with a chosen deviation or fault. Pure.

`make_file` returns an `OQSmuhvq02res`, `make_receipt` the `01res` before it. `Options` sets encoding and packing, what
is not as registered (`Twist`: the file can still be read), and what is wrong with the file as such (`Fault`).
`spoiled` damages any XML of the terminal's. Raises `Unwritable` for a name that Shift_JIS cannot encode.

Rules of the practice world only, since the real ones are not public: somebody who declined everything is listed too;
an item that was declined or not asked is 0 without a time; limit_amount, whose table knows no "expired", is 0 then.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from app.practice.people import PracticeInsurance, PracticePerson
from app.practice.system import RegisteredConsent, end_of
from app.rules.terminal.values import (
    FLAGS,
    Answer,
    Answer01,
    Answer02,
    Consent,
    Encoding,
    FileKind,
    Flag,
    Header,
    Meaning,
    Person,
    Request01,
    Result,
    file_name,
)
from app.rules.terminal.write import write
from app.rules.words.dates import JST

COLUMNS: Final[Mapping[str, Flag]] = {stem: flag for stem, flag in FLAGS.items() if flag.column}
"""The six flags that the terminal's list shows, in its order, by the word in their elements' names."""
EVERYBODY: Final = "everybody"
_FLAGS_OF: Final = {"clinical_drug": ("clinical", "drug")}
"""One question, two flags. Every other item has one flag, of its own name."""
_STATIONS: Final = ("9960000017", "9960000009")
"""Synthetic codes; the wrong station is the first that is not the right one."""
_AID: Final = PracticeInsurance("A1", "12990016", "練習市福祉事務所（医療扶助）")
_UNHEARD_OF: Final = "7"


class Packing(StrEnum):
    """How a file is handed out."""

    XML = "xml"
    ZIP = "zip"


class Twist(StrEnum):
    """One deviation of a person's entry from the registration, or a part that no reader knows."""

    ONE_DIFFERS = "one_differs"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    INVALID = "invalid"
    INSURANCE_CHANGED = "insurance_changed"
    ONLY_AID = "only_aid"
    NO_REFERENCE = "no_reference"
    TWO_REFERENCES = "two_references"
    TWO_INSURANCES = "two_insurances"
    UNKNOWN_CODE = "unknown_code"
    UNKNOWN_FLAG = "unknown_flag"
    UNKNOWN_ELEMENTS = "unknown_elements"


class Fault(StrEnum):
    """One fault of a file as a whole."""

    PROCESSING = "processing"
    FAILED = "failed"
    WRONG_STATION = "wrong_station"
    REQUEST = "request"
    ONLINE_CARE = "online_care"
    CUT = "cut"
    BROKEN_XML = "broken_xml"
    OTHER_LETTERS = "other_letters"


@dataclass(frozen=True, slots=True)
class ConsentWindow:
    """The days between which a consent was given, both included."""

    begins: date
    ends: date

    def __contains__(self, day: date) -> bool:
        return self.begins <= day <= self.ends


@dataclass(frozen=True, slots=True)
class Consented:
    """One person of the list: what the practice system holds, since when, and the number the station gave them."""

    person: PracticePerson
    at: datetime
    consents: tuple[RegisteredConsent, ...]
    number: str = ""

    @property
    def flags(self) -> Mapping[str, RegisteredConsent]:
        """The consents, by flag; a flag that was not asked is missing."""
        return {flag: consent for consent in self.consents for flag in _FLAGS_OF.get(consent.item, (consent.item,))}

    @property
    def born(self) -> date:
        """The birth date as of the day of the registration: practice people keep their stated age."""
        return self.person.born(self.at.date())

    @property
    def ends(self) -> datetime | None:
        """The earliest end of any item, which is the one that the list shows."""
        return min((consent.available_until for consent in self.consents if consent.available_until), default=None)


@dataclass(frozen=True, slots=True)
class Options:
    """The trainer's choices; the defaults make a file as registered."""

    encoding: Encoding = Encoding.SHIFT_JIS
    packing: Packing = Packing.XML
    twists: frozenset[Twist] = frozenset()
    whom: str = ""
    """Whose entry is twisted: the id of a person, `EVERYBODY`, or the one registered last."""
    item: str = "drug"
    """The flag that differs, or has an unknown code."""
    fault: Fault | None = None


AS_REGISTERED: Final = Options()


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file to hand out."""

    name: str
    content: bytes


def make_file(  # noqa: PLR0913 - plain values by name
    people: Sequence[Consented],
    *,
    facility_code: str,
    window: ConsentWindow,
    made_at: datetime,
    options: Options = AS_REGISTERED,
    counter: int = 1,
    key: str = "",
) -> MadeFile:
    """Return an `OQSmuhvq02res` about everybody of the window; raise `Unwritable` for a letter it cannot hold."""
    within = [each for each in people if each.at.date() in window]
    newest = max(within, key=lambda each: each.at).person.id if within else ""
    whom = options.whom or newest
    persons = tuple(
        _twisted(each, options, made_at) if whom in {EVERYBODY, each.person.id} else _listed(each) for each in within
    )
    answer = Answer02(_header(facility_code, key, options, made_at), persons)
    return _made(answer, window, options, _Named(FileKind.ANSWER_02, made_at.date(), counter))


def make_receipt(
    request: Request01, *, reception: str, made_at: datetime, options: Options = AS_REGISTERED, counter: int = 1
) -> MadeFile:
    """Return the `OQSmuhvq01res` to a request, with the reception number of its answer."""
    answer = Answer01(_header(request.facility_code, request.key, options, made_at), reception)
    window = ConsentWindow(request.consent_from, request.consent_to)
    return _made(answer, window, options, _Named(FileKind.ANSWER_01, made_at.date(), counter))


@dataclass(frozen=True, slots=True)
class _Named:
    kind: FileKind
    on: date
    counter: int

    def __str__(self) -> str:
        return file_name(self.kind, self.on, self.counter)


def _header(facility_code: str, key: str, options: Options, made_at: datetime) -> Header:
    letters = "1" if options.encoding is Encoding.SHIFT_JIS else "0"
    return Header(_digits(made_at), facility_code, key, letters, segment="1", status="1")


def _digits(at: datetime) -> str:
    return f"{at.astimezone(JST):%Y%m%d%H%M%S}"


# --- one person --------------------------------------------------------------------------------------------------


def _listed(each: Consented) -> Person:
    """Return a person as registered. Consents stand beside the first insurance only, as in public examples."""
    first, *others = each.person.insurances
    results = (_result(each, first, _consents(each)), *(_result(each, other) for other in others))
    numbers = (each.number,) if each.number else ()
    return Person(numbers, "1" if each.person.valid else "2", results=results)


def _result(each: Consented, insurance: PracticeInsurance, consents: tuple[Consent, ...] = ()) -> Result:
    return Result(
        card=insurance.kind,
        insurer_number=insurance.insurer_number,
        insurer_name=insurance.insurer_name,
        name=each.person.name,
        kana=each.person.kana,
        sex=each.person.sex,
        birthdate=f"{each.born:%Y%m%d}",
        consents=consents,
    )


def _consents(each: Consented) -> tuple[Consent, ...]:
    flags = each.flags
    return tuple(_consent(stem, flags.get(flag.id)) for stem, flag in COLUMNS.items())


def _consent(stem: str, consent: RegisteredConsent | None) -> Consent:
    if consent is None or not consent.agreed:
        return Consent(stem, "0")
    end = consent.available_until
    return Consent(stem, "1", _digits(consent.consented_at), _digits(end) if end else "")


def _twisted(each: Consented, options: Options, made_at: datetime) -> Person:
    listed = _listed(each)
    for twist in Twist:
        if twist in options.twists and twist in _TWISTS:
            listed = _TWISTS[twist](listed, each, options, made_at)
    return listed


_Twisting = Callable[[Person, Consented, Options, datetime], Person]


def _with_consents(listed: Person, change: Callable[[Consent], Consent]) -> Person:
    first, *others = listed.results
    changed = replace(first, consents=tuple(change(consent) for consent in first.consents))
    return replace(listed, results=(changed, *others))


def _one_differs(listed: Person, each: Consented, options: Options, _: datetime) -> Person:
    def flipped(consent: Consent) -> Consent:
        if COLUMNS[consent.name].id != options.item:
            return consent
        if consent.meaning is Meaning.GIVEN:
            return Consent(consent.name, "0")
        given = RegisteredConsent(options.item, True, each.at, end_of(options.item, each.at.date()))  # noqa: FBT003 - its field
        return _consent(consent.name, given)

    return _with_consents(listed, flipped)


def _expired(listed: Person, each: Consented, _: Options, made_at: datetime) -> Person:
    """End every given consent a minute before the file, but not before it was given."""
    ended = _digits(max(each.at, made_at - timedelta(minutes=1)))

    def over(consent: Consent) -> Consent:
        if consent.meaning is not Meaning.GIVEN:
            return consent
        flag = COLUMNS[consent.name]
        if "2" not in flag.codes:
            return Consent(consent.name, "0")
        return replace(consent, code="2", available=ended if consent.available else "")

    return _with_consents(listed, over)


def _withdrawn(listed: Person, *_: object) -> Person:
    return _with_consents(listed, lambda consent: Consent(consent.name, "0"))


def _valid_as(code: str) -> _Twisting:
    return lambda listed, *_: replace(listed, validity=code)


def _no_reference(listed: Person, *_: object) -> Person:
    return replace(listed, references=())


def _two_references(listed: Person, *_: object) -> Person:
    number = listed.references[0] if listed.references else "A-0001"
    return replace(listed, references=(number, f"OLD-{number[:16]}"))


def _two_insurances(listed: Person, each: Consented, *_: object) -> Person:
    if len(listed.results) > 1:
        return listed
    return replace(listed, results=(*listed.results, _result(each, _AID)))


def _unknown_code(listed: Person, each: Consented, options: Options, _: datetime) -> Person:
    def strange(consent: Consent) -> Consent:
        is_it = COLUMNS[consent.name].id == options.item
        return Consent(consent.name, _UNHEARD_OF, _digits(each.at)) if is_it else consent

    return _with_consents(listed, strange)


def _unknown_flag(listed: Person, each: Consented, *_: object) -> Person:
    first, *others = listed.results
    strange = Consent("NewThing", "1", _digits(each.at))
    return replace(listed, results=(replace(first, consents=(*first.consents, strange)), *others))


_TWISTS: Final[Mapping[Twist, _Twisting]] = {
    Twist.ONE_DIFFERS: _one_differs,
    Twist.EXPIRED: _expired,
    Twist.WITHDRAWN: _withdrawn,
    Twist.INVALID: _valid_as("2"),
    Twist.INSURANCE_CHANGED: _valid_as("3"),
    Twist.ONLY_AID: _valid_as("6"),
    Twist.NO_REFERENCE: _no_reference,
    Twist.TWO_REFERENCES: _two_references,
    Twist.TWO_INSURANCES: _two_insurances,
    Twist.UNKNOWN_CODE: _unknown_code,
    Twist.UNKNOWN_FLAG: _unknown_flag,
}
"""All but UNKNOWN_ELEMENTS, which no value of ours can hold: `_of_the_future` puts them into the XML."""


# --- the file ----------------------------------------------------------------------------------------------------


def _made(answer: Answer, window: ConsentWindow, options: Options, named: _Named) -> MadeFile:
    if options.fault is Fault.REQUEST:
        header = answer.header
        request = Request01(header.facility_code, header.key, window.begins, window.ends)
        content = write(request, options.encoding)
        named = replace(named, kind=FileKind.REQUEST_01)
    else:
        content = write(_stated(answer, options.fault), options.encoding)
    if Twist.UNKNOWN_ELEMENTS in options.twists:
        content = _of_the_future(content)
    content = spoiled(content, options.fault)
    name = str(named)
    if options.fault is Fault.ONLINE_CARE:
        name = name.replace("OQSmuhvq", "OQSmuonq")
    if options.packing is Packing.ZIP:
        return MadeFile(name.replace(".xml", ".zip"), _packed(content, name))
    return MadeFile(name, content)


def _stated(answer: Answer, fault: Fault | None) -> Answer:
    """Return the answer with the fault in its header; one that is processing or failed has no persons."""
    header = answer.header
    if fault is Fault.WRONG_STATION:
        other = next(code for code in _STATIONS if code != header.facility_code)
        return replace(answer, header=replace(header, facility_code=other))
    if fault is Fault.PROCESSING:
        return _emptied(answer, replace(header, segment="2"))
    if fault is Fault.FAILED:
        said = {"code": "RENSHU-01", "message": "練習のエラーです。処理できませんでした。"}
        return _emptied(answer, replace(header, segment="9", status="2", **said))
    return answer


def _emptied(answer: Answer, header: Header) -> Answer:
    return Answer01(header) if isinstance(answer, Answer01) else Answer02(header)


def _of_the_future(content: bytes) -> bytes:
    """Put elements of a later version around and between the known ones."""
    for old, new in (
        (b"<MessageHeader>\n", b"<MessageHeader>\n<LayoutVersion>99.0</LayoutVersion>\n"),
        (
            b"<BulkConfirmUnit>\n",
            b"<BulkConfirmUnit>\n<NewUnitInfo><NewUnitDate>20991231</NewUnitDate></NewUnitInfo>\n",
        ),
        (b"<ResultOfQualificationConfirmation>", b"<NewResultList><ResultOfQualificationConfirmation>"),
        (b"</ResultOfQualificationConfirmation>", b"</ResultOfQualificationConfirmation></NewResultList>"),
    ):
        content = content.replace(old, new)
    return content


def spoiled(content: bytes, fault: Fault | None) -> bytes:
    """Return an XML file of the terminal's with a fault in its bytes; the other faults leave it as it is."""
    if fault is Fault.CUT:
        return content[: len(content) // 2]
    if fault is Fault.BROKEN_XML:
        return content.replace(b"</MessageBody>", b"</MessageBodi>")
    if fault is Fault.OTHER_LETTERS:
        declaration, _, rest = content.partition(b"\n")
        codec = (Encoding.SHIFT_JIS if b"Shift_JIS" in declaration else Encoding.UTF_8).codec
        # Many UTF-8 byte sequences are valid Shift_JIS by chance. This one is not.
        strange = "<!-- あ-->\n".encode()
        declared = declaration.replace(b"UTF-8", b"Shift_JIS")
        return declared + b"\n" + strange + rest.decode(codec).encode()
    return content


def _packed(content: bytes, inner: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(inner, content)
    return packed.getvalue()
