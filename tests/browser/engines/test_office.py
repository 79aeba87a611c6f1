"""The office, and its sheets: as many pages as designed, whoever prints them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import pytest

from app.rules.words.languages import LANGUAGES
from tests.browser.clerk import Clerk
from tests.browser.engines.conftest import NO_SCRIPTS, SCRIPTS
from tests.browser.engines.window import Window

if TYPE_CHECKING:
    from tests.browser.clerk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHEETS: Final = {
    "/office/prints/entry/poster": 1,
    "/office/prints/entry/card": 2,
    "/office/prints/entry/labels": 1,
    "/office/prints/entry/setup": 1,
    "/office/leaflet?language=ja": 1,
    "/office/memo?language=ja": 1,
    "/office/memo?language=ja-easy&furigana=1": 1,
    "/office/memo?language=en": 1,
    "/office/today/print": 1,
    "/office/consents/print": 1,
}

FORMS: Final = ("/office/today", "/office/files", "/office/station", "/office/visits/transcribe", "/office/accounts")
PRESSED: Final = """() => {
    const groups = [...document.querySelectorAll("fieldset")];
    const heights = () => groups.map((each) => each.offsetHeight);
    const first = heights();
    document.querySelectorAll("fieldset label").forEach((each) => {
        each.style.paddingBottom = `${parseFloat(getComputedStyle(each).paddingBottom) + 0.01}px`;
    });
    return [first, heights()];
}"""
"""A press lays its neighbours out anew: WebKit may only then count a legend once."""


@pytest.fixture
def clerk(window: Window) -> Clerk:
    return Clerk(cast("Desk", window))


@pytest.mark.parametrize("look", [SCRIPTS, NO_SCRIPTS], ids=str)
def test_one_signs_in_and_sees_what_waits(clerk: Clerk, window: Window) -> None:
    clerk.enters(at="/office/visits")
    window.reads("同意")
    assert window.path == "/office/visits"
    assert window.noticed == []


def test_no_group_of_choices_changes_its_height_once_it_is_pressed(clerk: Clerk, window: Window) -> None:
    clerk.comes_in_unseen()
    groups = 0
    for address in (*FORMS, f"/office/visits/{seen_visit(clerk)}"):
        window.opens(address)
        first, then = window.asks(f"({PRESSED})()")
        assert first == then, address
        groups += len(first)
    assert groups > 5


def test_each_sheet_has_as_many_pages_as_designed(clerk: Clerk, window: Window, tmp_path: Path) -> None:
    clerk.comes_in_unseen()
    sheets = {**SHEETS, f"/office/visits/{seen_visit(clerk)}/print": 1}
    found: dict[str, int] = {}
    for address in sheets:
        window.opens(address)
        assert window.path == address.partition("?")[0]
        assert "ありません" not in window.heading
        found[address] = pages(window, tmp_path)
    assert found == sheets


@pytest.mark.parametrize("boxes", [(), ("large", "furigana")], ids=str)
def test_a_copy_is_one_page_in_every_language(
    clerk: Clerk, window: Window, tmp_path: Path, boxes: tuple[str, ...]
) -> None:
    clerk.comes_in_unseen()
    visit = f"/office/visits/{seen_visit(clerk)}"
    found: dict[str, int] = {}
    for language in LANGUAGES:
        window.opens(visit)
        window.asks(f"document.querySelector('[name=language][value={language.code}]').checked = true")
        window.asks("document.querySelector('form[action$=copy]').removeAttribute('target')")
        for box in boxes:
            window.asks(f"document.querySelector('form[action$=copy] [name={box}]').checked = true")
        window.presses("控えをつくって印刷する")
        assert window.path == f"{visit}/copy"
        found[language.code] = pages(window, tmp_path)
    assert found == dict.fromkeys(found, 1)


def seen_visit(clerk: Clerk) -> str:
    return clerk.server.office_has_seen("T-0001", clerk.person.facility.id)


def pages(window: Window, folder: Path) -> int:
    pdf = folder / f"{len([*folder.iterdir()])}.pdf"
    window.prints(pdf)
    told = subprocess.run(["/usr/bin/pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    counted = re.search(r"^Pages:\s+(\d+)", told, re.MULTILINE)
    assert counted
    return int(counted[1])
