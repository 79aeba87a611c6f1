"""Signed tokens (itsdangerous, one salt per purpose, canonical spelling only) and encryption of stored values.

A token carries random ids, never answers; the store decides whether it is still valid.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from enum import StrEnum
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from itsdangerous import BadData, URLSafeTimedSerializer

from app.rules.words.furigana import spoken

# itsdangerous accepts several spellings of one signature (spare base64 bits, dropped non-ASCII, ignored padding).
# Only the spelling that it writes itself is read here.
SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{1,400}\.[A-Za-z0-9_-]{1,16}\.[A-Za-z0-9_-]{43}")


class Purpose(StrEnum):
    """What a token is for; a token of one purpose is never read for another. The value is the salt."""

    HANDOFF = "handoff"
    STATION = "station"
    CHALLENGE = "challenge"
    REVIEW = "review"


MAX_AGE: Final = {
    Purpose.HANDOFF: 600,
    Purpose.STATION: 400 * 24 * 3600,
    Purpose.CHALLENGE: 300,
    Purpose.REVIEW: 1800,
}


class BadToken(Exception):
    """Expired, unknown, tampered with or not canonical: the cases are not told apart."""


def new_secret() -> str:
    """Return 128 random bits as text for a cookie or a one-time id."""
    return secrets.token_urlsafe(16)


def _is_canonical(part: str) -> bool:
    padded = part + "=" * (-len(part) % 4)
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(padded)).rstrip(b"=").decode() == part


class Signer:
    """Signs and reads tokens with a list of keys, newest last."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._form_key = hashlib.sha256(b"form\0" + keys[-1].encode()).digest()
        self._serializers = {purpose: _serializer(keys, purpose) for purpose in Purpose}

    def sign(self, purpose: Purpose, *ids: str) -> str:
        """Return a token that carries these ids."""
        token = self._serializers[purpose].dumps([purpose.value, *ids])
        text = str(token)
        if not SHAPE.fullmatch(text):
            raise ValueError("a token carries short random ids only")
        return text

    def read(self, purpose: Purpose, raw: str) -> tuple[str, ...]:
        """Return the ids of a token, or raise `BadToken`."""
        try:
            if not SHAPE.fullmatch(raw) or not all(_is_canonical(part) for part in raw.split(".")):
                raise BadToken
            found = self._serializers[purpose].loads(raw, max_age=MAX_AGE[purpose])
        except (BadData, ValueError) as error:
            raise BadToken from error
        return _ids(purpose, found)

    def form(self, session: str) -> str:
        """Return the CSRF token for the forms of this browser session."""
        return hmac.digest(self._form_key, session.encode(), "sha256").hex()[:32]

    def code(self, secret: str) -> str:
        """Derive six letters from a secret (HMAC), to be read on one screen and typed on another."""
        return spoken(int.from_bytes(hmac.digest(self._form_key, b"code\0" + secret.encode(), "sha256")))

    def number(self, secret: str) -> int:
        """Derive 256 bits from a secret (HMAC-SHA256, one-way)."""
        return int.from_bytes(hmac.digest(self._form_key, b"number\0" + secret.encode(), "sha256"))

    def is_form(self, session: str, token: str) -> bool:
        """Whether a CSRF token belongs to this browser session; compared in constant time."""
        return hmac.compare_digest(self.form(session).encode(), token.encode("utf-8", "replace"))


class Sealed(StrEnum):
    """The kind of an encrypted value; one kind is never decrypted as another."""

    ADDRESS = "address"
    OFFERED = "offered"
    ONE_TIME = "one-time"
    PERSON = "person"
    SEARCH = "search"
    WAITING = "waiting"


class Sealer:
    """Encrypts stored values (Fernet) with a key derived from the newest signing key; decrypts with any key."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        made = (hashlib.sha256(b"seal\0" + key.encode()).digest() for key in reversed(keys))
        self._keys = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in made])

    def seal(self, kind: Sealed, text: str) -> str:
        """Encrypt a text."""
        return self.seal_bytes(kind, text.encode()).decode()

    def seal_bytes(self, kind: Sealed, data: bytes) -> bytes:
        """Encrypt data."""
        return self._keys.encrypt(kind.value.encode() + b"\0" + data)

    def open_bytes(self, kind: Sealed, sealed: bytes, max_age: int | None = None) -> bytes:
        """Decrypt data, or raise `BadToken`; `max_age` in seconds."""
        try:
            found, _, data = self._keys.decrypt(sealed, ttl=max_age).partition(b"\0")
        except InvalidToken as error:
            raise BadToken from error
        if found != kind.value.encode():
            raise BadToken
        return data

    def renew(self, sealed: str) -> str:
        """Re-encrypt with the newest key, or raise `BadToken`."""
        try:
            return self._keys.rotate(sealed.encode()).decode()
        except InvalidToken as error:
            raise BadToken from error

    def open(self, kind: Sealed, sealed: str, max_age: int | None = None) -> str:
        """Decrypt a text, or raise `BadToken`; `max_age` in seconds."""
        try:
            return self.open_bytes(kind, sealed.encode(), max_age).decode()
        except UnicodeError as error:
            raise BadToken from error


def _serializer(keys: tuple[str, ...], purpose: Purpose) -> URLSafeTimedSerializer:
    kwargs = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(list(keys), salt=purpose.value, signer_kwargs=kwargs)


def _ids(purpose: Purpose, found: object) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(part, str) for part in found):
        raise BadToken
    if not found or found[0] != purpose.value:
        raise BadToken
    return tuple(found[1:])
