"""P1: what a step's page costs, against a bare ASGI answer of the same bytes and an ordinary FastAPI application."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.load import get, run_to_end
from bench.load_paired import (
    LINES,
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
from bench.load_peer import SESSION
from bench.load_server import Defect, Server, aside, bare, kazasu, peer, planted, subfolder
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


_PAGES: Final = "app/web/kit/pages.py"
TRANSLATED_EACH_TIME: Final = (
    Defect("app/web/bedside/seat.py", "(lambda scene", over="lru_cache(maxsize=1024)(lambda scene"),
    Defect(_PAGES, "nodes.Template = tree", over="nodes.Template = _Fold(self.known, self.spelled).visit(tree)"),
    Defect(_PAGES, "plain_words = partial(_said, ", over="plain_words = lru_cache(maxsize=2048)(partial(_said, "),
    Defect(_PAGES, "without_readings, language)", over="without_readings, language))"),
    Defect(_PAGES, "words = partial(_said, ", over="words = lru_cache(maxsize=2048)(partial(_said, "),
    Defect(_PAGES, "readable, language)", over="readable, language))"),
    Defect(_PAGES, "def without_readings", over="@lru_cache(maxsize=2048)\ndef without_readings"),
    Defect("app/web/kit/phrases.py", "def in_phrases", over="@lru_cache(maxsize=4096)\ndef in_phrases"),
    Defect(_PAGES, "partial(_once, environment, language)", over="lru_cache(partial(_once, environment, language))"),
)
"""No page is kept, and every message is looked up each time it is shown."""


def run(profile: Profile, _: int) -> Finding:
    """Measure the page and the peer's, then the same with defects."""
    with aside() as folder, kazasu(subfolder(folder, "product")) as product:
        plain, numbered = run_to_end(phones(product)), run_to_end(phones(product, "A-1024"))
        content = plain[0].page.encode()
        with bare(subfolder(folder, "bare"), content) as reference, peer(subfolder(folder, "peer")) as other:
            kinds = {**_kinds(product, reference, plain, numbered), "peer": _peers(other)}
            found, wrong = run_to_end(_measure(product, kinds, ROUNDS[profile], len(content)))
            slow = run_to_end(_with_defect(folder, reference, SHOWN_TOO_OFTEN))
            translated = run_to_end(_with_defect(folder, reference, *TRANSLATED_EACH_TIME))
    honest, peers = ratios(found, "page"), ratios(found, "peer")
    return Finding(
        n=answered(found),
        failures=wrong,
        figures={
            "floor": FLOOR,
            "target": TARGET,
            "bytes": len(content),
            **figures(found),
            "with_defect": round(slow, 1),
            "translated_each_time": round(translated, 1),
        },
        control=Control(
            "every page made 20 times more; every message translated each time, slower than the peer",
            caught=slow > max(FLOOR, min(honest)) and translated > min(peers),
        ),
        passed=min(honest) <= FLOOR and min(honest) < min(peers),
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


def _peers(other: Server) -> Kind:
    """Return the same page as an ordinary application answers it."""
    asked = get(other.port, STEP, cookies=f"visit={SESSION}", accept="identity")
    return Kind(other, lambda many: [[asked] * many for _ in range(LINES)], EACH)


async def _measure(product: Server, kinds: Kinds, count: int, length: int) -> tuple[Rounds, int]:
    """Return the rounds, and how many answers were not the page, or wrote something."""
    before = product.ask("SELECT count(*) FROM submission")
    found = await quiet_rounds(kinds, count, "page", FLOOR)
    wrote = product.ask("SELECT count(*) FROM submission") - before
    whole = [answer for name in ("bare", "page") for each in found[name] for answer in each.sent.answers]
    return found, unlike(found, kinds) + wrote + sum(len(answer.body) != length for answer in whole)


async def _with_defect(folder: Path, reference: Server, *defects: Defect) -> float:
    own = subfolder(folder, f"defect-{len(defects)}")
    with kazasu(own, tree=planted(own, *defects)) as product:
        kinds = _kinds(product, reference, await phones(product), [])
        some = {"bare": kinds["bare"], "page": kinds["page"]._replace(each=EACH // 5)}
        return ratios(await rounds(some, 1), "page")[0]
