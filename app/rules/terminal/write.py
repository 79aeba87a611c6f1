"""Serializes requests and answers as files of the terminal. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from app.rules.terminal.elements import (
    AVAILABLE_ENDING,
    CONFIRMATION,
    FLAG_ENDING,
    HEADER,
    PERSON,
    PROCESSING,
    RECEPTION,
    REFERENCE,
    RESULT,
    ROOT,
    SEARCH,
    TIME_ENDING,
    UNIT,
)
from app.rules.terminal.values import (
    Answer,
    Answer01,
    Answer02,
    Encoding,
    Person,
    Request,
    Request01,
    Request02,
    Result,
    Unwritable,
)

_NO_CHARACTER: Final = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


def write(message: Request | Answer, encoding: Encoding = Encoding.SHIFT_JIS) -> bytes:
    """Serialize to XML, one value a line; raise `Unwritable` for a character that would be lost.

    It is lost when XML forbids it, the encoding lacks it, or it would be decoded as another one (〜 as ～).
    """
    head = f'<?xml version="1.0" encoding="{encoding}" standalone="no"?>\n<{ROOT}>\n'
    text = head + "".join(_message(message)) + f"</{ROOT}>\n"
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
    yield from _within("MessageHeader", _values(header, HEADER))
    yield from _within("MessageBody", _body(message))


def _body(message: Request | Answer) -> Iterator[str]:
    match message:
        case Request01():
            yield from _within(SEARCH, _window(message))
        case Request02():
            yield _value(RECEPTION, message.reception)
        case Answer01():
            yield _value(RECEPTION, message.reception) or f"<{RECEPTION}/>\n"
            yield from _values(message.header, PROCESSING)
        case Answer02():
            yield from _values(message.header, PROCESSING)
            for person in message.persons:
                yield from _within(UNIT, _person(person))


def _window(request: Request01) -> Iterator[str]:
    yield _value("ConsentDateFrom", f"{request.consent_from:%Y%m%d}")
    yield _value("ConsentDateTo", f"{request.consent_to:%Y%m%d}")
    yield _value("MedicalTreatmentFlag", "2")


def _person(person: Person) -> Iterator[str]:
    for reference in person.references:
        yield _value(REFERENCE, reference)
    yield from _values(person, PERSON)
    for result in person.results:
        yield from _within(CONFIRMATION, _result(result))


def _result(result: Result) -> Iterator[str]:
    yield from _values(result, RESULT)
    for consent in result.consents:
        yield _value(consent.name + FLAG_ENDING, consent.code)
        yield _value(consent.name + TIME_ENDING, consent.time)
        yield _value(consent.name + AVAILABLE_ENDING, consent.available)


def _values(source: object, elements: Mapping[str, str]) -> Iterator[str]:
    for element, attribute in elements.items():
        yield _value(element, getattr(source, attribute, ""))


def _value(element: str, value: str) -> str:
    return f"<{element}>{value.translate(_ESCAPES)}</{element}>\n" if value else ""


def _within(element: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"<{element}>\n"
    yield from lines
    yield f"</{element}>\n"
