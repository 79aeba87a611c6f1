"""The service registered at the practice マイナアプリ, and the check that a token request comes from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from app.ports.outside import Clock
from app.practice.memory import Memory

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION: Final = 60
_ROOM: Final = 20_000


class NotTheClient(Exception):
    """The assertion does not prove that the registered client asks (RFC 6749: invalid_client)."""


@dataclass(frozen=True, slots=True)
class Client:
    """The client's registration."""

    client_id: str
    redirect_uri: str
    key: ECKey


class ClientCheck:
    """Checks `private_key_jwt` (RFC 7523): signature, names, audience, age, and that each `jti` is used once."""

    def __init__(self, client: Client, audience: str, clock: Clock) -> None:
        self._client = client
        self._audience = audience
        self._clock = clock
        self._keys = [client.key]
        self._used: Memory[bool] = Memory(clock, seconds=2 * LONGEST_ASSERTION, room=_ROOM)

    def register(self, key: ECKey) -> None:
        """Accept one more public key of the client: its next one."""
        self._keys.append(key)

    def withdraw(self, kid: str | None) -> None:
        """Accept a public key no more."""
        self._keys = [key for key in self._keys if key.kid != kid]

    def admit(self, form: Mapping[str, str]) -> None:
        """Raise `NotTheClient` unless the form carries a fresh assertion of the registered client."""
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise NotTheClient
        if form.get("client_id", self._client.client_id) != self._client.client_id:
            raise NotTheClient
        claims = self._read(form.get("client_assertion", ""))
        if not self._is_ours(claims) or not self._is_fresh(claims):
            raise NotTheClient
        self._use(claims.get("jti"))

    def _read(self, assertion: str) -> dict[str, Any]:
        try:
            return jwt.decode(assertion, KeySet(list(self._keys)), algorithms=["ES256"]).claims
        except (JoseError, ValueError, TypeError) as error:
            raise NotTheClient from error

    def _is_ours(self, claims: Mapping[str, Any]) -> bool:
        me = self._client.client_id
        return claims.get("iss") == me and claims.get("sub") == me and claims.get("aud") == self._audience

    def _is_fresh(self, claims: Mapping[str, Any]) -> bool:
        """Whether it is not expired, not from the future, and valid for at most `LONGEST_ASSERTION` seconds."""
        now, issued, ends = self._clock.now(), claims.get("iat"), claims.get("exp")
        if type(issued) is not int or type(ends) is not int:
            return False
        return issued <= now < ends <= issued + LONGEST_ASSERTION

    def _use(self, name: object) -> None:
        if not isinstance(name, str) or not name or self._used.get(name):
            raise NotTheClient
        self._used.put(name, value=True)
