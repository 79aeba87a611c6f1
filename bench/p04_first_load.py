"""P4: all that a browser fetches on its first load: page, icon, manifest, scripts, and what the worker keeps."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Final

from bench.load_browser import Exchange, Line, browser
from bench.load_server import Defect, aside, free_port, kazasu, planted, subfolder
from bench.report import ROOT, Control, Finding, Profile

FLOOR: Final = 14_600
HTMX: Final = Defect(
    "templates/bedside/entry.html",
    """<script src="{{ asset('vendor/htmx.min.js') }}" defer></script>\n</head>""",
    over="</head>",
)


def run(_profile: Profile, _rand: int) -> Finding:
    """Open the entry in a browser that has never been used, then with a defect."""
    with aside() as folder:
        found = _load(subfolder(folder, "product"), ROOT)
        own = subfolder(folder, "defect")
        heavy = _load(own, planted(own, HTMX))
    return Finding(
        n=len(found),
        failures=sum(each.status != HTTPStatus.OK for each in found),
        figures={
            "floor_bytes": FLOOR,
            "bytes": _bytes(found),
            "pictures_bytes": sum(each.body for each in found if each.is_picture),
            "headers_bytes": sum(each.head for each in found),
            "requests": [str(each) for each in found],
            "with_defect_bytes": _bytes(heavy),
        },
        control=Control("htmx on the entry page", caught=_bytes(heavy) > FLOOR),
        passed=_bytes(found) <= FLOOR,
    )


def _bytes(found: list[Exchange]) -> int:
    return sum(each.body for each in found if not each.is_picture)


def _load(folder: Path, tree: Path) -> list[Exchange]:
    port = free_port()
    with kazasu(folder, tree=tree, origin=f"http://127.0.0.1:{port}") as product:
        return asyncio.run(_open(Line(product.port), port, product.entry))


async def _open(line: Line, port: int, entry: str) -> list[Exchange]:
    async with line.open(port), browser() as page:
        await page.goto(f"http://127.0.0.1:{port}{entry}")
        await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        # A browser without a screen fetches the manifest only when it is asked what it says.
        session = await page.context.new_cdp_session(page)
        await session.send("Page.getAppManifest")
        await line.settle()
    return line.exchanges
