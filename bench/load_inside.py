"""Kazasu inside this process, answering the same bytes that a line would carry: for many questions in a short time."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import structlog

from app.cli.seed import seed_practice
from app.main import Kazasu, create_app
from app.ports.store import Store
from app.settings import Settings
from bench.load import Answer

PORT: Final = 8000
_NO_LIMIT: Final = 10_000_000


class SetClock:
    """A clock that stands where it is set."""

    def __init__(self, at: int) -> None:
        """Begin at that second."""
        self.at = at

    def now(self) -> int:
        """Return the second."""
        return self.at


class Inside:
    """One application with a database of its own, to be asked as a server is."""

    port = PORT

    def __init__(self, folder: Path, clock: SetClock, store: Callable[[str, bytes], Store] | None = None) -> None:
        """Join it; `store` makes another store than the product's own, for its database and record key."""
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        settings = Settings(data=folder, starts_per_minute=_NO_LIMIT, posts_per_minute=_NO_LIMIT)
        self.keys = settings.keys()
        self.clock = clock
        self._file = folder / "kazasu.db"
        made = store(settings.database, settings.mac_key()) if store else None
        self.kazasu: Kazasu = create_app(settings, clock=clock, store=made)
        self.entry = ""

    async def begin(self) -> None:
        """Make the practice station."""
        self.entry = f"/f/{(await seed_practice(self.kazasu.store, self.clock)).token}"

    async def dial(self) -> InsideLine:
        """Return a line to it."""
        return InsideLine(self.kazasu)

    def taken(self) -> int:
        """Return how many returns were ever accepted, by what the record says."""
        query = "SELECT count(*) FROM event WHERE type IN ('returned', 'identified')"
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as database:
            return int(database.execute(query).fetchone()[0])


class InsideLine:
    """Carries requests straight into the application."""

    is_open = True

    def __init__(self, kazasu: Kazasu) -> None:
        """Keep whom to ask."""
        self._kazasu = kazasu

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the answer is what the future becomes."""
        return asyncio.ensure_future(self._answer(request))

    def close(self) -> None:
        """Hang up."""

    async def _answer(self, request: bytes) -> Answer:
        head, _, body = request.partition(b"\r\n\r\n")
        first, *rest = head.split(b"\r\n")
        method, address, _version = first.decode().split(" ")
        path, _, query = address.partition("?")
        headers = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in rest)]
        return await self.call(method, path, query.encode(), headers, body)

    async def call(
        self, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes = b""
    ) -> Answer:
        """Ask by the parts of a request."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", PORT),
            "state": {},
        }
        said: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            said.append(message)

        await self._kazasu.asgi(scope, receive, send)
        lines = (b"%s: %s" % (name, value) for name, value in said[0]["headers"])
        content = b"".join(message.get("body", b"") for message in said[1:])
        return Answer(said[0]["status"], b"\r\n".join([b"", *lines]), content)
