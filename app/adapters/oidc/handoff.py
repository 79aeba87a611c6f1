"""The handoff by OpenID Connect: authorization link out, code back, ID token as proof of who tapped.

The same adapter serves the practice マイナアプリ and a real provider. Only the scope `openid` is requested: any more
would ask the patient for a second PIN. The token proves who tapped, not that anything is registered.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import structlog
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from typing_extensions import override

from app.adapters.oidc.answers import Claims, Failure, Keys, Provider, RefusalReason, S, Tokens, UnknownKey, parse, read
from app.adapters.oidc.client_keys import UnusableKeys
from app.ports.outside import Clock, Decline, Declined, Handoff, Identity, Refused, Unavailable
from app.ports.store import Departure
from app.rules.record.clock import is_young

if TYPE_CHECKING:
    import httpx
    from starlette.types import ASGIApp

LARGEST: Final = 64 * 1024
"""Bytes of an answer that are read at most; a genuine one has a few thousand."""
LOOK_AGAIN: Final = 60
"""Seconds after a refetch of the keys for an unknown key id in which there is no other."""
_ASSERTION_LIVES: Final = 60
EARLIER: Final = 10
"""Seconds by which an assertion is backdated: a strict provider refuses one whose `iat` is in its future."""
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CACHE_LIVES: Final = 3600
_REMEMBERED: Final = 10_000
_DECLINES: Final = {decline.value: decline for decline in Decline if decline is not Decline.UNKNOWN}
_AWAY: Final = frozenset({RefusalReason.SERVER_ERROR, RefusalReason.TEMPORARILY_UNAVAILABLE})
_SAID: Final = _AWAY | {
    RefusalReason.INVALID_REQUEST,
    RefusalReason.INVALID_CLIENT,
    RefusalReason.INVALID_GRANT,
    RefusalReason.INVALID_SCOPE,
    RefusalReason.UNAUTHORIZED_CLIENT,
}
"""Provider errors that are logged by name: most mean that our registration is wrong."""
log = structlog.get_logger()

Key: TypeAlias = str | Mapping[str, Any] | Callable[[], ECKey]
"""Our private key as PEM or JWK, or a function that returns the one to sign with now."""


class OpenIdHandoff(Handoff):
    """`Handoff` by authorization code flow with PKCE, state, nonce and `private_key_jwt`."""

    def __init__(  # noqa: PLR0913 - plain values by name, joined once
        self,
        *,
        issuer: str,
        client_id: str,
        redirect_uri: str,
        key: Key,
        http: Callable[[], httpx.AsyncClient],
        clock: Clock,
        deadline: float = 4.0,
        acr_values: str = "",
    ) -> None:
        """Take the values agreed on at registration; `acr_values` only if the contract names some."""
        self._issuer = issuer
        self._client_id = client_id
        self._redirect_uri = redirect_uri
        self._key = key if callable(key) else _always(key)
        self._acr_values = acr_values
        self._open = http
        self._client: httpx.AsyncClient | None = None
        self._clock = clock
        self._deadline = deadline
        self._provider: tuple[int, Provider] | None = None
        self._keys: tuple[int, KeySet] | None = None
        self._looking = asyncio.Lock()
        self._looked_again: int | None = None
        self._exchanged: dict[bytes, None] = {}

    async def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    @override
    async def address(self, departure: Departure, state: str) -> str:
        import httpx  # noqa: PLC0415 - a tenth of a start, which asks nobody

        async with self._told():
            self._signing_key()  # fail before the card is tapped
            provider = await self._discovered()
            asks = {
                "response_type": "code",
                "client_id": self._client_id,
                "redirect_uri": self._redirect_uri,
                "scope": "openid",
                "state": state,
                "nonce": departure.nonce,
                "max_age": "0",  # a provider session in this browser may be the previous patient's
                "code_challenge": _challenge(departure.verifier),
                "code_challenge_method": "S256",
                **({"acr_values": self._acr_values} if self._acr_values else {}),
            }
            return str(httpx.URL(provider.authorization_endpoint).copy_merge_params(asks))

    @override
    async def identify(self, departure: Departure, code: str) -> Identity:
        async with self._told():
            provider = await self._discovered()
            token = await self._exchange(provider, departure, code)
            claims = await self._signed(provider, token)
            names = {"issuer": self._issuer, "client_id": self._client_id, "acr_values": self._acr_values}
            claims.check(departure, **names, now=self._clock.now())
            return Identity(claims.sub)

    @override
    def declined(self, error: str, description: str) -> Decline:
        if error == "access_denied":
            return _DECLINES.get(description, Decline.CANCELLED)
        _tell(_failed(error))
        return Decline.UNKNOWN

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[None]:
        """Apply the deadline, log `Refused` and `Unavailable`, and translate network errors to `Unavailable`.

        httpx bounds only each read, and nothing over an in-process transport.
        """
        import httpx  # noqa: PLC0415 - a tenth of a start, which asks nobody

        try:
            async with asyncio.timeout(self._deadline):
                yield
        except (Refused, Unavailable) as error:
            _tell(error)
            raise
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            is_late = isinstance(error, TimeoutError | httpx.TimeoutException)
            away = Unavailable(RefusalReason.TIMEOUT if is_late else RefusalReason.LINE)
            _tell(away)
            raise away from error

    async def _discovered(self) -> Provider:
        """Return the discovery document, cached for an hour; its issuer must equal the configured one."""
        now = self._clock.now()
        if self._provider is None or not is_young(self._provider[0], _CACHE_LIVES, now):
            found = await self._get(discovery_address(self._issuer), Provider)
            if found.issuer != self._issuer or not found.is_as_safe_as_its_name:
                raise Unavailable(RefusalReason.DISCOVERY)
            self._provider = (now, found)
        return self._provider[1]

    async def _known_keys(self, provider: Provider) -> KeySet:
        if self._keys is None or not is_young(self._keys[0], _CACHE_LIVES, self._clock.now()):
            await self._fetch_keys(provider)
        return self._keys[1] if self._keys else KeySet([])

    async def _fetch_keys(self, provider: Provider) -> None:
        now = self._clock.now()
        found = await self._get(provider.jwks_uri, Keys)
        self._keys = (now, found.for_signing())

    async def _get(self, url: str, kind: type[S]) -> S:
        answer = await ask(self._http, "GET", url, deadline=self._deadline)
        if answer.status_code != HTTPStatus.OK:
            raise Unavailable(RefusalReason.STATUS)
        if not is_json(answer):
            raise Unavailable(RefusalReason.ANSWER)
        try:
            return parse(answer.content, kind)
        except ValueError as error:
            raise Unavailable(RefusalReason.ANSWER) from error

    async def _exchange(self, provider: Provider, departure: Departure, code: str) -> str:
        """Exchange a code for the ID token. Never retried: a code is valid for one exchange."""
        self._exchange_once(code)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "client_id": self._client_id,
            "code_verifier": departure.verifier,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertion(provider.token_endpoint),
        }
        answer = await ask(self._http, "POST", provider.token_endpoint, deadline=self._deadline, form=form)
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error:
            raise Unavailable(RefusalReason.STATUS)
        try:
            if answer.status_code == HTTPStatus.OK and is_json(answer):
                return parse(answer.content, Tokens).id_token
            failure = parse(answer.content, Failure)
        except ValueError as error:
            raise Refused(RefusalReason.NO_TOKEN) from error
        if failure.error == "access_denied":
            raise Declined(self.declined(failure.error, failure.error_description))
        raise _failed(failure.error)

    def _exchange_once(self, code: str) -> None:
        """Refuse a code sent before: on reuse, a provider may revoke the first exchange's tokens (RFC 6749, 4.1.2)."""
        digest = hashlib.sha256(code.encode(errors="surrogatepass")).digest()
        if not code or digest in self._exchanged:
            raise Refused(RefusalReason.CODE)
        if len(self._exchanged) >= _REMEMBERED:
            del self._exchanged[next(iter(self._exchanged))]
        self._exchanged[digest] = None

    def _assertion(self, audience: str) -> str:
        """Return the signed client assertion (`private_key_jwt`): for one use, within a minute."""
        now, key = self._clock.now(), self._signing_key()
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(16),
            "iat": now - EARLIER,
            "exp": now - EARLIER + _ASSERTION_LIVES,
        }
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])

    def _signing_key(self) -> ECKey:
        try:
            return self._key()
        except UnusableKeys as error:
            raise Unavailable(RefusalReason.KEY) from error

    async def _signed(self, provider: Provider, token: str) -> Claims:
        """Verify a token and return its claims; for an unknown key, the keys are refetched once."""
        known = await self._known_keys(provider)
        try:
            return read(token, known)
        except UnknownKey:
            newer = await self._newer_keys(provider, known)
        try:
            return read(token, newer)
        except UnknownKey as error:
            raise Refused(RefusalReason.SIGNATURE) from error

    async def _newer_keys(self, provider: Provider, known: KeySet) -> KeySet:
        """Refetch the keys, once for concurrent callers and at most once a minute however many tokens are forged."""
        async with self._looking:
            now = self._clock.now()
            is_unchanged = self._keys is None or self._keys[1] is known
            if is_unchanged and (self._looked_again is None or not is_young(self._looked_again, LOOK_AGAIN, now)):
                self._looked_again = now
                await self._fetch_keys(provider)
            return await self._known_keys(provider)

    @property
    def _http(self) -> httpx.AsyncClient:
        """The client, opened on first use, when the event loop runs."""
        if self._client is None:
            self._client = self._open()
        return self._client


def line(deadline: float) -> httpx.AsyncClient:
    """Return a client for a real provider: TLS is verified; proxies and .netrc of the machine are ignored."""
    import httpx  # noqa: PLC0415 - a tenth of a start, which asks nobody

    return httpx.AsyncClient(timeout=deadline, trust_env=False, follow_redirects=False)


def in_process(app: ASGIApp, deadline: float) -> httpx.AsyncClient:
    """Return a client whose requests an application of this process answers."""
    import httpx  # noqa: PLC0415 - a tenth of a start, which asks nobody

    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), timeout=deadline)


async def ask(
    http: httpx.AsyncClient, method: str, url: str, *, deadline: float, form: Mapping[str, str] | None = None
) -> httpx.Response:
    """Send a request without following redirects or keeping cookies.

    Raises `Unavailable` when the answer is larger than `LARGEST`, or compressed, which hides its size.
    """
    import httpx  # noqa: PLC0415 - a tenth of a start, which asks nobody

    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    request = http.build_request(method, url, headers=headers, timeout=deadline, data=dict(form) if form else None)
    answer = await http.send(request, stream=True, follow_redirects=False)
    try:
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise Unavailable(RefusalReason.ANSWER)
        body = b""
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > LARGEST:
                raise Unavailable(RefusalReason.ANSWER)
    finally:
        await answer.aclose()
        http.cookies.clear()
    return httpx.Response(answer.status_code, headers=_kept(answer), content=body)


def is_json(answer: httpx.Response) -> bool:
    """Whether the content type is `application/json` or `application/*+json`."""
    kind = str(answer.headers.get("content-type", "")).partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def discovery_address(issuer: str) -> str:
    """Return the address of an issuer's discovery document (OpenID Connect Discovery, section 4)."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def _failed(error: str) -> Refused | Unavailable:
    """Translate a provider's error code into an exception; an unknown code becomes `OTHER` and is never stored."""
    reason = RefusalReason(error) if error in _SAID else RefusalReason.OTHER
    return Unavailable(reason) if reason in _AWAY else Refused(reason)


def _tell(error: Refused | Unavailable) -> None:
    log.warning("identity refused" if isinstance(error, Refused) else "identity unavailable", reason=str(error))


def _kept(answer: httpx.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in ("content-type", "date") if name in answer.headers}


def _always(key: str | Mapping[str, Any]) -> Callable[[], ECKey]:
    found = ECKey.import_key(key if isinstance(key, str) else dict(key))
    found.ensure_kid()
    return lambda: found


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
