"""A line that behaves as a weak signal does, and a phone's patience with it.

The line is a TCP proxy in front of a real server. One connection carries one request, and a seeded die decides what
becomes of it: carried, dropped before the server saw it, its answer lost after the server was done, delivered twice,
delivered long after the phone has given up, or closed half-way, in the request or in the answer. Every delivery waits
a little, so that any two may change places.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from bench.load import Answer, connect
from bench.report import Void

HERE: Final = "127.0.0.1"
DELAY: Final = (0.0, 0.02)
"""Seconds that every delivery waits, at least and at most."""
PATIENCE: Final = 0.3
"""Seconds after which a phone gives up on an answer: a fiftieth of what it really waits."""
BEHIND: Final = (PATIENCE, 8 * PATIENCE)
"""Seconds after which a late copy arrives: the phone has then sent the same again, and gone on."""
PAUSE: Final = 0.01
"""Seconds before a submission is sent again; twice as many each time, but no more than `LONGEST`."""
LONGEST: Final = 0.2
ENOUGH: Final = 200
"""Tries after which it is not the line that is to blame."""
_NOT_NOW: Final = frozenset({429, 503})
_WAITING: Final = 1024
_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Fate(StrEnum):
    """What becomes of a request."""

    CARRIED = "carried"
    DROPPED = "dropped_unseen"
    UNANSWERED = "answers_lost"
    DOUBLED = "doubled"
    LATE = "delivered_late"
    CUT_REQUEST = "requests_cut"
    CUT_ANSWER = "answers_cut"


ODDS: Final[Mapping[Fate, float]] = {
    Fate.DROPPED: 0.15,
    Fate.UNANSWERED: 0.15,
    Fate.DOUBLED: 0.10,
    Fate.LATE: 0.05,
    Fate.CUT_REQUEST: 0.05,
    Fate.CUT_ANSWER: 0.05,
    Fate.CARRIED: 0.45,
}
"""30 % dropped (half of them after the server was done), 10 % doubled, 5 % much too late, 10 % closed half-way."""


def _nothing(_: bytes) -> None:
    pass


class BadLine:
    """The proxy. Draws are seeded; who comes first on a busy machine is not, so counts differ a little between runs."""

    def __init__(
        self,
        target: int,
        dice: random.Random,
        odds: Mapping[Fate, float] = ODDS,
        arrives_late: Callable[[bytes], None] = _nothing,
    ) -> None:
        """Keep where the server is; `arrives_late` is told of every copy that arrives behind its time."""
        self._target, self._dice = target, dice
        self._fates, self._weights = tuple(odds), tuple(odds.values())
        self._arrives_late = arrives_late
        self._busy: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self.fates: Counter[Fate] = Counter()
        """How often what became of a request."""
        self.answers: Counter[int] = Counter()
        """What the server answered, by status, whether or not anybody heard it."""
        self.late = 0
        self.port = 0

    async def open(self) -> None:
        """Begin to carry."""
        self._server = await asyncio.start_server(self._meet, HERE, 0, backlog=_WAITING)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Carry what is still on its way, the late copies too, and then nothing more."""
        self._server.close()
        while self._busy:
            await asyncio.gather(*self._busy)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._keep(task)
        try:
            answer = await self._carried(await _request(reader))
            writer.write(answer)
            if not answer and self._dice.random() < 0.5:  # noqa: PLR2004 - half hang up, half are just silent
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the phone has given up
        finally:
            writer.close()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _carried(self, request: bytes) -> bytes:
        """Return what comes back of a request: an answer, a part of one, or nothing."""
        fate = self._dice.choices(self._fates, self._weights)[0]
        self.fates[fate] += 1
        if fate is Fate.DROPPED:
            return b""
        if fate is Fate.CUT_REQUEST:
            await self._cut(request)
            return b""
        if fate is Fate.LATE:
            self._keep(asyncio.create_task(self._deliver_late(request)))
            return b""
        if fate is Fate.DOUBLED:
            twin = self._deliver_late if self._dice.random() < 0.5 else self._deliver_twin  # noqa: PLR2004 - half of them
            self._keep(asyncio.create_task(twin(request)))
        answer = await self._delivered(request)
        if fate is Fate.UNANSWERED:
            return b""
        return answer[: self._dice.randrange(1, len(answer))] if fate is Fate.CUT_ANSWER and answer else answer

    async def _delivered(self, request: bytes) -> bytes:
        """Let the server have a request; return its answer, or nothing when it hung up."""
        await asyncio.sleep(self._dice.uniform(*DELAY))
        try:
            line = await connect(self._target)
            answer = await line.ask(request)
        except OSError:
            return b""
        line.close()
        self.answers[answer.status] += 1
        return answer.head + _END + answer.body

    async def _deliver_twin(self, request: bytes) -> None:
        await self._delivered(request)

    async def _deliver_late(self, request: bytes) -> None:
        await asyncio.sleep(self._dice.uniform(*BEHIND))
        self.late += 1
        self._arrives_late(request)
        await self._delivered(request)

    async def _cut(self, request: bytes) -> None:
        """Let the server have the beginning of a request, then hang up; where there is a body, often within it."""
        body = request.find(_END) + len(_END)
        least = body if body < len(request) and self._dice.random() < 0.5 else 1  # noqa: PLR2004 - half of them
        line = await connect(self._target)
        line.put(request[: self._dice.randrange(least, len(request))])
        await asyncio.sleep(self._dice.uniform(*DELAY))
        line.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(_END)
    length = _LENGTH.search(head)
    return head + await reader.readexactly(int(length[1])) if length else head


class Patient:
    """Sends the very same bytes again, with growing pauses, until an answer has come whole; as static/app.js does."""

    is_open = True

    def __init__(self, port: int, patience: float = PATIENCE) -> None:
        """Keep where to ask, and how many seconds an answer may take."""
        self._port, self._patience = port, patience

    async def ask(self, request: bytes) -> Answer:
        """Return the first answer that comes whole and is not "not now"; gives up only on a server that is gone."""
        for again in range(ENOUGH):
            answer = await self._once(request)
            if answer and answer.status not in _NOT_NOW:
                return answer
            await asyncio.sleep(min(PAUSE * 2**again, LONGEST))
        raise Void("the server answers no more")

    async def _once(self, request: bytes) -> Answer | None:
        try:
            async with asyncio.timeout(self._patience):
                line = await connect(self._port)
                try:
                    return await line.ask(request)
                finally:
                    line.close()
        except OSError:  # hung up, or out of patience
            return None

    def close(self) -> None:
        """Nothing is held."""
