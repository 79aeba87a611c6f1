"""Two patients, one after the other, on one phone: of the first nothing can be found, however one looks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import pytest
from playwright.sync_api import Error as PlaywrightError
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.rules.record.event import EventType
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Look, OpenProfile, Phone
from tests.browser.server import Server
from tests.browser.stores import traces, traces_in_stores, traces_on_disk

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.slow]

REFERENCE = "CANARY-77-KIKU"
NAME = "髙橋　練"
KANA = "ﾀｶﾊｼ ﾈﾘ"
SCRIPTS = Look()
NO_SCRIPTS = Look("no JavaScript", scripts=False)
_MOST_LOOKS = 200
_PLACE = """() => document.readyState === "complete" && !document.documentElement.hidden
    && [location.href, performance.timeOrigin]"""
_PLANT = """async (canary) => {
    localStorage.kept = canary;
    sessionStorage.kept = canary;
    document.cookie = `kept=${canary}; max-age=600`;
    await (await caches.open("kept")).put("/kept", new Response(canary));
    await new Promise((resolve) => {
        const asked = indexedDB.open("kept");
        asked.onupgradeneeded = () => asked.result.createObjectStore("kept").put(canary, 1);
        asked.onsuccess = resolve;
    });
}"""


class First:
    """The first patient's visit, and everything by which it could be recognised."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.canaries = {REFERENCE, NAME, KANA}
        self.ids: set[str] = set()
        """The visit's id travels in the signed `state`, so an address in the history holds it. It opens nothing."""
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
        self.ids |= self._held("visit")
        self.canaries |= self._held("visit") | self._held("token") | self._held("key")

    def _held(self, name: str) -> set[str]:
        """Return what hidden fields of this name hold."""
        fields = self.phone.page.locator(f"input[name={name}]")
        return set(fields.evaluate_all("(fields) => fields.map(({ value }) => value)"))

    def stored(self) -> list[str]:
        """Say what the browser's stores hold."""
        return traces_in_stores(self.phone.context, self.phone.page, self.visited, self.canaries)

    def left_behind(self) -> list[str]:
        """Say what can be read on the page at hand."""
        source = settled(self.phone)
        return [f"{self.phone.page.url}: {found}" for found in traces(source.encode(), self.canaries)]


def settled(phone: Phone, *, elsewhere_than: object = None) -> str:
    """Return the page's source once it is shown: a page from the back/forward cache hides and reloads first."""
    for _ in range(_MOST_LOOKS):
        with suppress(PlaywrightError):  # the page went away while it was looked at
            place = phone.page.evaluate(_PLACE)
            if place and place != elsewhere_than:
                return phone.page.content()
        phone.page.wait_for_timeout(10)
    raise AssertionError(f"{phone.page.url} never came to rest")


def goes(phone: Phone, steps: int) -> None:
    """Go through the history as a thumb does; a page may come back from the back/forward cache without loading."""
    before = phone.page.evaluate(_PLACE)
    with suppress(PlaywrightError):  # it may be gone before it can answer
        phone.page.evaluate(f"history.go({steps})")
    settled(phone, elsewhere_than=before)


def looks_back(first: First) -> list[str]:
    """Go all the way back and forward again, and say what was seen of the first patient."""
    found = []
    depth: int = first.phone.page.evaluate("history.length")
    for direction in (-1, 1):
        for _ in range(depth - 1):
            goes(first.phone, direction)
            found += first.left_behind()
    return found


def traces_of_the_first(server: Server, open_profile: OpenProfile, profile: Path) -> dict[str, list[str]]:
    """Let two patients come one after the other, and search for the first one in every place there is."""
    found: dict[str, list[str]] = {}
    with open_profile(server, profile) as phone:
        phone.expects_no_line = True
        first = First(phone)
        first.comes_and_goes()
        found["in the stores at the end"] = first.stored()
        found["at the entry"] = looks_back(first)
        nurse, second = Nurse(phone), Patient(phone)
        nurse.starts()
        nurse.says_first_time(over_40=False)
        nurse.hands_the_phone_to(second)
        found["with the second patient"] = looks_back(first)
        phone.page.reload()
        found["reloaded"] = first.left_behind()
        phone.server.cut()
        phone.page.reload()
        phone.stands_at("電波がありません")
        found["without a line"] = first.left_behind() + looks_back(first)
        phone.server.mend()
        phone.opens("/visit")
        found["in the stores"] = first.stored()
        phone.noticed = []
    found["on disk"] = traces_on_disk(profile, first.canaries - first.ids)
    return found


@pytest.mark.threat("T02")
def test_nothing_of_the_first_patient_is_left(server: Server, open_profile: OpenProfile, tmp_path: Path) -> None:
    found = traces_of_the_first(server, open_profile, tmp_path)
    assert not any(found.values()), found


def changing_answers(change: Callable[[str, Message, MutableHeaders], None]) -> Callable[[ASGIApp], ASGIApp]:
    """Return what puts a defect in front of the application: it may change every answer on its way out."""

    def planted(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed(message: Message) -> None:
                if message["type"] == "http.response.start":
                    change(scope["path"], message, MutableHeaders(scope=message))
                await send(message)

            await app(scope, receive, changed)

        return answer

    return planted


def keep_for_a_minute(path: str, message: Message, headers: MutableHeaders) -> None:
    """Let the visit's pages be kept for a minute, and let the end empty nothing."""
    if path.startswith("/visit/") and message["status"] == HTTPStatus.OK:
        headers["Cache-Control"] = "private, max-age=60"
    if "Clear-Site-Data" in headers:
        del headers["Clear-Site-Data"]


@pytest.mark.threat("T02")
def test_a_page_that_may_be_kept_for_a_minute_is_noticed(open_profile: OpenProfile, tmp_path: Path) -> None:
    with (
        Server(tmp_path / "data", plant=changing_answers(keep_for_a_minute)) as leaky,
        open_profile(leaky, tmp_path / "profile") as phone,
    ):
        first = First(phone)
        first.comes_and_goes()
        assert any(found.startswith("HTTP cache") for found in first.stored())


@pytest.mark.threat("T02")
def test_without_scripts_nothing_comes_back(server: Server, open_profile: OpenProfile, tmp_path: Path) -> None:
    with open_profile(server, tmp_path, look=NO_SCRIPTS) as phone:
        first = First(phone)
        first.comes_and_goes()
        assert looks_back(first) == []


def test_a_page_that_comes_back_is_noticed(open_profile: OpenProfile, tmp_path: Path) -> None:
    with (
        Server(tmp_path / "data", plant=changing_answers(keep_for_a_minute)) as leaky,
        open_profile(leaky, tmp_path / "profile", look=NO_SCRIPTS) as phone,
    ):
        first = First(phone)
        first.comes_and_goes()
        goes(phone, -1)
        assert phone.path == "/visit/done"
        assert first.left_behind() != []


def test_a_trace_is_found_in_every_store(server: Server, open_profile: OpenProfile, tmp_path: Path) -> None:
    with open_profile(server, tmp_path) as phone:
        phone.opens("/")
        phone.is_ready_for_dead_zones()
        phone.page.evaluate(_PLANT, REFERENCE)
        found = traces_in_stores(phone.context, phone.page, [], [REFERENCE])
    places = {place.split()[0].rstrip(":") for place in found}
    assert places == {"cookies", "localStorage", "sessionStorage", "IndexedDB", "Cache"}
    assert any("leveldb" in place for place in traces_on_disk(tmp_path, [REFERENCE]))


@pytest.mark.parametrize(
    "spelled", [REFERENCE.encode(), REFERENCE.encode("utf-16-le"), b64encode(b"xy" + REFERENCE.encode())]
)
def test_a_trace_is_found_however_it_is_spelled(spelled: bytes) -> None:
    assert traces(b"\0\1" + spelled + b"\2", [REFERENCE]) == [REFERENCE]


@pytest.mark.threat("T03")
def test_a_page_left_open_cannot_answer_for_the_next_patient(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each()
    old = phone.another_tab()
    nurse.starts()
    new_visit = phone.page.locator("input[name=visit]").first.get_attribute("value")
    phone.page = old
    patient.looks_at_the_choices()
    patient.is_at("別の訪問の画面でした")
    patient.reads("何も保存していません")
    kept = {one.entry.type for one in phone.server.record() if one.entry.visit == new_visit}
    assert kept == {EventType.OPENED}
    phone.follows("いまの訪問へ")
    nurse.is_at("今日、登録は必要ですか")


def test_the_cookie_of_an_ended_visit_opens_nothing(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    cookie = next(one for one in phone.context.cookies() if one.get("name") == "visit")
    nurse.says_withdrawal()
    nurse.leaves_it_to_the_office()
    nurse.starts()
    assert cookie not in phone.context.cookies()
    phone.context.add_cookies([{"name": "visit", "value": cookie["value"], "url": phone.server.origin}])
    phone.opens("/visit")
    nurse.is_at("この訪問は終わっています")
