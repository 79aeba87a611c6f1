"""B7: on a line that drops 30 %, doubles 10 %, delays and closes half-way, each submission counts once, in order.

A real server; in front of it the line of `bench/line.py`; before that, phones. Each phone does as static/app.js: the
same body with the same key goes out again until an answer has come whole, then it goes where the answer leads. What
was sent and acknowledged is kept in this process; what was recorded is read from the database when nothing is on its
way any more. Pages come beside the line: one that does not come is asked for again, and changes nothing.

Every visit reaches the handoff, most of them changing their choices once or twice after they had confirmed them, so
that a late copy of former choices would be seen; then it ends by another way. The start of a visit carries no key: a
doubled one leaves an empty visit that nobody holds. Those are counted, and no failure.

Two controls.

- *Without the key*: the lines of `step._refusal` that recognise a key are taken out of a copy of the product. The
  version check still stops every second copy of the same submission, so the record alone would hold. What the key
  gives is the right answer: without it, who lost an answer is told (409) that the page is old although it was taken,
  and does what that page says: looks, and presses again. That is recorded a second time, and is what is caught.
- *Without key and version*: that copy takes whatever comes, each copy under a key of its own (the client's, with a
  number behind). Then doubled and late copies are recorded as they come, and former choices come back.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from app.adapters.clock import SystemClock
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from app.main import PRACTICE_STATION
from bench.aftermath import is_chained, is_whole
from bench.line import BEHIND, BadLine, Fate, Patient
from bench.load import Answer, post, run_to_end
from bench.load_server import Defect, Server, aside, kazasu, planted, subfolder
from bench.load_visit import Astray, Phone
from bench.report import ROOT, Control, Finding, Profile

SUBMISSIONS: Final = {Profile.CI: 10_000, Profile.BENCH: 100_000, Profile.SOAK: 1_000_000}
NURSES: Final = 96
CONTROL_NURSES: Final = 64
"""Each walks one visit."""
CHANGES: Final = (0, 1, 1, 2)
"""How often a patient changes what was confirmed: drawn for each visit."""
CONTROL_CHANGES: Final = (3,)
LINGERS: Final = 0.1
"""Share of the visits that rest at the handoff until every late copy must have come; in the controls all do."""
NO_KEY: Final = Defect(
    "app/adapters/sql/submission.py",
    "",
    """    if found.fingerprint is not None:
        return Written.REPEATED if found.fingerprint == change.submission.fingerprint else Written.KEY_REUSED
""",
)
TAKES_ALL: Final = Defect(
    "app/adapters/sql/submission.py",
    """
from dataclasses import replace
from itertools import count

_write, _copies = write, count()


def write(change, connection):
    once = replace(change.submission, key=f"{change.submission.key}#{next(_copies)}")
    return _write(replace(change, submission=once), connection)


def _refusal(change, found):
    return None
""",
)
_RECORDED: Final = {
    "need": ("need_answered",),
    "hand-over": ("phone_passed",),
    "ready": ("ready_answered",),
    "consent": ("items_answered",),
    "check": ("confirmed", "handed_off"),
    "another-way": ("another_way",),
    "end": ("ended",),
}
"""What each submission leaves in the record; the first of it carries the key."""
_UNHURRIED: Final = 30.0
"""Seconds that a page may take: its way is good."""
_BROKEN: Final = 500
_TAKEN, _STALE = 204, 409
_ACTION: Final = re.compile(r'<form method="post" action="/visit/([\w-]+)"(?! class="kz-stop")')
_LOGGED: Final = re.compile(r'"error_type": "(\w+)"')
_STEADY: Final = b"\r\nKazasu-Steady: 1\r\n\r\n"
_EVENTS: Final = """
    SELECT event.visit, event.key, event.type, event_body.body FROM event
    LEFT JOIN event_body USING (facility, seq) ORDER BY event.visit, event.seq"""


@dataclass(slots=True, eq=False)
class Sent:
    """One submission: which step, what it said, and whether it was acknowledged."""

    step: str
    said: Mapping[str, str]
    is_acknowledged: bool = False


@dataclass
class Ledger:
    """What phones sent, by visit and in their order, and what they were told; kept outside of the server."""

    visits: dict[str, list[Sent]] = field(default_factory=dict)
    keys: dict[str, tuple[str, Sent]] = field(default_factory=dict)
    acknowledged: int = 0
    told_stale: int = 0
    led_elsewhere: int = 0
    overtaken: int = 0
    wrong: list[str] = field(default_factory=list)

    def note(self, visit: str, key: str, step: str, said: Mapping[str, str]) -> Sent:
        """Keep what is about to be sent."""
        sent = Sent(step, said)
        self.visits.setdefault(visit, []).append(sent)
        self.keys[key] = visit, sent
        return sent

    def acknowledge(self, sent: Sent) -> None:
        """Keep that the server has answered for it."""
        self.acknowledged += not sent.is_acknowledged
        sent.is_acknowledged = True

    def arrives_late(self, request: bytes) -> None:
        """Count a copy that comes to the server after a later step of its visit was acknowledged."""
        key = parse_qs(request.rpartition(b"\r\n\r\n")[2].decode("ascii")).get("key", [""])[0]
        if key in self.keys:
            visit, sent = self.keys[key]
            after = self.visits[visit][self.visits[visit].index(sent) + 1 :]
            self.overtaken += any(each.is_acknowledged for each in after)


class Reach(NamedTuple):
    """A server as phones reach it: by its own address, but through the line."""

    server: Server
    line: BadLine

    @property
    def port(self) -> int:
        """The port in its address."""
        return self.server.port

    @property
    def entry(self) -> str:
        """The station's entry."""
        return self.server.entry

    async def dial(self) -> TwoWays:
        """Return the ways to it."""
        return TwoWays(Patient(self.server.port, _UNHURRIED), Patient(self.line.port))


class TwoWays(NamedTuple):
    """Pages come straight from the server, submissions go out on the line."""

    pages: Patient
    submissions: Patient
    is_open: bool = True

    async def ask(self, request: bytes) -> Answer:
        """Return the first answer that comes whole."""
        return await (self.pages if request.startswith(b"GET") else self.submissions).ask(request)

    def close(self) -> None:
        """Nothing is held."""


class Nurse(Phone):
    """A phone that goes by what it shows, and tells the ledger what it sends."""

    def __init__(self, reach: Reach, ledger: Ledger, dice: random.Random) -> None:
        """Begin with nothing."""
        super().__init__(reach)
        self._reach, self._ledger, self._dice = reach, ledger, dice
        self._chosen: dict[str, str] = {}

    async def walk(self, changes: int, rest: float) -> None:
        """Walk one visit to its end, with so many changes of mind, and seconds of rest at the handoff."""
        self._chosen = {}
        await self.open(self._reach.entry)
        await self.press(self._reach.entry)
        while (step := self._shown()) != "end":
            if step != "handoff":
                await self._submit(step)
            elif changes:
                changes -= 1
                await self.open("/visit/consent")
            else:
                await asyncio.sleep(rest)
                await self.open("/visit/another-way")
        await self._submit("end")

    def _shown(self) -> str:
        """Return the step that the page asks for."""
        asked = _ACTION.findall(self.page)
        if "end" in asked:
            return "end"
        return next((step for step in asked if step in _RECORDED), "handoff")

    async def _submit(self, step: str) -> None:
        """Send a page's form until it is acknowledged; on an old page, look at the new one and press again."""
        said = self._answers(step)
        held = self.form_fields(f"/visit/{step}")
        sent = self._ledger.note(held["visit"], held["key"], step, said)
        while True:
            request = post(self._reach.port, f"/visit/{step}", held | said, cookies=self.sent_cookies)
            answer = await self._ask(request.replace(b"\r\n\r\n", _STEADY, 1))
            if answer.status == _TAKEN:
                self._ledger.acknowledge(sent)
                await self._go(step, held, answer.header("kazasu-next"))
                return
            if answer.status != _STALE:
                raise Astray(f"{answer.status} for {step}")
            self._ledger.told_stale += 1
            self.page = answer.body.decode()
            if self._shown() != step:  # the page that is shown is the next one: this one had been taken
                self._ledger.acknowledge(sent)
                return
            held = self.form_fields(f"/visit/{step}")
            self._ledger.keys[held["key"]] = held["visit"], sent

    async def _go(self, step: str, held: Mapping[str, str], to: str) -> None:
        if step == "end":
            return
        if step == "hand-over":
            self._ledger.led_elsewhere += to != f"/visit/{held['to']}"
        await self.open(to)

    def _answers(self, step: str) -> dict[str, str]:
        if step == "consent":
            former = self._chosen
            while self._chosen == former:
                self._chosen = {item: self._dice.choice(["agree", "decline"]) for item in self.items}
            return self._chosen
        return {
            "need": {"over_40": self._dice.choice(["yes", "no"]), "intent": "first"},
            "ready": {"ready": "all"},
            "check": {"confirmed": "yes"},
            "another-way": {"reason": "unwilling"},
        }.get(step, {})


@dataclass(slots=True)
class Tally:
    """What the record says about what the ledger says."""

    lost: int = 0
    recorded_twice: int = 0
    never_sent: int = 0
    out_of_order: int = 0
    unlike_what_was_sent: int = 0
    changed_later: int = 0
    broken: int = 0

    @property
    def failures(self) -> int:
        """How much of it must never happen: all."""
        return sum(getattr(self, name) for name in self.__slots__)


class Crowd(NamedTuple):
    """How many nurses, who walk visits until so many submissions are acknowledged, and what is drawn for them."""

    nurses: int
    submissions: int
    changes: tuple[int, ...]
    lingers: float
    rand: int


class Run(NamedTuple):
    """One server's run: the ledger, the line, what the record and the log say, and how long it took."""

    ledger: Ledger
    line: BadLine
    tally: Tally
    held_by_nobody: int
    logged: Counter[str]
    seconds: float


def run(profile: Profile, rand: int) -> Finding:
    """Submit on a bad line until enough is acknowledged; then to copies without key, and without key and version."""
    with aside() as folder:
        crowd = Crowd(NURSES, SUBMISSIONS[profile], CHANGES, LINGERS, rand)
        found = _run(subfolder(folder, "product"), ROOT, crowd)
        no_key = _with_defect(subfolder(folder, "no-key"), NO_KEY, rand)
        takes_all = _with_defect(subfolder(folder, "takes-all"), TAKES_ALL, rand)
    errors = sum(count for status, count in found.line.answers.items() if status >= _BROKEN)
    errors += sum(found.logged.values())
    misled = found.ledger.told_stale + found.ledger.led_elsewhere
    caught = no_key.ledger.told_stale > 0 and no_key.tally.recorded_twice > 0
    return Finding(
        n=found.ledger.acknowledged,
        failures=found.tally.failures + misled + errors + len(found.ledger.wrong),
        figures={
            "submissions": found.ledger.acknowledged,
            **_line_figures(found),
            **_tally_figures(found),
            "server_errors": errors,
            "run_s": round(found.seconds, 1),
            "without_key": _tally_figures(no_key),
            "without_key_and_version": _tally_figures(takes_all),
        },
        control=Control(
            "without the key; without key and version",
            caught=caught and takes_all.tally.recorded_twice > 0 and takes_all.tally.changed_later > 0,
        ),
    )


def _line_figures(found: Run) -> dict[str, int]:
    """Return what the line did to submissions and starts."""
    fates = found.line.fates
    return {
        "attempts": fates.total(),
        **{fate.value: fates[fate] for fate in Fate},
        "late_copies": found.line.late,
        "late_copies_behind_a_later_step": found.ledger.overtaken,
    }


def _tally_figures(found: Run) -> dict[str, object]:
    return {
        "visits": len(found.ledger.visits),
        "visits_held_by_nobody": found.held_by_nobody,
        **{name: getattr(found.tally, name) for name in Tally.__slots__},
        "told_stale": found.ledger.told_stale,
        "led_elsewhere": found.ledger.led_elsewhere,
        "wrong_answers": found.ledger.wrong[:5],
    }


def _with_defect(folder: Path, defect: Defect, rand: int) -> Run:
    return _run(folder, planted(folder, defect), Crowd(CONTROL_NURSES, 1, CONTROL_CHANGES, 1.0, rand))


def _run(folder: Path, tree: Path, crowd: Crowd) -> Run:
    with kazasu(folder, tree=tree) as server:
        began = time.perf_counter()
        ledger, line = run_to_end(_walk(server, crowd))
        seconds = time.perf_counter() - began
        server.assert_durable()
    tally, held_by_nobody = run_to_end(_judged(folder / "kazasu.db", ledger))
    return Run(ledger, line, tally, held_by_nobody, _logged(folder / "log"), seconds)


async def _walk(server: Server, crowd: Crowd) -> tuple[Ledger, BadLine]:
    """Let nurses walk visits until so much is acknowledged and nothing is on its way."""
    ledger = Ledger()
    line = BadLine(server.port, random.Random(crowd.rand), arrives_late=ledger.arrives_late)
    await line.open()
    reach = Reach(server, line)

    async def nurse(number: int) -> None:
        dice = random.Random(f"{crowd.rand}/{number}")
        phone = Nurse(reach, ledger, dice)
        try:
            while ledger.acknowledged < crowd.submissions:
                rest = BEHIND[1] if dice.random() < crowd.lingers else 0.0
                await phone.walk(dice.choice(crowd.changes), rest)
        except Astray as astray:
            ledger.wrong.append(str(astray))

    await asyncio.gather(*(nurse(number) for number in range(crowd.nurses)))
    await line.close()
    return ledger, line


def _logged(path: Path) -> Counter[str]:
    """Count the errors that the server logged, by their type."""
    with path.open(encoding="utf-8") as log:
        return Counter(found[1] for found in map(_LOGGED.search, log) if found)


# --- what the record says ---------------------------------------------------------------------------------------


class Recorded(NamedTuple):
    """What one submission left in the record of a visit."""

    key: str
    types: list[str]
    body: Mapping[str, object]


async def _judged(path: Path, ledger: Ledger) -> tuple[Tally, int]:
    """Compare the record with the ledger; return also how many visits nobody holds."""
    tally, held_by_nobody, seen = Tally(), 0, set()
    with closing(sqlite3.connect(path)) as database:
        for visit, recorded in _by_visit(database):
            seen.add(visit)
            if visit in ledger.visits:
                _compare(visit, recorded, ledger, tally)
            else:
                held_by_nobody += 1
                tally.never_sent += len(recorded) - 1
        tally.lost += sum(len(ledger.visits[visit]) for visit in ledger.visits.keys() - seen)
        visits = database.execute("SELECT id, body FROM visit")
        tally.changed_later = sum(_is_changed(visit, body, ledger) for visit, body in visits)
        tally.broken += not is_whole(database)
    store = SqlStore(Database(f"sqlite:///{path}"), SystemClock())
    tally.broken += not await is_chained(store, PRACTICE_STATION.id)
    await store.close()
    return tally, held_by_nobody


def _by_visit(database: sqlite3.Connection) -> Iterator[tuple[str, list[Recorded]]]:
    """Yield each visit with what was recorded of it, submission by submission; what time did to it is left out."""
    for visit, rows in itertools.groupby(database.execute(_EVENTS), key=lambda row: row[0]):
        recorded: list[Recorded] = []
        for _, key, kind, body in rows:
            if key is not None:
                recorded.append(Recorded(key.partition("#")[0], [kind], json.loads(body or "{}")))
            elif kind != "expired":
                recorded[-1].types.append(kind)
        yield visit, recorded


def _compare(visit: str, recorded: list[Recorded], ledger: Ledger, tally: Tally) -> None:
    """Count where a visit's record differs from what its phone sent; the opening is the server's own."""
    found: list[Sent] = []
    for each in recorded[1:]:
        of, sent = ledger.keys.get(each.key, ("", None))
        if sent is None or of != visit:
            tally.never_sent += 1
        elif sent in found:
            tally.recorded_twice += 1
        else:
            found.append(sent)
            tally.unlike_what_was_sent += not _is_like(each, sent)
    sent_here = ledger.visits[visit]
    tally.lost += len(sent_here) - len(found)
    tally.out_of_order += found != [sent for sent in sent_here if sent in found]


def _is_like(recorded: Recorded, sent: Sent) -> bool:
    """Whether the record says what was sent, and nothing else was recorded with it."""
    body = recorded.body.get("choices", recorded.body)
    assert isinstance(body, dict)
    kept = {name: value for name, value in sent.said.items() if sent.step != "check"}
    return tuple(recorded.types) == _RECORDED[sent.step] and kept.items() <= body.items()


def _is_changed(visit: str, body: str, ledger: Ledger) -> bool:
    """Whether a visit's choices are, in the end, other ones than its phone sent last."""
    chosen = [sent.said for sent in ledger.visits.get(visit, ()) if sent.step == "consent"]
    return bool(chosen) and json.loads(body)["answers"].get("consent") != chosen[-1]
