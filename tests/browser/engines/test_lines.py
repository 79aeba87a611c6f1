"""Whole words on every phone: on each page a line breaks between phrases, whatever the size and the readings."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final, cast

import pytest

from app.rules.content import EXITS
from app.rules.content.guide import GUIDE
from app.rules.content.trouble import TROUBLES
from app.rules.words.furigana import plain
from tests.browser.clerk import Clerk
from tests.browser.engines.conftest import SCRIPTS, OpenWindow, as_phone
from tests.browser.engines.window import Window
from tests.browser.lines import Breaks, together
from tests.browser.nurse import Nurse, Patient
from tests.browser.server import Server

if TYPE_CHECKING:
    from tests.browser.clerk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOKS: Final = tuple(f"m{int(furigana)}p{language}" for language, furigana in product(("ja", "ja-easy"), (False, True)))
SIZES: Final = ((390, False), (320, False), (390, True))
PUBLIC: Final = ("/", "/before", "/guide", "/practice/")
ADVICE: Final = (
    "/guide/trouble",
    *(f"/guide/trouble/{each}" for each in TROUBLES.answers),
    *(f"/guide/{each}" for each in GUIDE.topics),
)
MOST: Final = 0.10
MOST_OF_A_PAGE: Final = 0.25
FEW: Final = 4
"""Breaks of a page below which a share says nothing."""


class Reader:
    """Reads each page in every way, and keeps how its lines broke."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.found: dict[tuple[str, str, int, bool], Breaks] = {}

    def reads(self) -> None:
        """Read the page at hand in every look and size."""
        address = self.window.url
        for look in LOOKS:
            self.window.takes_cookie("look", look)
            self.window.opens(address)
            for width, doubled in SIZES:
                self.found[self.window.path, look, width, doubled] = self.window.breaks(width, doubled=doubled)
        self.window.takes_cookie("look", LOOKS[0])
        self.window.opens(address)

    def reads_on(self, *addresses: str) -> None:
        """Read what other pages say, in place of what the page at hand says."""
        here = self.window.url
        for look in LOOKS:
            self.window.takes_cookie("look", look)
            self.window.opens(here)
            read = self.window.breaks_of(addresses, SIZES)
            for address, of_sizes in zip(addresses, read, strict=True):
                for size, breaks in zip(SIZES, of_sizes, strict=True):
                    self.found[address, look, *size] = breaks
        self.window.takes_cookie("look", LOOKS[0])
        self.window.opens(here)


def walked(reader: Reader, server: Server) -> None:
    """Read every page of an ordinary visit, and those that need none."""
    held = reader.window
    nurse, patient = Nurse(as_phone(held)), Patient(as_phone(held))
    for path in PUBLIC:
        held.opens(f"{server.entry}{path}" if path in {"/", "/before"} else path)
        reader.reads()
    nurse.starts()
    nurse.says_first_time(over_40=True)
    reader.reads()
    nurse.hands_the_phone_to(patient)
    reader.reads()
    patient.lacks_something()
    reader.reads_on("/visit/another-way", *ADVICE)
    exits(reader, nurse, patient)
    patient.has_everything()
    reader.reads()
    patient.agrees_to_each(but=())
    patient.looks_at_the_choices()
    reader.reads()
    patient.confirms()
    reader.reads()
    patient.taps_the_card()
    reader.reads()
    patient.hands_the_phone_to(nurse)
    reader.reads()
    nurse.goes_on()
    reader.reads()
    reader.reads_on("/review", "/offline", "/visit/look")


def exits(reader: Reader, nurse: Nurse, patient: Patient) -> None:
    """Read every way out, and go on all the same."""
    for way in EXITS.values():
        nurse.takes_the_way(plain(way.row))
        reader.reads_on(f"/visit/another-way?{way.id}")
        nurse.phone.presses("やっぱり登録に進む")
        nurse.hands_the_phone_to(patient)
        if way.id != [*EXITS][-1]:
            patient.lacks_something()


def test_lines_break_between_phrases(open_window: OpenWindow, server: Server) -> None:
    reader = Reader(open_window(server, SCRIPTS))
    walked(reader, server)
    found = together(reader.found.values())
    assert found.count > 4000
    assert found.share <= MOST, found.broken
    pages = {key: breaks for key, breaks in reader.found.items() if breaks.count >= FEW}
    assert {key: breaks.broken for key, breaks in pages.items() if breaks.share > MOST_OF_A_PAGE} == {}
    assert {key: breaks.loud for key, breaks in reader.found.items() if breaks.loud and key[2:] == SIZES[0]} == {}


def test_control_a_sheet_without_boundaries_is_noticed(open_window: OpenWindow, server: Server) -> None:
    window = open_window(server, SCRIPTS)
    window.opens(f"{server.entry}/before")
    window.asks(
        """(() => {
            const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll("\\u200b", "");
            document.body.style.wordBreak = "normal";
        })()"""
    )
    assert window.breaks(390).share > MOST_OF_A_PAGE


OFFICE: Final = (
    *("/office", "/office/visits", "/office/visits/transcribe", "/office/consents", "/office/files", "/office/today"),
    *(
        "/office/links",
        "/office/links/replace",
        "/office/prints",
        "/office/guide",
        "/office/station",
        "/office/accounts",
    ),
    *("/office/account", "/office/checklist/monthly", "/office/checklist/setup"),
)


def test_the_offices_lines_break_between_phrases(open_window: OpenWindow, server: Server) -> None:
    window = open_window(server, SCRIPTS)
    Clerk(cast("Desk", window)).comes_in_unseen()
    window.opens("/office")
    sizes = ((1366, False), (390, False))
    read = dict(zip(OFFICE, window.breaks_of(OFFICE, sizes), strict=True))
    found = together(breaks for page in read.values() for breaks in page)
    assert found.count > 100
    assert found.share <= MOST, found.broken
    loud = {address: breaks.loud for address, page in read.items() for breaks in page if breaks.loud}
    assert loud == {}
