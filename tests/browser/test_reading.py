"""Every page that a patient sees, in every language and size, with readings and without: nothing is cut.

One visit is walked; at each of its pages the phone is set to every look in turn, as the hand-over page would set it.
Each page is measured in every size of every look; light and dark take turns, and so do the styles that axe is shown:
`left_out` computes that any two values of any two factors meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations, product
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from app.rules.words.languages import LANGUAGES
from app.web.kit.pages import SIZES, Look
from tests.browser import craft
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Judged, Phone, new_phone
from tests.browser.phone import Look as PhoneLook
from tests.browser.server import Server
from tests.web.bedside.codes import read

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOKS: Final = tuple(
    Look("m", furigana, language, is_patients=True)
    for language, furigana in product(LANGUAGES, (False, True))
    if language.is_japanese or not furigana
)
NARROW: Final = PhoneLook("320 px", width=320, height=700)
_STYLES: Final = tuple(product((False, True), SIZES))
_SET: Final = "(size) => { document.documentElement.dataset.text = size }"
_UNFOLD: Final = """() => document.querySelectorAll("details").forEach((one) => { one.open = true })"""


@dataclass(frozen=True)
class Style:
    """One way to read a page: a language, readings or none, a size, light or dark."""

    language: str
    furigana: bool
    size: str
    dark: bool


def shown_to_axe(place: int) -> tuple[Style, ...]:
    """Return how the n-th page is shown to axe: any two values of any two factors meet, on the page or among all."""
    styles = []
    for n, language in enumerate(LANGUAGES):
        readings = language.is_japanese and (place // 2 + n) % 2 == 1
        styles.append(Style(language.code, readings, SIZES[(place + n) % len(SIZES)], (place + n) % 2 == 1))
    return tuple(styles)


def measured_in(place: int, look: Look) -> tuple[Style, ...]:
    """Return in which styles the n-th page is measured in a look: each size once, so that axe's style is among them."""
    turn = place + LANGUAGES.index(look.language)
    shades = [(turn + (number != turn % len(SIZES))) % 2 == 1 for number in range(len(SIZES))]
    styles = (Style(look.language.code, look.furigana, size, dark) for size, dark in zip(SIZES, shades, strict=True))
    return tuple(sorted(styles, key=lambda style: style.dark))


def left_out(pages: Mapping[int, tuple[Style, ...]]) -> set[tuple[tuple[str, object], ...]]:
    """Return which pairs of values meet nowhere: of page and style, or of two factors of a style."""
    met = {pair for page, styles in pages.items() for style in styles for pair in _pairs(page, style)}
    every = {
        pair
        for page, look, (dark, size) in product(pages, LOOKS, _STYLES)
        for pair in _pairs(page, Style(look.language.code, look.furigana, size, dark))
    }
    return every - met


def _pairs(page: int, style: Style) -> set[tuple[tuple[str, object], ...]]:
    values: dict[str, object] = {"page": page} | asdict(style)
    return set(combinations(values.items(), 2))


@pytest.fixture
def look() -> PhoneLook:
    """Return a narrow phone."""
    return NARROW


@dataclass
class Reader:
    """Somebody who reads a page in every way there is, and says what is wrong with it."""

    phone: Phone
    found: list[str] = field(default_factory=list)
    measured: dict[int, tuple[Style, ...]] = field(default_factory=dict)
    """How each page in its turn was measured."""
    asked: dict[int, tuple[Style, ...]] = field(default_factory=dict)
    """What of that axe was asked."""

    @property
    def page(self) -> Page:
        """The page at hand."""
        return self.phone.page

    def reads(
        self, name: str, *, address: str = "", opens: Callable[[Page], object] | None = None, tag: str = ""
    ) -> None:
        """Read a page in every look, size and colour; `opens` brings it about where no address does.

        `tag` is the language of the page around it, where that is another than the patient's.
        """
        address, place = address or self.page.url, len(self.asked)
        self.measured[place] = self.asked[place] = ()
        for look in LOOKS:
            self._wears(look)
            self.page.goto(address)
            if opens:
                opens(self.page)
            self._measures(name, look, tag or look.spoken.tag, place)
        self._wears(LOOKS[0])
        self.page.goto(address)
        self.phone.skips_the_pause()

    def _wears(self, look: Look) -> None:
        self.phone.context.add_cookies([{"name": "look", "value": str(look), "url": self.phone.server.origin}])

    def _measures(self, name: str, look: Look, tag: str, place: int) -> None:
        self.page.evaluate(_UNFOLD)
        for style in measured_in(place, look):
            self.page.emulate_media(color_scheme="dark" if style.dark else "light")
            self.page.evaluate(_SET, style.size)
            wrong = craft.complaints(self.page, lang=tag)
            self.measured[place] += (style,)
            if style in shown_to_axe(place):
                self.asked[place] += (style,)
                wrong += craft.violations(self.page)
            self.found += [f"{name}, {style}: {one}" for one in wrong]
        self.page.emulate_media(color_scheme="light")


def _presses_the_last(page: Page) -> None:
    """Send the form with nothing chosen."""
    with page.expect_navigation(wait_until="load"):
        page.locator("form[action='/visit/consent'] button.kz-button:not([name])").last.click()


def _asks(page: Page) -> None:
    """Tell the station what is asked for."""
    with page.expect_navigation(wait_until="load"):
        page.locator("form[action='/review/change'] button").click()


@pytest.fixture
def reader(phone: Phone) -> Reader:
    """Return somebody who reads every page."""
    phone.judges = False
    return Reader(phone)


def test_the_visit_is_read_in_every_way(nurse: Nurse, patient: Patient, phone: Phone, reader: Reader) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    reader.reads("handing over to the patient")
    nurse.hands_the_phone_to(patient)
    reader.reads("ready")
    patient.has_everything()
    reader.reads("consent")
    reader.reads("consent, nothing chosen", opens=_presses_the_last)
    reader.reads("how it reads", address=f"{phone.server.origin}/visit/look")
    phone.opens("/visit/consent")
    patient.agrees_to_all()
    patient.looks_at_the_choices()
    reader.reads("check")
    patient.confirms()
    reader.reads("identity check")
    reader.reads("back without an answer", address=f"{phone.server.origin}/return")
    phone.opens("/visit/handoff")
    patient.taps_the_card()
    reader.reads("handing over to staff")
    patient.hands_the_phone_to(nurse)
    assert len(reader.measured) == 9
    assert not left_out(reader.measured)
    assert not left_out(reader.asked)
    assert not reader.found, "\n".join(reader.found)


def test_withdrawing_and_the_copy_are_read_in_every_way(
    nurse: Nurse, patient: Patient, phone: Phone, reader: Reader, browser: Browser, server: Server, judged: Judged
) -> None:
    nurse.starts()
    nurse.says_withdrawal()
    nurse.withdraws_here()
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    reader.reads("revoke")
    patient.confirms_the_withdrawal()
    patient.taps_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.goes_on()
    reader.reads("the copy at the bedside", tag="ja")
    own = new_phone(browser, server, NARROW, judged)
    at_home = Reader(own)
    own.judges = False
    own.opens("/review")
    at_home.reads("the copy's letters")
    at_home.reads("a copy that is closed", address=f"{server.origin}/review/copy")
    own.opens("/review")
    own.fills_in("28文字", letters_at_the_bedside(phone))
    own.presses("控えを見る")
    for place in ("copy", "change", "withdraw", "disagree", "call-back"):
        at_home.reads(f"review, {place}", address=f"{server.origin}/review/{place}")
    with server.older_record():
        at_home.reads("a copy of a held record", address=f"{server.origin}/review/copy")
    with server.full_disk():
        at_home.reads("what could not be told", address=f"{server.origin}/review/change", opens=_asks)
    for place in ("before", "family"):
        at_home.reads(f"at home, {place}", address=f"{server.entry}/{place}")
    at_home.reads("a page that is not there", address=f"{server.origin}/nowhere")
    own.context.close()
    assert len(at_home.measured) == 12
    assert not left_out(at_home.measured)
    assert not left_out(at_home.asked)
    assert not reader.found + at_home.found, "\n".join(reader.found + at_home.found)


def letters_at_the_bedside(phone: Phone) -> str:
    """Return the letters of the code that the last page of a visit shows."""
    return read(phone.page.content()).partition("#")[2]


def test_what_is_too_wide_is_noticed(nurse: Nurse, phone: Phone, reader: Reader) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    reader.reads(
        "a planted fault",
        opens=lambda page: page.evaluate("() => { document.querySelector('h1').style.width = '400px' }"),
    )
    assert len(reader.found) >= len(LOOKS)


def test_every_page_is_measured_in_every_size_of_every_look() -> None:
    every = {(look.language.code, look.furigana, size) for look, size in product(LOOKS, SIZES)}
    for place in range(12):
        styles = [style for look in LOOKS for style in measured_in(place, look)]
        assert {(style.language, style.furigana, style.size) for style in styles} == every
        assert set(shown_to_axe(place)) <= set(styles)


def test_a_pair_that_axe_never_sees_is_noticed() -> None:
    pages = {place: shown_to_axe(place) for place in range(8)}
    assert not left_out(pages)
    assert (("page", 3), ("language", "ja")) in left_out(pages | {3: pages[3][1:]})
    in_the_light = {place: tuple(replace(one, dark=False) for one in shown) for place, shown in pages.items()}
    assert (("size", "l"), ("dark", True)) in left_out(in_the_light)
