"""The handoff adapter with providers that do not hold what they promise: nothing of theirs is believed."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from app.adapters.oidc.answers import LEEWAY, Claims, UnknownKey, read
from app.ports.outside import Decline, Identity, Refused
from tests.adapters.provider import NO_AUTH_TIME, SESSION, Provider, a_key, claims, outcome, signed, unsigned
from tests.practice.world import CLIENT, DEPARTURE, ISSUER, NOW, Clock


async def test_an_honest_token_holds() -> None:
    assert await Provider().handoff().identify(DEPARTURE, "code") == Identity("pseudonym")


OF_A_TOKEN: tuple[tuple[Mapping[str, object], str], ...] = (
    ({"nonce": "of-another-departure"}, "refused claims"),
    ({"nonce": None}, "refused claims"),
    ({"iss": "https://evil.example"}, "refused claims"),
    ({"iss": ISSUER + "/"}, "refused claims"),
    ({"aud": "RP00000002"}, "refused claims"),
    ({"aud": []}, "refused claims"),
    ({"aud": [CLIENT, "RP00000002"]}, "refused claims"),
    ({"aud": [CLIENT, "RP00000002"], "azp": "RP00000002"}, "refused claims"),
    ({"azp": "RP00000002"}, "refused claims"),
    ({"exp": NOW - 60}, "refused time"),
    ({"exp": None}, "refused claims"),
    ({"exp": "later"}, "refused claims"),
    ({"exp": True}, "refused claims"),
    ({"exp": -1}, "refused claims"),
    ({"exp": 10**400}, "refused claims"),
    ({"exp": 1e300}, "refused claims"),
    ({"iat": NOW + 61, "auth_time": NOW + 61}, "refused time"),
    ({"iat": NOW + 60.5, "auth_time": NOW + 60}, "refused time"),
    ({"iat": NOW - 61, "auth_time": NOW - 61}, "refused time"),
    ({"iat": None}, "refused claims"),
    ({"iat": True}, "refused claims"),
    ({"nbf": NOW + 61}, "refused time"),
    ({"nbf": "now"}, "refused claims"),
    ({"auth_time": NOW + 1}, "refused time"),
    ({"auth_time": str(NOW)}, "refused claims"),
    ({"auth_time": True}, "refused claims"),
    ({"auth_time": NOW - 0.5}, "refused session"),
    ({"auth_time": NOW - 40}, "refused session"),
    ({"auth_time": 0}, "refused session"),
    (NO_AUTH_TIME, "refused auth_time"),
    (SESSION, "refused session"),
    ({"sub": None}, "refused claims"),
    ({"sub": ""}, "refused claims"),
    ({"sub": "x" * 256}, "refused claims"),
    ({"sub": 7}, "refused claims"),
    ({"sub": "名前"}, "refused claims"),
)


@pytest.mark.parametrize(("changed", "what"), OF_A_TOKEN)
async def test_a_token_that_is_not_ours_of_now_is_refused(changed: Mapping[str, object], what: str) -> None:
    assert await outcome(Provider(stated=changed).handoff().identify(DEPARTURE, "code")) == what


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW - 59},
        {"exp": NOW + 60.5},
        {"iat": NOW + 60, "auth_time": NOW + 60},
        {"iat": NOW - 60, "auth_time": NOW - 60},
        {"iat": NOW - 0.25, "auth_time": NOW - 0.25},
        {"nbf": NOW + 60},
        {"nbf": NOW + 59.5},
        {"auth_time": NOW + 0.75},
        {"aud": [CLIENT]},
        {"azp": CLIENT},
        {"aud": [CLIENT, "RP00000002"], "azp": CLIENT},
        {"acr": "aal3"},
    ],
)
async def test_clocks_may_differ_by_a_minute_and_the_audience_be_a_list(changed: dict[str, object]) -> None:
    assert await Provider(stated=changed).handoff().identify(DEPARTURE, "code") == Identity("pseudonym")


@pytest.mark.parametrize("ahead", [-60, -1, 0, 1, 60])
@pytest.mark.parametrize(
    ("tapped", "what"), [(-40, "refused session"), (-1, "refused session"), (0, "proven"), (9, "proven")]
)
async def test_a_tap_before_the_way_out_proves_nobody_however_the_clocks_differ(
    ahead: int, tapped: int, what: str
) -> None:
    """Ten seconds after the way out was made, the provider answers: by its clock, which is so much ahead of ours."""
    theirs = NOW + 10 + ahead
    provider = Provider(stated={"iat": theirs, "auth_time": theirs - 10 + tapped})
    assert await outcome(provider.handoff(Clock(NOW + 10)).identify(DEPARTURE, "code")) == what


async def test_a_leeway_on_the_tap_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule that stood here before: in its minute there is room for the tap of 40 seconds before the way out."""

    def is_within_a_minute(token: Claims, _: int) -> bool:
        return token.auth_time is not None and token.auth_time >= DEPARTURE.issued_at - LEEWAY

    monkeypatch.setattr(Claims, "_is_tapped_within", is_within_a_minute)
    provider = Provider(stated={"auth_time": NOW - 40})
    assert await outcome(provider.handoff().identify(DEPARTURE, "code")) == "proven"


@pytest.mark.parametrize(
    ("asked", "acr", "what"),
    [
        ("aal3", "aal3", "proven"),
        ("aal3 crl", "crl", "proven"),
        ("aal3 crl", None, "refused acr"),
        ("aal3 crl", "aal2", "refused acr"),
        ("aal3 crl", "aal3 crl", "refused acr"),
        ("aal3 crl", "AAL3", "refused acr"),
        ("aal3 crl", "", "refused acr"),
        ("aal3 crl", ["aal3"], "refused claims"),
        ("", "whatever", "proven"),
    ],
)
async def test_where_a_level_was_asked_for_the_token_must_state_one_of_those(
    asked: str, acr: object, what: str
) -> None:
    provider = Provider(stated={"acr": acr})
    assert await outcome(provider.handoff(acr_values=asked).identify(DEPARTURE, "code")) == what


def in_hs256(key: ECKey) -> str:
    """The published key taken as a shared secret: the classic confusion of algorithms."""
    body = unsigned(claims(), alg="HS256", kid=str(key.kid))[:-1]
    mac = hmac.digest(key.as_pem(private=False), body.encode(), "sha256")
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def in_es512(key: ECKey) -> str:
    return jwt.encode({"alg": "ES512"}, claims(), ECKey.generate_key("P-521"), algorithms=["ES512"])


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda key: unsigned(claims(), alg="none"), "refused token"),
        (lambda key: unsigned(claims(), alg="none", kid=key.kid), "refused token"),
        (lambda key: unsigned(claims(), alg="ES256", kid=key.kid), "refused signature"),
        (lambda key: unsigned(claims(), alg="es256", kid=key.kid), "refused token"),
        (lambda key: unsigned(claims(), kid=key.kid), "refused token"),
        (in_hs256, "refused token"),
        (in_es512, "refused token"),
        (lambda key: signed(a_key(), claims(), kid=key.kid), "refused signature"),
        (lambda key: signed(key, claims())[:-4] + "AAAA", "refused signature"),
        (lambda key: signed(key, claims()) + "." + "AAAA", "refused token"),
        (lambda key: "no token at all", "refused token"),
    ],
)
async def test_a_token_signed_otherwise_is_refused(made: Callable[[ECKey], str], what: str) -> None:
    provider = Provider()
    provider.token = made(provider.key)
    assert await outcome(provider.handoff().identify(DEPARTURE, "code")) == what


async def test_a_key_that_nobody_publishes_is_looked_up_once_and_refused() -> None:
    provider = Provider()
    provider.token = signed(a_key(), claims())
    assert await outcome(provider.handoff().identify(DEPARTURE, "code")) == "refused signature"
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
    ("answer", "what"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), "refused invalid_grant"),
        (httpx.Response(401, json={"error": "invalid_client"}), "refused invalid_client"),
        (httpx.Response(400, json={"error": "session"}), "refused other"),
        (httpx.Response(400, json={"error": "a\nline"}), "refused other"),
        (httpx.Response(400, content=b"<html>"), "refused no_token"),
        (httpx.Response(302, headers={"location": "https://evil.example"}), "refused no_token"),
        (httpx.Response(200, content=b"<html>"), "refused no_token"),
        (httpx.Response(200, json={"access_token": "a"}), "refused no_token"),
        (
            httpx.Response(400, json={"error": "access_denied", "error_description": "pin_locked"}),
            "declined pin_locked",
        ),
        (httpx.Response(400, json={"error": "access_denied", "error_description": "other"}), "declined cancelled"),
    ],
)
async def test_what_the_token_endpoint_says_instead(answer: httpx.Response, what: str) -> None:
    provider = Provider(answers={"token": lambda: answer})
    assert await outcome(provider.handoff().identify(DEPARTURE, "code")) == what
    assert provider.calls.count("token") == 1


@given(st.text(), st.text())
def test_any_error_has_a_meaning_and_only_the_known_ones_a_special_one(error: str, description: str) -> None:
    handoff = Provider().handoff()
    meant = handoff.declined(error, description)
    assert meant in Decline
    if description not in {decline.value for decline in Decline}:
        assert handoff.declined("access_denied", description) is Decline.CANCELLED
    if error != "access_denied":
        assert meant is Decline.UNKNOWN


SIGNER = a_key()
GOOD = signed(SIGNER, claims())


@given(st.text() | st.integers(0, len(GOOD) - 1).map(lambda at: GOOD[:at] + GOOD[at + 1 :]))
def test_no_text_is_read_as_a_token_and_none_breaks_the_reader(text: str) -> None:
    with pytest.raises((Refused, UnknownKey)):
        read(text, KeySet([SIGNER]))
