"""P2: what a durable submission of a step costs, against a bare ASGI answer to a GET."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Final

from bench.load import post, run as to_end
from bench.load_paired import LINES, ROUNDS, Kind, Rounds, bare_kind, figures, phones, ratios, rounds, unlike
from bench.load_server import Defect, Server, aside, bare, kazasu, planted, subfolder
from bench.load_visit import Phone
from bench.report import Control, Finding, Profile

FLOOR: Final = 24.0
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
        self._held, self._items = phone.held(STEP), phone.items
        self._cookies, self._port = phone.sent_cookies, port
        self._first = int(self._held["version"])
        self._turns = count()
        self.sent = 0

    def choices(self) -> Iterator[bytes]:
        """Yield submissions of choices: each differs from the one before, and has a key of its own."""
        for turn in self._turns:
            chosen = {
                name: "decline" if turn >> place & 1 else "agree" for place, name in enumerate(self._items)
            }
            yield self._submission(turn, chosen)

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
        seats = to_end(_seats(product))
        content = b"-" * 8000
        with bare(subfolder(folder, "bare"), content) as reference:
            found, wrong = to_end(_measure(product, reference, seats, ROUNDS[profile]))
            spins = FLOOR * min(each.cpu for each in found["bare"])
            slow = to_end(_with_defect(folder, reference, spins))
        durable = product.assert_durable()
    honest = ratios(found, "choices")
    middle = sorted(honest)[len(honest) // 2]
    said = {"floor": FLOOR, "target": TARGET, **durable, **figures(found), "with_defect": round(slow, 1)}
    return Finding(
        n=sum(len(each.sent.answers) for costs in found.values() for each in costs),
        failures=wrong,
        figures=said,
        control=Control("a write that spins as long as the floor allows", caught=slow > max(FLOOR, *honest)),
        passed=middle <= FLOOR,
    )


async def _seats(product: Server) -> list[Seat]:
    return [Seat(phone, product.port) for phone in await phones(product)]


def _kinds(product: Server, reference: Server, seats: list[Seat], each: int) -> dict[str, Kind]:
    return {
        "bare": bare_kind(reference, 6 * each),
        "choices": Kind(product, lambda: [list(islice(seat.choices(), each)) for seat in seats], 303),
        "fill": Kind(product, lambda: [list(islice(seat.fills(), each // 2)) for seat in seats], 303),
    }


async def _measure(product: Server, reference: Server, seats: list[Seat], turns: int) -> tuple[Rounds, int]:
    """Return the rounds, and how many answers were wrong or submissions not found in the database."""
    before = product.ask("SELECT count(*) FROM submission")
    kinds = _kinds(product, reference, seats, EACH)
    found = await rounds(kinds, turns)
    kept = product.ask("SELECT count(*) FROM submission") - before
    elsewhere = sum(
        answer.header("location") != "/visit/check"
        for each in found["choices"]
        for answer in each.sent.answers
    )
    return found, unlike(found, kinds) + elsewhere + abs(kept - sum(seat.sent for seat in seats))


async def _with_defect(folder: Path, reference: Server, seconds: float) -> float:
    own = subfolder(folder, "defect")
    spinning = Defect("app/adapters/store_sql.py", _SPIN.format(seconds=seconds))
    with kazasu(own, tree=planted(own, spinning)) as product:
        kinds = _kinds(product, reference, await _seats(product), EACH // 3)
        del kinds["fill"]
        return ratios(await rounds(kinds, 1), "choices")[0]


assert LINES * EACH >= 1000, "fewer answers than the clock of a process can tell apart"
