"""The terminal's files written, read and written again: random ones, and every letter there is."""

from __future__ import annotations

import random
import string
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.terminal.read import read, read_request
from app.rules.terminal.values import (
    FLAGS,
    Answer,
    Answer01,
    Answer02,
    Consent,
    Encoding,
    Header,
    Person,
    Request,
    Request01,
    Request02,
    Result,
    Unwritable,
    parse_time,
)
from app.rules.terminal.write import write

STATION = "9960000009"
LETTERS = "髙﨑①Ⅲ～架空見本ｶｸｳ ｲﾁﾛｳ漢字　ー・<>&\"']]>%;A1-/"
ASTRAL = "𠮷𩸽éñ〜🙂"


def text(dice: random.Random, encoding: Encoding, longest: int = 12) -> str:
    """Return a text as reading returns it: without blanks at its ends."""
    letters = LETTERS if encoding is Encoding.SHIFT_JIS else LETTERS + ASTRAL
    return "".join(dice.choices(letters, k=dice.randint(0, longest))).strip(" ")


def digits(dice: random.Random, length: int) -> str:
    return "".join(dice.choices(string.digits, k=length))


def time(dice: random.Random) -> str:
    """Return a time, or sometimes 14 digits that are none."""
    return dice.choice(["", "20261110103200", f"2026{dice.randint(1, 12):02}{dice.randint(1, 28):02}{digits(dice, 6)}"])


def consents(dice: random.Random) -> tuple[Consent, ...]:
    names = dice.sample([*FLAGS, "NewInfo", "Other9"], dice.randint(0, 8))
    found = (Consent(name, dice.choice(["", "0", "1", "2", "3", "9x"]), time(dice), time(dice)) for name in names)
    return tuple(consent for consent in found if consent.code or consent.time or consent.available)


def result(dice: random.Random, encoding: Encoding) -> Result:
    return Result(
        card=dice.choice(["", "01", "A1", "Z9"]),
        insurer_number=dice.choice(["", digits(dice, 8), "  " + digits(dice, 6), digits(dice, 5)]),
        insurer_name=text(dice, encoding),
        name=text(dice, encoding),
        kana=text(dice, encoding),
        name_of_other=text(dice, encoding, 3),
        kana_of_other=text(dice, encoding, 3),
        sex=dice.choice(["", "1", "2", "3", "x"]),
        sex_on_back=dice.choice(["", "1", "2"]),
        birthdate=dice.choice(["", "19600602", digits(dice, 8)]),
        consents=consents(dice),
    )


def person(dice: random.Random, encoding: Encoding) -> Person:
    references = (text(dice, encoding) for _ in range(dice.choice([0, 1, 1, 1, 3])))
    return Person(
        references=tuple(reference for reference in references if reference),
        validity=dice.choice(["", "1", "2", "6", "8"]),
        status=dice.choice(["", "1"]),
        message=text(dice, encoding, 2),
        results=tuple(result(dice, encoding) for _ in range(dice.choice([0, 1, 1, 2, 3]))),
    )


def answer(dice: random.Random, encoding: Encoding) -> Answer:
    """Return a random answer as reading could have returned it."""
    header = Header(
        executed=time(dice),
        facility_code=STATION,
        key=text(dice, encoding),
        character_code=dice.choice(["", "0", "1", "2"]),
        segment=dice.choice(["", "1", "2", "9", "7"]),
        status=dice.choice(["1", "2", "7"]),
        code=text(dice, encoding, 4),
        message=text(dice, encoding),
    )
    if dice.random() < 0.1:
        return Answer01(header, text(dice, encoding))
    return Answer02(header, tuple(person(dice, encoding) for _ in range(dice.choice([0, 1, 1, 2, 4]))))


def request(dice: random.Random, encoding: Encoding) -> Request:
    if dice.random() < 0.5:
        return Request02(STATION, text(dice, encoding) or "R")
    begins = date(2026, 1, 1) + timedelta(days=dice.randint(0, 999))
    return Request01(STATION, text(dice, encoding), begins, begins + timedelta(days=dice.randint(0, 99)))


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("files", [500, pytest.param(5_000, marks=pytest.mark.slow)])
def test_random_answers_written_and_read_are_the_same(files: int, encoding: Encoding) -> None:
    dice = random.Random(files)
    for _ in range(files):
        given_ = answer(dice, encoding)
        written = write(given_, encoding)
        found = read(written, facility_code=STATION)
        assert (found.answer, found.encoding, found.unknown) == (given_, encoding, ())
        assert write(found.answer, encoding) == written


@pytest.mark.parametrize("encoding", list(Encoding))
def test_random_requests_written_and_read_are_the_same(encoding: Encoding) -> None:
    dice = random.Random(5)
    for _ in range(200):
        given_ = request(dice, encoding)
        written = write(given_, encoding)
        assert read_request(written) == given_
        assert write(read_request(written), encoding) == written


SPECIAL = (
    range(0x460),
    range(0x2000, 0x2060),
    range(0x2190, 0x2300),
    range(0x3000, 0x3040),
    range(0xE000, 0xE010),
    range(0xFF00, 0x10010),
)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_special_letters_come_back_or_stop_the_writing(encoding: Encoding) -> None:
    kept = [letter for letters in SPECIAL for letter in map(chr, letters) if comes_back(letter, encoding)]
    assert 100 < len(kept) < sum(map(len, SPECIAL))


def comes_back(letters: str, encoding: Encoding) -> bool:
    """Whether this text can be written; if so it must be read as it was."""
    key = f"[{letters}]"
    try:
        written = write(Request02(STATION, key), encoding)
    except Unwritable as stopped:
        lost = stopped.letter
    else:
        assert read_request(written) == Request02(STATION, key)
        return True
    assert lost in letters
    return False


@given(st.text(max_size=30))
def test_any_text_comes_back_or_stops_the_writing(letters: str) -> None:
    for encoding in Encoding:
        comes_back(letters, encoding)


@given(st.datetimes())
def test_every_time_is_a_moment_and_nothing_else_is(when: object) -> None:
    raw = f"{when:%Y%m%d%H%M%S}".rjust(14, "0")
    assert parse_time(raw) is not None


@given(st.text(st.characters(categories=["Nd"]), min_size=14, max_size=14))
def test_only_plain_digits_are_a_moment(raw: str) -> None:
    assert raw.isascii() or parse_time(raw) is None
