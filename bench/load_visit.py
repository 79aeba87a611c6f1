"""A nurse's phone as far as a visit needs one: a kept line, cookies, and the forms of the page at hand."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

import brotli

from bench.load import Answer, get, post

_FORM: Final = re.compile(r'<form method="post"(?: action="([^"]*)")?.*?</form>', re.DOTALL)
_HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
_CHOICE: Final = re.compile(r'name="(\w+)"(?: id="\w+")? value="agree"')
_APP: Final = re.compile(r'href="([^"]*/authorize\?[^"]*)"')
_BACK: Final = re.compile(r'href="([^"]*/back)"')
_COOKIE: Final = re.compile(r"(?im)^set-cookie: *([^=;]+)=([^;\r]*)")

CARD: Final = "hanako"


class Astray(Exception):
    """The server answered something else than a visit expects."""


class Asked(Protocol):
    """What carries requests: a line to a server, or one into an application in this process."""

    @property
    def is_open(self) -> bool:
        """Whether it still carries."""
        ...

    def ask(self, request: bytes) -> Awaitable[Answer]:
        """Return the answer to a request."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Reached(Protocol):
    """What a phone can reach: where it is, the station's entry, and a line to it."""

    @property
    def port(self) -> int:
        """The port in its address."""
        ...

    @property
    def entry(self) -> str:
        """The station's entry, as its QR code says."""
        ...

    async def dial(self) -> Asked:
        """Return a line."""
        ...


async def at_once() -> None:
    """Do not think at all."""


class Phone:
    """One browser; keeps how long each durable submission took."""

    def __init__(self, server: Reached, think: Callable[[], Awaitable[None]] = at_once) -> None:
        """Begin with nothing: no line, no cookie."""
        self._server, self._think = server, think
        self._line: Asked | None = None
        self.cookies: dict[str, str] = {}
        self.page = ""
        self.address = ""
        self.written: list[float] = []
        self.read: list[float] = []

    # --- one request ----------------------------------------------------------------------------------------

    async def open(self, address: str) -> None:
        """Tap a link, going where it leads."""
        await self._think()
        await self._follow(address)

    async def _follow(self, address: str) -> None:
        while True:
            began = time.perf_counter()
            answer = await self._ask(get(self._server.port, address, cookies=self.sent_cookies, accept="br"))
            self.read.append(time.perf_counter() - began)
            if answer.status != 303:  # noqa: PLR2004
                break
            address = _path(answer.header("location"))
        if answer.status != 200:  # noqa: PLR2004
            raise Astray(f"{answer.status} at {urlsplit(address).path}")
        self.page, self.address = _unpacked(answer), address

    async def press(self, address: str, **given: str) -> None:
        """Send the form that goes to this address, and open what comes next."""
        await self._think()
        request = post(self._server.port, address, self.form_fields(address) | given, cookies=self.sent_cookies)
        began = time.perf_counter()
        answer = await self._ask(request)
        if not address.startswith("/practice"):
            self.written.append(time.perf_counter() - began)
        if answer.status != 303:  # noqa: PLR2004
            raise Astray(f"{answer.status} for the form to {address}")
        await self._follow(_path(answer.header("location")))

    def form_fields(self, address: str) -> dict[str, str]:
        """Return the hidden fields of the form that goes to this address, as if made long ago: nobody waits here."""
        for form in _FORM.finditer(self.page):
            if (form[1] or self.address) == address:
                held = {name: html.unescape(value) for name, value in _HIDDEN.findall(form[0])}
                return held | {"made": "0"} if "made" in held else held
        raise Astray(f"no form to {address} at {self.address}")

    @property
    def sent_cookies(self) -> str:
        """The cookies as a browser sends them."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    async def _ask(self, request: bytes) -> Answer:
        if self._line is None or not self._line.is_open:
            self._line = await self._server.dial()
        answer = await self._line.ask(request)
        for name, value in _COOKIE.findall(answer.head.decode("latin-1")):
            self.cookies[name] = value
            if value in {"", '""'}:
                del self.cookies[name]
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()

    # --- the visit ------------------------------------------------------------------------------------------

    async def reach_consent(self, reference: str = "") -> None:
        """Go from the station's entry to the page of choices."""
        await self.open(self._server.entry)
        await self.press(self._server.entry)
        await self.press("/visit/need", over_40="yes", intent="first", reference=reference)
        await self.press("/visit/hand-over")
        await self.press("/visit/ready", ready="all")

    async def reach_handoff(self) -> None:
        """Go on to where the card is tapped."""
        await self.reach_consent()
        await self.press("/visit/consent", **dict.fromkeys(self.items, "agree"))
        await self.press("/visit/check", confirmed="yes")

    @property
    def items(self) -> list[str]:
        """The consent items that the page asks."""
        return list(dict.fromkeys(name for name in _CHOICE.findall(self.page) if name != "fill"))

    async def tap(self) -> str:
        """Walk through the practice app; return the address that leads back to the visit."""
        await self.open(_path(app_link(self.page)))
        await self.press(self.address, person=CARD)
        await self.press(self.address, outcome="right")
        await self.press(self.address, outcome="read")
        answer = await self._ask(get(self._server.port, _path(_found(_BACK, self.page))))
        return _path(answer.header("location"))

    async def whole_visit(self) -> None:
        """Walk one visit from the entry to the end."""
        await self.reach_handoff()
        await self.open(await self.tap())
        await self.press("/visit/hand-over")
        await self.press("/visit/result", report="answered")
        await self.press("/visit/end")


def app_link(page: str) -> str:
    """Return the address of the link that opens the app."""
    return html.unescape(_found(_APP, page))


def _unpacked(answer: Answer) -> str:
    packed = answer.header("content-encoding") == "br"
    content: bytes = brotli.decompress(answer.body) if packed else answer.body
    return content.decode()


def _path(address: str) -> str:
    split = urlsplit(address)
    return f"{split.path}?{split.query}" if split.query else split.path


def _found(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    if not found:
        raise Astray(f"nothing like {pattern.pattern} on the page")
    return found[1]
