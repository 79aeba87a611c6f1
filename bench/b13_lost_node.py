"""B13: two nodes on one PostgreSQL, one killed in the middle: every submission counts once, and the chain holds.

All nurses write at one station, so that every submission wants the same place in the chain. Some submissions go to both
nodes at the same moment, some are sent again after their answer, as a phone does that did not hear it; what the killed
node left unanswered goes to the other one under the same key.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from app.adapters.clock import SystemClock
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from app.main import PRACTICE_STATION
from app.tokens import new_secret
from bench.aftermath import HALF_WRITTEN, is_chained
from bench.load import Line, connect, percentile, post, run_to_end
from bench.load_server import CORES, Defect, Server, aside, free_port, kazasu, planted, subfolder
from bench.load_visit import Astray, Phone
from bench.report import ROOT, Control, Finding, Profile, Void
from tests.postgres import Cluster, cluster

SUBMISSIONS: Final = {Profile.CI: 10_000, Profile.BENCH: 100_000, Profile.SOAK: 1_000_000}
CONTROL_SUBMISSIONS: Final = 600
NURSES: Final = 40
TO_BOTH: Final = 0.05
AGAIN: Final = 0.05
"""Shares of submissions that are sent to both nodes at once, and once more after they were answered."""
KILLED_AT: Final = 0.4
STEP: Final = "/visit/need"
_ACCEPTED, _UNAVAILABLE = 303, 503
_PAUSE: Final = 0.02
_LONGEST: Final = 20.0
"""Seconds after which a nurse gives up on a submission: a record that was broken takes nothing more."""

NO_KEY: Final = (
    Defect(
        "app/adapters/sql/submission.py",
        '    once = replace(change.submission, key=f"{change.submission.key}#{new_secret()}")\n'
        "    change, refusal = replace(change, submission=once), None\n",
        over="    refusal = _refusal(change, found)\n",
    ),
    Defect("app/adapters/sql/submission.py", "from dataclasses import replace\n\nfrom app.tokens import new_secret"),
)
NO_TURNS: Final = (
    Defect("app/adapters/sql/database.py", '"SELECT 1"', over='"SELECT pg_advisory_xact_lock(5412093166418)"'),
)


class Submission(NamedTuple):
    """A form as it was sent, so that it can be sent again."""

    fields: dict[str, str]
    cookies: str


@dataclass
class Ledger:
    """What was sent and what was said, kept where no kill reaches it; and what came of it."""

    sent: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: int = 0
    unanswered: int = 0
    unanswered_that_was_kept: int = 0
    unavailable: int = 0
    sent_twice: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    seconds: float = 0.0
    lost: int = 0
    recorded_twice: int = 0
    broken: int = 0

    @property
    def failures(self) -> int:
        """How often something happened that never must."""
        return self.lost + self.recorded_twice + self.broken + self.wrong.total()


class Ward:
    """Two nodes on one database, and the ledger of those who write to them."""

    def __init__(self, running: Cluster, folder: Path, tree: Path, rand: int) -> None:
        """Keep where the database and the nodes' folders are."""
        self.running, self.database = running, running.fresh()
        self.ledger, self.dice = Ledger(), random.Random(rand)
        self._folder, self._tree, self._keys = folder, tree, new_secret() * 2
        self.ports = [free_port(), free_port()]
        self._is_time = asyncio.Event()

    def node(self, number: int) -> Server:
        """Start one of the two nodes."""
        folder = self._folder / str(number)
        folder.mkdir(exist_ok=True)
        url = self.running.url(self.database)
        placed = kazasu(
            folder,
            tree=self._tree,
            port=self.ports[number],
            core=CORES[number % len(CORES)],
            database_url=url,
            secret_keys=self._keys,
            record_key=self._keys,
        )
        return placed.__enter__()

    async def work(self, submissions: int) -> Ledger:
        """Let nurses write; kill the first node in the middle, and start it anew."""
        nodes = [self.node(0), self.node(1)]
        try:
            self._assert_durable()
            began = time.perf_counter()
            share = submissions // NURSES
            nurses = (self._nurse(nodes[place % 2], share) for place in range(NURSES))
            killing = asyncio.create_task(self._kill(nodes))
            await asyncio.gather(*nurses)
            self._is_time.set()  # where too few got through, it is over all the same
            await killing
            self.ledger.seconds = time.perf_counter() - began
        finally:
            for node in nodes:
                node.__exit__()
        await self._judge()
        return self.ledger

    async def _kill(self, nodes: list[Server]) -> None:
        await self._is_time.wait()
        nodes[0].kill()
        nodes[0] = await asyncio.to_thread(self.node, 0)

    def _assert_durable(self) -> None:
        asked = "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
        if self.running.ask(self.database, asked) != [("on", "on")]:
            raise Void("PostgreSQL does not wait for the disk")

    # --- a nurse ------------------------------------------------------------------------------------------------

    async def _nurse(self, node: Server, share: int) -> None:
        phone = Phone(node)
        try:
            await phone.open(node.entry)
            await phone.press(node.entry)
            held = phone.form_fields(STEP)
        except Astray as astray:
            self.ledger.wrong[str(astray)[:3]] += 1
            return
        phone.close()
        lines = [Way(port) for port in self.ports]
        for version in range(int(held["version"]), int(held["version"]) + share):
            given = {"version": str(version), "key": new_secret(), "over_40": "yes" if version % 2 else "no"}
            sent = Submission(held | given | {"intent": "first"}, phone.sent_cookies)
            self.ledger.sent[held["visit"]].append(sent.fields["key"])
            self.dice.shuffle(lines)
            chance = self.dice.random()
            both = (self._until_answered(sent, way) for way in (lines, lines[::-1]))
            if chance < TO_BOTH:
                answered = all(await asyncio.gather(*both))
            else:
                answered = await self._until_answered(sent, lines)
            if chance > 1 - AGAIN:
                answered = await self._until_answered(sent, lines[::-1]) and answered
            if not answered:
                break
            self.ledger.sent_twice += chance < TO_BOTH or chance > 1 - AGAIN
            self.ledger.acknowledged += 1
            if self.ledger.acknowledged >= KILLED_AT * share * NURSES:
                self._is_time.set()
        for way in lines:
            way.close()

    async def _until_answered(self, sent: Submission, ways: list[Way]) -> bool:
        """Send to one node, then to the other, until one of them says what became of it; whether one did in time."""
        began = time.perf_counter()
        for way in itertools.cycle(ways):
            if time.perf_counter() - began > _LONGEST:
                self.ledger.wrong["none"] += 1
                return False
            try:
                status = await way.ask(sent)
            except OSError:
                await self._unanswered(sent)
                continue
            if status != _UNAVAILABLE:
                break
            self.ledger.unavailable += 1
            await asyncio.sleep(_PAUSE)
        self.ledger.times.append(time.perf_counter() - began)
        if status != _ACCEPTED:
            self.ledger.wrong[str(status)] += 1
        return True

    async def _unanswered(self, sent: Submission) -> None:
        kept = f"SELECT count(*) FROM event WHERE key = '{sent.fields['key']}'"  # noqa: S608 - a key of ours
        self.ledger.unanswered += 1
        self.ledger.unanswered_that_was_kept += self.running.ask(self.database, kept)[0][0]
        await asyncio.sleep(_PAUSE)

    # --- what the record says -----------------------------------------------------------------------------------

    async def _judge(self) -> None:
        recorded: defaultdict[str, list[str]] = defaultdict(list)
        keyed = "SELECT visit, key FROM event WHERE key IS NOT NULL ORDER BY seq"
        for visit, key in self.running.ask(self.database, keyed):
            recorded[visit].append(key.partition("#")[0])
        for visit, sent in self.ledger.sent.items():
            found = recorded[visit][1:]  # the opening is the server's own
            self.ledger.lost += len(set(sent) - set(found))
            self.ledger.recorded_twice += len(found) - len(set(found))
            self.ledger.broken += list(dict.fromkeys(found)) != sent
        self.ledger.broken += sum(self.running.ask(self.database, fault)[0][0] for fault in HALF_WRITTEN)
        store = SqlStore(Database(self.running.url(self.database)), SystemClock())
        self.ledger.broken += not await is_chained(store, PRACTICE_STATION.id)
        await store.close()


class Way:
    """A nurse's line to one node, dialled when it is needed."""

    def __init__(self, port: int) -> None:
        """Begin without a line."""
        self._port = port
        self._lines: list[Line] = []

    async def ask(self, sent: Submission) -> int:
        """Return the status that a submission is answered with; raises `OSError` when there is no answer."""
        line = self._lines.pop() if self._lines else await connect(self._port)
        answer = await line.ask(post(self._port, STEP, sent.fields, cookies=sent.cookies))
        self._lines.append(line)
        return answer.status

    def close(self) -> None:
        """Hang up."""
        for line in self._lines:
            line.close()


def run(profile: Profile, rand: int) -> Finding:
    """Let nurses write to two nodes; then to nodes without keys, and to nodes that do not wait for their turn."""
    with aside() as folder, cluster(on_disk=True) as running:

        def on(name: str, submissions: int, *defects: Defect) -> Ledger:
            own = subfolder(folder, name)
            tree = planted(own, *defects) if defects else ROOT
            return run_to_end(Ward(running, own, tree, rand).work(submissions))

        server = running.ask("postgres", "SHOW server_version")[0][0]
        ledger = on("product", SUBMISSIONS[profile])
        keyless = on("keyless", CONTROL_SUBMISSIONS, *NO_KEY)
        turnless = on("turnless", CONTROL_SUBMISSIONS, *NO_TURNS)
    return Finding(
        n=ledger.acknowledged,
        failures=ledger.failures,
        figures={
            "postgresql": server,
            "lost": ledger.lost,
            "recorded_twice": ledger.recorded_twice,
            "broken": ledger.broken,
            "wrong_answers": dict(ledger.wrong),
            "sent_twice": ledger.sent_twice,
            "unanswered": ledger.unanswered,
            "unanswered_that_was_kept": ledger.unanswered_that_was_kept,
            "unavailable": ledger.unavailable,
            "per_second": round(ledger.acknowledged / ledger.seconds),
            "median_ms": round(percentile(ledger.times, 0.5) * 1000, 1),
            "p99_ms": round(percentile(ledger.times, 0.99) * 1000, 1),
            "control_recorded_twice": f"{keyless.recorded_twice} of {keyless.sent_twice}",
            "control_failed_without_turns": f"{turnless.failures} of {turnless.acknowledged}",
        },
        control=Control(
            "submissions without a key; nodes that do not wait for their turn",
            caught=keyless.recorded_twice > 0 and turnless.failures > 0,
        ),
    )
