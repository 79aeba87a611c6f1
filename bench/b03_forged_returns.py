"""B3: forged, replayed, crossed, respelled and old returns: none is accepted; of fifty at once, exactly one.

A return counts as accepted when the record gains a `returned` or `identified` event: what an answer says is no proof.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

from app.adapters.sql.database import Database, migrate
from app.adapters.sql.store import SqlStore
from app.ports.outside import Clock
from app.ports.store import Change, Departure, Written
from app.rules.station.station import Station
from app.rules.visit.visit import Visit
from app.tokens import BadToken, Purpose, Signer, new_secret
from bench.load import connect, get, run_to_end
from bench.load_forge import Forger
from bench.load_inside import Inside, SetClock
from bench.load_server import Server, aside, kazasu, subfolder
from bench.load_visit import Phone, app_link
from bench.report import Control, Finding, Profile

RETURNS: Final = {Profile.CI: 100_000, Profile.BENCH: 1_000_000, Profile.SOAK: 10_000_000}
SHARE: Final = 8
"""One return in so many goes through the whole application; the others to the reader of its tokens alone."""
RACES: Final = {Profile.CI: 4, Profile.BENCH: 20, Profile.SOAK: 200}
RACERS: Final = 50
TOO_LATE: Final = 601

Params: TypeAlias = list[tuple[str, str]]


class Attempt(NamedTuple):
    """One return that must not be accepted: in whose browser, and with what."""

    cookies: str
    params: Params


class Bed(NamedTuple):
    """One phone that went out to the app, and the genuine token of its way back."""

    phone: Phone
    state: str


@dataclass(frozen=True)
class Ward:
    """The phones of one application: those that wait for their return, and those whose return is over."""

    inside: Inside
    forger: Forger
    drawn: random.Random
    waiting: list[Bed]
    used: list[Bed] = field(default_factory=list)
    superseded: list[Bed] = field(default_factory=list)
    finished: list[Bed] = field(default_factory=list)

    def kinds(self) -> Mapping[str, Callable[[], Attempt]]:
        """Every kind of attempt, by name."""
        forged = {name: self._forged(way) for name, way in self.forger.ways.items()}
        return forged | {
            "other_visit": self._other_visit,
            "other_browser": self._other_browser,
            "doubled": self._doubled,
            "nothing_said": self._nothing_said,
            "too_late": self._too_late,
            "used": lambda: self._again(self.used),
            "superseded": lambda: self._again(self.superseded),
            "finished": lambda: self._again(self.finished),
        }

    def _forged(self, way: Callable[[str], str]) -> Callable[[], Attempt]:
        def attempt() -> Attempt:
            bed = self.drawn.choice(self.waiting)
            return Attempt(bed.phone.sent_cookies, self._with(way(bed.state)))

        return attempt

    def _other_visit(self) -> Attempt:
        mine, other = self.drawn.sample(self.waiting, 2)
        return Attempt(mine.phone.sent_cookies, self._with(other.state))

    def _other_browser(self) -> Attempt:
        bed, stranger = self.drawn.choice(self.waiting), self.drawn.choice(self.finished)
        cookies = self.drawn.choice(["", f"visit={new_secret()}", stranger.phone.sent_cookies])
        return Attempt(cookies, self._with(bed.state))

    def _doubled(self) -> Attempt:
        bed = self.drawn.choice(self.waiting)
        params = self._with(bed.state)
        return Attempt(bed.phone.sent_cookies, self.drawn.sample([*params, self.drawn.choice(params)], len(params) + 1))

    def _nothing_said(self) -> Attempt:
        bed = self.drawn.choice(self.waiting)
        more = self.drawn.choice([[], [("code", "")], [("error", "")], [("outcome", "identified")]])
        return Attempt(bed.phone.sent_cookies, [("state", bed.state), *more])

    def _too_late(self) -> Attempt:
        """Return a genuine return; the clock is set forward while these are tried."""
        bed = self.drawn.choice(self.waiting)
        return Attempt(bed.phone.sent_cookies, self._with(bed.state))

    def _again(self, beds: list[Bed]) -> Attempt:
        """Return what was genuine once, as it was or as the server would have signed it a moment before."""
        bed = self.drawn.choice(beds)
        state = self.drawn.choice([bed.state, self.forger.signed_before(bed.state, self.drawn.randrange(300))])
        return Attempt(bed.phone.sent_cookies, self._with(state))

    def _with(self, state: str) -> Params:
        said = self.drawn.choice([("code", new_secret()), ("error", "access_denied")])
        return [said, ("state", state)]


async def ward(folder: Path, rand: int, make: Callable[[Path, SetClock], Inside] = Inside) -> Ward:
    """Return an application with phones at every place that matters."""
    inside = make(folder, SetClock(int(time.time())))
    await inside.begin()
    found = Ward(inside, Forger(inside.kazasu.signer, inside.keys, rand), random.Random(rand), await _beds(inside, 16))
    found.used.extend(await _beds(inside, 4))
    found.superseded.extend(await _beds(inside, 4))
    found.finished.extend(await _beds(inside, 4))
    for bed in found.used:
        await _ask(inside, Attempt(bed.phone.sent_cookies, [("error", "access_denied"), ("state", bed.state)]))
    for bed in found.superseded:
        await bed.phone.open("/visit/check")
        await bed.phone.press("/visit/check", confirmed="yes")
    for bed in found.finished:
        await bed.phone.open(await bed.phone.tap())
    return found


async def _beds(inside: Inside, many: int) -> list[Bed]:
    beds = []
    for _ in range(many):
        phone = Phone(inside)
        await phone.reach_handoff()
        state = parse_qs(urlsplit(app_link(phone.page)).query)["state"][0]
        beds.append(Bed(phone, state))
    return beds


async def _ask(inside: Inside, attempt: Attempt) -> int:
    """Try one return; return the status of the answer."""
    headers = [(b"host", b"127.0.0.1:%d" % inside.port), (b"cookie", attempt.cookies.encode())]
    line = await inside.dial()
    answer = await line.call("GET", "/return", urlencode(attempt.params).encode(), headers)
    return answer.status


class Tried(NamedTuple):
    """What came of the returns that went through the application."""

    tried: dict[str, int]
    accepted: dict[str, int]
    statuses: Counter[int]
    genuine: int
    """How many of the waiting phones' own returns were accepted afterwards, each once: all should be."""
    waiting: int


async def _through_the_application(folder: Path, returns: int, rand: int) -> Tried:
    there = await ward(folder, rand)
    inside, kinds = there.inside, there.kinds()
    tried, accepted, statuses = {}, {}, Counter[int]()
    for name, kind in kinds.items():
        inside.clock.at += TOO_LATE * (name == "too_late")
        before = inside.taken()
        tried[name] = -(-returns // len(kinds))
        for _ in range(tried[name]):
            statuses[await _ask(inside, kind())] += 1
        accepted[name] = inside.taken() - before
        inside.clock.at -= TOO_LATE * (name == "too_late")
    before = inside.taken()
    for bed in there.waiting * 2:
        await _ask(inside, Attempt(bed.phone.sent_cookies, [("error", "access_denied"), ("state", bed.state)]))
    genuine = inside.taken() - before
    await inside.kazasu.store.close()
    return Tried(tried, accepted, statuses, genuine, len(there.waiting))


def _by_the_reader(signer: Signer, keys: tuple[str, ...], returns: int, rand: int) -> tuple[Counter[str], Counter[str]]:
    """Give forged tokens to the reader alone; return how many of each kind it read, and accepted."""
    forger, tried, accepted = Forger(signer, keys, rand), Counter[str](), Counter[str]()
    genuine = [signer.sign(Purpose.HANDOFF, new_secret(), new_secret()) for _ in range(100)]
    for name, way in forger.ways.items():
        for turn in range(-(-returns // len(forger.ways))):
            tried[name] += 1
            try:
                signer.read(Purpose.HANDOFF, way(genuine[turn % 100]))
            except BadToken:
                continue
            accepted[name] += 1
    return tried, accepted


# --- fifty at once ------------------------------------------------------------------------------------------


async def _race(server: Server) -> tuple[int, int, list[int]]:
    """Let many clients bring one genuine return at once; return the events it made, and the statuses."""
    phone = Phone(server)
    await phone.reach_handoff()
    request = get(server.port, await phone.tap(), cookies=phone.sent_cookies)
    before = _events(server)
    lines = [await connect(server.port) for _ in range(RACERS)]
    answers = await asyncio.gather(*(line.ask(request) for line in lines))
    for line in lines:
        line.close()
    phone.close()
    returned, identified = (after - then for after, then in zip(_events(server), before, strict=True))
    return returned, identified, [answer.status for answer in answers]


def _events(server: Server) -> tuple[int, int]:
    count = "SELECT count(*) FROM event WHERE type = '{}'"
    return server.ask(count.format("returned")), server.ask(count.format("identified"))


def _races(folder: Path, races: int) -> tuple[int, Counter[int]]:
    """Return in how many races not exactly one won, and the statuses of all answers."""
    with kazasu(folder) as server:
        found = [run_to_end(_race(server)) for _ in range(races)]
        server.assert_durable()
    lost = sum((returned, identified) != (1, 1) for returned, identified, _ in found)
    return lost, Counter(status for _, _, statuses in found for status in statuses)


# --- planted defects ----------------------------------------------------------------------------------------


async def _without_canonical_check(folder: Path, rand: int) -> int:
    """Return how many respelled returns are accepted when every spelling is read."""
    anything = re.compile(r".*", re.DOTALL)
    with patch("app.tokens.SHAPE", anything), patch("app.tokens._is_canonical", return_value=True):
        there = await ward(folder, rand)
        before, respelled = there.inside.taken(), there.kinds()["respelled"]
        for _ in range(200):
            await _ask(there.inside, respelled())
        await there.inside.kazasu.store.close()
        return there.inside.taken() - before


class _BySpelling(Signer):
    """Reads each spelling once: what single use must not be keyed on."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__(keys)
        self._read: set[str] = set()

    def read(self, purpose: Purpose, raw: str) -> tuple[str, ...]:
        if raw in self._read:
            raise BadToken
        found = super().read(purpose, raw)
        self._read.add(raw)
        return found


class _Forgetful(SqlStore):
    """Never knows that a departure was used."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._ways: dict[str, str] = {}

    async def bedside(self, session: str) -> tuple[Visit, Station] | None:
        found = await super().bedside(session)
        if found is None:
            return None
        visit, facility = found
        way = self._ways.setdefault(visit.id, visit.departure) if visit.departure else ""
        return replace(visit, departure=way), facility

    async def departure(self, departure: str) -> Departure | None:
        found = await super().departure(departure)
        return replace(found, spent_at=None) if found else None

    async def write(self, change: Change) -> Written:
        return await super().write(replace(change, spend=""))


async def _keyed_on_the_spelling(folder: Path, rand: int) -> int:
    """Return how many replays are accepted when single use is keyed on the token's spelling."""

    def forgetful(path: Path, clock: SetClock) -> Inside:
        def store(url: str, key: bytes) -> SqlStore:
            migrate(url)
            return _Forgetful(Database(url, key=key), clock)

        return Inside(path, clock, store)

    with patch("app.main.Signer", _BySpelling):
        there = await ward(folder, rand, forgetful)
        before, again = there.inside.taken(), there.kinds()["used"]
        for _ in range(100):
            await _ask(there.inside, again())
        await there.inside.kazasu.store.close()
        return there.inside.taken() - before


# --- the bench ----------------------------------------------------------------------------------------------


def run(profile: Profile, rand: int) -> Finding:
    """Try to be let in; then with two defects."""
    returns = RETURNS[profile]
    with aside() as folder:
        app = run_to_end(_through_the_application(subfolder(folder, "inside"), returns // SHARE, rand))
        keys = (new_secret() * 2, new_secret() * 2)
        read, taken = _by_the_reader(Signer(keys), keys, returns - sum(app.tried.values()), rand)
        lost_races, statuses = _races(subfolder(folder, "races"), RACES[profile])
        respelled = run_to_end(_without_canonical_check(subfolder(folder, "respelled"), rand))
        replayed = run_to_end(_keyed_on_the_spelling(subfolder(folder, "replayed"), rand))
    broken = sum(
        many for status, many in (app.statuses + statuses).items() if status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
    accepted = sum(app.accepted.values()) + taken.total()
    return Finding(
        n=sum(app.tried.values()) + read.total(),
        failures=accepted + lost_races + broken + abs(app.genuine - app.waiting),
        figures={
            "accepted": accepted,
            "through_the_application": app.tried,
            "accepted_by_the_application": {name: many for name, many in app.accepted.items() if many},
            "by_the_reader_of_tokens_alone": dict(read),
            "accepted_by_the_reader": dict(taken),
            "statuses": dict(app.statuses),
            "genuine_accepted_afterwards": f"{app.genuine} of {app.waiting}",
            "races": RACES[profile],
            "racers": RACERS,
            "races_not_won_by_exactly_one": lost_races,
            "statuses_of_racers": dict(statuses),
            "accepted_without_canonical_check": respelled,
            "accepted_when_keyed_on_the_spelling": replayed,
        },
        control=Control("canonical check off; single use keyed on the spelling", caught=respelled > 0 and replayed > 0),
    )
