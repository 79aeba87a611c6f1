"""A clock that is wrong deletes nothing: settled visits, bodies, copies, people and sign-ins, on every store."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select
from structlog.testing import capture_logs

import app.adapters.sql.schema as t
from app.adapters.ledger import FileLedger
from app.adapters.sql.copies import SqlCopies
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from app.main import create_app
from app.rules.record import clock as rule
from app.rules.record.clock import Expected
from app.rules.station.account import Key
from app.web.office.signin import TRIES
from app.work.sweeping import EVERY
from tests.adapters.keeping import a_person, behind_our_back, in_database
from tests.adapters.samples import RECORD_KEY
from tests.adapters.sql.test_retention_contract import copied, settled, visited
from tests.web.bedside.nurse import ORIGIN, Nurse, StillClock
from tests.web.bedside.test_watch import ask
from tests.web.office.clerk import Clerk
from tests.web.office.conftest import settings

HOUR, DAY = 3600, 24 * 3600
WEEKEND = 62 * HOUR
KEPT = ("visit", "event_body", "followup", "receipt", "person", "person_reference", "account", "recovery", "passkey")
"""What no wrong clock may take away, in whole rows."""


class TwoClocks(StillClock):
    """A wall clock, which can be set, beside one that only passes."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def pass_(self, seconds: int) -> None:
        """Let time go by on both."""
        super().pass_(seconds)
        self.passed += seconds

    def set_by(self, seconds: int) -> None:
        """Set the wall clock."""
        self.at += seconds

    def stand(self, seconds: int) -> None:
        """Let time go by while the wall clock stands."""
        self.passed += seconds

    def steady(self) -> float:
        return self.passed


@pytest.fixture
def clock() -> TwoClocks:
    """Return the clocks of this machine."""
    return TwoClocks()


class Server:
    """A server that is started again, with somebody of the office and a nurse at its pages."""

    def __init__(self, folder: Path, database_url: str, clock: TwoClocks) -> None:
        self.settings = settings(folder, database_url).model_copy(update={"origin": ORIGIN})
        self.clock = clock
        self.lines: list[MutableMapping[str, Any]] = []
        self._open: list[Any] = []

    async def start(self) -> None:
        """Start, as after a while with the machine off: its steady clock begins anew."""
        await self.stop()
        self.clock.passed = 5.0
        self.kazasu = create_app(self.settings, clock=self.clock, steady=self.clock.steady)
        self.clerk = Clerk(self.kazasu, ORIGIN)
        self.nurse = await Nurse(self.kazasu).__aenter__()
        self._open = [self.clerk.http.aclose, self.nurse.http.aclose, self.kazasu.close]
        await self.round()

    async def stop(self) -> None:
        """Stop."""
        for close in self._open:
            await close()
        self._open = []

    async def round(self, after: int = 0) -> None:
        """Let time go by, then do what is done every minute."""
        self.clock.pass_(after)
        with capture_logs() as lines:
            await self.kazasu.sweeping.round()
        self.lines += lines

    async def rounds(self, count: int, every: int = EVERY) -> None:
        for _ in range(count):
            await self.round(every)

    def said(self) -> list[tuple[str, str, str]]:
        """Return what was logged of the clock, or went wrong, since this was last asked."""
        lines, self.lines = self.lines, []
        odd = [each for each in lines if each["event"].startswith("clock") or each["log_level"] != "info"]
        return [(each["log_level"], each["event"], each.get("reason", "")) for each in odd]

    async def is_well(self) -> bool:
        """Return whether nobody is asked to look; the clock decides it alone here."""
        said = (await ask(self.kazasu, "/readyz")).json()
        assert (said["status"] == "ok") is said["clock"]
        return bool(said["clock"])

    async def signs_in(self) -> None:
        """Sign in by the code that an authenticator shows which has the right time."""
        self.clock.pass_(60)
        await self.clerk.signs_in("sakura")
        assert (await self.clerk.get("/office")).path == "/office"

    def kept(self) -> dict[str, set[Any]]:
        """Return all that must stay."""

        def rows(connection: Connection) -> dict[str, set[Any]]:
            return {name: {*map(tuple, connection.execute(select(t.metadata.tables[name])))} for name in KEPT}

        found: dict[str, set[Any]] = in_database(self.settings.database, rows)
        return found

    def later(self, table: str, moment: str) -> list[Any]:
        """Return what is there from a time that is not yet."""
        rows = t.metadata.tables[table]
        asked = select(rows).where(rows.c[moment] > self.clock.now())
        found: list[Any] = in_database(self.settings.database, lambda connection: connection.execute(asked).all())
        return found


async def furnished(server: Server) -> None:
    """Leave one of each at the office: settled lately and matched, with a copy; a passkey and recovery codes."""
    kazasu, url, now = server.kazasu, server.settings.database, server.clock.now()
    assert isinstance(kazasu.store, SqlStore)
    visit = await visited(kazasu.store, "a")
    in_database(url, lambda connection: a_person(connection, "p"))
    settled(url, visit, now, "p")
    copies = SqlCopies(Database(url, key=RECORD_KEY))
    await copied(copies, visit, now)
    await copies.close()
    account = await kazasu.desk.office.account("sakura")
    assert account is not None
    await kazasu.desk.office.renew_recovery(account.id, ("one", "two"))
    await kazasu.desk.office.add_key(Key("aa", account.id, "bb", 0, "Chrome", now))


@pytest.fixture
async def server(tmp_path: Path, database_url: str, clock: TwoClocks) -> AsyncIterator[Server]:
    """Return a server that has run for a while, with what must stay."""
    one = Server(tmp_path, database_url, clock)
    await one.start()
    await furnished(one)
    await one.rounds(40, 4 * EVERY)
    assert one.said() == []
    assert all(one.kept().values())
    yield one
    await one.stop()


def nothing_is_gone(before: dict[str, set[Any]], after: dict[str, set[Any]]) -> None:
    """Refuse a lost row; an account changes with each sign-in, so it is counted."""
    for name in KEPT:
        assert len(after[name]) >= len(before[name]), name
        assert name == "account" or before[name] <= after[name], name


async def writes_and_signs_in(server: Server) -> None:
    """Do at the bedside and in the office what the wrong time stands on."""
    await server.nurse.starts()
    await server.clerk.signs_in("sakura")
    await server.clerk.get("/office")


@pytest.mark.threat("T28")
async def test_four_hundred_days_ahead_for_75_seconds_take_nothing(server: Server) -> None:
    before, clock = server.kept(), server.clock
    clock.set_by(400 * DAY)
    assert not await server.is_well()  # at once, not with the next round
    await server.round()
    await writes_and_signs_in(server)
    await server.round(60)
    FileLedger(server.settings.ledger_file).back_up({}, clock.now(), 0)  # the hourly backup comes by
    clock.pass_(15)
    clock.set_by(-400 * DAY)
    assert await server.is_well()
    assert server.later("visit", "touched_at")
    assert (await server.clerk.get("/office")).path == "/office/sign-in"
    assert (await server.nurse.get("/visit/need", expect=410)).status == 410  # begun in a time that is not yet
    await server.rounds(30)
    await server.rounds(30, HOUR)
    assert server.said() == [("error", "clock_in_doubt", "ahead"), ("info", "clock_right", "")]
    assert await server.is_well()
    nothing_is_gone(before, server.kept())
    for table, moment in (("visit", "touched_at"), ("sign_in", "used_at"), ("submission", "at"), ("spent", "at")):
        assert not server.later(table, moment), table
    await server.signs_in()
    await server.start()  # nothing that was written then is believed later
    await server.rounds(2)
    assert server.said() == []
    assert await server.is_well()


async def test_the_same_without_the_rule_loses_it_all(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule, "AHEAD", 10**9)
    before = server.kept()
    server.clock.set_by(400 * DAY)
    await server.round()
    found = server.kept()
    lost = {name for name in KEPT if before[name] - found[name]}
    assert lost == {"visit", "event_body", "followup", "receipt", "person", "person_reference"}


async def test_a_restart_while_the_clock_is_ahead_takes_nothing_either(server: Server) -> None:
    before = server.kept()
    await server.stop()
    server.clock.set_by(400 * DAY)
    await server.start()
    assert server.said() == [("info", "clock_in_doubt", "gap")]
    await writes_and_signs_in(server)
    await server.rounds(60)
    server.clock.set_by(-400 * DAY)
    await server.rounds(2)
    assert server.said() == [("info", "clock_right", "")]
    nothing_is_gone(before, server.kept())
    await server.signs_in()
    await server.start()
    assert server.said() == []


async def test_two_hours_behind_is_said_until_it_is_right_through_writes_and_a_restart(server: Server) -> None:
    before = server.kept()
    server.clock.set_by(-2 * HOUR)
    assert not await server.is_well()
    await server.round()
    await writes_and_signs_in(server)
    await server.rounds(5)
    assert not await server.is_well()
    await server.start()
    await server.rounds(5, HOUR)
    assert not await server.is_well()
    assert server.said() == [("error", "clock_in_doubt", "behind")] * 2  # once by each process
    server.clock.set_by(2 * HOUR)
    assert await server.is_well()
    await server.round()
    assert server.said() == [("info", "clock_right", "")]
    nothing_is_gone(before, server.kept())
    await server.signs_in()


async def test_a_clock_that_stands_is_found_within_minutes(server: Server) -> None:
    before = server.kept()
    for _ in range(10):
        server.clock.stand(60)
        await server.round()
    assert not await server.is_well()
    assert server.said() == [("error", "clock_in_doubt", "behind")]
    await server.start()
    for _ in range(10):
        server.clock.stand(60)
        await server.round()
    assert server.said() == [("error", "clock_in_doubt", "behind")]
    server.clock.set_by(20 * 60)
    await server.round()
    assert await server.is_well()
    nothing_is_gone(before, server.kept())
    await server.signs_in()


async def test_a_weekend_with_the_server_off_is_one_line_and_a_day_of_waiting(server: Server) -> None:
    await server.stop()
    server.clock.pass_(WEEKEND)
    await server.start()
    before = server.kept()
    assert server.said() == [("info", "clock_in_doubt", "gap")]
    over = server.clock.now() - 366 * DAY
    settled(server.settings.database, "a" * 22, over)
    in_database(server.settings.database, lambda c: c.execute(t.copy.update().values(made_at=over)))
    # Its entries as well: a row alone that was moved back is not believed.
    behind_our_back(server.settings.database, lambda c: c.execute(t.event.update().values(at=over)))
    await server.rounds(23, HOUR)
    assert await server.is_well()
    assert (server.said(), len(server.kept()["visit"])) == ([], 1)
    await server.signs_in()
    await server.rounds(2, HOUR)
    assert (server.said(), len(server.kept()["visit"])) == ([("info", "clock_right", "")], 0)
    assert len(before["visit"]) == 1
    await server.start()  # what is believed is believed after a restart
    assert server.said() == []


async def test_nights_with_the_server_off_are_nothing(server: Server) -> None:
    for _ in range(4):
        await server.stop()
        server.clock.pass_(14 * HOUR)
        await server.start()
        await server.rounds(10, HOUR)
        assert await server.is_well()
    assert server.said() == []


async def test_who_says_that_the_clock_is_right_is_believed_with_the_next_round(server: Server) -> None:
    server.clock.set_by(5 * DAY)
    await server.rounds(2)
    assert not await server.is_well()
    server.kazasu.ledger.note_clock(Expected(server.clock.now()))  # as `kazasu purge --sure` does
    await server.round(30)
    assert await server.is_well()
    assert server.said() == [("error", "clock_in_doubt", "ahead"), ("info", "clock_right", "")]


async def test_a_ledger_that_says_nothing_leaves_it_to_the_record(server: Server) -> None:
    server.settings.ledger_file.unlink()
    await server.stop()
    server.settings.ledger_file.unlink()
    server.clock.set_by(400 * DAY)
    await server.start()
    assert server.said() == [("info", "clock_in_doubt", "gap")]


async def test_a_ledger_that_cannot_be_read_is_no_leave_to_delete(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = server.kept()
    server.clock.set_by(400 * DAY)
    server.settings.ledger_file.unlink()
    server.settings.ledger_file.mkdir()
    await server.rounds(2)
    nothing_is_gone(before, server.kept())
    assert ("error", "clock_in_doubt", "ahead") in server.said()


async def test_tries_at_a_wrong_time_keep_nobody_out_afterwards(server: Server) -> None:
    server.clock.set_by(400 * DAY)
    for _ in range(TRIES):
        await server.clerk.signs_in("sakura", expect=422, code="000000")
    await server.clerk.signs_in("sakura", expect=429)
    server.clock.set_by(-400 * DAY)
    await server.signs_in()


async def test_a_code_counts_once_also_after_a_wrong_time(server: Server) -> None:
    server.clock.set_by(400 * DAY)
    await server.clerk.signs_in("sakura")
    server.clock.set_by(-400 * DAY)
    code = server.clerk.code("sakura")
    await server.clerk.signs_in("sakura", code=code)
    again = Clerk(server.kazasu, ORIGIN)
    await again.signs_in("sakura", expect=422, code=code)
    server.clock.set_by(-3 * 60)  # a small step back opens nothing that was used
    await again.signs_in("sakura", expect=422, code=again.code("sakura"))
    await again.http.aclose()
