"""The practice マイナアプリ as an OpenID provider: discovery, authorization code, tokens, keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.ports.outside import Clock
from app.practice.asked import AuthorizationRequest
from app.practice.client import Client, ClientCheck, NotTheClient
from app.practice.memory import Memory
from app.practice.people import PracticePerson

CODE_LIVES: Final = 60
TOKEN_LIVES: Final = 300
_GRANT_FIELDS: Final = ("grant_type", "code", "redirect_uri", "code_verifier")
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class Grant:
    """The request and identity behind an authorization code, until it is exchanged."""

    asked: AuthorizationRequest
    subject: str
    read_at: int


class Myna:
    """The provider's protocol endpoints. Its pages for people are in `app.practice.card`."""

    def __init__(self, issuer: str, client: Client, clock: Clock) -> None:
        self.issuer = issuer
        self.client = client
        self._clock = clock
        self._client_check = ClientCheck(client, f"{issuer}/token", clock)
        self._codes: Memory[Grant] = Memory(clock, seconds=CODE_LIVES)
        self._key = _new_key()

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/.well-known/openid-configuration", self.discovery, methods=["GET"]),
            Route("/token", self.token, methods=["POST"]),
            Route("/jwks", self.jwks, methods=["GET"]),
        ]

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is no longer published."""
        self._key = _new_key()

    def rotate_under_one_name(self) -> None:
        """Sign with a new key under the old one's `kid`."""
        self._key = ECKey.generate_key("P-256", parameters={"kid": str(self._key.kid)})

    def register(self, jwk: Mapping[str, Any]) -> None:
        """Accept one more public key of the service."""
        self._client_check.register(ECKey.import_key(dict(jwk)))

    def withdraw(self, kid: str) -> None:
        """Accept a key of the service no more."""
        self._client_check.withdraw(kid)

    def code_for(self, asked: AuthorizationRequest, person: PracticePerson, read_at: int) -> str:
        """Return a one-time code for this person, valid for 60 s; `read_at` is when the card was read."""
        code = secrets.token_urlsafe(24)
        self._codes.put(code, Grant(asked, person.subject(self.client.client_id), read_at))
        return code

    async def discovery(self, _: Request) -> Response:
        """Answer the provider's metadata (OpenID Connect Discovery)."""
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "scopes_supported": ["openid"],
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            }
        )

    async def jwks(self, _: Request) -> Response:
        """Publish the signing key."""
        key = {**self._key.as_dict(private=False), "use": "sig", "alg": "ES256"}
        return JSONResponse({"keys": [key]})

    def back(self, state: str, error: str = "", description: str = "", code: str = "") -> str:
        """Return the redirect URI with the answer's parameters."""
        answer = {"code": code, "error": error, "error_description": description, "state": state}
        said = {name: value for name, value in answer.items() if value}
        return f"{self.client.redirect_uri}?{urlencode(said)}"

    async def token(self, request: Request) -> Response:
        """Exchange a code for an ID token (RFC 6749, section 4.1.3), or say why not (section 5.2)."""
        given = (await request.form()).multi_items()
        form = {name: value for name, value in given if isinstance(value, str)}
        is_doubled = any(count > 1 for count in Counter(name for name, _ in given).values())
        if is_doubled or any(not form.get(name) for name in _GRANT_FIELDS):
            return _refused("invalid_request")
        if form["grant_type"] != "authorization_code":
            return _refused("unsupported_grant_type")
        try:
            self._client_check.admit(form)
        except NotTheClient:
            return _refused("invalid_client", 401)
        grant = self._codes.take(form["code"])
        if grant is None or not self._is_same_asker(grant, form["redirect_uri"], form["code_verifier"]):
            return _refused("invalid_grant")
        return self._answer(grant)

    def _is_same_asker(self, grant: Grant, redirect_uri: str, verifier: str) -> bool:
        """Whether the verifier fits the request's challenge (PKCE, RFC 7636), and the redirect URI the client."""
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=")
        same = hmac.compare_digest(challenge, grant.asked.challenge.encode())
        return same and redirect_uri == self.client.redirect_uri

    def _answer(self, grant: Grant) -> JSONResponse:
        """Answer the ID token; the access token that the protocol demands opens nothing."""
        return JSONResponse(
            {
                "access_token": secrets.token_urlsafe(16),
                "token_type": "Bearer",
                "expires_in": TOKEN_LIVES,
                "scope": "openid",
                "id_token": self._id_token(grant),
            },
            headers=_NO_STORE,
        )

    def _id_token(self, grant: Grant) -> str:
        now = self._clock.now()
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": grant.subject,
            "aud": self.client.client_id,
            "nonce": grant.asked.nonce,
            "iat": now,
            "auth_time": grant.read_at,
            "exp": now + TOKEN_LIVES,
        }
        return self.signed(claims)

    def signed(self, claims: Mapping[str, object]) -> str:
        """Return the ID token with these claims, signed with ES256."""
        header = {"alg": "ES256", "kid": self._key.kid}
        return jwt.encode(header, dict(claims), self._key, algorithms=["ES256"])


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


def _refused(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error}, status_code=status, headers=_NO_STORE)
