"""What a visit on the identity route leaves behind, in logs and in the record: no code, state, pseudonym, nonce or name."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import httpx
import pytest

from app.main import PRACTICE_STATION
from app.practice.app import PracticeWorld
from tests.identity.patient import CLIENT, ISSUER, Bedside, changed
from tests.practice.fault import Fault, misbehave

TRIED = (
    Fault.ANOTHER_NONCE,
    Fault.FORGED,
    Fault.UNKNOWN_KEY,
    Fault.EXPIRED,
    Fault.INVALID_CLIENT,
    Fault.INVALID_GRANT,
    Fault.IN_OTHER_WORDS,
    Fault.SERVER_ERROR,
    Fault.DOWN,
    Fault.TRUNCATED,
    Fault.SAID_TWICE,
    Fault.OVERSIZED,
    Fault.REDIRECTING,
    Fault.NONE,
)


@dataclass
class Heard:
    """Every secret that went over the line or through the browser."""

    secrets: set[str] = field(default_factory=set)

    def values(self, text: str) -> None:
        self.secrets |= {value for _, value in parse_qsl(text) if len(value) > 15 and "://" not in value}

    def in_(self, text: str) -> list[str]:
        """The secrets that stand in a text, in any of the spellings that an address may have."""
        plain = text + unquote(text)
        return sorted(secret for secret in self.secrets if secret in plain)


@pytest.fixture
def heard(provider: PracticeWorld, monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Return what listens on the line to the provider."""
    found, carried = Heard(), httpx.AsyncHTTPTransport.handle_async_request

    async def listened(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        answer = await carried(transport, request)
        if request.method == "POST":
            found.values((await request.aread()).decode())
            found.secrets -= {"authorization_code", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
        return answer

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", listened)
    return found


def is_the_servers(record: logging.LogRecord) -> bool:
    """Whether the server said this: the browser and the app of these tests ask with httpx as well, and it tells."""
    ours = ("/token", "/jwks", "/.well-known/openid-configuration")
    return record.name != "httpx" or any(f"{ISSUER}{path} " in record.getMessage() for path in ours)


async def walk(bedside: Bedside, heard: Heard, fault: Fault) -> None:
    """Go out and come back: mangled, as the provider does it, and once more."""
    misbehave(bedside.provider, Fault.NONE)
    await bedside.confirmed(surgery="decline")
    departure = await bedside.departure()
    heard.secrets |= {departure.nonce, departure.verifier, bedside.http.cookies["__Host-visit"]}
    heard.values(urlsplit(bedside.out).query)
    address = await bedside.taps()
    heard.values(urlsplit(address).query)
    misbehave(bedside.provider, fault)
    await bedside.get(changed(address, state=f"{bedside.state}x"), expect=400)
    await bedside.get(changed(address, iss="https://elsewhere.example"), expect=400)
    for _ in range(2):
        await bedside.http.get(address)


@pytest.mark.threat("T13")
async def test_nothing_is_in_the_logs_nor_in_the_record(
    bedside: Bedside, heard: Heard, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    people = bedside.provider.people
    heard.secrets |= {person.name for person in people} | {person.subject(CLIENT) for person in people}
    for fault in TRIED:
        await walk(bedside, heard, fault)
    for error in ("access_denied", "canary-error"):
        await bedside.confirmed()
        said = {"error": error, "error_description": "canary-in-words", "error_uri": "https://canary-uri.example"}
        page = await bedside.get(f"/return?{urlencode({**said, 'state': bedside.state})}")
        assert "canary" not in page.source
    heard.secrets |= {"canary-in-words", "canary-error", "canary-uri"}
    written = capfd.readouterr()
    logged = (
        written.out
        + written.err
        + "\n".join(record.getMessage() for record in caplog.records if is_the_servers(record))
    )
    record = [each.line().decode() async for each in bedside.kazasu.store.export(PRACTICE_STATION.id)]
    assert len(heard.secrets) > 80
    assert "identity refused" in logged
    assert "/return" in logged
    assert f"{ISSUER}/token" in logged
    assert len(record) > 100
    assert heard.in_(logged) == []
    assert heard.in_("".join(record)) == []


def test_a_secret_in_a_line_would_be_seen() -> None:
    heard = Heard()
    heard.values("code=abcdefghijklmnopqrst&state=a%2Bb.cdefghijklmnop")
    assert heard.in_("GET /return?code=abcdefghijklmnopqrst") == ["abcdefghijklmnopqrst"]
    assert heard.in_("GET /return?state=a%2Bb.cdefghijklmnop") == ["a+b.cdefghijklmnop"]
