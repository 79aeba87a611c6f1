"""The handoff by OpenID Connect: out with a link, back with a code, and a proof of who tapped.

The same adapter speaks to the practice マイナアプリ and to a real provider. Only `openid` is asked for: any
attribute more would ask the patient for a second PIN. Who tapped is proved, not that anything is registered.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from pydantic import ValidationError

from app.adapters.oidc_answers import Claims, Failure, Keys, Provider, Said, Tokens, UnknownKey, read
from app.ports import Clock, Decline, Declined, Departure, Identity, Refused, Unavailable

_ASSERTION_LIVES: Final = 60
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CACHE_LIVES: Final = 3600
_REASONS: Final = {decline.value: decline for decline in Decline}

S = TypeVar("S", bound=Said)


class OpenIdHandoff:
    """`Handoff` by authorization code flow with PKCE, state, nonce and `private_key_jwt`."""

    def __init__(  # noqa: PLR0913 - plain values by name, joined once
        self,
        *,
        issuer: str,
        client_id: str,
        redirect_uri: str,
        key: str | Mapping[str, Any],
        http: Callable[[], httpx.AsyncClient],
        clock: Clock,
        deadline: float = 4.0,
    ) -> None:
        """Keep what was agreed on at registration; `key` is our private key, as PEM or as JWK."""
        self._issuer = issuer
        self._client_id = client_id
        self._redirect_uri = redirect_uri
        self._key = ECKey.import_key(key if isinstance(key, str) else dict(key))
        self._key.ensure_kid()
        self._open = http
        self._client: httpx.AsyncClient | None = None
        self._clock = clock
        self._deadline = deadline
        self._provider: tuple[int, Provider] | None = None
        self._keys: tuple[int, KeySet] | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def address(self, departure: Departure, state: str) -> str:
        """Return the address of the link that the person taps. Raises `Unavailable`."""
        async with self._in_time():
            provider = await self._discovered()
            asks = {
                "response_type": "code",
                "client_id": self._client_id,
                "redirect_uri": self._redirect_uri,
                "scope": "openid",
                "state": state,
                "nonce": departure.nonce,
                "code_challenge": _challenge(departure.verifier),
                "code_challenge_method": "S256",
            }
            return str(httpx.URL(provider.authorization_endpoint).copy_merge_params(asks))

    async def identify(self, departure: Departure, code: str) -> Identity:
        """Exchange the returned code. Raises `Declined`, `Refused` or `Unavailable`."""
        async with self._in_time():
            provider = await self._discovered()
            token = await self._exchange(provider, departure, code)
            claims = await self._signed(provider, token)
        now = self._clock.now()
        if not claims.hold(issuer=self._issuer, client_id=self._client_id, nonce=departure.nonce, now=now):
            raise Refused
        return Identity(claims.sub)

    def declined(self, error: str, description: str) -> Decline:
        """Return what an `error=` answer means for the person: one of a short list."""
        if error != "access_denied":
            return Decline.UNKNOWN
        return _REASONS.get(description or Decline.CANCELLED.value, Decline.UNKNOWN)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Bound the whole: httpx limits each read only, and inside one process it limits nothing."""
        try:
            async with asyncio.timeout(self._deadline):
                yield
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable from error

    async def _discovered(self) -> Provider:
        """Return the discovery document; its issuer is the configured one, letter by letter."""
        now = self._clock.now()
        if self._provider is None or now >= self._provider[0]:
            found = await self._get(f"{self._issuer}/.well-known/openid-configuration", Provider)
            if found.issuer != self._issuer or not found.is_as_safe_as_its_name:
                raise Unavailable
            self._provider = (now + _CACHE_LIVES, found)
        return self._provider[1]

    async def _known_keys(self, provider: Provider) -> KeySet:
        now = self._clock.now()
        if self._keys is None or now >= self._keys[0]:
            found = await self._get(provider.jwks_uri, Keys)
            self._keys = (now + _CACHE_LIVES, found.for_signing())
        return self._keys[1]

    async def _get(self, url: str, kind: type[S]) -> S:
        answer = await self._http.get(url, headers={"Accept": "application/json"}, timeout=self._deadline)
        if answer.status_code != httpx.codes.OK:
            raise Unavailable
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:
            raise Unavailable from error

    async def _exchange(self, provider: Provider, departure: Departure, code: str) -> str:
        """Return the ID token for a code. Never repeated: a code is good for one exchange."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "client_id": self._client_id,
            "code_verifier": departure.verifier,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertion(provider.token_endpoint),
        }
        answer = await self._http.post(provider.token_endpoint, data=form, timeout=self._deadline)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise Unavailable
        try:
            if answer.status_code == httpx.codes.OK:
                return Tokens.model_validate_json(answer.content).id_token
            said = Failure.model_validate_json(answer.content)
        except ValidationError as error:
            raise Refused from error
        if said.error == "access_denied":
            raise Declined(self.declined(said.error, said.error_description))
        raise Refused

    def _assertion(self, audience: str) -> str:
        """Return the signed statement that it is we who ask: for one use, within a minute."""
        now = self._clock.now()
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + _ASSERTION_LIVES,
        }
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key, algorithms=["ES256"])

    async def _signed(self, provider: Provider, token: str) -> Claims:
        """Return the claims of a token that the provider signed; an unknown key is looked up once more."""
        try:
            return read(token, await self._known_keys(provider))
        except UnknownKey:
            self._keys = None
        try:
            return read(token, await self._known_keys(provider))
        except UnknownKey as error:
            raise Refused from error

    @property
    def _http(self) -> httpx.AsyncClient:
        """The client, opened when first needed: by then the event loop runs."""
        if self._client is None:
            self._client = self._open()
        return self._client


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
