"""Strict parsing of an OpenID provider's documents and ID tokens (ES256 only)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel, ConfigDict, Field

from app.ports.outside import Refused
from app.ports.store import Departure

LEEWAY: Final = 60
"""Seconds by which the two clocks may differ."""
_YEAR_9999: Final = 253_402_300_799
_PUBLIC: Final = frozenset({"kty", "crv", "x", "y", "kid", "alg"})

Text = Annotated[str, Field(min_length=1, max_length=2_000)]
Moment = Annotated[float, Field(ge=0, le=_YEAR_9999, allow_inf_nan=False)]
"""Seconds since 1970, UTC, with or without a fraction: a NumericDate (RFC 7519, section 2)."""
_ASCII: Final = r"^[\x20-\x7e]{1,255}$"


class RefusalReason(StrEnum):
    """Why identification failed, as the log's `reason`; docs/identity.md says what to do about each."""

    # the provider, or our key, is unavailable
    TIMEOUT = "timeout"
    LINE = "line"
    STATUS = "status"
    ANSWER = "answer"
    DISCOVERY = "discovery"
    KEY = "key"
    # the answer fails validation
    CODE = "code"
    NO_TOKEN = "no_token"  # noqa: S105 - a word of the log
    TOKEN = "token"  # noqa: S105 - the same
    SIGNATURE = "signature"
    CLAIMS = "claims"
    TIME = "time"
    AUTH_TIME = "auth_time"
    SESSION = "session"
    ACR = "acr"
    # the provider's own error (RFC 6749, sections 4.1.2.1 and 5.2)
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    OTHER = "other"


class Said(BaseModel):
    """Base of the provider's documents; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Provider(Said):
    """The discovery document."""

    issuer: Text
    authorization_endpoint: Text
    token_endpoint: Text
    jwks_uri: Text
    scopes_supported: list[str] | None = None
    response_types_supported: list[str] | None = None
    claims_supported: list[str] | None = None
    code_challenge_methods_supported: list[str] | None = None
    id_token_signing_alg_values_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    token_endpoint_auth_signing_alg_values_supported: list[str] | None = None

    @property
    def endpoints(self) -> dict[str, str]:
        """The endpoints that we call, by name."""
        return {
            "authorization_endpoint": self.authorization_endpoint,
            "token_endpoint": self.token_endpoint,
            "jwks_uri": self.jwks_uri,
        }

    @property
    def is_as_safe_as_its_name(self) -> bool:
        """Whether every address is https, or at least the issuer's own origin."""
        own = _origin(self.issuer)
        return own is not None and all(
            (origin := _origin(address)) is not None and (origin == own or origin[0] == "https")
            for address in self.endpoints.values()
        )


class Keys(Said):
    """The published keys."""

    keys: list[dict[str, Any]]

    def for_signing(self) -> KeySet:
        """Return the keys for ES256; others and malformed ones are skipped."""
        return KeySet(list(_signing_keys(self.keys)))


class Tokens(Said):
    """The token endpoint's answer."""

    id_token: Annotated[str, Field(min_length=1, max_length=16_000)]


class Failure(Said):
    """The token endpoint's error."""

    error: str
    error_description: str = ""


class Claims(Said):
    """The claims of an ID token."""

    iss: Text
    sub: Annotated[str, Field(pattern=_ASCII)]
    aud: str | list[str]
    exp: Moment
    iat: Moment
    nonce: Text
    azp: str | None = None
    nbf: Moment | None = None
    auth_time: Moment | None = None
    acr: str | None = None

    def check(self, departure: Departure, *, issuer: str, client_id: str, acr_values: str, now: int) -> None:
        """Raise `Refused` unless issuer, audience, nonce, times and acr are valid (OpenID Connect Core, 3.1.3.7)."""
        is_ours = self.iss == issuer and self._is_for(client_id)
        holds = {
            RefusalReason.CLAIMS: is_ours and hmac.compare_digest(self.nonce.encode(), departure.nonce.encode()),
            RefusalReason.TIME: self._is_of_now(now),
            RefusalReason.AUTH_TIME: self.auth_time is not None,
            RefusalReason.SESSION: self._is_tapped_within(now - departure.issued_at),
            RefusalReason.ACR: not acr_values or self.acr in acr_values.split(),
        }
        for reason, is_so in holds.items():
            if not is_so:
                raise Refused(reason)

    def _is_for(self, client_id: str) -> bool:
        """Whether `aud` contains our client id; `azp` must be ours, and may be absent only with a single audience."""
        audience = [self.aud] if isinstance(self.aud, str) else self.aud
        askers = {client_id} if len(audience) > 1 else {client_id, None}
        return client_id in audience and self.azp in askers

    def _is_of_now(self, now: int) -> bool:
        """Whether `iat`, `nbf` and `exp` hold within `LEEWAY`, and `auth_time` is less than 1 s after `iat`."""
        is_now = abs(self.iat - now) <= LEEWAY and (self.nbf or 0) <= now + LEEWAY
        return is_now and self.exp > now - LEEWAY and (self.auth_time or 0) < self.iat + 1

    def _is_tapped_within(self, seconds: int) -> bool:
        """Whether the tap is younger than the departure, which was issued `seconds` ago.

        Both ages are measured on one clock each, theirs and ours: no leeway is needed in which the previous patient's
        tap could pass.
        """
        return self.auth_time is not None and self.iat - self.auth_time <= seconds


class UnknownKey(Exception):
    """The token names a key that is not among the fetched ones, or that key has changed."""


S = TypeVar("S", bound=Said)


def parse(body: bytes, kind: type[S]) -> S:
    """Parse and validate a JSON body. Raises `ValueError`, also for a duplicate name."""
    try:
        found = json.loads(body.decode(), cls=_Strict)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return kind.model_validate(found)


def read(token: str, keys: KeySet) -> Claims:
    """Verify an ID token; return its claims. Raises `Refused`, or `UnknownKey` if refetching the keys may help."""
    try:
        found = jwt.decode(token, keys, algorithms=["ES256"], decoder_cls=_Strict).claims
    except (InvalidKeyIdError, BadSignatureError) as error:
        raise UnknownKey from error
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refused(RefusalReason.TOKEN) from error
    try:
        return Claims.model_validate(found)
    except ValueError as error:
        raise Refused(RefusalReason.CLAIMS) from error


class _Strict(json.JSONDecoder):
    """JSON decoder without duplicate names, of which parsers choose different ones, and without NaN or Infinity."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _origin(address: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port; None unless http(s) with a host and without user or fragment."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None or parts.fragment:
        return None
    return parts.scheme, parts.hostname, port


def _signing_keys(published: Iterable[Mapping[str, Any]]) -> Iterable[ECKey]:
    for raw in published:
        if (raw.get("kty"), raw.get("crv")) != ("EC", "P-256"):
            continue
        if raw.get("use", "sig") != "sig" or raw.get("alg", "ES256") != "ES256":
            continue
        try:
            yield ECKey.import_key({name: value for name, value in raw.items() if name in _PUBLIC})
        except (JoseError, ValueError, TypeError):
            continue
