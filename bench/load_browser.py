"""A real browser whose every exchange with the server is counted on the line between them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from playwright.async_api import Page, ViewportSize, async_playwright

from bench.report import Void

ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
QUIET: Final = 0.6
"""Seconds without an exchange after which a page has everything."""
_PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_TYPE: Final = re.compile(rb"(?i)\r\ncontent-type: *([^\r;]*)")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as they went over the line."""

    method: str
    address: str
    status: int
    type: str
    head: int
    body: int

    @property
    def is_picture(self) -> bool:
        """Whether it is something to look at, which may come late."""
        return self.type.startswith("image/") and "/icons" not in self.address

    def __str__(self) -> str:
        """Return method, address and size."""
        return f"{self.method} {self.address.partition('?')[0]} {self.status} {self.body}"


class _Messages:
    """Cuts one direction of a connection into messages."""

    def __init__(self) -> None:
        self._come = b""

    def feed(self, content: bytes) -> list[tuple[bytes, int]]:
        """Return the messages that are whole now: each one's head, and the length of its body."""
        self._come += content
        found = []
        while (end := self._come.find(b"\r\n\r\n")) >= 0:
            head = self._come[: end + 4]
            told = _LENGTH.search(head)
            length = int(told[1]) if told else 0
            if len(self._come) < len(head) + length:
                break
            self._come = self._come[len(head) + length :]
            found.append((head, length))
        return found


@dataclass
class Line:
    """The counted line from browser to server."""

    target: int = 0
    exchanges: list[Exchange] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def open(self, port: int) -> AsyncIterator[None]:
        """Carry what comes to the port for as long as the block lasts."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", port)
        yield
        server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        asked: list[bytes] = []
        await asyncio.gather(self._forth(reader, forth, asked), self._back(back, writer, asked))

    async def _forth(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, asked: list[bytes]) -> None:
        messages = _Messages()
        with contextlib.suppress(OSError):
            while content := await reader.read(65536):
                asked += [head for head, _ in messages.feed(content)]
                to.write(content)
        to.close()

    async def _back(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, asked: list[bytes]) -> None:
        messages = _Messages()
        with contextlib.suppress(OSError):
            while content := await reader.read(65536):
                for head, length in messages.feed(content):
                    self.exchanges.append(_exchange(asked.pop(0), head, length))
                to.write(content)
        to.close()

    async def settle(self, quiet: float = QUIET) -> None:
        """Wait until nothing more comes."""
        before = -1
        while before != len(self.exchanges):
            before = len(self.exchanges)
            await asyncio.sleep(quiet)


def _exchange(request: bytes, head: bytes, body: int) -> Exchange:
    method, address, _ = request.partition(b"\r\n")[0].decode().split(" ", 2)
    kind = _TYPE.search(head)
    return Exchange(method, address, int(head[9:12]), kind[1].decode() if kind else "", len(head), body)


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """Yield a page of a browser that has never been used."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        raise Void("Chromium is needed: `make needs` says how to get it")
    async with async_playwright() as driver:
        opened = await driver.chromium.launch(executable_path=found, args=ARGUMENTS)
        context = await opened.new_context(viewport=_PHONE, is_mobile=True, has_touch=True, locale="ja-JP")
        yield await context.new_page()
        await opened.close()
