"""Parses a file of the terminal. Pure.

A file is read completely or refused (`UnreadableFile`): for its packing, encoding, structure, station, kind or size. A
single bad value (`OddValue`) does not refuse it: it is kept raw, listed with its line, and never equals a known one.

expat is used directly for its line numbers and incremental parsing. A DOCTYPE, and with it entities and external
references, is refused where it begins, as defusedxml does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NoReturn
from xml.parsers import expat

from app.rules.terminal.elements import (
    CONFIRMATION,
    HEADER,
    INSURER_NUMBER,
    MESSAGE,
    PASSED_OVER,
    PERSON,
    PROCESSING,
    RECEPTION,
    REFERENCE,
    RESULT,
    ROOT,
    SEARCH,
    STATION,
    UNIT,
    WRAPPERS,
    consent_part,
    oddity,
    oddity_in_consent,
)
from app.rules.terminal.unpack import encoding_of, letters, unpack
from app.rules.terminal.values import (
    Answer,
    Answer01,
    Answer02,
    Consent,
    Encoding,
    FileKind,
    Header,
    Limits,
    Meaning,
    Odd,
    OddValue,
    Outcome,
    Person,
    Reading,
    Request,
    Request01,
    Request02,
    Result,
    Unknown,
    UnreadableFile,
    UnreadableReason,
    parse_day,
)


class _Kind(IntEnum):
    """How an open element is handled."""

    WRAPPER = 0
    UNIT = 1
    CONFIRMATION = 2
    VALUE = 3
    UNKNOWN = 4
    PASSED_OVER = 5


@dataclass(slots=True)
class _Gathered:
    """A person or a result under construction."""

    line: int
    values: dict[str, str] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    consents: dict[str, list[str]] = field(default_factory=dict)


_ENDS: Final = frozenset(
    expat.errors.codes[name]
    for name in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)
"""The error codes of expat for truncated input."""
_BLANK: Final = " \t\r\n"
_BETWEEN: Final = "\x1f"
"""Separates namespace and name: a character that XML forbids."""


class _Reader:
    """expat handlers that collect the values of one file; they raise `UnreadableFile` at once."""

    def __init__(self, limits: Limits) -> None:
        self.message: dict[str, str] = {}
        self.persons: list[Person] = []
        self.problems: list[OddValue] = []
        self.problem_count = 0
        self.lines: dict[str, int] = {}
        self.unknown: dict[str, list[int]] = {}
        self._limits = limits
        self._open: list[_Kind] = []
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
        fed = 0
        try:
            for piece in pieces:
                part = piece.encode()
                fed += len(part)
                self._parser.Parse(part, False)  # noqa: FBT003 - expat takes it by place
                if fed - self._parser.CurrentByteIndex > self._limits.token:
                    self._refuse(UnreadableReason.TOO_MUCH, "token")
            self._parser.Parse(b"", True)  # noqa: FBT003 - the same
        except expat.ExpatError as fault:
            reason = UnreadableReason.CUT_OFF if fault.code in _ENDS else UnreadableReason.BROKEN
            raise UnreadableFile(reason, fault.lineno, expat.ErrorString(fault.code) or "") from fault

    def note(self, odd: Odd, line: int, element: str, raw: str) -> None:
        self.problem_count += 1
        if len(self.problems) < self._limits.problems:
            person = len(self.persons) + 1 if self._person else 0
            self.problems.append(OddValue(odd, line, person, element, raw))

    def _refuse(self, reason: UnreadableReason, about: str = "") -> NoReturn:
        raise UnreadableFile(reason, self._parser.CurrentLineNumber, about)

    def _doctype(self, *_: object) -> None:
        self._refuse(UnreadableReason.DOCTYPE)

    def _start(self, full: str, attributes: dict[str, str]) -> None:
        element = full.rpartition(_BETWEEN)[2]
        self._bound(full, attributes)
        kind = self._kind_of(element)
        self._open.append(kind)
        self._line = self._parser.CurrentLineNumber
        if kind is _Kind.VALUE:
            self._element = element
            self._text.clear()
            self._length = 0
        elif kind is _Kind.UNKNOWN:
            self.unknown.setdefault(element, [0, self._line])[0] += 1
        elif kind is _Kind.CONFIRMATION:
            self._result = _Gathered(self._line)
        elif kind is _Kind.UNIT:
            self._person = _Gathered(self._line)
        elif element == SEARCH:
            self.lines[SEARCH] = self._line

    def _bound(self, full: str, attributes: dict[str, str]) -> None:
        limits = self._limits
        self._elements += 1
        self._names.add(full)
        if attributes:
            self._names.update(attributes)
        if len(self._open) >= limits.depth:
            self._refuse(UnreadableReason.TOO_MUCH, "depth")
        if self._elements > limits.elements:
            self._refuse(UnreadableReason.TOO_MUCH, "elements")
        if len(self._names) > limits.names or len(full) > limits.text:
            self._refuse(UnreadableReason.TOO_MUCH, "names")

    def _kind_of(self, element: str) -> _Kind:
        """Classify an element by its name and parent; an unknown one may contain known ones."""
        outer = self._open[-1] if self._open else None
        if outer is None and element != ROOT:
            self._refuse(UnreadableReason.OTHER_KIND, element[:100])
        if outer is _Kind.PASSED_OVER:
            return outer
        if outer is _Kind.VALUE:
            self._refuse(UnreadableReason.FORM, self._element)
        if element == UNIT:
            return self._unit_kind()
        if element == CONFIRMATION:
            return self._confirmation_kind()
        if self._is_value(element):
            return _Kind.VALUE
        if element in PASSED_OVER:
            return _Kind.PASSED_OVER
        is_wrapper = outer is None or (element in WRAPPERS and self._person is None)
        return _Kind.WRAPPER if is_wrapper else _Kind.UNKNOWN

    def _unit_kind(self) -> _Kind:
        if self._person:
            self._refuse(UnreadableReason.FORM, UNIT)
        if len(self.persons) >= self._limits.persons:
            self._refuse(UnreadableReason.TOO_MUCH, "persons")
        return _Kind.UNIT

    def _confirmation_kind(self) -> _Kind:
        if self._person is None:
            # Answers about one patient look like this: the card reader's copy, and the single check.
            self._refuse(UnreadableReason.OTHER_KIND, CONFIRMATION)
        if self._result:
            self._refuse(UnreadableReason.FORM, CONFIRMATION)
        if len(self._person.results) >= self._limits.results:
            self._refuse(UnreadableReason.TOO_MUCH, "results")
        return _Kind.CONFIRMATION

    def _is_value(self, element: str) -> bool:
        if self._result:
            return element in RESULT or consent_part(element) is not None
        if self._person:
            return element in PERSON or element == REFERENCE
        return element in MESSAGE

    def _characters(self, text: str) -> None:
        kind = self._open[-1]
        if kind is _Kind.VALUE:
            self._length += len(text)
            if self._length > self._limits.text:
                self._refuse(UnreadableReason.TOO_MUCH, self._element)
            self._text.append(text)
        elif kind < _Kind.VALUE and text.strip(_BLANK):
            self._refuse(UnreadableReason.FORM, "text")

    def _end(self, _: str) -> None:
        kind = self._open.pop()
        if kind is _Kind.VALUE:
            self._take(self._element, "".join(self._text))
        elif kind is _Kind.CONFIRMATION:
            self._close_result()
        elif kind is _Kind.UNIT:
            self._close_person()

    def _take(self, element: str, text: str) -> None:
        # Two blanks before an insurer's number belong to it.
        value = text.strip("\t\r\n" if element == INSURER_NUMBER else _BLANK)
        if self._result:
            part = consent_part(element)
            if part:
                self._put_consent(self._result, *part, value)
            else:
                self._put(self._result.values, RESULT[element], value)
        elif self._person is None:
            self.lines[element] = self._line
            self._put(self.message, MESSAGE[element], value)
        elif element == REFERENCE:
            self._put_reference(self._person, value)
        else:
            self._put(self._person.values, PERSON[element], value)

    def _put(self, into: dict[str, str], key: str, value: str) -> None:
        into[key] = self._joined(into.get(key, ""), value)
        odd = oddity(self._element, value)
        if odd:
            self.note(odd, self._line, self._element, value)

    def _put_consent(self, result: _Gathered, stem: str, place: int, value: str) -> None:
        parts = result.consents.setdefault(stem, ["", "", ""])
        if len(result.consents) > self._limits.consents:
            self._refuse(UnreadableReason.TOO_MUCH, "consents")
        parts[place] = self._joined(parts[place], value)
        odd = oddity_in_consent(stem, place, value)
        if odd:
            self.note(odd, self._line, self._element, value)

    def _put_reference(self, person: _Gathered, value: str) -> None:
        if len(person.references) >= self._limits.results:
            self._refuse(UnreadableReason.TOO_MUCH, REFERENCE)
        if value:
            person.references.append(value)

    def _joined(self, before: str, value: str) -> str:
        """Return the one value, or both joined by `|` when they contradict each other."""
        if not before or not value or before == value:
            return value or before
        self.note(Odd.REPEATED, self._line, self._element, value)
        if len(before) + len(value) >= self._limits.text:
            self._refuse(UnreadableReason.TOO_MUCH, self._element)
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
    """Parse an uploaded answer, plain or zipped; raise `UnreadableFile`.

    Also refused are the answer of another station, persons without a station, a request, and the answer to another
    inquiry: the one for online care has the same structure and is recognized by its file name only.
    """
    reader, encoding, kind = _read(data, filename, limits or Limits())
    if kind in {FileKind.REQUEST_01, FileKind.REQUEST_02} or _is_request(reader):
        raise UnreadableFile(UnreadableReason.REQUEST)
    answer = _answer(reader, kind)
    header = answer.header
    if header.facility_code not in {"", facility_code}:
        raise UnreadableFile(UnreadableReason.WRONG_STATION, reader.lines.get(STATION), header.facility_code)
    if reader.persons and not header.facility_code:
        raise UnreadableFile(UnreadableReason.NO_STATION)
    unknown = tuple(Unknown(element, count, line) for element, (count, line) in reader.unknown.items())
    return Reading(answer, encoding, tuple(reader.problems), reader.problem_count, unknown)


def read_request(data: bytes, *, filename: str = "", limits: Limits | None = None) -> Request:
    """Parse a request as a terminal would; raise `UnreadableFile` when it is none."""
    reader, _, _ = _read(data, filename, limits or Limits())
    message = reader.message
    if not _is_request(reader) or message.get("care", "2") != "2":
        raise UnreadableFile(UnreadableReason.OTHER_KIND)
    facility_code = message.get("facility_code", "")
    if not facility_code:
        raise UnreadableFile(UnreadableReason.NO_STATION)
    if SEARCH in reader.lines:
        begins, ends = parse_day(message.get("consent_from", "")), parse_day(message.get("consent_to", ""))
        if begins and ends and begins <= ends:
            return Request01(facility_code, message.get("key", ""), begins, ends)
        raise UnreadableFile(UnreadableReason.FORM, reader.lines[SEARCH], SEARCH)
    if message["reception"]:
        return Request02(facility_code, message["reception"])
    raise UnreadableFile(UnreadableReason.FORM, reader.lines[RECEPTION], RECEPTION)


def _read(data: bytes, filename: str, limits: Limits) -> tuple[_Reader, Encoding, FileKind | None]:
    kind = _kind(filename)
    xml, inner = unpack(data, limits)
    kind = _kind(inner) or kind
    encoding = encoding_of(xml)
    reader = _Reader(limits)
    reader.read(letters(xml, encoding))
    return reader, encoding, kind


def _kind(filename: str) -> FileKind | None:
    """Return the kind by file name, or None; raise `UnreadableFile` for another kind of terminal file."""
    named = _NAMED.match(filename)
    if named is None:
        return None
    if named[1] not in set(FileKind):
        raise UnreadableFile(UnreadableReason.OTHER_KIND, about=named[1])
    return FileKind(named[1])


def _is_request(reader: _Reader) -> bool:
    is_second = "reception" in reader.message and not _has_answered(reader) and not reader.persons
    return SEARCH in reader.lines or is_second


def _has_answered(reader: _Reader) -> bool:
    return bool(reader.message.get("segment") or reader.message.get("status"))


def _answer(reader: _Reader, kind: FileKind | None) -> Answer:
    """Build an `Answer01` if there is a reception number, an `Answer02` if there are persons.

    With neither (it failed, or the window is empty) the file name decides; without one it is an `Answer02`.
    """
    message = reader.message
    if not reader.persons and not _has_answered(reader):
        raise UnreadableFile(UnreadableReason.OTHER_KIND)
    fields = {*HEADER.values(), *PROCESSING.values()}
    header = Header(**{key: value for key, value in message.items() if key in fields})
    if reader.persons or ("reception" not in message and kind is not FileKind.ANSWER_01):
        if "reception" in message:
            raise UnreadableFile(UnreadableReason.FORM, reader.lines[RECEPTION], RECEPTION)
        return Answer02(header, tuple(reader.persons))
    answer = Answer01(header, message.get("reception", ""))
    if not answer.reception and header.outcome is Outcome.DONE:
        reader.note(Odd.NO_RECEPTION, reader.lines.get(RECEPTION, 1), RECEPTION, "")
    return answer
