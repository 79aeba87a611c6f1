"""Firefox and WebKit, as Debian packs them, with a window for each test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias, cast

import pytest
from playwright.sync_api import Browser, Playwright
from selenium import webdriver
from selenium.common.exceptions import NoSuchWindowException
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from tests.browser.engines.window import WATCH, PlaywrightWindow, WebKitWindow, Window
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Look, Phone
from tests.browser.server import Server

SCRIPTS: Final = Look("scripts")
NO_SCRIPTS: Final = Look("no scripts", scripts=False)
FIREFOX: Final = "/usr/bin/firefox-esr"
BIDI: Final = "moz-firefox"
"""The channel by which a Firefox that is not the driver's own is spoken to."""
DEADLINE: Final = 60
"""Seconds after which an answer of WebKit does not come any more."""
_WINDOW: Final = Path(__file__).with_name("webkit_window.py")
OpenWindow: TypeAlias = Callable[[Server, Look], Window]


@pytest.fixture(scope="session")
def firefox(playwright: Playwright) -> Iterator[Browser]:
    """Return Firefox."""
    opened = _firefox(playwright)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def firefox_without_scripts(playwright: Playwright) -> Iterator[Browser]:
    """Return a Firefox whose owner has switched scripts off: it has no such switch for a single window."""
    opened = _firefox(playwright, {"javascript.enabled": False})
    yield opened
    opened.close()


def _firefox(playwright: Playwright, prefs: dict[str, str | float | bool] | None = None) -> Browser:
    return playwright.firefox.launch(channel=BIDI, executable_path=FIREFOX, firefox_user_prefs=prefs)


@pytest.fixture(scope="session")
def screen() -> Iterator[str]:
    """Return the name of a screen that nobody sees: WebKit has no mode without one."""
    here, there = os.pipe()
    with subprocess.Popen(
        ["/usr/bin/Xvfb", "-displayfd", str(there), "-screen", "0", "1400x1000x24"],
        pass_fds=[there],
        stderr=subprocess.DEVNULL,
    ) as shown:
        os.close(there)
        with os.fdopen(here) as told:
            yield f":{told.readline().strip()}"
        shown.terminate()


@contextmanager
def webkit(screen: str, folder: Path, look: Look) -> Iterator[webdriver.Remote]:
    """Open a window of WebKit; every one begins with nothing."""
    binary = folder / "window"
    binary.write_text(f'#!/bin/sh\nexec /usr/bin/python3 "{_WINDOW}" "$@"\n', encoding="utf-8")
    binary.chmod(0o755)
    options = Options()
    options.binary_location = str(binary)
    options.accept_insecure_certs = True
    env = {**os.environ, "DISPLAY": screen, "KAZASU_WATCH": WATCH, "GDK_BACKEND": "x11", "NO_AT_BRIDGE": "1"}
    env |= {} if look.scripts else {"KAZASU_NO_SCRIPTS": "1"}
    service = Service("/usr/bin/WebKitWebDriver", env=env)
    service.start()
    connection = RemoteConnection(client_config=ClientConfig(remote_server_addr=service.service_url, timeout=DEADLINE))
    driver = webdriver.Remote(connection, options=options)
    try:
        yield driver
    finally:
        with suppress(NoSuchWindowException):  # it says so of the window that it has just closed
            driver.quit()
        service.stop()


@pytest.fixture(params=["chromium", "firefox", "webkit"])
def open_window(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenWindow]:
    """Return what opens a window that has never been here, in each engine."""
    with ExitStack() as stack:

        def opened(server: Server, look: Look) -> Window:
            if request.param == "webkit":
                driver = stack.enter_context(webkit(request.getfixturevalue("screen"), tmp_path, look))
                return WebKitWindow(driver, server, look)
            without = "_without_scripts" if request.param == "firefox" and not look.scripts else ""
            browser: Browser = request.getfixturevalue(f"{request.param}{without}".replace("chromium", "browser"))
            context = browser.new_context(
                viewport={"width": look.width, "height": look.height},
                locale="ja-JP",
                ignore_https_errors=True,
                service_workers="allow" if server.has_worker else "block",
                java_script_enabled=look.scripts or request.param == "firefox",
            )
            stack.callback(context.close)
            return PlaywrightWindow(request.param, context, server, look)

        yield opened


@pytest.fixture
def look() -> Look:
    """Return the ordinary phone; a test may ask for another."""
    return SCRIPTS


@pytest.fixture
def window(open_window: OpenWindow, server: Server, look: Look) -> Window:
    """Return a window that has never been here."""
    return open_window(server, look)


def as_phone(window: Window) -> Phone:
    """Return the window as what nurse and patient hold: it answers to the same verbs."""
    return cast("Phone", window)


@pytest.fixture
def nurse(window: Window) -> Nurse:
    """Return the nurse, who brings the phone."""
    return Nurse(as_phone(window))


@pytest.fixture
def patient(window: Window) -> Patient:
    """Return the patient."""
    return Patient(as_phone(window))
