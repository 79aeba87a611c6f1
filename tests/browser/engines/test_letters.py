"""What Firefox keeps of a copy's letters, as ADR 0033 says: in its history, and not among what it suggests."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.engines.conftest import BIDI, FIREFOX
from tests.browser.nurse import Nurse
from tests.browser.phone import Judged, Look, new_phone
from tests.browser.server import Server
from tests.browser.test_take_home import takes_home

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLACES: Final = "SELECT url, frecency FROM moz_places WHERE visit_count > 0 AND NOT hidden"
"""A frecency of 0: listed in the history, and not suggested when somebody types."""


@pytest.mark.threat("T07")
def test_the_letters_are_not_suggested_to_whoever_takes_the_phone_next(
    playwright: Playwright, browser: Browser, server: Server, judged: Judged, tmp_path: Path
) -> None:
    phone = new_phone(browser, server, Look(), judged)
    phone.judges = False
    address, shown = takes_home(Nurse(phone)), f"{server.origin}/#shown"
    phone.context.close()
    own = playwright.firefox.launch_persistent_context(
        tmp_path, channel=BIDI, executable_path=FIREFOX, firefox_user_prefs={"places.history.enabled": True}
    )
    for each, arrived in ((address, f"{server.origin}/review/copy"), (shown, shown)):
        page = own.new_page()
        page.goto(f"{server.origin}/")
        page.evaluate("(address) => { setTimeout(() => { location.href = address }) }", each)
        page.wait_for_url(arrived)
    own.close()  # writes down what it knows
    with closing(sqlite3.connect(tmp_path / "places.sqlite")) as kept:
        places = dict(kept.execute(PLACES).fetchall())
    assert places[shown] > 0, "what is not refused is suggested"
    assert [(url, places[url]) for url in places if address.partition("#")[2] in url] == [(address, 0)]
