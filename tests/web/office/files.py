"""The terminal's files as tests write them, from people with good defaults."""

from __future__ import annotations

from datetime import datetime

from app.main import PRACTICE_STATION
from app.rules.terminal.consent_list import Incoming, PersonNames
from app.rules.terminal.values import Answer, Answer01, Answer02, Encoding, Header, Person, Result
from app.rules.terminal.write import write
from app.rules.words.dates import JST
from tests.rules.visits import NOW
from tests.web.bedside.page import Page
from tests.web.office.clerk import Clerk

NAME = "OQSmuhvq02res_202611190001.xml"


def a_header(code: str = PRACTICE_STATION.code, key: str = "", segment: str = "1", status: str = "1") -> Header:
    made = datetime.fromtimestamp(NOW + 3600, JST).strftime("%Y%m%d%H%M%S")
    return Header(made, code, key, "1", segment, status)


def as_person(person: Incoming) -> Person:
    """Return a person as the terminal writes them: names beside each insurance."""
    who = person.names or PersonNames()
    results = tuple(
        Result(each.card, name=who.name, kana=who.kana, sex=who.sex, birthdate=who.born, consents=each.consents)
        for each in person.results
    )
    return Person(person.references, person.validity, results=results)


def a_file(*people: Incoming, header: Header | None = None, encoding: Encoding = Encoding.UTF_8) -> bytes:
    """Return a 02 answer."""
    return write(Answer02(header or a_header(), tuple(as_person(each) for each in people)), encoding)


def an_answer(answer: Answer) -> bytes:
    return write(answer, Encoding.SHIFT_JIS)


def taken_in(key: str, reception: str = "000123") -> bytes:
    """Return a 01 answer to a request."""
    return an_answer(Answer01(a_header(key=key), reception))


async def reads(clerk: Clerk, data: bytes, name: str = NAME, *, expect: int = 200) -> Page:
    """Let somebody of the office send a file."""
    await clerk.get("/office/files")
    return await clerk.send(
        "/office/files", {"token": clerk.token()}, files={"file": (name, data, "application/xml")}, expect=expect
    )


async def takes(clerk: Clerk, data: bytes, name: str = NAME) -> Page:
    """Let somebody send a file and take it, and look once it is taken: a busy machine answers before."""
    page = await reads(clerk, data, name)
    taken = await clerk.press(f"{page.path}/take")
    await clerk.kazasu.imports.settle()
    return await clerk.get(taken.path)
