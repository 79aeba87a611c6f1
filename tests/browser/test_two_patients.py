"""Two patients, one after the other, on one phone: of the first nothing can be found, however one looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Playwright
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.evidence import EventType
from tests.browser.conftest import ARGUMENTS
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Judged, Look, Phone
from tests.browser.server import Server
from tests.browser.stores import traces, traces_in_stores, traces_on_disk

pytestmark = pytest.mark.browser

REFERENCE = "CANARY-77-KIKU"
NAME = "髙橋　練"
KANA = "ﾀｶﾊｼ ﾈﾘ"
_MOST_LOOKS = 200
_IS_SHOWN = "document.readyState === 'complete' && !document.documentElement.hidden"
OpenProfile = Callable[..., AbstractContextManager[Phone]]


@pytest.fixture
def open_profile(playwright: Playwright, chromium: str, judged: Judged) -> OpenProfile:
    """Return what opens a browser that keeps a profile on disk, back/forward cache included, as phones do."""

    @contextmanager
    def opened(server: Server, profile: Path, *arguments: str) -> Iterator[Phone]:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            args=[*ARGUMENTS, *arguments],
            ignore_default_args=["--disable-back-forward-cache"],
            **Look().settings,
        )
        yield Phone(context, server, Look(), judged)
        context.close()

    return opened


class First:
    """The first patient's visit, and everything by which it could be recognised."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.canaries = {REFERENCE, NAME, KANA}
        self.visited: list[str] = []
        phone.page.on("framenavigated", lambda frame: self.visited.append(frame.url))

    def comes_and_goes(self) -> None:
        """Make the whole visit."""
        nurse, patient = Nurse(self.phone), Patient(self.phone, NAME)
        nurse.starts()
        self._is_marked()
        nurse.notes_the_reference(REFERENCE)
        nurse.says_first_time(over_40=True)
        nurse.hands_the_phone_to(patient)
        patient.has_chosen()
        self._is_marked()
        patient.taps_the_card()
        patient.hands_the_phone_to(nurse)
        nurse.reads(NAME)
        nurse.goes_on()
        self._is_marked()
        nurse.ends_the_visit()

    def _is_marked(self) -> None:
        """Note the secrets of this moment: the cookie and the hidden fields."""
        self.canaries |= {c.get("value", "") for c in self.phone.context.cookies() if c.get("name") == "visit"}
        held = self.phone.page.locator("input[name=visit], input[name=token], input[name=key]")
        self.canaries |= set(held.evaluate_all("(fields) => fields.map(({ value }) => value)"))

    def left_behind(self) -> list[str]:
        """Say what can be read on the page at hand."""
        source = settled(self.phone)
        return [f"{self.phone.page.url}: {found}" for found in traces(source.encode(), self.canaries)]


def settled(phone: Phone) -> str:
    """Return the page's source once it is shown: a page from the back/forward cache hides and reloads first."""
    for _ in range(_MOST_LOOKS):
        with suppress(PlaywrightError):  # the page went away while it was looked at
            if phone.page.evaluate(_IS_SHOWN):
                return phone.page.content()
        phone.page.wait_for_timeout(25)
    raise AssertionError(f"{phone.page.url} never came to rest")


def goes(phone: Phone, steps: int) -> None:
    """Go through the history as a thumb does; a page may come back from the back/forward cache without loading."""
    phone.page.evaluate(f"setTimeout(() => history.go({steps}))")
    phone.page.wait_for_timeout(100)
    settled(phone)


def looks_back(first: First) -> list[str]:
    """Go all the way back and forward again, and say what was seen of the first patient."""
    found = []
    depth: int = first.phone.page.evaluate("history.length")
    for direction in (-1, 1):
        for _ in range(depth - 1):
            goes(first.phone, direction)
            found += first.left_behind()
    return found


def test_nothing_of_the_first_patient_is_left(server: Server, open_profile: OpenProfile, tmp_path: Path) -> None:
    with open_profile(server, tmp_path) as phone:
        first = First(phone)
        first.comes_and_goes()
        phone.expects_no_line = True
        assert looks_back(first) == []
        Nurse(phone).starts()
        assert looks_back(first) == []
        phone.page.reload()
        assert first.left_behind() == []
        phone.server.cut()
        phone.page.reload()
        assert phone.heading == "電波がありません"
        assert first.left_behind() == []
        phone.server.mend()
        Nurse(phone).starts()
        assert traces_in_stores(phone.context, phone.page, first.visited, first.canaries) == []
        phone.noticed = []
    left = traces_on_disk(tmp_path, first.canaries)
    assert left == [], left
