"""P5: what each next step takes once static files are kept: bytes of its page, and requests for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

from playwright.async_api import Page

from bench.load import connect, get, run_to_end
from bench.load_browser import Exchange, Line, browser
from bench.load_server import Defect, Server, aside, free_port, kazasu, planted, subfolder
from bench.load_visit import CARD, Phone
from bench.p03_entry import sheet
from bench.report import Control, Finding, Profile, Void

FLOOR: Final = 2_500
PICTURE: Final = 4_000
VISIT: Final = (
    "form button",
    "[name=over_40][value=yes]",
    "[name=intent][value=first]",
    "form[action='/visit/hand-over'] button",
    "[name=fill][value=agree]",
    "form[action='/visit/consent'] button:not([name])",
    "form[action='/visit/check'] button",
    "a[href*='/authorize?']",
    f"[name=person][value={CARD}]",
    "[name=outcome][value=right]",
    "[name=outcome][value=read]",
    "a[href$='/back']",
    "form[action='/visit/hand-over'] button",
    "[name=report]",
    "form[action='/visit/end'] button",
)
"""What is tapped on the way from the entry to the end."""
STAYS: Final = frozenset({"[name=over_40][value=yes]", "[name=fill][value=agree]"})
"""Taps that lead to no other page."""
BESIDES: Final = ("/guide/trouble", "/visit/look")
"""Pages beside the way, asked for without a browser."""
_QUIET: Final = 0.15


class Tap(NamedTuple):
    """What one tap took: everything that went over the line until the next page was there."""

    exchanges: Sequence[Exchange]

    @property
    def asked(self) -> list[Exchange]:
        """All that the next page needs: its redirects and itself, and static files that were not kept."""
        return [each for each in self.exchanges if each.method == "GET" and not self._is_apart(each)]

    @staticmethod
    def _is_apart(each: Exchange) -> bool:
        """Whether it is counted apart: a picture, the worker's check, the app, or the return, which writes."""
        return each.is_picture or each.address == "/sw.js" or each.address.startswith(("/practice/", "/return?"))

    @property
    def page(self) -> Exchange:
        """The page itself."""
        return [each for each in self.asked if each.type == "text/html"][-1]

    @property
    def is_step(self) -> bool:
        """Whether it led to a page of the visit: the app is not ours, and the entry has a floor of its own."""
        return bool(self.asked) and self.page.address.startswith("/visit/")


def run(_profile: Profile, rand: int) -> Finding:
    """Walk two visits in one browser and count the second; then ask for the pages of one with a defect."""
    with aside() as folder:
        first, taps, besides = _walked(subfolder(folder, "product"))
        own = subfolder(folder, "defect")
        inlined = Defect("templates/kit/layout.html", f"<style>{sheet(10_000, rand)}</style></head>", over="</head>")
        with kazasu(own, tree=planted(own, inlined)) as product:
            heavy = max(run_to_end(_sizes(product)).values())
    steps = [tap for tap in taps if tap.is_step]
    sizes = {_path(tap.page): tap.page.body for tap in steps} | besides
    more = {_path(tap.page): [str(each) for each in tap.asked] for tap in steps if len(tap.asked) > 1}
    everything = [each for tap in (*first, *taps) for each in tap.exchanges]
    pictures = {_path(each): each.body for each in everything if each.is_picture}
    return Finding(
        n=len(steps),
        failures=sum(each.status >= HTTPStatus.BAD_REQUEST for each in everything),
        figures={
            "floor_bytes": FLOOR,
            "floor_bytes_of_a_picture": PICTURE,
            "bytes": sizes,
            "more_than_one_request": more,
            "answers_to_posts_bytes": sorted({each.body for each in everything if each.method == "POST"}),
            "pictures_bytes": pictures,
            "worker_asked_for_news": sum(each.address == "/sw.js" for each in everything),
            "with_defect_bytes": heavy,
        },
        control=Control("10 KB of CSS inlined on every page", caught=heavy > FLOOR),
        passed=not more and max(sizes.values()) <= FLOOR and max(pictures.values()) <= PICTURE,
    )


def _path(each: Exchange) -> str:
    return each.address.partition("?")[0]


def _walked(folder: Path) -> tuple[list[Tap], list[Tap], dict[str, int]]:
    """Return the taps of two visits, one after the other, and the sizes of the pages beside the way."""
    port = free_port()
    with kazasu(folder, origin=f"http://127.0.0.1:{port}") as product:
        first, second = asyncio.run(_tap_twice(Line(product.port), port, product.entry))
    with kazasu(folder) as product:
        return first, second, run_to_end(_sizes(product))


async def _tap_twice(line: Line, port: int, entry: str) -> tuple[list[Tap], list[Tap]]:
    """Return the taps of a first visit and of a second one."""
    async with line.open(port), browser() as page:
        await page.goto(f"http://127.0.0.1:{port}{entry}")
        await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        first = [await _counted(page, target, line) for target in VISIT]
        await line.settle(1.0)
        return first, [await _counted(page, target, line) for target in VISIT]


async def _counted(page: Page, target: str, line: Line) -> Tap:
    line.exchanges = []
    await _tap(page, target)
    await line.settle(_QUIET)
    return Tap(line.exchanges)


async def _tap(page: Page, target: str) -> None:
    press = "(element) => element.click()"
    if target in STAYS:
        await page.eval_on_selector(target, press)
    else:
        async with page.expect_navigation():
            await page.eval_on_selector(target, press)


async def _sizes(product: Server) -> dict[str, int]:
    """Return the bytes of pages beside the way, as served."""
    phone = Phone(product)
    await phone.reach_consent()
    line = await connect(product.port)
    found = {}
    for address in (*BESIDES, "/visit/consent"):
        answer = await line.ask(get(product.port, address, cookies=phone.sent_cookies, accept="br"))
        if answer.status != HTTPStatus.OK:
            raise Void(f"{answer.status} at {address}")
        found[address] = len(answer.body)
    line.close()
    phone.close()
    return found
