"""What a provider can do wrong, one thing at a time: so that our side can be seen to notice it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hmac
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.practice.app import PracticeWorld
from app.practice.myna import Myna

SLOW_SECONDS: Final = 6.0
_TOO_LARGE: Final = 64 * 1024
_JSON: Final = "application/json"


class Fault(StrEnum):
    """One thing done wrong."""

    NONE = "none"
    # what the ID token states
    ANOTHER_ISSUER = "another_issuer"
    ANOTHER_AUDIENCE = "another_audience"
    SEVERAL_AUDIENCES = "several_audiences"
    ANOTHER_ASKER = "another_asker"
    ANOTHER_NONCE = "another_nonce"
    NO_NONCE = "no_nonce"
    NO_SUBJECT = "no_subject"
    NO_EXPIRY = "no_expiry"
    NO_ISSUE_TIME = "no_issue_time"
    EXPIRED = "expired"
    FROM_THE_FUTURE = "from_the_future"
    NOT_YET = "not_yet"
    OLD = "old"
    # how it is signed
    UNSIGNED = "unsigned"
    SHARED_SECRET = "shared_secret"
    RSA = "rsa"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    # what the provider says instead: at the token endpoint (RFC 6749, section 5.2), or with the person who comes back
    # (RFC 6749, section 4.1.2.1; OpenID Connect Core, section 3.1.2.6)
    ACCESS_DENIED = "access_denied"
    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    INTERACTION_REQUIRED = "interaction_required"
    LOGIN_REQUIRED = "login_required"
    ACCOUNT_SELECTION_REQUIRED = "account_selection_required"
    CONSENT_REQUIRED = "consent_required"
    INVALID_REQUEST_URI = "invalid_request_uri"
    INVALID_REQUEST_OBJECT = "invalid_request_object"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    REGISTRATION_NOT_SUPPORTED = "registration_not_supported"
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    IN_OTHER_WORDS = "in_other_words"
    # what comes back with the person is not what was sent out (RFC 6749, section 4.1.2; RFC 9207)
    NO_STATE = "no_state"
    ANOTHER_STATE = "another_state"
    STATE_TWICE = "state_twice"
    NO_CODE = "no_code"
    ANOTHER_CODE = "another_code"
    CODE_TWICE = "code_twice"
    ANOTHER_SENDER = "another_sender"
    # what becomes of an answer on the line
    DOWN = "down"
    BUSY = "busy"
    SLOW = "slow"
    REDIRECTING = "redirecting"
    TRUNCATED = "truncated"
    OVERSIZED = "oversized"
    PACKED = "packed"
    NO_JSON = "no_json"
    SAID_TWICE = "said_twice"


class FaultyMyna(Myna):
    """The practice provider, which does one thing wrong at one place: discovery, jwks, token, or the way back."""

    fault = Fault.NONE
    at = "token"

    def misbehave(self, fault: Fault, at: str = "token") -> None:
        self.fault, self.at = fault, at

    async def discovery(self, request: Request) -> Response:
        return await self._spoilt("discovery", await super().discovery(request))

    async def jwks(self, request: Request) -> Response:
        return await self._spoilt("jwks", await super().jwks(request))

    async def token(self, request: Request) -> Response:
        answer = await super().token(request)
        if answer.status_code != 200:
            return answer
        refused = refusal(self.fault) if self.at == "token" else None
        return refused or await self._spoilt("token", answer)

    def back(self, state: str, error: str = "", description: str = "", code: str = "") -> str:
        address, _, query = super().back(state, error, description, code).partition("?")
        said = parse_qsl(query, strict_parsing=True)
        return f"{address}?{urlencode(answered(self.fault, dict(said)) if self.at == 'back' else said)}"

    def signed(self, claims: Mapping[str, object]) -> str:
        claims = stated(self.fault, claims)
        return signed_badly(self.fault, claims, self._key) or super().signed(claims)

    async def _spoilt(self, endpoint: str, answer: Response) -> Response:
        return await spoilt(self.fault, answer) if endpoint == self.at else answer


def misbehave(world: PracticeWorld, fault: Fault, at: str = "token") -> None:
    """Let a world's provider do one thing wrong from now on."""
    assert isinstance(world.provider, FaultyMyna)
    world.provider.misbehave(fault, at)


_ALL: Final = tuple(Fault)
REFUSALS: Final = _ALL[_ALL.index(Fault.ACCESS_DENIED) : _ALL.index(Fault.IN_OTHER_WORDS) + 1]
ON_THE_WAY_BACK: Final = _ALL[_ALL.index(Fault.NO_STATE) : _ALL.index(Fault.ANOTHER_SENDER) + 1]
OF_THE_LINE: Final = _ALL[_ALL.index(Fault.DOWN) :]
_WITHOUT: Final = {
    Fault.NO_NONCE: "nonce",
    Fault.NO_SUBJECT: "sub",
    Fault.NO_EXPIRY: "exp",
    Fault.NO_ISSUE_TIME: "iat",
}
_HOUR: Final = 3600


def stated(fault: Fault, claims: Mapping[str, object]) -> dict[str, object]:
    """Return the claims as this fault has them."""
    client, now = claims["aud"], int(str(claims["iat"]))
    changed: dict[Fault, dict[str, object]] = {
        Fault.ANOTHER_ISSUER: {"iss": "https://elsewhere.example"},
        Fault.ANOTHER_AUDIENCE: {"aud": "another"},
        Fault.SEVERAL_AUDIENCES: {"aud": [client, "another"]},
        Fault.ANOTHER_ASKER: {"azp": "another"},
        Fault.ANOTHER_NONCE: {"nonce": "of-another-departure"},
        Fault.EXPIRED: {"exp": now - 61},
        Fault.FROM_THE_FUTURE: {"iat": now + 61},
        Fault.NOT_YET: {"nbf": now + 61},
        Fault.OLD: {"iat": now - _HOUR},
    }
    without = _WITHOUT.get(fault)
    return {name: value for name, value in {**claims, **changed.get(fault, {})}.items() if name != without}


def signed_badly(fault: Fault, claims: Mapping[str, object], key: ECKey) -> str | None:
    """Return the token signed as this fault does it, or None if it signs well."""
    stranger = ECKey.generate_key("P-256", auto_kid=True)
    match fault:
        case Fault.UNSIGNED:
            return _text({"alg": "none", "kid": key.kid}, claims) + "."
        case Fault.SHARED_SECRET:
            body = _text({"alg": "HS256", "kid": key.kid}, claims)
            return f"{body}.{_letters(hmac.digest(key.as_pem(private=False), body.encode(), 'sha256'))}"
        case Fault.RSA:
            header = {"alg": "RS256", "kid": key.kid}
            return jwt.encode(header, dict(claims), RSAKey.generate_key(2048), algorithms=["RS256"])
        case Fault.UNKNOWN_KEY:
            return jwt.encode({"alg": "ES256", "kid": stranger.kid}, dict(claims), stranger, algorithms=["ES256"])
        case Fault.FORGED:
            return jwt.encode({"alg": "ES256", "kid": key.kid}, dict(claims), stranger, algorithms=["ES256"])
    return None


def refusal(fault: Fault) -> Response | None:
    """Return the token endpoint's error, if this fault is one."""
    if fault not in REFUSALS:
        return None
    said = {"error": fault.value}
    if fault is Fault.ACCESS_DENIED:
        said["error_description"] = "pin_locked"
    return JSONResponse(said, status_code=401 if fault is Fault.INVALID_CLIENT else 400)


def answered(fault: Fault, said: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what comes back with the person as this fault has it."""
    if fault in REFUSALS:
        return [("error", fault.value), ("error_description", "words & <b>signs</b>"), ("state", said["state"])]
    changed = {
        Fault.NO_STATE: {"state": ""},
        Fault.ANOTHER_STATE: {"state": f"{said['state']}x"},
        Fault.NO_CODE: {"code": ""},
        Fault.ANOTHER_CODE: {"code": "of-another-departure"},
        Fault.ANOTHER_SENDER: {"iss": "https://elsewhere.example"},
    }
    twice = {Fault.STATE_TWICE: "state", Fault.CODE_TWICE: "code"}.get(fault)
    pairs = [(name, value) for name, value in {**said, **changed.get(fault, {})}.items() if value]
    return [*pairs, *((name, value) for name, value in pairs if name == twice)]


async def spoilt(fault: Fault, answer: Response) -> Response:
    """Return an answer as it arrives with this fault."""
    body = bytes(answer.body)
    if fault is Fault.SLOW:
        await asyncio.sleep(SLOW_SECONDS)
    made: dict[Fault, Response] = {
        Fault.DOWN: Response(status_code=503),
        Fault.BUSY: Response(status_code=429, headers={"Retry-After": "30"}),
        Fault.REDIRECTING: RedirectResponse("https://elsewhere.example/", 307),
        Fault.TRUNCATED: Response(body[: len(body) // 2], media_type=_JSON),
        Fault.OVERSIZED: Response(body + b" " * _TOO_LARGE, media_type=_JSON),
        Fault.PACKED: Response(gzip.compress(body), media_type=_JSON, headers={"Content-Encoding": "gzip"}),
        Fault.NO_JSON: Response(body, media_type="text/html"),
        Fault.SAID_TWICE: Response(body[:-1] + b"," + body[1:], media_type=_JSON),
    }
    return made.get(fault, answer)


def _text(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    return ".".join(_letters(json.dumps(part).encode()) for part in (dict(header), dict(claims)))


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
