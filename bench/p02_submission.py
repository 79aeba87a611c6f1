"""P2: what a durable submission of a step costs, against a bare ASGI answer to a GET."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Final

from bench.load import post, run_to_end
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

FLOOR: Final = 26.0
TARGET: Final = 16.0
STEP: Final = "/visit/consent"
EACH: Final = 150
_SPIN: Final = """
import time

_write = SqlStore.write


async def _slowly(self, change):
    until = time.thread_time() + {seconds}
    while time.thread_time() < until:
        pass
    return await _write(self, change)


SqlStore.write = _slowly
"""


class Seat:
    """One visit at the page of choices, and the next submissions that its phone would send."""

    def __init__(self, phone: Phone, port: int) -> None:
        """Begin at the version that the page holds."""
        self._held, self._items = phone.form_fields(STEP), phone.items
        self._cookies, self._port = phone.sent_cookies, port
        self._first, self._turns = int(self._held["version"]), count()
        self.sent = 0

    def choices(self) -> Iterator[bytes]:
        """Yield submissions of choices: each differs from the one before, and has a key of its own."""
        for turn in self._turns:
            chosen = ("decline" if turn >> place & 1 else "agree" for place in range(len(self._items)))
            yield self._submission(turn, dict(zip(self._items, chosen, strict=True)))

    def fills(self) -> Iterator[bytes]:
        """Yield 「すべて…」, the smallest durable submission: no event, only the draft."""
        for turn in self._turns:
            yield self._submission(turn, {"fill": "decline" if turn % 2 else "agree"})

    def _submission(self, turn: int, given: dict[str, str]) -> bytes:
        self.sent += 1
        own = {"version": str(self._first + turn), "key": f"{self._held['key'][:12]}{turn}"}
        return post(self._port, STEP, self._held | own | given, cookies=self._cookies)


def run(profile: Profile, _: int) -> Finding:
    """Measure submissions, then the same with a defect."""
    with aside() as folder, kazasu(subfolder(folder, "product")) as product:
        at_choices = run_to_end(phones(product))
        with bare(subfolder(folder, "bare"), at_choices[0].page.encode()) as reference:
            found, wrong = run_to_end(_measure(product, reference, at_choices, ROUNDS[profile]))
            spin = FLOOR * min(each.cpu for each in found["bare"])
            slow = run_to_end(_with_defect(folder, reference, spin))
        durable = product.assert_durable()
    honest = ratios(found, "choices")
    return Finding(
        n=answered(found),
        failures=wrong,
        figures={
            "floor": FLOOR,
            "target": TARGET,
            **durable,
            **figures(found),
            "with_defect": round(slow, 1),
        },
        control=Control("a write that spins as long as the floor allows", caught=slow > max(FLOOR, min(honest))),
        passed=min(honest) <= FLOOR,
    )


def _kinds(product: Server, reference: Server, seats: list[Seat]) -> Kinds:
    def choices(many: int) -> list[list[bytes]]:
        return [list(islice(seat.choices(), many)) for seat in seats]

    def fills(many: int) -> list[list[bytes]]:
        return [list(islice(seat.fills(), many)) for seat in seats]

    return {
        "bare": bare_kind(reference, 5 * EACH),
        "choices": Kind(product, choices, EACH, 303),
        "fill": Kind(product, fills, EACH // 2, 303),
    }


async def _measure(product: Server, reference: Server, at_choices: list[Phone], turns: int) -> tuple[Rounds, int]:
    """Return the rounds, and how many answers were wrong or submissions not found in the database."""
    seats = [Seat(phone, product.port) for phone in at_choices]
    before, events = _kept(product)
    kinds = _kinds(product, reference, seats)
    found = await quiet_rounds(kinds, turns, "choices", FLOOR)
    answers = [answer for each in found["choices"] for answer in each.sent.answers]
    elsewhere = sum(answer.header("location") != "/visit/check" for answer in answers)
    after, answered_items = _kept(product)
    lost = abs(after - before - sum(seat.sent for seat in seats))
    return found, unlike(found, kinds) + elsewhere + lost + max(0, len(answers) - (answered_items - events))


def _kept(product: Server) -> tuple[int, int]:
    """Return how many submissions and how many answers to the choices the database holds."""
    choices = "SELECT count(*) FROM event WHERE type = 'items_answered'"
    return product.ask("SELECT count(*) FROM submission"), product.ask(choices)


async def _with_defect(folder: Path, reference: Server, seconds: float) -> float:
    own = subfolder(folder, "defect")
    spinning = Defect("app/adapters/sql/store.py", _SPIN.format(seconds=seconds))
    with kazasu(own, tree=planted(own, spinning)) as product:
        seats = [Seat(phone, product.port) for phone in await phones(product)]
        kinds = _kinds(product, reference, seats)
        some = {"bare": kinds["bare"], "choices": kinds["choices"]._replace(each=EACH // 3)}
        return ratios(await rounds(some, 1), "choices")[0]
