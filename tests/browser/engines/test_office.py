"""The office, and its sheets: as many pages as designed, whoever prints them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import pytest

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
}


@pytest.fixture
def clerk(window: Window) -> Clerk:
    return Clerk(cast("Desk", window))


@pytest.mark.parametrize("look", [SCRIPTS, NO_SCRIPTS], ids=str)
def test_one_signs_in_and_sees_what_waits(clerk: Clerk, window: Window) -> None:
    clerk.enters(at="/office/visits")
    window.reads("同意")
    assert window.path == "/office/visits"
    assert window.noticed == []


def test_each_sheet_has_as_many_pages_as_designed(clerk: Clerk, window: Window, tmp_path: Path) -> None:
    clerk.comes_in_unseen()
    found: dict[str, int] = {}
    for address in SHEETS:
        window.opens(address)
        assert window.path == address.partition("?")[0]
        target = tmp_path / f"{len(found)}.pdf"
        window.prints(target)
        found[address] = pages(target)
    assert found == SHEETS


def pages(pdf: Path) -> int:
    told = subprocess.run(["/usr/bin/pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    counted = re.search(r"^Pages:\s+(\d+)", told, re.MULTILINE)
    assert counted
    return int(counted[1])
