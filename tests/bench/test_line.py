"""The bad line does what it says, a phone's patience with it, and the judge of B7 sees what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from bench import b07_lossy_line, line
from bench.b07_lossy_line import Ledger, Recorded, Sent, Tally
from bench.line import ODDS, BadLine, Fate, Patient
from bench.report import Void

BODY = b"over_40=yes&intent=first"
REQUEST = b"POST /visit/need HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntaken"


class Counting:
    """A server that answers every whole request alike, and keeps what it was sent."""

    def __init__(self) -> None:
        self.whole = 0
        self.parts: asyncio.Queue[bytes] = asyncio.Queue()
        self.answer = ANSWER

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        come = await reader.read(len(REQUEST))
        if come == REQUEST:
            self.whole += 1
            writer.write(self.answer)
            await reader.read()
        else:
            self.parts.put_nowait(come + await reader.read())
        writer.close()


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "DELAY", (0.0, 0.002))
    monkeypatch.setattr(line, "BEHIND", (0.2, 0.3))
    monkeypatch.setattr(line, "LONGEST", 0.02)


@contextlib.asynccontextmanager
async def on(
    odds: Mapping[Fate, float], told: Callable[[bytes], None] = lambda _: None
) -> AsyncIterator[tuple[Counting, BadLine]]:
    server = Counting()
    listening = await asyncio.start_server(server.meet, "127.0.0.1", 0)
    bad = BadLine(listening.sockets[0].getsockname()[1], random.Random(1), odds, told)
    await bad.open()
    yield server, bad
    await bad.close()
    listening.close()


async def once(bad: BadLine, patience: float = 0.1) -> bytes:
    """Send one request; return all that came back of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bad.port)
    writer.write(REQUEST)
    try:
        return await asyncio.wait_for(reader.read(), patience)
    except TimeoutError:
        return b""
    finally:
        writer.close()


async def many(bad: BadLine, count: int = 20) -> list[bytes]:
    return await asyncio.gather(*(once(bad) for _ in range(count)))


async def test_what_is_carried_comes_once_and_is_answered_as_it_was() -> None:
    async with on({Fate.CARRIED: 1}) as (server, bad):
        assert await many(bad) == [ANSWER] * 20
        await bad.close()
        assert (server.whole, server.parts.qsize(), bad.answers) == (20, 0, {200: 20})


async def test_what_is_dropped_was_never_seen() -> None:
    async with on({Fate.DROPPED: 1}) as (server, bad):
        assert await many(bad) == [b""] * 20
        await bad.close()
        assert (server.whole, server.parts.qsize()) == (0, 0)


async def test_a_lost_answer_was_given() -> None:
    async with on({Fate.UNANSWERED: 1}) as (server, bad):
        assert await many(bad) == [b""] * 20
        await bad.close()
        assert (server.whole, bad.answers) == (20, {200: 20})


async def test_who_hears_nothing_is_hung_up_on_or_left_waiting() -> None:
    async with on({Fate.DROPPED: 1}) as (_, bad):

        async def waits() -> bool:
            began = asyncio.get_running_loop().time()
            await once(bad, patience=0.3)
            return asyncio.get_running_loop().time() - began > 0.25

        assert Counter(await asyncio.gather(*(waits() for _ in range(20)))).keys() == {True, False}


async def test_what_is_doubled_comes_twice_at_once_or_behind() -> None:
    told: list[bytes] = []
    async with on({Fate.DOUBLED: 1}, told.append) as (server, bad):
        assert await many(bad) == [ANSWER] * 20
        await bad.close()
        assert server.whole == 40
        assert told == [REQUEST] * bad.late
        assert 0 < bad.late < 20


async def test_what_is_late_comes_when_the_phone_has_given_up() -> None:
    told: list[bytes] = []
    async with on({Fate.LATE: 1}, told.append) as (server, bad):
        assert await many(bad) == [b""] * 20
        assert server.whole == 0
        await bad.close()
        assert (server.whole, bad.late, told) == (20, 20, [REQUEST] * 20)


async def test_a_cut_request_is_a_beginning_often_within_the_body() -> None:
    async with on({Fate.CUT_REQUEST: 1}) as (server, bad):
        assert await many(bad) == [b""] * 20
        await bad.close()
        async with asyncio.timeout(5):
            parts = [await server.parts.get() for _ in range(20)]
        assert server.whole == 0
        assert all(REQUEST.startswith(part) and part != REQUEST for part in parts)
        assert {b"\r\n\r\n" in part for part in parts} == {True, False}


async def test_a_cut_answer_is_a_beginning() -> None:
    async with on({Fate.CUT_ANSWER: 1}) as (server, bad):
        heard = await many(bad)
        assert all(ANSWER.startswith(part) and part not in {b"", ANSWER} for part in heard)
        assert server.whole == 20


async def test_fates_come_as_often_as_said() -> None:
    async with on(ODDS) as (_, bad):
        bad._deliver_late = bad._deliver_twin  # type: ignore[method-assign]
        for _ in range(10):
            await many(bad, 100)
    assert bad.fates.total() == 1000
    for fate, share in ODDS.items():
        assert abs(bad.fates[fate] - 1000 * share) < 5 * math.sqrt(1000 * share * (1 - share))
    assert sum(ODDS.values()) == pytest.approx(1)
    assert ODDS[Fate.DROPPED] + ODDS[Fate.UNANSWERED] == pytest.approx(0.30)
    assert ODDS[Fate.DOUBLED] == pytest.approx(0.10)


async def test_fates_are_drawn_by_seed() -> None:
    drawn = []
    for _ in range(2):
        async with on(dict.fromkeys((Fate.CARRIED, Fate.DROPPED, Fate.UNANSWERED, Fate.CUT_ANSWER), 1)) as (_, bad):
            drawn.append([await once(bad, patience=0.05) for _ in range(8)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 1


# --- a phone's patience -------------------------------------------------------------------------------------


async def test_a_phone_asks_until_it_is_answered_whole() -> None:
    async with on(dict.fromkeys((Fate.CARRIED, Fate.DROPPED, Fate.CUT_ANSWER, Fate.CUT_REQUEST), 1)) as (server, bad):
        answers = [await Patient(bad.port, patience=0.05).ask(REQUEST) for _ in range(6)]
        assert [(answer.status, answer.body) for answer in answers] == [(200, b"taken")] * 6
        assert bad.fates.total() > 6
        assert server.whole >= 6


async def test_not_now_is_no_answer() -> None:
    async with on({Fate.CARRIED: 1}) as (server, bad):
        server.answer = b"HTTP/1.1 503 Not now\r\ncontent-length: 0\r\n\r\n"
        asking = asyncio.create_task(Patient(bad.port).ask(REQUEST))
        await asyncio.sleep(0.05)
        assert server.whole >= 1
        assert not asking.done()
        server.answer = ANSWER
        assert (await asking).status == 200


async def test_a_server_that_is_gone_is_no_bad_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "ENOUGH", 3)
    async with on({Fate.CARRIED: 1}) as (_, bad):
        port = bad.port
    with pytest.raises(Void):
        await Patient(port).ask(REQUEST)


# --- the judge ----------------------------------------------------------------------------------------------

OPENED = Recorded("server's", ["opened"], {})
NEED = Recorded("1", ["need_answered"], {"over_40": "yes", "intent": "first"})
AGREED = Recorded("2", ["items_answered"], {"choices": {"surgery": "agree", "limit": "not_asked"}})
CONFIRMED = Recorded("3", ["confirmed", "handed_off"], {"choices": {"surgery": "agree"}})
WHOLE = [OPENED, NEED, AGREED, CONFIRMED]


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    said = [
        ("need", {"over_40": "yes", "intent": "first"}),
        ("consent", {"surgery": "agree"}),
        ("check", {"confirmed": "yes"}),
    ]
    for number, (step, answers) in enumerate(said, 1):
        made.acknowledge(made.note("visit", str(number), step, answers))
    return made


@pytest.mark.parametrize(
    ("recorded", "seen"),
    [
        (WHOLE, {}),
        (WHOLE[:-1], {"lost": 1}),
        ([*WHOLE, AGREED], {"recorded_twice": 1}),
        ([*WHOLE, Recorded("unknown", ["ended"], {})], {"never_sent": 1}),
        ([OPENED, AGREED, NEED, CONFIRMED], {"out_of_order": 1}),
        (
            [OPENED, NEED, AGREED._replace(body={"choices": {"surgery": "decline"}}), CONFIRMED],
            {"unlike_what_was_sent": 1},
        ),
        ([OPENED, NEED, AGREED, CONFIRMED._replace(types=["confirmed"])], {"unlike_what_was_sent": 1}),
    ],
)
def test_the_judge_sees(ledger: Ledger, recorded: list[Recorded], seen: dict[str, int]) -> None:
    tally = Tally()
    b07_lossy_line._compare("visit", recorded, ledger, tally)
    assert tally == Tally(**seen)


def test_another_visit_s_submission_was_never_sent_here(ledger: Ledger) -> None:
    ledger.keys["3"] = "other", Sent("check", {})
    tally = Tally()
    b07_lossy_line._compare("visit", WHOLE, ledger, tally)
    assert (tally.never_sent, tally.lost) == (1, 1)


@pytest.mark.parametrize(("surgery", "changed"), [("agree", False), ("decline", True)])
def test_former_choices_in_the_end_are_seen(ledger: Ledger, surgery: str, changed: bool) -> None:
    body = json.dumps({"answers": {"consent": {"surgery": surgery}}})
    assert b07_lossy_line._is_changed("visit", body, ledger) is changed


def test_a_copy_behind_a_later_step_is_counted(ledger: Ledger) -> None:
    for key in ("1", "3", "unknown"):
        ledger.arrives_late(b"POST /visit/need HTTP/1.1\r\n\r\nkey=%s" % key.encode())
    assert ledger.overtaken == 1
