"""The handoff adapter with providers that do not hold what they promise: nothing of theirs is believed."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from app.adapters.oidc_answers import UnknownKey, read
from app.ports import Decline, Declined, Identity, Refused
from tests.adapters.provider import Provider, a_key, claims, signed, unsigned
from tests.practice.world import CLIENT, DEPARTURE, ISSUER, NOW


async def test_an_honest_token_holds() -> None:
    assert await Provider().handoff().identify(DEPARTURE, "code") == Identity("pseudonym")


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "of-another-departure"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"aud": "RP00000002"},
        {"aud": []},
        {"aud": [CLIENT, "RP00000002"]},
        {"aud": [CLIENT, "RP00000002"], "azp": "RP00000002"},
        {"azp": "RP00000002"},
        {"exp": NOW - 60},
        {"exp": None},
        {"exp": "later"},
        {"exp": True},
        {"exp": NOW + 60.5},
        {"iat": NOW + 61},
        {"iat": NOW - 61},
        {"iat": None},
        {"nbf": NOW + 61},
        {"nbf": "now"},
        {"auth_time": NOW + 61},
        {"auth_time": NOW - 61},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
        {"sub": "名前"},
    ],
)
async def test_a_token_that_is_not_ours_of_now_is_refused(changed: dict[str, object]) -> None:
    provider = Provider()
    provider.token = signed(provider.key, claims(**changed))
    with pytest.raises(Refused):
        await provider.handoff().identify(DEPARTURE, "code")


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW - 59},
        {"iat": NOW + 60},
        {"iat": NOW - 60},
        {"nbf": NOW + 60},
        {"auth_time": NOW - 60},
        {"aud": [CLIENT]},
        {"azp": CLIENT},
        {"aud": [CLIENT, "RP00000002"], "azp": CLIENT},
        {"acr": "aal3", "auth_time": NOW},
    ],
)
async def test_clocks_may_differ_by_a_minute_and_the_audience_be_a_list(changed: dict[str, object]) -> None:
    provider = Provider()
    provider.token = signed(provider.key, claims(**changed))
    assert await provider.handoff().identify(DEPARTURE, "code") == Identity("pseudonym")


def in_hs256(key: ECKey) -> str:
    """The published key taken as a shared secret: the classic confusion of algorithms."""
    body = unsigned(claims(), alg="HS256", kid=str(key.kid))[:-1]
    mac = hmac.digest(key.as_pem(private=False), body.encode(), "sha256")
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def in_es512(key: ECKey) -> str:
    return jwt.encode({"alg": "ES512"}, claims(), ECKey.generate_key("P-521"), algorithms=["ES512"])


@pytest.mark.parametrize(
    "made",
    [
        lambda key: unsigned(claims(), alg="none"),
        lambda key: unsigned(claims(), alg="none", kid=key.kid),
        lambda key: unsigned(claims(), alg="ES256", kid=key.kid),
        lambda key: unsigned(claims(), alg="es256", kid=key.kid),
        lambda key: unsigned(claims(), kid=key.kid),
        in_hs256,
        in_es512,
        lambda key: signed(a_key(), claims(), kid=key.kid),
        lambda key: signed(key, claims())[:-4] + "AAAA",
        lambda key: signed(key, claims()) + "." + "AAAA",
        lambda key: "no token at all",
    ],
)
async def test_a_token_signed_otherwise_is_refused(made: Callable[[ECKey], str]) -> None:
    provider = Provider()
    provider.token = made(provider.key)
    with pytest.raises(Refused):
        await provider.handoff().identify(DEPARTURE, "code")


async def test_a_key_that_nobody_publishes_is_looked_up_once_and_refused() -> None:
    provider = Provider()
    provider.token = signed(a_key(), claims())
    with pytest.raises(Refused):
        await provider.handoff().identify(DEPARTURE, "code")
    assert provider.calls.count("jwks") == 2


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "EC"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": 1, "y": 2},
    ],
)
async def test_a_broken_key_among_the_published_is_passed_over(key: dict[str, object]) -> None:
    provider = Provider()
    good = provider.key.as_dict(private=False)
    provider.answers["jwks"] = lambda: httpx.Response(200, json={"keys": [key, {**good, "use": "enc"}, good]})
    assert await provider.handoff().identify(DEPARTURE, "code") == Identity("pseudonym")


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), Refused),
        (httpx.Response(401, json={"error": "invalid_client"}), Refused),
        (httpx.Response(400, content=b"<html>"), Refused),
        (httpx.Response(302, headers={"location": "https://evil.example"}), Refused),
        (httpx.Response(200, content=b"<html>"), Refused),
        (httpx.Response(200, json={"access_token": "a"}), Refused),
        (httpx.Response(400, json={"error": "access_denied", "error_description": "pin_locked"}), Declined),
    ],
)
async def test_what_the_token_endpoint_says_instead(answer: httpx.Response, meaning: type[Exception]) -> None:
    provider = Provider(answers={"token": lambda: answer})
    with pytest.raises(meaning) as caught:
        await provider.handoff().identify(DEPARTURE, "code")
    if isinstance(caught.value, Declined):
        assert caught.value.reason is Decline.PIN_LOCKED
    assert provider.calls.count("token") == 1


@given(st.text(), st.text())
def test_any_error_has_a_meaning_and_only_the_known_ones_a_special_one(error: str, description: str) -> None:
    handoff = Provider().handoff()
    meant = handoff.declined(error, description)
    assert meant in Decline
    assert handoff.declined("access_denied", "cancelled") is Decline.CANCELLED
    assert handoff.declined("access_denied", "") is Decline.CANCELLED
    if error != "access_denied":
        assert meant is Decline.UNKNOWN


SIGNER = a_key()
GOOD = signed(SIGNER, claims())


@given(st.text() | st.integers(0, len(GOOD) - 1).map(lambda at: GOOD[:at] + GOOD[at + 1 :]))
def test_no_text_is_read_as_a_token_and_none_breaks_the_reader(text: str) -> None:
    with pytest.raises((Refused, UnknownKey)):
        read(text, KeySet([SIGNER]))
