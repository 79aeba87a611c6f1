"""The line to a real provider: only a vouched-for certificate is believed, and nothing of the machine's gets in between."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.adapters.oidc.handoff import OpenIdHandoff, line
from app.ports.outside import Unavailable
from tests.browser.official import certificate
from tests.identity.patient import CLIENT, RETURN
from tests.practice.world import DEPARTURE, KEY, Clock

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{}"


@asynccontextmanager
async def listening(
    tls: ssl.SSLContext | None = None, answer: bytes = ANSWER
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answer everything alike on a port of this machine, and keep what was asked."""
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate for this machine that nobody vouches for, and its key."""
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(made: tuple[Path, Path]) -> ssl.SSLContext:
    """Return what a server with that certificate speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(tls: ssl.SSLContext) -> None:
    async with listening(tls) as (port, asked), line(2.0) as http:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(f"https://127.0.0.1:{port}/")
        assert asked == []


async def test_the_machine_cannot_vouch_for_it_by_its_environment(
    tls: ssl.SSLContext, made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
    async with listening(tls) as (port, asked):
        async with httpx.AsyncClient() as trusting:
            assert (await trusting.get(f"https://127.0.0.1:{port}/")).status_code == 200
        asked.clear()
        async with line(2.0) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(f"https://127.0.0.1:{port}/")
        assert asked == []


async def test_the_adapter_takes_it_for_an_absence(tls: ssl.SSLContext) -> None:
    async with listening(tls) as (port, asked):
        handoff = OpenIdHandoff(
            issuer=f"https://127.0.0.1:{port}",
            client_id=CLIENT,
            redirect_uri=RETURN,
            key=KEY.as_dict(private=True),
            http=lambda: line(2.0),
            clock=Clock(),
        )
        with pytest.raises(Unavailable):
            await handoff.address(DEPARTURE, "state")
        await handoff.close()
        assert asked == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY", "http_proxy"])
async def test_no_proxy_of_the_machine_reads_along(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with listening() as (port, asked), listening() as (proxy, overheard):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        async with line(2.0) as http:
            assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == 200
        assert len(asked) == 1
        assert overheard == []


async def test_no_password_of_the_machine_goes_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with line(2.0) as http:
        assert "authorization" not in http.build_request("GET", "http://127.0.0.1/").headers
        async with listening() as (port, _):
            answer = await http.get(f"http://127.0.0.1:{port}/")
    assert "authorization" not in answer.request.headers


async def test_a_redirect_is_not_followed() -> None:
    async with listening() as (elsewhere, asked):
        there = f"HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with listening(answer=there) as (port, _), line(2.0) as http:
            assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == 307
        assert asked == []


async def test_a_silent_line_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server, line(0.2) as http:
        with pytest.raises(httpx.TimeoutException):
            await http.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
