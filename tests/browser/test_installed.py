"""The site as an app among others on the phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.nurse import Nurse
from tests.browser.phone import OpenProfile, Phone
from tests.browser.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.worker]


def hindrances(phone: Phone) -> list[str]:
    """Return what Chromium has against installing the page at hand."""
    answer: dict[str, Any] = phone.ask_chromium("Page.getInstallabilityErrors")
    return [error["errorId"] for error in answer["installabilityErrors"]]


def test_chromium_would_install_it(server: Server, open_profile: OpenProfile, tmp_path: Path) -> None:
    with open_profile(server, tmp_path) as phone:
        Nurse(phone).opens_the_entry()
        assert hindrances(phone) == []
        phone.opens("/")
        assert hindrances(phone) == []
        phone.opens("/practice/")
        assert hindrances(phone) == ["no-manifest"]


def test_the_icon_opens_the_station_last_used(nurse: Nurse, phone: Phone) -> None:
    nurse.opens_the_entry()
    phone.opens("/start")
    assert phone.path == f"/f/{phone.server.link}"


def test_the_icon_still_does_after_a_visit(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    nurse.says_withdrawal()
    nurse.leaves_it_to_the_office()
    phone.opens("/start")
    assert phone.path == f"/f/{phone.server.link}"


def test_where_no_station_was_used_the_icon_opens_the_first_page(phone: Phone) -> None:
    phone.opens("/start")
    assert phone.path == "/"
    phone.stands_at("かざす")
