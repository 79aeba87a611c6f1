"""A load generator of our own: HTTP/1.1 over kept connections, one request at a time on each."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import urlencode

import uvloop

T = TypeVar("T")

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answer(NamedTuple):
    """One answer as it came."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return the first header of that name, or an empty text."""
        found = re.search(rf"(?im)^{re.escape(name)}: *([^\r]*)", self.head.decode("latin-1"))
        return found[1] if found else ""


class Line(asyncio.Protocol):
    """One kept connection to a server on this machine."""

    def __init__(self) -> None:
        """Begin unconnected; `connect` opens one."""
        self._come = b""
        self._asked: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport
        self.is_open = False

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the answer is what the future becomes."""
        self._asked = asyncio.get_running_loop().create_future()
        if self.is_open:
            self._transport.write(request)
        else:
            self._asked.set_exception(ConnectionResetError())
        return self._asked

    def put(self, part: bytes) -> None:
        """Send a part of something, and wait for nothing."""
        self._transport.write(part)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the server."""
        self._transport, self.is_open = cast("asyncio.Transport", transport), True

    def data_received(self, data: bytes) -> None:
        """Collect an answer, and hand it over when it is whole."""
        self._come += data
        head, end, body = self._come.partition(_END)
        if not end:
            return
        length = _LENGTH.search(head)
        if len(body) >= (int(length[1]) if length else 0) and self._asked:
            self._come = b""
            asked, self._asked = self._asked, None
            asked.set_result(Answer(int(head[9:12]), head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits that nothing will come."""
        self.is_open = False
        if self._asked and not self._asked.done():
            self._asked.set_exception(exc or ConnectionResetError())


async def connect(port: int) -> Line:
    """Return an open line."""
    _, opened = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", port)
    return opened


def get(port: int, address: str, *, cookies: str = "", accept: str = "identity") -> bytes:
    """Return the bytes of a GET."""
    head = f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Encoding: {accept}\r\n"
    return (head + (f"Cookie: {cookies}\r\n" if cookies else "") + "\r\n").encode()


def post(port: int, address: str, fields: dict[str, str], *, cookies: str = "") -> bytes:
    """Return the bytes of a form that a page of ours sends."""
    body = urlencode(fields)
    head = (
        f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n"
    )
    return (head + (f"Cookie: {cookies}\r\n" if cookies else "") + f"\r\n{body}").encode()


def post_file(port: int, address: str, fields: dict[str, str], file: bytes, *, cookies: str = "") -> bytes:
    """Return the bytes of a form with a file in it."""
    edge = b"kazasu-edge-b5f0c1"
    parts = [b'name="%s"\r\n\r\n%s' % (name.encode(), value.encode()) for name, value in fields.items()]
    parts.append(b'name="file"; filename="answer.xml"\r\nContent-Type: application/xml\r\n\r\n' + file)
    body = b"".join(b"--%s\r\nContent-Disposition: form-data; %s\r\n" % (edge, part) for part in parts)
    body += b"--%s--\r\n" % edge
    head = (
        f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        f"Sec-Fetch-Site: same-origin\r\nContent-Type: multipart/form-data; boundary={edge.decode()}\r\n"
        f"Content-Length: {len(body)}\r\nCookie: {cookies}\r\n\r\n"
    )
    return head.encode() + body


class Sent(NamedTuple):
    """What came of a number of requests: every answer, each one's time, and how long all took."""

    answers: list[Answer]
    times: list[float]
    seconds: float

    def unlike(self, status: int) -> int:
        """Return how many answers have another status."""
        return sum(answer.status != status for answer in self.answers)


async def send_all(port: int, scripts: Sequence[Iterable[bytes]]) -> Sent:
    """Send each script over a line of its own, all at once, but one request at a time on each."""
    lines = [await connect(port) for _ in scripts]
    answers: list[Answer] = []
    times: list[float] = []

    async def one(line: Line, script: Iterable[bytes]) -> None:
        for request in script:
            began = time.perf_counter()
            answers.append(await line.ask(request))
            times.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(one(line, script) for line, script in zip(lines, scripts, strict=True)))
    seconds = time.perf_counter() - began
    for line in lines:
        line.close()
    return Sent(answers, times, seconds)


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run on the quick loop: the generator should never be what is measured."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def spread(values: Iterable[float], digits: int = 2) -> list[float]:
    """Return the smallest, the middle and the largest."""
    ordered = sorted(values)
    return [round(ordered[place], digits) for place in (0, len(ordered) // 2, -1)]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
