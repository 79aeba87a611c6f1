"""What differs most between engines: back and forward, a lost line, the worker, errors that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from app.rules.record.event import EventType
from tests.browser.engines.conftest import SCRIPTS, OpenWindow, as_phone
from tests.browser.engines.window import Window
from tests.browser.nurse import Nurse, Patient
from tests.browser.official import certificate
from tests.browser.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.slow]

NAME: Final = "髙橋　練"
CANARIES: Final = (NAME, "ﾀｶﾊｼ", "CANARY-77-KIKU")
UNSENT: Final = "送れませんでした。入力は残っています。自動でもう一度送ります。いま押しても送れます"
STEPS: Final = 10


class SecureServer(Server):
    """Kazasu over TLS: as in earnest, pages that must not be kept are not."""

    scheme = "https"

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self._files = certificate(data)

    def _tls(self) -> dict[str, Any]:
        return {"ssl_certfile": self._files[0], "ssl_keyfile": self._files[1]}

    def mend(self) -> None:
        self.line.is_cut = False


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServer]:
    with SecureServer(tmp_path_factory.mktemp("secure")) as running:
        yield running


def traces(window: Window) -> list[str]:
    """Return what of the first patient can be read on the page at hand."""
    source = window.asks("document.documentElement.outerHTML")
    return [f"{window.url}: {each}" for each in CANARIES if each in source]


def first_comes_and_goes(window: Window) -> None:
    nurse, patient = Nurse(as_phone(window)), Patient(as_phone(window), NAME)
    nurse.starts()
    nurse.notes_the_reference(CANARIES[2])
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_chosen()
    patient.taps_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.reads(NAME)
    assert traces(window), "the search finds what is there"
    nurse.goes_on()
    nurse.ends_the_visit()


def test_nothing_of_the_first_patient_comes_back(open_window: OpenWindow, secure: SecureServer) -> None:
    window = open_window(secure, SCRIPTS)
    first_comes_and_goes(window)
    found: list[str] = []
    for moves in (window.goes_back, window.goes_forward):
        for _ in range(STEPS):
            moves()
            found += traces(window)
    nurse, second = Nurse(as_phone(window)), Patient(as_phone(window))
    window.opens(secure.entry)
    nurse.starts()
    nurse.says_first_time(over_40=False)
    nurse.hands_the_phone_to(second)
    for moves in (window.goes_back, window.goes_forward):
        for _ in range(STEPS):
            moves()
            found += traces(window)
    assert found == []


def test_what_was_not_sent_is_sent_when_the_line_is_back(window: Window, nurse: Nurse, patient: Patient) -> None:
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each()
    visit = window.asks("document.querySelector('input[name=visit]').value")
    window.server.cut()
    window.find("button", "えらんだ内容を確かめる")
    window.asks("globalThis.kazasuLeft = true")
    window.presses_what_is_marked()
    window.waits_for(f"document.body.innerText.includes({UNSENT!r})")
    window.server.mend()
    window.settles()  # by itself
    patient.is_at("同意内容の確認")
    kept = [each.entry.type for each in window.server.record() if each.entry.visit == visit]
    assert kept.count(EventType.ITEMS_ANSWERED) == 1


def test_the_guide_opens_without_a_line(window: Window, nurse: Nurse) -> None:
    window.goes_to(window.server.entry)
    window.waits_for(
        "!document.getAnimations().some((one) => one.animationName.endsWith('pause'))"
    )  # no press counts yet
    window.presses("はじめる")
    window.waits_for("navigator.serviceWorker.ready.then(() => true)")
    window.waits_for(
        "caches.open('kazasu-guide').then((kept) => kept.match('/guide-kept')).then((found) => Boolean(found))"
    )
    window.server.cut()
    for path in ("/guide", "/guide/trouble", "/guide/lock"):
        window.opens(path)
        assert window.heading not in {"", "電波がありません"}, path
    window.opens("/visit/need")
    window.stands_at("電波がありません")


def test_control_an_error_and_a_broken_policy_are_noticed(window: Window) -> None:
    window.opens(window.server.entry)
    window.asks("setTimeout(() => { throw new Error('planted') })")
    window.asks(
        """document.head.append(Object.assign(document.createElement("script"), { textContent: "0" }))"""
        if window.engine != "webkit"
        else """void document.body.insertAdjacentHTML("beforeend", "<p style='color: red'>")"""
    )
    window.waits_for("kazasuNoticed.length >= 2")
    window.listens()
    kinds = {each.split(":")[0] for each in window.noticed}
    assert kinds == {"script", "content policy"}
