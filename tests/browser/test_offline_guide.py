"""Guide, trouble helper and readiness check where there is no network at all, after one visit."""

from __future__ import annotations

import httpx
import pytest

from tests.browser.nurse import Nurse
from tests.browser.phone import Phone

pytestmark = [pytest.mark.browser, pytest.mark.worker]

KEPT = """async () => {
    const cache = await caches.open("kazasu-guide");
    return (await cache.keys()).map(({ url }) => new URL(url).pathname);
}"""
FILLED = """async (wanted) => {
    for (let tries = 0; tries < 100; tries += 1) {
        const cache = await caches.open("kazasu-guide");
        if (await cache.match("/guide-kept")) return true;
        await new Promise((done) => setTimeout(done, 100));
    }
    return false;
}"""
LARGEST = 1_500_000


@pytest.fixture
def kept(nurse: Nurse, phone: Phone) -> list[str]:
    """Return what a phone keeps that began one visit."""
    nurse.starts()
    phone.is_ready_for_dead_zones()
    assert phone.page.evaluate(FILLED, None)
    found: list[str] = phone.page.evaluate(KEPT)
    return found


def pages_of(phone: Phone) -> dict[str, str]:
    """Return every page that the server offers to keep."""
    found: dict[str, str] = httpx.get(f"{phone.server.origin}/guide-kept").json()["pages"]
    return found


@pytest.mark.threat("T26")
def test_every_page_opens_without_a_network(kept: list[str], phone: Phone) -> None:
    pages = pages_of(phone)
    assert {"/guide", "/guide/trouble", "/guide/ready"} <= set(pages) <= set(kept)
    phone.expects_no_line = True
    phone.context.set_offline(True)
    for address in pages:
        phone.page.goto(phone.server.origin + address)
        assert phone.page.locator("h1").inner_text() != "電波がありません", address
    phone.context.set_offline(False)


def test_a_failure_is_answered_in_two_taps_without_a_network(kept: list[str], phone: Phone) -> None:
    phone.expects_no_line = True
    phone.context.set_offline(True)
    phone.follows("困ったとき")
    phone.follows("ロックされている")
    phone.stands_at("ロックは、窓口でなおせます")
    phone.context.set_offline(False)


def test_a_page_that_is_not_kept_says_what_works(kept: list[str], phone: Phone) -> None:
    phone.expects_no_line = True
    phone.context.set_offline(True)
    phone.page.goto(phone.server.origin + "/visit/need")
    phone.stands_at("電波がありません")
    phone.follows("手引き")
    phone.stands_at("手引き")
    phone.context.set_offline(False)


@pytest.mark.threat("T14")
def test_nothing_but_public_pages_is_kept(kept: list[str], phone: Phone) -> None:
    wrong = [path for path in kept if not path.startswith(("/guide", "/static/"))]
    assert wrong == []


def test_what_is_kept_fits_a_phone(kept: list[str], phone: Phone) -> None:
    size = phone.page.evaluate(
        """async () => {
            let size = 0;
            for (const name of await caches.keys()) {
                const cache = await caches.open(name);
                for (const request of await cache.keys()) size += (await (await cache.match(request)).arrayBuffer()).byteLength;
            }
            return size;
        }"""
    )
    assert 100_000 < size < LARGEST


def test_the_guide_is_fetched_once_for_a_whole_visit(kept: list[str], phone: Phone) -> None:
    at = """async () => (await caches.match("/guide-kept")).headers.get("Kept-At")"""
    first = phone.page.evaluate(at)
    phone.page.reload()
    phone.page.wait_for_timeout(500)
    assert phone.page.evaluate(at) == first
