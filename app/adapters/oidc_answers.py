"""What an OpenID provider says, read strictly: its documents, and ID tokens in ES256 and nothing else."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel, ConfigDict, Field

from app.ports import Refused

LEEWAY: Final = 60
"""How far the two clocks may differ, in seconds."""

Text = Annotated[str, Field(min_length=1, max_length=2_000)]


class Said(BaseModel):
    """Something the provider says; what we do not use is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Provider(Said):
    """The discovery document."""

    issuer: Text
    authorization_endpoint: Text
    token_endpoint: Text
    jwks_uri: Text

    @property
    def is_as_safe_as_its_name(self) -> bool:
        """Whether no address falls back from the issuer's https to something weaker."""
        scheme = self.issuer.partition("://")[0] + "://"
        addresses = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri)
        return all(address.startswith((scheme, "https://")) for address in addresses)


class Keys(Said):
    """The published keys."""

    keys: list[dict[str, Any]]

    def for_signing(self) -> KeySet:
        """Return the keys that can sign in ES256; the others are not ours to judge."""
        return KeySet(list(_signing_keys(self.keys)))


class Tokens(Said):
    """The token endpoint's answer."""

    id_token: Text


class Failure(Said):
    """The token endpoint's error."""

    error: str
    error_description: str = ""


class Claims(Said):
    """What a signed ID token states."""

    iss: Text
    sub: Annotated[str, Field(min_length=1, max_length=255)]
    aud: str | list[str]
    exp: int
    iat: int
    nonce: Text
    azp: str | None = None

    def hold(self, *, issuer: str, client_id: str, nonce: str, now: int) -> bool:
        """Whether the token is for us, for this departure, and of now (OpenID Connect Core, 3.1.3.7)."""
        return (
            self.iss == issuer
            and self._is_for(client_id)
            and self.exp > now - LEEWAY
            and self.iat <= now + LEEWAY
            and hmac.compare_digest(self.nonce.encode(), nonce.encode())
        )

    def _is_for(self, client_id: str) -> bool:
        """Whether we are the audience: among several only when we are named as the one who asked."""
        audience = [self.aud] if isinstance(self.aud, str) else self.aud
        askers = {client_id} if len(audience) > 1 else {client_id, None}
        return client_id in audience and self.azp in askers


class UnknownKey(Exception):
    """The token names a key that is not among those known."""


def read(token: str, keys: KeySet) -> Claims:
    """Return the claims of a signed ID token. Raises `Refused`, or `UnknownKey`: looking again may help."""
    try:
        return Claims.model_validate(jwt.decode(token, keys, algorithms=["ES256"]).claims)
    except InvalidKeyIdError as error:
        raise UnknownKey from error
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused from error


def _signing_keys(published: Iterable[Mapping[str, Any]]) -> Iterable[ECKey]:
    for raw in published:
        if raw.get("kty") != "EC" or raw.get("crv") != "P-256" or raw.get("use", "sig") != "sig":
            continue
        try:
            yield ECKey.import_key(dict(raw))
        except (JoseError, ValueError, TypeError):
            continue
