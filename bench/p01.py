"""P1: what a step's page costs, against a bare ASGI answer of the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.load import get, run as to_end
from bench.load_paired import LINES, ROUNDS, Kind, Rounds, bare_kind, figures, phones, ratios, rounds, unlike
from bench.load_server import Defect, Server, aside, bare, kazasu, planted, subfolder
from bench.report import Control, Finding, Profile

FLOOR: Final = 10.0
TARGET: Final = 7.0
STEP: Final = "/visit/consent"
EACH: Final = 250
_MORE: Final = """
_once = Pages.respond


def _many_times(self, *given, **values):
    for _ in range(20):
        _once(self, *given, **values)
    return _once(self, *given, **values)


Pages.respond = _many_times
"""
RENDERS_TOO_OFTEN: Final = Defect("app/web/pages.py", _MORE)


def run(profile: Profile, _: int) -> Finding:
    """Measure the page, then the same with a defect."""
    with aside() as folder, kazasu(subfolder(folder, "product")) as product:
        content = to_end(_page(product))
        with bare(subfolder(folder, "bare"), content) as reference:
            found, wrong = to_end(_measure(product, reference, ROUNDS[profile], len(content)))
            slow = to_end(_with_defect(folder, reference))
    honest = ratios(found, "page")
    middle = sorted(honest)[len(honest) // 2]
    said = figures(found)
    return Finding(
        n=sum(len(each.sent.answers) for costs in found.values() for each in costs),
        failures=wrong,
        figures={
            "bytes": len(content),
            "floor": FLOOR,
            "target": TARGET,
            **said,
            "with_defect": round(slow, 1),
        },
        control=Control("every page rendered 20 times more", caught=slow > max(FLOOR, *honest)),
        passed=middle <= FLOOR,
    )


async def _page(product: Server) -> bytes:
    phone = (await phones(product))[0]
    return phone.page.encode()


def _kinds(product: Server, reference: Server, cookies: list[str], each: int) -> dict[str, Kind]:
    def asking(accept: str) -> Kind:
        asked = [get(product.port, STEP, cookies=held, accept=accept) for held in cookies]
        return Kind(product, lambda: [[request] * each for request in asked], 200)

    return {
        "bare": bare_kind(reference, 4 * each),
        "page": asking("identity"),
        "page_packed": asking("gzip, deflate, br"),
    }


async def _measure(product: Server, reference: Server, count: int, length: int) -> tuple[Rounds, int]:
    """Return the rounds, and how many answers were not the page, or wrote something."""
    before = product.ask("SELECT count(*) FROM submission")
    seats = await phones(product)
    opened = product.ask("SELECT count(*) FROM submission") - before
    kinds = _kinds(product, reference, [phone.sent_cookies for phone in seats], EACH)
    found = await rounds(kinds, count)
    wrote = product.ask("SELECT count(*) FROM submission") - before - opened
    whole = [answer for name in ("bare", "page") for each in found[name] for answer in each.sent.answers]
    return found, unlike(found, kinds) + wrote + sum(len(answer.body) != length for answer in whole)


async def _with_defect(folder: Path, reference: Server) -> float:
    own = subfolder(folder, "defect")
    with kazasu(own, tree=planted(own, RENDERS_TOO_OFTEN)) as product:
        seats = await phones(product)
        kinds = _kinds(product, reference, [phone.sent_cookies for phone in seats], EACH // 5)
        del kinds["page_packed"]
        return ratios(await rounds(kinds, 1), "page")[0]


assert LINES * EACH >= 1000, "fewer answers than the clock of a process can tell apart"
