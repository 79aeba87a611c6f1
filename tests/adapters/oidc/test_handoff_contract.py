"""The handoff adapter with the practice マイナアプリ: out, back, and every way to end without an identity."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jwt
from starlette.types import ASGIApp, Receive, Scope, Send

from app.adapters.oidc.handoff import OpenIdHandoff
from app.ports.outside import Decline, Identity, Refused
from app.practice.people import load_people
from tests.adapters.provider import Provider, a_key, outcome
from tests.practice.world import (
    CLIENT,
    DEPARTURE,
    ISSUER,
    KEY,
    NOW,
    ORIGIN,
    RETURN,
    Browser,
    Clock,
    a_handoff,
    a_world,
    answer_in,
    client,
    tapped,
)

# --- with the practice マイナアプリ ---


HANAKO = Identity(load_people()[0].subject(CLIENT))


async def test_it_works() -> None:
    world = a_world()
    handoff = a_handoff(world.app)

    came_back = await tapped(world.app, await handoff.address(DEPARTURE, "state.1"))

    answer = answer_in(came_back)
    assert answer.keys() == {"code", "state"}
    assert answer["state"] == "state.1"
    assert await handoff.identify(DEPARTURE, answer["code"]) == HANAKO
    await handoff.close()


async def test_a_pseudonym_says_nothing_and_differs_per_person_and_service() -> None:
    people = a_world().people
    subjects = {person.subject(service) for person in people for service in (CLIENT, "another")}
    assert len(subjects) == 2 * len(people)
    assert not any(person.id in subject for person in people for subject in subjects)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        (["練習　花子", "やめる"], Decline.CANCELLED),
        (["練習　花子", *["番号をまちがえた"] * 3], Decline.PIN_LOCKED),
        (["練習　花子", *["番号をまちがえた"] * 2, "ここで止める"], Decline.CANCELLED),
        (["練習　花子", "番号が合った", "カードが動いた", "読み取れない"], Decline.CARD_UNREADABLE),
        (["練習　花子", "番号が合った", "電子証明書の期限切れ"], Decline.CERTIFICATE_EXPIRED),
        (["仮名　菊", "番号が合った", "読み取れた"], Decline.CERTIFICATE_EXPIRED),
        (["練習　花子", "番号が合った", "やめる"], Decline.CANCELLED),
    ],
)
async def test_each_way_to_end_without_an_identity(way: list[str], reason: Decline) -> None:
    world = a_world()
    handoff = a_handoff(world.app)
    browser = Browser(world.app)
    await browser.open(await handoff.address(DEPARTURE, "state.1"))
    for label in (*way, "サービスにもどる"):
        await browser.press(label)
    answer = answer_in(browser.came_back)
    assert answer["state"] == "state.1"
    assert handoff.declined(answer["error"], answer["error_description"]) is reason


async def test_closing_the_app_brings_nothing_back() -> None:
    world = a_world()
    browser = Browser(world.app)
    await browser.open(await a_handoff(world.app).address(DEPARTURE, "state.1"))
    for label in ("練習　花子", "番号が合った", "アプリを閉じる"):
        await browser.press(label)
    assert browser.came_back == RETURN


async def code_of(app: ASGIApp, handoff: OpenIdHandoff) -> str:
    came_back = await tapped(app, await handoff.address(DEPARTURE, "state.1"))
    return answer_in(came_back)["code"]


async def test_a_code_is_good_for_one_exchange() -> None:
    world = a_world()
    handoff = a_handoff(world.app)
    code = await code_of(world.app, handoff)
    await handoff.identify(DEPARTURE, code)
    with pytest.raises(Refused):
        await handoff.identify(DEPARTURE, code)


async def test_a_code_is_good_for_a_minute() -> None:
    clock = Clock()
    world = a_world(clock)
    handoff = a_handoff(world.app, clock)
    code = await code_of(world.app, handoff)
    clock.at += 60
    with pytest.raises(Refused):
        await handoff.identify(DEPARTURE, code)


@pytest.mark.parametrize("changed", [{"verifier": "w" * 43}, {"verifier": ""}, {"nonce": "of-another-departure"}])
async def test_a_code_is_good_for_the_departure_that_asked(changed: dict[str, str]) -> None:
    world = a_world()
    handoff = a_handoff(world.app)
    code = await code_of(world.app, handoff)
    with pytest.raises(Refused):
        await handoff.identify(replace(DEPARTURE, **changed), code)  # type: ignore[arg-type]


async def test_a_code_is_good_for_the_address_that_asked() -> None:
    world = a_world()
    code = await code_of(world.app, a_handoff(world.app))
    with pytest.raises(Refused):
        await a_handoff(world.app, redirect_uri=f"{ORIGIN}/elsewhere").identify(DEPARTURE, code)


async def test_a_code_is_good_for_the_registered_key() -> None:
    world = a_world()
    code = await code_of(world.app, a_handoff(world.app))
    with pytest.raises(Refused):
        await a_handoff(world.app, key=a_key()).identify(DEPARTURE, code)


async def test_a_private_key_may_come_as_pem() -> None:
    world = a_world()
    pem = KEY.private_key.private_bytes(  # type: ignore[union-attr]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    handoff = OpenIdHandoff(
        issuer=ISSUER, client_id=CLIENT, redirect_uri=RETURN, key=pem, http=client(world.app), clock=Clock()
    )
    assert await handoff.identify(DEPARTURE, await code_of(world.app, handoff)) == HANAKO


async def test_a_rotated_signing_key_is_looked_up_once_more() -> None:
    world = a_world()
    handoff = a_handoff(world.app)
    await handoff.identify(DEPARTURE, await code_of(world.app, handoff))
    world.provider.rotate()
    assert await handoff.identify(DEPARTURE, await code_of(world.app, handoff)) == HANAKO


# --- the provider is away ---


async def test_a_silent_provider_is_unavailable_within_the_deadline() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(30)

    handoff = a_handoff(silent, deadline=0.05)
    began = asyncio.get_running_loop().time()
    assert await outcome(handoff.address(DEPARTURE, "state")) == "unavailable timeout"
    assert await outcome(handoff.identify(DEPARTURE, "code")) == "unavailable timeout"
    assert asyncio.get_running_loop().time() - began < 2


def raising(error: Exception) -> Callable[[], httpx.Response]:
    def answer() -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (raising(httpx.ConnectError("refused")), "unavailable line"),
        (raising(httpx.ReadError("cut")), "unavailable line"),
        (raising(httpx.RemoteProtocolError("no HTTP")), "unavailable line"),
        (raising(httpx.InvalidURL("no address")), "unavailable line"),
        (raising(httpx.ConnectTimeout("late")), "unavailable timeout"),
        (raising(httpx.ReadTimeout("late")), "unavailable timeout"),
        (raising(TimeoutError()), "unavailable timeout"),
        (lambda: httpx.Response(500), "unavailable status"),
        (lambda: httpx.Response(503), "unavailable status"),
        (lambda: httpx.Response(429), "unavailable status"),
    ],
)
@pytest.mark.parametrize("where", ["openid-configuration", "token", "jwks"])
async def test_a_provider_that_cannot_answer_is_unavailable(
    where: str, answer: Callable[[], httpx.Response], what: str
) -> None:
    provider = Provider(answers={where: answer})
    assert await outcome(provider.handoff().identify(DEPARTURE, "code")) == what
    assert provider.calls.count("token") <= 1, "a code is asked for once"


@pytest.mark.parametrize("where", ["openid-configuration", "jwks"])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"keys": 1, "issuer": 1}'])
async def test_a_document_that_cannot_be_read_is_unavailable(where: str, body: bytes) -> None:
    provider = Provider(answers={where: lambda: httpx.Response(200, content=body)})
    assert await outcome(provider.handoff().identify(DEPARTURE, "code")) == "unavailable answer"


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": ISSUER + "/"},
        {"issuer": "https://evil.example"},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "http://127.0.0.1:port/jwks"},
    ],
)
async def test_a_provider_of_another_name_or_with_unsafe_addresses_is_unavailable(
    changed: dict[str, object],
) -> None:
    handoff = Provider(discovery=changed).handoff()
    assert await outcome(handoff.identify(DEPARTURE, "code")) == "unavailable discovery"


async def test_documents_are_fetched_once_an_hour() -> None:
    clock = Clock()
    provider = Provider()
    handoff = provider.handoff(clock)
    for turn in range(3):
        await handoff.identify(DEPARTURE, f"code {turn}")
    assert provider.calls.count("openid-configuration") == 1
    assert provider.calls.count("jwks") == 1
    clock.at += 3600
    await handoff.address(DEPARTURE, "state")
    assert provider.calls.count("openid-configuration") == 2


async def test_what_was_fetched_at_a_time_that_is_not_yet_is_fetched_anew() -> None:
    clock, provider = Clock(), Provider()
    handoff = provider.handoff(clock)
    clock.at += 400 * 24 * 3600
    with pytest.raises(Refused):
        await handoff.identify(DEPARTURE, "ahead")
    clock.at -= 400 * 24 * 3600
    await handoff.identify(DEPARTURE, "right")
    assert provider.calls.count("openid-configuration") == 2
    assert provider.calls.count("jwks") == 2


# --- what we send ---


async def test_the_assertion_is_ours_short_lived_and_never_the_same() -> None:
    forms = []

    def taken(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            forms.append(dict(httpx.QueryParams(request.content.decode())))
        return provider.handle(request)

    provider = Provider()
    handoff = OpenIdHandoff(
        issuer=ISSUER,
        client_id=CLIENT,
        redirect_uri=RETURN,
        key=KEY.as_dict(private=True),
        http=lambda: httpx.AsyncClient(transport=httpx.MockTransport(taken)),
        clock=Clock(),
    )
    for turn in range(2):
        await handoff.identify(DEPARTURE, f"the-code-{turn}")
    tokens = [jwt.decode(form["client_assertion"], KEY, algorithms=["ES256"]) for form in forms]
    for token in tokens:
        assert {name: token.claims[name] for name in ("iss", "sub", "aud", "iat", "exp")} == {
            "iss": CLIENT,
            "sub": CLIENT,
            "aud": f"{ISSUER}/token",
            "iat": NOW - 10,
            "exp": NOW + 50,
        }
    assert tokens[0].claims["jti"] != tokens[1].claims["jti"]
    assert [form["code"] for form in forms] == ["the-code-0", "the-code-1"]


async def test_the_address_asks_for_openid_only_and_hides_the_verifier() -> None:
    address = (
        await Provider(discovery={"authorization_endpoint": f"{ISSUER}/authorize?kc_idp=card"})
        .handoff()
        .address(DEPARTURE, "the-state")
    )
    asked = answer_in(address)
    assert asked.pop("code_challenge") == "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
    assert asked == {
        "kc_idp": "card",
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": RETURN,
        "scope": "openid",
        "state": "the-state",
        "nonce": DEPARTURE.nonce,
        "max_age": "0",
        "code_challenge_method": "S256",
    }
    assert DEPARTURE.verifier not in address
