"""The real server for a real browser, on a line that tests can cut, and a clock that they can move."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar
from unittest.mock import patch

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.cli.seed import seed_office, seed_practice
from app.main import PRACTICE_STATION, Kazasu, create_app
from app.ports.office import Act
from app.ports.outside import Unavailable
from app.ports.store import Change, Logged, ReadOnly, Written
from app.practice.system import Mood
from app.rules.record.event import Body, EventType
from app.rules.record.evidence import Head
from app.rules.record.gap import Gap
from app.rules.station.station import Link, new_token
from app.rules.visit.standing import Sight
from app.rules.visit.visit import Visit
from app.settings import Settings
from app.tokens import new_secret
from tests.adapters.samples import opened, telling
from tests.rules.visits import a_visit

T = TypeVar("T")

PATIENCE = 0.6
"""Seconds that the eligibility system may take in these tests."""


class RunningClock:
    """The machine's clock, set forward by tests."""

    def __init__(self) -> None:
        self.ahead = 0

    def now(self) -> int:
        return int(time.time()) + self.ahead


class Line:
    """The way between browser and server: whole, cut, or losing every answer while it carries every request."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._carried: set[asyncio.StreamWriter] = set()
        self.is_cut = False
        self.loses_answers = False

    async def open(self, port: socket.socket) -> asyncio.Server:
        return await asyncio.start_server(self._carry, sock=port)

    def hang_up(self) -> None:
        for writer in self._carried:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.close()
            return
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # the server is closing
            writer.close()
            return
        self._carried |= {writer, forth}
        await asyncio.gather(self._pump(reader, forth), self._pump(back, writer, answers=True))
        self._carried -= {writer, forth}

    async def _pump(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, answers: bool = False) -> None:
        with contextlib.suppress(OSError):
            while content := await source.read(65536):
                if answers and self.loses_answers:
                    break
                to.write(content)
                await to.drain()
        to.close()


class Server:
    """Kazasu as people meet it, in a thread of its own."""

    scheme = "http"
    friends: tuple[str, ...] = ()
    """Origins that a page may lead to."""

    def __init__(self, data: Path, plant: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> None:
        """Keep where to store; `plant` puts a defect in front, for tests that must see it caught."""
        self._data = data
        self._plant = plant
        self._began = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="server")
        self.clock = RunningClock()
        self.has_worker = True
        """Off where phones take no service worker: it takes a sixth of a page's time, and few stories are about it."""
        self._near, self._far = _port(), _port()
        self.origin = f"{self.scheme}://127.0.0.1:{self._near.getsockname()[1]}"
        self.kazasu: Kazasu
        self.link = ""
        here = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Connection": "close"}
        self._trainer = httpx.Client(headers=here)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._began.wait(20), "the server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._trainer.close()
        self._uvicorn.should_exit = True
        self._thread.join(20)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.kazasu = create_app(self._settings(), clock=self.clock)
        await self._seed()
        self.line = Line(self._far.getsockname()[1])
        config = uvicorn.Config(
            self._plant(self._answer),
            interface="asgi3",
            ws="none",
            access_log=False,
            server_header=False,
            log_level="error",
            timeout_graceful_shutdown=1,
            **self._tls(),
        )
        self._uvicorn = uvicorn.Server(config)
        near = await self.line.open(self._near)
        self._loop.call_soon(self._began.set)
        await self._uvicorn.serve(sockets=[self._far])
        near.close()
        self.line.hang_up()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.kazasu.asgi(scope, receive, send)

    def _settings(self, **more: Any) -> Settings:
        return Settings(
            data=self._data,
            origin=self.origin,
            deadline=PATIENCE,
            starts_per_minute=10_000,
            posts_per_minute=100_000,
            **more,
        )

    def _tls(self) -> dict[str, Any]:
        return {}

    async def _seed(self) -> None:
        self.link = (await seed_practice(self.kazasu.store, self.clock)).token
        await seed_office(self.kazasu)

    @property
    def entry(self) -> str:
        """The address that the station's QR code holds."""
        return f"{self.origin}/f/{self.link}"

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Ask the store something, where it lives."""
        return asyncio.run_coroutine_threadsafe(question, self._loop).result(20)

    def record(self) -> list[Logged]:
        """Return all that the station's record holds."""

        async def read() -> list[Logged]:
            return [entry async for entry in self.kazasu.store.export(PRACTICE_STATION.id)]

        return self.ask(read())

    def office_has_seen(self, reference: str, facility: str = PRACTICE_STATION.id) -> str:
        """Let the office confirm a registration of an earlier visit under its own number; return the visit's id."""
        now = self.clock.now()
        done = a_visit(upto="done")
        answers = {**done.answers, "need": {**done.answers["need"], "reference": reference}}
        visit = Visit(new_secret(), facility, now, now, answers=answers, ended=True)
        assert self.ask(self.kazasu.store.write(telling(opened(visit, session="")))) is Written.DONE
        sight = Sight(now, "事務 さくら", found=True, flags={"surgery": True})
        body: Body = {"by": "x", "found": True, "flags": {"surgery": True}, "consented_on": "", "available_until": ""}
        act = Act(facility, visit.id, new_secret(), EventType.VERIFIED, now, body, sight=sight)
        assert self.ask(self.kazasu.importer.worklist.record(act)) is Written.DONE
        return visit.id

    def replace_the_link(self) -> str:
        """Let the office print a new QR code; return what the old one held."""
        old = self.ask(self.kazasu.store.live_link(PRACTICE_STATION.id))
        assert old is not None
        new = Link(new_token(), PRACTICE_STATION.id, old.revision, self.clock.now())
        assert self.ask(self.kazasu.desk.office.replace_entry(new)) is not None
        self.link = new.token
        return old.token

    @contextlib.contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let the store refuse whatever is to be written."""

        async def refuse(_: Change | Act) -> Written:
            raise Unavailable

        worklist = self.kazasu.importer.worklist
        with patch.object(self.kazasu.store, "write", refuse), patch.object(worklist, "record", refuse):
            yield

    @contextlib.contextmanager
    def older_record(self) -> Iterator[None]:
        """Let the station's record be held, as after an older backup was restored; nothing can be written."""

        async def refuse(_: Change) -> Written:
            raise ReadOnly

        async def gap(facility: str) -> Gap:
            return Gap(facility, Head(99, "a" * 64), Head(), self.clock.now())

        with patch.object(self.kazasu.store, "write", refuse), patch.object(self.kazasu.store, "gap", gap):
            yield

    def cut(self) -> None:
        """Cut the line: whatever is on it is lost."""
        self.line.is_cut = True
        self._loop.call_soon_threadsafe(self.line.hang_up)

    def lose_answers(self) -> None:
        """From now on requests arrive, and no answer comes back."""
        self.line.loses_answers = True

    def mend(self) -> None:
        """Make everything as it was: line, clock, mood and practice cards."""
        self.line.is_cut = self.line.loses_answers = False
        self.clock.ahead = 0
        self.kazasu.world.mood = Mood.NORMAL
        self._trainer.post(f"{self.origin}/practice/unlock")


def _port() -> socket.socket:
    """Return a listening socket on a free port of this machine."""
    found = socket.socket(proto=socket.IPPROTO_TCP)  # or else asyncio leaves Nagle on: 40 ms for each page
    found.bind(("127.0.0.1", 0))
    found.listen(128)
    return found
