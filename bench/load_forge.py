"""Return tokens that nobody gave out: invented, changed, respelled, cut, or signed by the wrong hand."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Final
from unittest.mock import patch

from app.tokens import MAX_AGE, Purpose, Signer

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SPARE: Final = 4
"""The last letter of 32 bytes in base64 holds two bits that nobody reads: four letters mean the same."""
_STRANGE: Final = "=!.\n \té\x00ａ~"


class Forger:
    """Makes tokens from genuine ones, the same again for the same number to begin with."""

    def __init__(self, signer: Signer, keys: tuple[str, ...], rand: int) -> None:
        """Take the server's own signer, for what it signs for another purpose or signed long ago."""
        self._drawn = random.Random(rand)
        self._own = signer
        self._stranger = Signer(tuple(key[::-1] for key in keys))

    @property
    def ways(self) -> Mapping[str, Callable[[str], str]]:
        """Every way to forge, by name."""
        return {
            "invented": self.invented,
            "changed": self.changed,
            "cut": self.cut,
            "respelled": self.respelled,
            "other_purpose": self.other_purpose,
            "other_key": self.other_key,
            "expired": self.expired,
        }

    def invented(self, genuine: str) -> str:
        """Return a token of the right shape and nothing else."""
        return ".".join(self._letters(len(part)) for part in genuine.split("."))

    def changed(self, genuine: str) -> str:
        """Return a token with one letter changed, anywhere but for the bits that nobody reads."""
        place = self._drawn.randrange(len(genuine) - 1)
        other = self._drawn.choice([letter for letter in _ALPHABET if letter != genuine[place]])
        return genuine[:place] + other + genuine[place + 1 :]

    def cut(self, genuine: str) -> str:
        """Return a token that lacks its end, its beginning, or a part."""
        place = self._drawn.randrange(1, len(genuine))
        parts = genuine.split(".")
        without = ".".join(part for at, part in enumerate(parts) if at != place % 3)
        return self._drawn.choice([genuine[:place], genuine[place:], without, f"{genuine}{genuine}"])

    def respelled(self, genuine: str) -> str:
        """Return a token that a lenient reader takes for the genuine one."""
        ways = (self._spare_bits, self._strange_letter, self._padded, self._other_alphabet)
        found = self._drawn.choice(ways)(genuine)
        return found if found != genuine else self._spare_bits(genuine)

    def other_purpose(self, genuine: str) -> str:
        """Return what the server signed for something else, with the ids of a live way out."""
        return self._own.sign(Purpose.STATION, *self._ids(genuine))

    def other_key(self, genuine: str) -> str:
        """Return the same ids, signed by somebody else."""
        return self._stranger.sign(Purpose.HANDOFF, *self._ids(genuine))

    def expired(self, genuine: str) -> str:
        """Return what the server signed too long ago."""
        return self.signed_before(genuine, self._drawn.randrange(MAX_AGE[Purpose.HANDOFF] + 2, 10**7))

    def signed_before(self, genuine: str, seconds: int) -> str:
        """Return the same ids, signed by the server so many seconds ago."""
        then = int(time.time()) - seconds
        with patch("itsdangerous.timed.TimestampSigner.get_timestamp", return_value=then):
            return self._own.sign(Purpose.HANDOFF, *self._ids(genuine))

    # --- respelling -----------------------------------------------------------------------------------------

    def _spare_bits(self, genuine: str) -> str:
        value = _ALPHABET.index(genuine[-1])
        others = [_ALPHABET[value - value % _SPARE + bits] for bits in range(_SPARE) if bits != value % _SPARE]
        return genuine[:-1] + self._drawn.choice(others)

    def _strange_letter(self, genuine: str) -> str:
        place = self._drawn.randrange(len(genuine) - 42, len(genuine) + 1)
        return genuine[:place] + self._drawn.choice(_STRANGE) + genuine[place:]

    def _padded(self, genuine: str) -> str:
        return genuine + "=" * self._drawn.randrange(1, 5)

    def _other_alphabet(self, genuine: str) -> str:
        head, _, signature = genuine.rpartition(".")
        return f"{head}.{signature.replace('-', '+').replace('_', '/')}"

    def _letters(self, many: int) -> str:
        return "".join(self._drawn.choices(_ALPHABET, k=many))

    def _ids(self, genuine: str) -> list[str]:
        return [part for part in _payload(genuine) if part != Purpose.HANDOFF.value]


def _payload(token: str) -> list[str]:
    part = token.partition(".")[0]
    found: list[str] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found
