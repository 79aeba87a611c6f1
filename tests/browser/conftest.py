"""A real server and a real browser for each worker, and a phone for each test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Judged, Look, OpenProfile, Phone, new_phone
from tests.browser.server import Server
from tests.postgres import in_memory

_OFF: Final = (
    # What the driver switches off itself: of two such lists, the browser heeds only the last
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch",
    # Two pages of its address bar, which each new window would load unseen, and a process kept ready for the next site
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess",
)
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--disable-features={','.join(_OFF)}",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


ORDINARY: Final = Look()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser last: while it is open, no other event loop may run in its thread.

    Of its tests the slow ones come first, or else one worker would still be at them when the others have ended.
    """
    items.sort(key=lambda item: (_is(item, "browser"), _is(item, "browser") and not _is(item, "slow")))


def _is(item: pytest.Item, mark: str) -> bool:
    return item.get_closest_marker(mark) is not None


@pytest.fixture(scope="session")
def _server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="kazasu-server-", dir=in_memory()) as data, Server(Path(data)) as running:
        yield running


@pytest.fixture
def server(_server: Server) -> Iterator[Server]:
    """Return the server, with everything as it should be."""
    _server.mend()
    yield _server
    _server.mend()


@pytest.fixture(autouse=True)
def _worker(request: pytest.FixtureRequest) -> None:
    """Let phones take the service worker, as all do, where a test is marked `worker`: elsewhere it only takes time."""
    if "server" in request.fixturenames:
        request.getfixturevalue("server").has_worker = request.node.get_closest_marker("worker") is not None


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Return the driver."""
    before = os.environ.get("NODE_OPTIONS", "")
    os.environ["NODE_OPTIONS"] = f"{before} --require {Path(__file__).parent / 'engines' / 'firefox.cjs'}"
    with sync_playwright() as driver:
        yield driver
    os.environ["NODE_OPTIONS"] = before


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return where this machine keeps its browser, windows and all: for cameras, profiles and what can be installed."""
    return _found("chromium")


def _found(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is needed: `make needs` says how to get it"
    return found


@pytest.fixture(scope="session")
def headless_shell() -> str:
    """Return the same browser's pages without its windows: all that most tests look at, in two thirds of the time."""
    return _found("chromium-headless-shell")


@pytest.fixture(scope="session")
def browser(playwright: Playwright, headless_shell: str) -> Iterator[Browser]:
    """Return a browser that remembers nothing."""
    opened = playwright.chromium.launch(executable_path=headless_shell, args=list(ARGUMENTS))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def worker() -> str:
    """Return which of several workers this is; an empty string where there is but one."""
    return os.environ.get("PYTEST_XDIST_WORKER", "")


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory, worker: str) -> Judged:
    """Return the memory of what was looked at closely; all workers share it."""
    folder = tmp_path_factory.getbasetemp()
    return Judged((folder.parent if worker else folder) / "judged")


@pytest.fixture
def look() -> Look:
    """Return the ordinary phone; a test may ask for another."""
    return Look()


@pytest.fixture
def phone(browser: Browser, server: Server, look: Look, judged: Judged) -> Iterator[Phone]:
    """Return a phone that has never been here."""
    held = new_phone(browser, server, look, judged)
    yield held
    noticed = held.noticed
    held.context.close()
    assert not noticed, noticed


@pytest.fixture
def nurse(phone: Phone) -> Nurse:
    """Return the nurse, who brings the phone."""
    return Nurse(phone)


@pytest.fixture
def patient(phone: Phone) -> Patient:
    """Return the patient."""
    return Patient(phone)


@pytest.fixture
def open_profile(playwright: Playwright, chromium: str, judged: Judged) -> OpenProfile:
    """Return what opens a browser that keeps a profile on disk, back/forward cache included, as phones do."""

    @contextmanager
    def opened(server: Server, profile: Path, look: Look = ORDINARY) -> Iterator[Phone]:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            args=list(ARGUMENTS),
            ignore_default_args=["--disable-back-forward-cache"],
            **look.settings,
        )
        yield Phone(context, server, look, judged)
        context.close()

    return opened
