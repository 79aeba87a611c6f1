"""What the handoff adapter does on the line: how often it asks, what it keeps, and what it never sends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from app.adapters.oidc.answers import Provider as Document
from app.adapters.oidc.answers import parse
from app.adapters.oidc.client_keys import KeyRing
from app.adapters.oidc.handoff import LARGEST, LOOK_AGAIN, OpenIdHandoff
from app.ports.outside import Decline, Identity, Refused, Unavailable
from tests.adapters.provider import Provider, a_key, claims, outcome, signed
from tests.identity.test_answers import OF_THE_AUTHORIZATION
from tests.practice.world import (
    CLIENT,
    DEPARTURE,
    ISSUER,
    KEY,
    NOW,
    RETURN,
    Clock,
    a_handoff,
    a_world,
    answer_in,
    tapped,
)

PROVEN = Identity("pseudonym")
AS_AN_ERROR = {
    **{error: ("identity refused", error) for error in ("invalid_request", "unauthorized_client", "invalid_scope")},
    **{error: ("identity unavailable", error) for error in ("server_error", "temporarily_unavailable")},
}
"""The line that an error leaves with which a person comes back."""


def joined(provider: Provider, **changed: object) -> OpenIdHandoff:
    given: dict[str, object] = {
        "issuer": ISSUER,
        "client_id": CLIENT,
        "redirect_uri": RETURN,
        "key": KEY.as_dict(private=True),
        "http": lambda: httpx.AsyncClient(transport=httpx.MockTransport(provider.handle), follow_redirects=True),
        "clock": Clock(),
    }
    return OpenIdHandoff(**{**given, **changed})  # type: ignore[arg-type]


# --- the provider's keys ---


async def test_forged_key_names_make_us_ask_once_a_minute() -> None:
    clock, provider = Clock(), Provider()
    handoff = provider.handoff(clock)
    await handoff.identify(DEPARTURE, "honest")
    provider.token = signed(a_key(), claims())
    for turn in range(20):
        with pytest.raises(Refused):
            await handoff.identify(DEPARTURE, f"forged {turn}")
    assert provider.calls.count("jwks") == 2
    clock.at += LOOK_AGAIN
    with pytest.raises(Refused):
        await handoff.identify(DEPARTURE, "forged again")
    assert provider.calls.count("jwks") == 3


async def test_at_a_rotation_one_look_serves_everybody_at_once() -> None:
    provider = Provider()
    handoff = provider.handoff()
    await handoff.identify(DEPARTURE, "before")
    provider.key = a_key()
    proven = await asyncio.gather(*(handoff.identify(DEPARTURE, f"after {turn}") for turn in range(20)))
    assert set(proven) == {PROVEN}
    assert provider.calls.count("jwks") == 2


async def test_a_second_look_that_fails_keeps_the_keys_that_were_known() -> None:
    provider = Provider()
    handoff = provider.handoff()
    await handoff.identify(DEPARTURE, "before")
    provider.token, provider.answers["jwks"] = signed(a_key(), claims()), lambda: httpx.Response(503)
    with pytest.raises(Unavailable):
        await handoff.identify(DEPARTURE, "forged")
    provider.token = ""
    assert await handoff.identify(DEPARTURE, "honest") == PROVEN


# --- codes ---


async def test_a_code_is_sent_once_whatever_comes_of_it() -> None:
    provider = Provider(answers={"token": lambda: httpx.Response(503)})
    handoff = provider.handoff()
    assert await outcome(handoff.identify(DEPARTURE, "code")) == "unavailable status"
    for code in ("code", ""):
        assert await outcome(handoff.identify(DEPARTURE, code)) == "refused code"
    assert provider.calls.count("token") == 1


async def test_codes_are_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.oidc.handoff._REMEMBERED", 3)
    handoff = Provider().handoff()
    for turn in range(9):
        await handoff.identify(DEPARTURE, f"code {turn}")
    assert len(handoff._exchanged) == 3


# --- answers ---


@pytest.mark.parametrize("where", ["openid-configuration", "token", "jwks"])
async def test_no_redirect_is_followed(where: str) -> None:
    provider = Provider(answers={where: lambda: httpx.Response(307, headers={"location": f"{ISSUER}/elsewhere"})})
    with pytest.raises((Refused, Unavailable)):
        await joined(provider).identify(DEPARTURE, "code")
    assert "elsewhere" not in provider.calls


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    read = 0

    async def endless() -> object:
        nonlocal read
        while True:
            read += 8192
            yield b" " * 8192

    provider = Provider(answers={"openid-configuration": lambda: httpx.Response(200, content=endless())})  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await provider.handoff().address(DEPARTURE, "state")
    assert read <= LARGEST + 8192


async def test_no_cookie_of_the_provider_is_kept() -> None:
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie", ""))
        answer = provider.handle(request)
        answer.headers["set-cookie"] = "session=of-one-patient; Path=/"
        return answer

    provider = Provider()
    handoff = joined(provider, http=lambda: httpx.AsyncClient(transport=httpx.MockTransport(handle)))
    for turn in range(2):
        await handoff.identify(DEPARTURE, f"code {turn}")
    assert len(seen) == 4
    assert set(seen) == {""}


@pytest.mark.parametrize(
    "body",
    [
        b'{"issuer": "a", "issuer": "b", "authorization_endpoint": "a", "token_endpoint": "a", "jwks_uri": "a"}',
        b'{"issuer": NaN}',
        b"[" * 50_000,
        b'{"issuer": "\xff"}',
        b'{"issuer": "\\ud800", "authorization_endpoint": "a", "token_endpoint": "a", "jwks_uri": "a"}',
    ],
)
def test_json_with_two_meanings_or_none_is_not_read(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's errors and pydantic's alike
        parse(body, Document)


async def test_claims_stated_twice_are_refused() -> None:
    provider = Provider()
    body = json.dumps(claims())[:-1] + ', "sub": "somebody-else"}'
    from joserfc import jws  # noqa: PLC0415 - a token that the jwt module would not make

    provider.token = jws.serialize_compact(
        {"alg": "ES256", "kid": provider.key.kid}, body.encode(), provider.key, algorithms=["ES256"]
    )
    with pytest.raises(Refused):
        await provider.handoff().identify(DEPARTURE, "code")


async def test_a_key_inside_the_token_is_not_believed() -> None:
    provider, stranger = Provider(), a_key()
    provider.token = signed(stranger, claims(), kid=str(provider.key.kid), jwk=stranger.as_dict(private=False))  # type: ignore[arg-type]
    with pytest.raises(Refused):
        await provider.handoff().identify(DEPARTURE, "code")


@pytest.mark.parametrize(
    ("address", "is_safe"),
    [
        (f"{ISSUER}/token", True),
        ("https://elsewhere.example/token", True),
        ("http://127.0.0.1:8001/token", False),
        ("http://elsewhere.example/token", False),
        ("https://name@elsewhere.example/token", False),
        ("https:///token", False),
        ("https://elsewhere.example/token#part", False),
    ],
)
async def test_an_endpoint_is_https_or_at_the_issuers_own_origin(address: str, is_safe: bool) -> None:
    provider = Provider(discovery={"token_endpoint": address})
    if is_safe:
        assert await provider.handoff().identify(DEPARTURE, "code") == PROVEN
    else:
        assert await outcome(provider.handoff().address(DEPARTURE, "state")) == "unavailable discovery"


# --- what we send ---


async def test_acr_values_are_sent_only_when_the_contract_names_some() -> None:
    provider = Provider()
    assert "acr_values" not in answer_in(await joined(provider).address(DEPARTURE, "state"))
    asked = answer_in(await joined(provider, acr_values="aal3 crl").address(DEPARTURE, "state"))
    assert asked["acr_values"] == "aal3 crl"


@pytest.mark.parametrize("description", ["", "in words nobody has told us of", "unknown"])
@pytest.mark.parametrize("error", OF_THE_AUTHORIZATION)
def test_every_error_of_the_standards_is_a_normal_outcome(error: str, description: str) -> None:
    event, word = AS_AN_ERROR.get(error, ("identity refused", "other"))
    with capture_logs() as lines:
        meant = Provider().handoff().declined(error, description)
    if error == "access_denied":
        assert (meant, lines) == (Decline.CANCELLED, [])
    else:
        assert meant is Decline.UNKNOWN
        assert lines == [{"event": event, "reason": word, "log_level": "warning"}]


# --- our keys ---


async def test_a_key_put_to_use_signs_without_a_restart(tmp_path: Path) -> None:
    ring, by_command = KeyRing(tmp_path / "keys.json"), KeyRing(tmp_path / "keys.json")
    world = a_world()
    first, second = by_command.new(NOW), by_command.new(NOW)
    world.provider.withdraw(str(KEY.kid))
    world.provider.register(first.as_dict(private=False))
    handoff = a_handoff(world.app, key=ring.signing)

    async def works() -> bool:
        came_back = await tapped(world.app, await handoff.address(DEPARTURE, "state"))
        try:
            await handoff.identify(DEPARTURE, answer_in(came_back)["code"])
        except Refused:
            return False
        return True

    assert await works()
    by_command.use(str(second.kid))
    assert not await works(), "the next key is not registered yet"
    world.provider.register(second.as_dict(private=False))
    world.provider.withdraw(str(first.kid))
    assert await works()
    by_command.retire(str(first.kid))
    assert await works()
    await handoff.close()


async def test_without_a_key_nobody_is_sent_away_to_tap(tmp_path: Path) -> None:
    provider = Provider()
    handoff = joined(provider, key=KeyRing(tmp_path / "keys.json").signing)
    assert await outcome(handoff.address(DEPARTURE, "state")) == "unavailable key"
    assert provider.calls == []
