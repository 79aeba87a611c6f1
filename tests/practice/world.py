"""Builders for tests around the practice world: a clock, both adapters, a browser without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from unittest.mock import patch
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from joserfc.jwk import ECKey
from markupsafe import escape
from starlette.types import ASGIApp

from app.adapters.gateway import HttpGateway
from app.adapters.oidc.handoff import OpenIdHandoff
from app.main import PRACTICE_STATION
from app.ports.store import Departure
from app.practice.app import PracticeWorld, create_practice
from tests.practice.fault import FaultyMyna

ORIGIN = "http://127.0.0.1:8000"
RETURN = f"{ORIGIN}/return"
ISSUER = f"{ORIGIN}/practice/myna"
CLIENT = "RP00000001"
API_KEY = "practice-key"
STATION = "9960000009"
NOW = 1_795_000_000  # a weekday in 2026; any moment would do
KEY = ECKey.generate_key("P-256", auto_kid=True)


@dataclass
class Clock:
    """A clock that tests move."""

    at: int = NOW

    def now(self) -> int:
        return self.at


def a_world(clock: Clock | None = None) -> PracticeWorld:
    with patch("app.practice.app.Myna", FaultyMyna):
        return create_practice(
            origin=ORIGIN,
            client_id=CLIENT,
            client_jwk=KEY.as_dict(private=False),
            redirect_uri=RETURN,
            api_key=API_KEY,
            station=PRACTICE_STATION,
            clock=clock or Clock(),
            static=lambda name: f"/static/{name}",
            words=escape,
            slow_seconds=0.2,
        )


def client(app: ASGIApp) -> Callable[[], httpx.AsyncClient]:
    return lambda: httpx.AsyncClient(transport=httpx.ASGITransport(app))


def a_handoff(
    app: ASGIApp,
    clock: Clock | None = None,
    *,
    issuer: str = ISSUER,
    redirect_uri: str = RETURN,
    key: ECKey | Callable[[], ECKey] = KEY,
    deadline: float = 4.0,
) -> OpenIdHandoff:
    return OpenIdHandoff(
        issuer=issuer,
        client_id=CLIENT,
        redirect_uri=redirect_uri,
        key=key.as_dict(private=True) if isinstance(key, ECKey) else key,
        http=client(app),
        clock=clock or Clock(),
        deadline=deadline,
    )


def a_gateway(app: ASGIApp, *, api_key: str = API_KEY, deadline: float = 4.0) -> HttpGateway:
    base = f"{ORIGIN}/practice/eligibility"
    return HttpGateway(base=base, api_key=api_key, http=client(app), deadline=deadline, pause=0.001)


DEPARTURE = Departure(
    id="departure",
    visit="visit",
    session="session",
    nonce="nonce-of-this-departure",
    verifier="v" * 43,
    issued_at=NOW,
)


def answer_in(address: str) -> dict[str, str]:
    """What came back to the service: its parameters."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


class _Controls(HTMLParser):
    """Finds what a person without JavaScript can press: buttons that post, and links."""

    def __init__(self) -> None:
        super().__init__()
        self.buttons: list[tuple[str, str, str]] = []
        self.links: list[tuple[str, str]] = []
        self.heading = ""
        self._form = ""
        self._text: list[str] | None = None
        self._open: tuple[str, dict[str, str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = given.get("action", "")
        if tag in {"a", "button", "h1"}:
            self._open, self._text = (tag, given), []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        if self._open is None or self._open[0] != tag or self._text is None:
            return
        text, given = " ".join(part for part in self._text if part), self._open[1]
        if tag == "a":
            self.links.append((text, given["href"]))
        elif tag == "h1":
            self.heading = text
        elif given.get("type") != "button":
            self.buttons.append((text, given.get("name", ""), given.get("value", "")))
        self._open = self._text = None


@dataclass
class Browser:
    """A person at the practice マイナアプリ, without JavaScript; keeps every request it makes."""

    app: ASGIApp
    sent: list[httpx.Request] = field(default_factory=list)
    came_back: str = ""

    async def open(self, address: str) -> None:
        await self._go("GET", address)

    async def press(self, label: str) -> None:
        """Press the first button or link whose words begin so."""
        for text, name, value in self.controls.buttons:
            if text.startswith(label):
                await self._go("POST", str(self.page.url), {name: value})
                return
        address = next((href for text, href in self.controls.links if text.startswith(label)), None)
        assert address is not None, f"「{label}」 is not on 「{self.controls.heading}」"
        await self._go("GET", urljoin(str(self.page.url), address))

    async def _go(self, method: str, address: str, form: dict[str, str] | None = None) -> None:
        async with client(self.app)() as http:
            while True:
                if urlsplit(address).path == urlsplit(RETURN).path:
                    self.came_back = address
                    return
                self.page = await http.request(method, address, data=form)
                self.sent.append(self.page.request)
                if not self.page.is_redirect:
                    break
                method, address, form = "GET", urljoin(address, self.page.headers["location"]), None
        self.controls = _Controls()
        self.controls.feed(self.page.text)

    @property
    def heading(self) -> str:
        return self.controls.heading


async def tapped(app: ASGIApp, address: str, who: str = "練習　花子") -> str:
    """Go the ordinary way through the practice app and answer where it leads back to."""
    browser = Browser(app)
    await browser.open(address)
    for label in (who, "番号が合った", "読み取れた", "サービスにもどる"):
        await browser.press(label)
    return browser.came_back
