"""Names encrypted under a key per person: that key is sealed with the server's, and deleting it erases the person.

Searches compare keyed hashes of name beginnings, never names; a station's search key stays when the server's change.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, replace

from cryptography.fernet import Fernet, InvalidToken

from app.rules.terminal.consent_list import Incoming, PersonNames
from app.rules.words.names import beginnings, folded
from app.tokens import BadToken, Sealed, Sealer


class SearchKey:
    """A station's HMAC key, under which people are recognised and names searched."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @staticmethod
    def new() -> str:
        """Return a fresh key as text, to be sealed."""
        return secrets.token_hex(32)

    def hashed(self, kind: str, *parts: str) -> str:
        """Return the HMAC-SHA-256 of these parts, cut to 128 bits (hex)."""
        return hmac.digest(self._key, "\0".join((kind, *parts)).encode(), "sha256").hex()[:32]

    def digest(self, data: bytes) -> str:
        """Return the HMAC-SHA-256 (hex) of a file."""
        return hmac.digest(self._key, b"file\0" + data, "sha256").hex()

    def with_hashes(self, person: Incoming) -> Incoming:
        """Return a person with the hashes by which they are recognised in the next file."""
        names = person.names
        if names is None or names.born_on is None:
            return replace(person, person_hash=self._by_times(person))
        who = folded(names.name), folded(names.kana)
        found = self.hashed("mark", *who, names.born, names.sex) if any(who) else ""
        return replace(person, person_hash=found, born=self.hashed("born", names.born, names.sex))

    def _by_times(self, person: Incoming) -> str:
        """Return a hash of all consent times, to recognise somebody without reference number and birth date."""
        times = sorted({f"{c.name} {c.time}" for result in person.results for c in result.consents if c.time})
        return self.hashed("times", *times) if times and not person.references else ""

    def beginnings(self, names: PersonNames) -> set[str]:
        """Return the hashes under which a person is found by name."""
        return {self.hashed("name", each) for each in beginnings(names.name, names.kana)}

    def beginning(self, sought: str) -> str:
        """Return the hash of a typed beginning."""
        return self.hashed("name", sought)


class PersonKeys:
    """Encrypts and decrypts people's names, search keys, and files that wait."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def sealed(self, person: str, names: PersonNames) -> tuple[str, str]:
        """Return a fresh key, sealed, and the names encrypted under it."""
        key = Fernet.generate_key()
        text = json.dumps([person, asdict(names)], ensure_ascii=False)
        return self._sealer.seal(Sealed.PERSON, key.decode()), Fernet(key).encrypt(text.encode()).decode()

    def opened(self, person: str, key: str | None, sealed: str | None) -> PersonNames | None:
        """Decrypt names; None where there are none, their key cannot be opened, or they are another person's."""
        if not key or not sealed:
            return None
        try:
            found, names = json.loads(Fernet(self._sealer.open(Sealed.PERSON, key)).decrypt(sealed.encode()))
        except (BadToken, InvalidToken):
            return None
        return PersonNames(**names) if found == person else None

    def search_key(self, sealed: str) -> SearchKey:
        """Return a station's search key."""
        return SearchKey(bytes.fromhex(self._sealer.open(Sealed.SEARCH, sealed)))

    def new_search_key(self) -> str:
        """Return a fresh search key, sealed."""
        return self._sealer.seal(Sealed.SEARCH, SearchKey.new())

    def wrapped(self, data: bytes) -> bytes:
        """Encrypt data of a file that waits."""
        return self._sealer.seal_bytes(Sealed.WAITING, data)

    def unwrapped(self, data: bytes) -> bytes:
        """Decrypt what `wrapped` returned."""
        return self._sealer.open_bytes(Sealed.WAITING, data)


def with_hashes(key: SearchKey, people: Iterable[Incoming]) -> list[Incoming]:
    """Return people with the hashes by which they are recognised."""
    return [key.with_hashes(each) for each in people]
