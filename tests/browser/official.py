"""The official route as people meet it: our server over TLS, and a stand-in for the official page on another origin."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final, Self

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route as At

from app.cli.seed import seed_practice
from app.main import PRACTICE_STATION
from app.rules.station.station import Official
from app.rules.visit.visit import Route
from app.settings import Settings
from app.tokens import Sealed
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
    """A page on another origin that remembers how it was asked."""

    def __init__(self, tls: tuple[Path, Path]) -> None:
        """Open a port; the page is served once the block begins."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.socket = socket.socket(proto=socket.IPPROTO_TCP)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        app = Starlette(routes=[At("/{path:path}", self._page)])
        config = uvicorn.Config(app, log_level="error", ws="none", ssl_certfile=tls[0], ssl_keyfile=tls[1])
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve(sockets=[self.socket])))

    async def _page(self, request: Request) -> HTMLResponse:
        if request.url.path != "/favicon.ico":
            asked = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
            self.asked.append((asked, dict(request.headers)))
        return HTMLResponse("<!doctype html><html lang=ja><title>stand-in</title><h1>stand-in</h1>")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)


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
