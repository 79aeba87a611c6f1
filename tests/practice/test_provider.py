"""The practice マイナアプリ is as strict as a real provider: what it refuses, and in which words."""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from app.practice.app import PracticeWorld
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

CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(DEPARTURE.verifier.encode()).digest()).rstrip(b"=").decode()
GOOD = {
    "response_type": "code",
    "client_id": CLIENT,
    "redirect_uri": RETURN,
    "scope": "openid",
    "state": "the-state",
    "nonce": DEPARTURE.nonce,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


async def authorize(*pairs: tuple[str, str], **changed: str | None) -> httpx.Response:
    given = [(name, value) for name, value in {**GOOD, **changed}.items() if value is not None]
    async with client(a_world().app)() as http:
        return await http.get(f"{ISSUER}/authorize?{urlencode([*given, *pairs])}")


# --- the authorization request ---


async def test_it_works() -> None:
    answer = await authorize()
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/practice/myna/")


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "RP00000002"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": RETURN + "/"},
        {"redirect_uri": RETURN + "?a=1"},
        {"redirect_uri": RETURN.upper()},
        {"redirect_uri": "https://evil.example/return"},
    ],
)
async def test_an_unknown_service_is_told_here_and_nobody_is_sent_anywhere(
    changed: dict[str, str | None],
) -> None:
    answer = await authorize(**changed)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "このサービスは登録されていません" in answer.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_doubled_service_is_no_service(name: str) -> None:
    assert (await authorize((name, GOOD[name]))).status_code == 400


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "openid name"}, "invalid_scope"),
        ({"nonce": None}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"nonce": "ノンス"}, "invalid_request"),
        ({"nonce": "n" * 256}, "invalid_request"),
        ({"max_age": "now"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "\n"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_an_unfit_request_is_told_to_the_service(changed: dict[str, str | None], error: str) -> None:
    answer = await authorize(**changed)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{RETURN}?")
    said = answer_in(answer.headers["location"])
    assert (said["error"], said["state"]) == (error, "the-state")


@pytest.mark.parametrize("state", [None, "", "s" * 256, "状態"])
async def test_a_state_that_cannot_be_given_back_is_not(state: str | None) -> None:
    said = answer_in((await authorize(state=state)).headers["location"])
    assert said["error"] == "invalid_request"
    assert "state" not in said


@pytest.mark.parametrize("name", ["state", "nonce", "scope", "code_challenge"])
async def test_nothing_may_be_given_twice(name: str) -> None:
    said = answer_in((await authorize((name, GOOD[name]))).headers["location"])
    assert said["error"] == "invalid_request"


# --- the token request ---


def good_claims() -> dict[str, object]:
    return {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": f"{ISSUER}/token",
        "jti": secrets.token_urlsafe(16),
        "iat": NOW,
        "exp": NOW + 60,
    }


def assertion(key: ECKey = KEY, /, **changed: object) -> str:
    given = {name: value for name, value in {**good_claims(), **changed}.items() if value is not None}
    return jwt.encode({"alg": "ES256"}, given, key, algorithms=["ES256"])


async def a_code(world: PracticeWorld) -> str:
    return answer_in(await tapped(world.app, await a_handoff(world.app).address(DEPARTURE, "state")))["code"]


async def exchange(world: PracticeWorld, **changed: str | None) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": await a_code(world) if "code" not in changed else None,
        "redirect_uri": RETURN,
        "client_id": CLIENT,
        "code_verifier": DEPARTURE.verifier,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion() if "client_assertion" not in changed else None,
    }
    given = {name: value for name, value in {**form, **changed}.items() if value is not None}
    async with client(world.app)() as http:
        return await http.post(f"{ISSUER}/token", data=given)


async def test_a_good_request_gets_a_token_that_is_not_to_be_kept() -> None:
    answer = await exchange(a_world())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token_type"] == "Bearer"


async def test_a_token_says_when_the_card_was_read() -> None:
    clock = Clock()
    world = a_world(clock)
    browser = Browser(world.app)
    await browser.open(await a_handoff(world.app, clock).address(DEPARTURE, "state"))
    for label in ("練習　花子", "番号が合った", "読み取れた"):
        clock.at += 10
        await browser.press(label)
    clock.at += 60
    await browser.press("サービスにもどる")
    clock.at += 5
    given = {"iat": clock.at, "exp": clock.at + 60}
    code = answer_in(browser.came_back)["code"]
    token = (await exchange(world, code=code, client_assertion=assertion(**given))).json()["id_token"]
    stated = jwt.decode(token, world.provider._key, algorithms=["ES256"]).claims
    assert (stated["auth_time"], stated["iat"]) == (NOW + 30, NOW + 95)


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"code": None}, 400, "invalid_request"),
        ({"code": "guessed"}, 400, "invalid_grant"),
        ({"redirect_uri": RETURN + "/"}, 400, "invalid_grant"),
        ({"code_verifier": "w" * 43}, 400, "invalid_grant"),
        ({"code_verifier": None}, 400, "invalid_request"),
        ({"client_id": "RP00000002"}, 401, "invalid_client"),
        ({"client_assertion_type": "secret"}, 401, "invalid_client"),
        ({"client_assertion": None}, 401, "invalid_client"),
        ({"client_assertion": "no token"}, 401, "invalid_client"),
    ],
)
async def test_an_unfit_token_request_is_refused(changed: dict[str, str | None], status: int, error: str) -> None:
    answer = await exchange(a_world(), **changed)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "another"},
        {"sub": "another"},
        {"aud": ISSUER},
        {"aud": None},
        {"jti": None},
        {"jti": 7},
        {"iat": NOW + 1, "exp": NOW + 60},
        {"iat": None},
        {"exp": NOW},
        {"exp": None},
        {"exp": NOW + 61},
        {"iat": NOW - 200, "exp": NOW + 60},
        {"exp": float(NOW + 60)},
    ],
)
async def test_an_assertion_that_is_not_of_the_client_and_of_now_is_refused(
    changed: dict[str, object],
) -> None:
    answer = await exchange(a_world(), client_assertion=assertion(**changed))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_an_assertion_of_another_key_is_refused() -> None:
    answer = await exchange(a_world(), client_assertion=assertion(ECKey.generate_key("P-256")))
    assert answer.status_code == 401


async def test_an_assertion_is_good_for_one_use() -> None:
    world = a_world()
    once = assertion()
    assert (await exchange(world, client_assertion=once)).status_code == 200
    again = await exchange(world, client_assertion=once)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


async def test_a_field_given_twice_is_refused() -> None:
    world = a_world()
    form = [("grant_type", "authorization_code"), ("code", await a_code(world)), ("code", "another")]
    rest = [("redirect_uri", RETURN), ("code_verifier", DEPARTURE.verifier), ("client_assertion", assertion())]
    async with client(world.app)() as http:
        answer = await http.post(
            f"{ISSUER}/token",
            content=urlencode(form + rest),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


async def test_a_key_counts_from_its_registration_to_its_withdrawal() -> None:
    world = a_world()
    coming = ECKey.generate_key("P-256", auto_kid=True)
    named = jwt.encode({"alg": "ES256", "kid": coming.kid}, good_claims(), coming, algorithms=["ES256"])
    assert (await exchange(world, client_assertion=named)).status_code == 401
    world.provider.register(coming.as_dict(private=False))
    assert (await exchange(world, client_assertion=named)).status_code == 200
    world.provider.withdraw(str(coming.kid))
    late = jwt.encode({"alg": "ES256", "kid": coming.kid}, good_claims(), coming, algorithms=["ES256"])
    assert (await exchange(world, client_assertion=late)).status_code == 401


async def test_a_failed_exchange_spends_the_code() -> None:
    world = a_world()
    code = await a_code(world)
    assert (await exchange(world, code=code, code_verifier="w" * 43)).status_code == 400
    assert (await exchange(world, code=code)).json() == {"error": "invalid_grant"}


# --- what it publishes ---


async def test_the_documents_are_those_of_a_real_provider() -> None:
    async with client(a_world().app)() as http:
        found = (await http.get(f"{ISSUER}/.well-known/openid-configuration")).json()
        keys = (await http.get(found["jwks_uri"])).json()["keys"]
    assert found["issuer"] == ISSUER
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert [key["alg"] for key in keys] == ["ES256"]
    assert all("d" not in key for key in keys)


async def test_old_taps_and_codes_are_forgotten() -> None:
    clock = Clock()
    world = a_world(clock)
    handoff = a_handoff(world.app, clock)
    async with client(world.app)() as http:
        page = (await http.get(await handoff.address(DEPARTURE, "state"))).headers["location"]
        assert (await http.get(ORIGIN + page)).status_code == 200
        clock.at += 900
        assert (await http.get(ORIGIN + page)).status_code == 404
