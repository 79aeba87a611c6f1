"""B1: `kill -9` of the server under load. What it acknowledged is there, whole, and a repeated request counts once.

The ledger of what was acknowledged is kept in this process. What a kill cannot show, since the system keeps the
pages that a dead process wrote, is shown by B1p.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from app.adapters.clock import SystemClock
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from app.main import PRACTICE_STATION
from app.tokens import new_secret
from bench.aftermath import is_chained, is_whole, kept
from bench.load import connect, percentile, post, run_to_end
from bench.load_server import CORES, Defect, Server, aside, free_port, kazasu, on_core, planted, subfolder
from bench.load_visit import Phone
from bench.report import ROOT, Control, Finding, Profile


class Cores(NamedTuple):
    """Where a server and its nurses run."""

    server: int
    nurses: int


KILLS: Final = {Profile.CI: 100, Profile.BENCH: 2_000, Profile.SOAK: 20_000}
"""Of 100 kills without a loss, each loses something with a probability below 3 % (95 % sure); of 20,000, 0.015 %."""
CONTROL_KILLS: Final = 10
NURSES: Final = 4
UNDER_LOAD: Final = (0.02, 0.3)
"""Seconds of load before the kill, at least and at most."""
RESTART: Final = 2.0
"""Seconds that all but one of a hundred restarts may take."""
APART: Final = Cores(server=CORES[0], nurses=CORES[-1])
STEP: Final = "/visit/need"
_ACCEPTED: Final = 303
ANSWERS_FIRST: Final = Defect(
    "app/main.py",
    """
from app.ports.store import Change, Written

_write = SqlStore.write
_written = set()


async def _answer_first(self: SqlStore, change: Change) -> Written:
    if change.visit.version == 1:
        return await _write(self, change)
    _written.add(asyncio.ensure_future(_write(self, change)))
    return Written.DONE


SqlStore.write = _answer_first
""",
)


class Submission(NamedTuple):
    """A form as it was sent, so that it can be sent again."""

    fields: dict[str, str]
    cookies: str

    @property
    def key(self) -> str:
        """What makes it count once."""
        return self.fields["key"]


@dataclass
class Ledger:
    """What the server said, kept where no kill reaches it; and what came of it."""

    acknowledged: set[str] = field(default_factory=set)
    unanswered: list[Submission] = field(default_factory=list)
    known: int = 0
    lost: int = 0
    resent: int = 0
    resent_that_was_kept: int = 0
    wrong: list[str] = field(default_factory=list)
    broken: int = 0
    restarts: list[float] = field(default_factory=list)
    restarts_cpu: list[float] = field(default_factory=list)

    def add(self, other: Ledger) -> None:
        """Take in what came of another ward."""
        self.known += other.known
        self.lost += other.lost
        self.resent += other.resent
        self.resent_that_was_kept += other.resent_that_was_kept
        self.wrong += other.wrong
        self.broken += other.broken
        self.restarts += other.restarts
        self.restarts_cpu += other.restarts_cpu


def run(profile: Profile, rand: int) -> Finding:
    """Kill the product many times; then a copy that answers before it has committed."""
    with aside() as folder:
        ledger = _killed(profile, rand, folder)
        early = subfolder(folder, "early")
        control = run_to_end(_kill_often(CONTROL_KILLS, rand, early, planted(early, ANSWERS_FIRST), APART))
    slowest = percentile(ledger.restarts, 0.99)
    return Finding(
        n=KILLS[profile],
        failures=ledger.lost + len(ledger.wrong) + ledger.broken,
        figures={
            "acknowledged": ledger.known,
            "lost": ledger.lost,
            "broken": ledger.broken,
            "resent": ledger.resent,
            "resent_that_was_kept": ledger.resent_that_was_kept,
            "wrong_answers": ledger.wrong,
            "restart_median_s": round(percentile(ledger.restarts, 0.5), 2),
            "restart_p99_s": round(slowest, 2),
            "restart_cpu_median_s": round(percentile(ledger.restarts_cpu, 0.5), 2),
            "control_lost": f"{control.lost} of {control.known}",
        },
        control=Control("an answer before the commit", caught=control.lost > 0),
        # How long a start takes on a quiet machine is judged by P6; in CI the clock also measures the neighbours.
        passed=profile is Profile.CI or slowest < RESTART,
    )


def _killed(profile: Profile, rand: int, folder: Path) -> Ledger:
    """Kill a server as often as the profile says; in CI, where no clock judges, two wards share it, each on a core."""
    wards = [Cores(core, core) for core in CORES[:2]] if profile is Profile.CI else [APART]

    def ward(number: int) -> Ledger:
        own, cores = subfolder(folder, f"product-{number}"), wards[number]
        with on_core(cores.nurses):
            return run_to_end(_kill_often(KILLS[profile] // len(wards), rand + number, own, ROOT, cores))

    found = Ledger()
    with ThreadPoolExecutor(len(wards)) as lanes:
        for ledger in lanes.map(ward, range(len(wards))):
            found.add(ledger)
    return found


async def _kill_often(kills: int, rand: int, folder: Path, tree: Path, cores: Cores) -> Ledger:
    dice, ledger, port = random.Random(rand), Ledger(), free_port()
    for kill in range(kills + 1):
        with kazasu(folder, tree=tree, port=port, core=cores.server) as server:
            if kill:
                ledger.restarts.append(time.perf_counter() - server.began)
                ledger.restarts_cpu.append(server.cpu)
            await _settle(server, ledger)
            if kill < kills:
                await _load(server, ledger, dice.uniform(*UNDER_LOAD))
            else:
                server.assert_durable()
    ledger.broken += not await _holds(folder / "kazasu.db")
    return ledger


async def _settle(server: Server, ledger: Ledger) -> None:
    """Compare what is there with what was acknowledged, and send again what was not answered."""
    unanswered = {each.key for each in ledger.unanswered}
    ledger.known += len(ledger.acknowledged)
    ledger.lost += len(ledger.acknowledged - _kept(server, ledger.acknowledged))
    ledger.resent += len(unanswered)
    ledger.resent_that_was_kept += len(_kept(server, unanswered))
    for each in ledger.unanswered:
        line = await connect(server.port)
        answer = await line.ask(post(server.port, STEP, each.fields, cookies=each.cookies))
        line.close()
        if answer.status != _ACCEPTED:
            ledger.wrong.append(f"{answer.status} when sent again")
    ledger.wrong += ["not there when sent again"] * len(unanswered - _kept(server, unanswered))
    ledger.acknowledged.clear()
    ledger.unanswered.clear()


def _kept(server: Server, keys: set[str]) -> set[str]:
    with closing(sqlite3.connect(f"file:{server.folder}/kazasu.db?mode=ro", uri=True)) as database:
        return kept(database, keys)


async def _load(server: Server, ledger: Ledger, seconds: float) -> None:
    """Let nurses write until the server is dead."""
    phones = [Phone(server) for _ in range(NURSES)]
    for phone in phones:
        await phone.open(server.entry)
        await phone.press(server.entry)
        phone.close()

    async def kill() -> None:
        await asyncio.sleep(seconds)
        server.kill()

    await asyncio.gather(*(_write_until_dead(server, phone, ledger) for phone in phones), kill())


async def _write_until_dead(server: Server, phone: Phone, ledger: Ledger) -> None:
    held = phone.form_fields(STEP)
    line = await connect(server.port)
    for version in itertools.count(int(held["version"])):
        given = {"version": str(version), "key": new_secret(), "over_40": "yes" if version % 2 else "no"}
        sent = Submission(held | given | {"intent": "first"}, phone.sent_cookies)
        try:
            answer = await line.ask(post(server.port, STEP, sent.fields, cookies=sent.cookies))
        except OSError:
            ledger.unanswered.append(sent)
            return
        if answer.status != _ACCEPTED:
            ledger.wrong.append(f"{answer.status} under load")
            return
        ledger.acknowledged.add(sent.key)


async def _holds(path: Path) -> bool:
    """Whether, after all kills, nothing is half written and the chain is unbroken."""
    store = SqlStore(Database(f"sqlite:///{path}"), SystemClock())
    with closing(sqlite3.connect(path)) as database:
        holds = is_whole(database) and await is_chained(store, PRACTICE_STATION.id)
    await store.close()
    return holds
