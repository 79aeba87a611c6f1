"""An authenticator in software: answers as a phone or a key would, and lies in every single point on demand."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

_PRESENT: Final = 1 << 0
_VERIFIED: Final = 1 << 2
_HAS_KEY: Final = 1 << 6
_NO_MAKE: Final = bytes(16)


def text_of(content: bytes) -> str:
    """Return bytes as browsers write them into JSON."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """Return what such a text stands for."""
    return urlsafe_b64decode(text + "===")


def _new_key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


@dataclass
class Authenticator:
    """One passkey on one device, in the hands of whoever calls.

    Every field is the truth of an honest device; `but(...)` gives one that lies in the fields named.
    """

    origin: str
    rp_id: str
    present: bool = True
    verified: bool = True
    count: int = 0
    """How often it was used; 0 for ever where `counts` is off, as for passkeys that travel between devices."""
    counts: bool = True
    challenge: bytes | None = None
    """Answers this challenge, whatever was asked."""
    kind: str = ""
    """Says that this was done, whatever was."""
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: EllipticCurvePrivateKey = field(default_factory=_new_key)
    tampers: bool = False
    """Whether one bit of the signature is turned."""
    user: bytes = b""

    def but(self, **lies: Any) -> Self:
        """Return the same device, lying."""
        return replace(self, **lies)

    def with_other_key(self) -> Self:
        """Return another device that claims to be this one."""
        return self.but(key=_new_key())

    def create(self, options: str) -> str:
        """Make a passkey as `navigator.credentials.create` does; return the credential as JSON."""
        asked: dict[str, Any] = json.loads(options)
        self.user = bytes_of(asked["user"]["id"])
        said = self._client_data("webauthn.create", asked)
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._data(with_key=True)}
        return self._credential(clientDataJSON=said, attestationObject=cbor2.dumps(attestation))

    def get(self, options: str) -> str:
        """Prove it as `navigator.credentials.get` does; return the credential as JSON."""
        self.count += self.counts
        said, data = self._client_data("webauthn.get", json.loads(options)), self._data()
        signature = bytearray(self.key.sign(data + hashlib.sha256(said).digest(), ECDSA(SHA256())))
        signature[-1] ^= self.tampers
        return self._credential(
            clientDataJSON=said, authenticatorData=data, signature=bytes(signature), userHandle=self.user
        )

    def _client_data(self, kind: str, asked: dict[str, Any]) -> bytes:
        challenge = asked["challenge"] if self.challenge is None else text_of(self.challenge)
        said = {"type": self.kind or kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _data(self, *, with_key: bool = False) -> bytes:
        flags = _PRESENT * self.present | _VERIFIED * self.verified | _HAS_KEY * with_key
        data = hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")
        if not with_key:
            return data
        point = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        return data + _NO_MAKE + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)

    def _credential(self, **response: bytes) -> str:
        name = text_of(self.id)
        answer = {part: text_of(content) for part, content in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": answer})
