"""What an OpenID provider says, read strictly: its documents, and ID tokens in ES256 and nothing else."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel, ConfigDict, Field

from app.ports import Refused

LEEWAY: Final = 60
"""How far the two clocks may differ, in seconds."""
_PUBLIC: Final = frozenset({"kty", "crv", "x", "y", "kid", "alg"})

Text = Annotated[str, Field(min_length=1, max_length=2_000)]
_ASCII: Final = r"^[\x20-\x7e]{1,255}$"


class Said(BaseModel):
    """Something the provider says; what we do not use is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Provider(Said):
    """The discovery document."""

    issuer: Text
    authorization_endpoint: Text
    token_endpoint: Text
    jwks_uri: Text
    scopes_supported: list[str] | None = None
    response_types_supported: list[str] | None = None
    code_challenge_methods_supported: list[str] | None = None
    id_token_signing_alg_values_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    token_endpoint_auth_signing_alg_values_supported: list[str] | None = None

    @property
    def endpoints(self) -> dict[str, str]:
        """The addresses that we use, by name."""
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
        """Return the keys that can sign in ES256; the others are not ours to judge."""
        return KeySet(list(_signing_keys(self.keys)))


class Tokens(Said):
    """The token endpoint's answer."""

    id_token: Annotated[str, Field(min_length=1, max_length=16_000)]


class Failure(Said):
    """The token endpoint's error."""

    error: str
    error_description: str = ""


class Claims(Said):
    """What a signed ID token states."""

    iss: Text
    sub: Annotated[str, Field(pattern=_ASCII)]
    aud: str | list[str]
    exp: int
    iat: int
    nonce: Text
    azp: str | None = None
    nbf: int | None = None
    auth_time: int | None = None

    def hold(self, *, issuer: str, client_id: str, nonce: str, since: int, now: int) -> bool:
        """Whether the token is for us and for the departure made at `since` (OpenID Connect Core, 3.1.3.7)."""
        return (
            self.iss == issuer
            and self._is_for(client_id)
            and self._is_of_now(since, now)
            and hmac.compare_digest(self.nonce.encode(), nonce.encode())
        )

    def _is_for(self, client_id: str) -> bool:
        """Whether we are the audience: among several only when we are named as the one who asked."""
        audience = [self.aud] if isinstance(self.aud, str) else self.aud
        askers = {client_id} if len(audience) > 1 else {client_id, None}
        return client_id in audience and self.azp in askers

    def _is_of_now(self, since: int, now: int) -> bool:
        """Whether token and tap are neither over, nor from the future, nor older than the way out."""
        begun = [moment for moment in (self.iat, self.nbf, self.auth_time) if moment is not None]
        # An earlier tap in the same browser, kept as a session, would prove the patient before this one.
        made = [self.iat] if self.auth_time is None else [self.iat, self.auth_time]
        return self.exp > now - LEEWAY and max(begun) <= now + LEEWAY and min(made) >= since - LEEWAY


class UnknownKey(Exception):
    """The token names a key that is not among those known, or that key has changed."""


S = TypeVar("S", bound=Said)


def parse(body: bytes, kind: type[S]) -> S:
    """Return what a body of JSON says. Raises `ValueError`, also for a name that is given twice."""
    try:
        found = json.loads(body.decode(), cls=_Strict)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return kind.model_validate(found)


def read(token: str, keys: KeySet) -> Claims:
    """Return the claims of a signed ID token. Raises `Refused`, or `UnknownKey`: looking again may help."""
    try:
        return Claims.model_validate(jwt.decode(token, keys, algorithms=["ES256"], decoder_cls=_Strict).claims)
    except (InvalidKeyIdError, BadSignatureError) as error:
        raise UnknownKey from error
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refused from error


class _Strict(json.JSONDecoder):
    """JSON in which a name stands once: two readers could otherwise read two things."""

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
    """Return scheme, host and port of an address, or None when it is none that we would open."""
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
