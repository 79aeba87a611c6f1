"""P1: what a step's page costs, against a bare ASGI answer of the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.load import get, run_to_end
from bench.load_paired import (
    ROUNDS,
    Kind,
    Kinds,
    Rounds,
    answered,
    bare_kind,
    figures,
    phones,
    quiet_rounds,
    ratios,
    rounds,
    unlike,
)
from bench.load_server import Defect, Server, aside, bare, kazasu, planted, subfolder
from bench.load_visit import Phone
from bench.report import Control, Finding, Profile

FLOOR: Final = 12.0
TARGET: Final = 7.0
STEP: Final = "/visit/consent"
EACH: Final = 200
SHOWN_TOO_OFTEN: Final = Defect(
    "app/web/bedside/seat.py",
    """
_show = Bedside.show


def _many_times(self, *given, **values):
    for _ in range(20):
        _show(self, *given, **values)
    return _show(self, *given, **values)


Bedside.show = _many_times
""",
)


def run(profile: Profile, _: int) -> Finding:
    """Measure the page, then the same with a defect."""
    with aside() as folder, kazasu(subfolder(folder, "product")) as product:
        plain, numbered = run_to_end(phones(product)), run_to_end(phones(product, "A-1024"))
        content = plain[0].page.encode()
        with bare(subfolder(folder, "bare"), content) as reference:
            kinds = _kinds(product, reference, plain, numbered)
            found, wrong = run_to_end(_measure(product, kinds, ROUNDS[profile], len(content)))
            slow = run_to_end(_with_defect(folder, reference))
    honest = ratios(found, "page")
    return Finding(
        n=answered(found),
        failures=wrong,
        figures={
            "floor": FLOOR,
            "target": TARGET,
            "bytes": len(content),
            **figures(found),
            "with_defect": round(slow, 1),
        },
        control=Control("every page made 20 times more", caught=slow > max(FLOOR, min(honest))),
        passed=min(honest) <= FLOOR,
    )


def _kinds(product: Server, reference: Server, plain: list[Phone], numbered: list[Phone]) -> Kinds:
    """Return the bare answer; the page as it is judged; packed; and of visits with a reference number."""

    def asking(seats: list[Phone], accept: str, each: int) -> Kind:
        asked = [get(product.port, STEP, cookies=seat.sent_cookies, accept=accept) for seat in seats]
        return Kind(product, lambda many: [[request] * many for request in asked], each)

    return {
        "bare": bare_kind(reference, 4 * EACH),
        "page": asking(plain, "identity", EACH),
        "page_packed": asking(plain, "gzip, deflate, br", EACH // 2),
        "page_with_number": asking(numbered, "identity", EACH // 2),
    }


async def _measure(product: Server, kinds: Kinds, count: int, length: int) -> tuple[Rounds, int]:
    """Return the rounds, and how many answers were not the page, or wrote something."""
    before = product.ask("SELECT count(*) FROM submission")
    found = await quiet_rounds(kinds, count, "page", FLOOR)
    wrote = product.ask("SELECT count(*) FROM submission") - before
    whole = [answer for name in ("bare", "page") for each in found[name] for answer in each.sent.answers]
    return found, unlike(found, kinds) + wrote + sum(len(answer.body) != length for answer in whole)


async def _with_defect(folder: Path, reference: Server) -> float:
    own = subfolder(folder, "defect")
    with kazasu(own, tree=planted(own, SHOWN_TOO_OFTEN)) as product:
        kinds = _kinds(product, reference, await phones(product), [])
        some = {"bare": kinds["bare"], "page": kinds["page"]._replace(each=EACH // 5)}
        return ratios(await rounds(some, 1), "page")[0]
