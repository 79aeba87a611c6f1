"""The official route as people meet it: our server over TLS, and a stand-in for the official page on another origin."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final, Self

import httpx
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey
from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount
from starlette.routing import Route as At
from starlette.staticfiles import StaticFiles

from app.adapters.clock import SystemClock
from app.cli.seed import seed_practice
from app.main import PRACTICE_STATION, STATIC
from app.practice.app import create_practice
from app.rules.station.station import Official
from app.rules.visit.visit import Route
from app.settings import Settings
from app.tokens import Sealed
from app.web.kit.phrases import in_phrases
from tests.browser.server import Server

HOST: Final = "reception.example.jp"
ADDRESS: Final = f"https://{HOST}/r/abc123?facility=xyz"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return a certificate of our own and its key, for this machine and the stand-in's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "tls.crt", folder / "tls.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(*pem))
    return files


class Reception:
    """The practice reception Web on another origin, under an address as a station has it; it remembers who asked."""

    def __init__(self, tls: tuple[Path, Path]) -> None:
        """Open a port; the page is served once the block begins."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.socket = socket.socket(proto=socket.IPPROTO_TCP)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.world = create_practice(
            origin=f"https://{HOST}",
            client_id="RP00000001",
            client_jwk=ECKey.generate_key("P-256").as_dict(private=False),
            redirect_uri=f"https://{HOST}/return",
            api_key="unused",
            station=PRACTICE_STATION,
            clock=SystemClock(),
            static=lambda name: f"/static/{name}",
            words=partial(in_phrases, readings=False),
        )
        app = Starlette(
            routes=[
                Mount("/practice", self.world.app),
                Mount("/static", StaticFiles(directory=STATIC)),
                At("/{path:path}", self._page),
            ]
        )
        config = uvicorn.Config(app, log_level="error", ws="none", ssl_certfile=tls[0], ssl_keyfile=tls[1])
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve(sockets=[self.socket])))

    async def _page(self, request: Request) -> Response:
        if request.url.path == "/favicon.ico":
            return Response(status_code=404)
        asked = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        self.asked.append((asked, dict(request.headers)))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.world.app)) as inside:
            return HTMLResponse((await inside.get(self.world.reception)).text)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)


@dataclass
class OfficialTab:
    """The official page in a tab of its own: who holds the phone there, and every tap, as the quick guide has them."""

    page: Page
    number: str = "1234"
    taps: int = 0
    hand_overs: int = 0

    def tap(self, words: str) -> None:
        """Tap the link, button or key whose words begin so."""
        spelled = re.compile(r"^\s*" + r"[\u200b\s]*".join(map(re.escape, words)))
        self.page.locator("a, button").filter(has_text=spelled).first.tap()
        self.taps += 1

    def registers(self, who: str, *, declines: tuple[str, ...] = ()) -> None:
        """Walk from the menu to the end: the nurse hands the phone over, and takes it back at last."""
        self.tap("資格確認・同意登録")
        self.hand_overs += 1
        self.tap("進む")
        self.page.wait_for_url("**/items")
        for group in self.page.locator("fieldset").all():
            item = re.sub(r"[\u200b\s]", "", group.locator("legend").inner_text())
            group.locator("label").nth(1 if item.startswith(declines or ("-",)) else 0).tap()
            self.taps += 1
        self.tap("確認へ進む")
        self.tap("この内容で進む")
        with self.page.context.expect_page() as opened:
            self.tap("練習用アプリを開く")
        self._in_the_app(OfficialTab(opened.value), who)
        self.page.locator("[role=status]").wait_for()
        self.hand_overs += 1

    def _in_the_app(self, app: OfficialTab, who: str) -> None:
        app.page.wait_for_load_state()
        app.tap(who)
        app.taps = 0  # the real app asks for no name
        for digit in self.number:
            app.tap(digit)
        app.page.wait_for_url("**/hold")
        app.tap("読み取れた")
        app.page.wait_for_url("**/end")
        self.taps += app.taps
        app.closes()
        self.taps += 1

    def closes(self) -> None:
        """Close the tab."""
        self.page.close()
        self.taps += 1


class OfficialServer(Server):
    """Kazasu on the official route, over TLS."""

    scheme = "https"
    friends = (f"https://{HOST}/",)

    def __init__(self, data: Path, tls: tuple[Path, Path], address: str = ADDRESS) -> None:
        """Keep where to store, the certificate, and what the office entered as its official address."""
        super().__init__(data)
        self._files = tls
        self._address = address

    def _settings(self, **more: Any) -> Settings:
        return super()._settings(route=Route.OFFICIAL, **more)

    def _tls(self) -> dict[str, Any]:
        return {"ssl_certfile": self._files[0], "ssl_keyfile": self._files[1], "ssl_version": ssl.PROTOCOL_TLS_SERVER}

    async def _seed(self) -> None:
        self.link = (await seed_practice(self.kazasu.store, self.clock)).token
        await self.enter(self._address)

    async def enter(self, address: str) -> None:
        """Let the office enter an official address."""
        sealed = self.kazasu.desk.sealer.seal(Sealed.ADDRESS, address)
        new = Official(PRACTICE_STATION.id, 0, sealed, HOST, address[-4:], "", self.clock.now())
        await self.kazasu.desk.office.replace_official(new)

    def mend(self) -> None:
        """Make line and clock as they were."""
        self.line.is_cut = self.line.loses_answers = False
        self.clock.ahead = 0
