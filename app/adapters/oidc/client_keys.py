"""Our keys for `private_key_jwt`: the one that signs, and those that await registration, in one file.

The file is a JWK set with private keys, readable by its owner only and always replaced atomically. A running server
reloads it when it has changed, so that a key can be put to use without a restart.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

_NAME_LENGTH: Final = 8


class UnusableKeys(Exception):
    """The key file is missing, damaged, or open to others: the message says which and what to do."""


class NoSuchKey(Exception):
    """There is no key with this id."""


class KeyInUse(Exception):
    """The key signs now: another one has to be put to use first."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The file's content: all keys, oldest first, and the id of the one that signs."""

    keys: tuple[ECKey, ...] = ()
    signs: str = ""

    def key(self, kid: str) -> ECKey:
        """Return a key by its id. Raises `NoSuchKey`."""
        found = next((key for key in self.keys if key.kid == kid), None)
        if found is None:
            raise NoSuchKey(kid)
        return found

    def public(self) -> dict[str, list[dict[str, Any]]]:
        """Return the public halves, to be registered, as a JWK set."""
        return {"keys": [dict(key.as_dict(private=False)) for key in self.keys]}


class KeyRing:
    """The keys in one file. Changes come from the command line, one at a time; a server only reads."""

    def __init__(self, path: Path) -> None:
        """The file is created with the first key."""
        self._path = path
        self._seen: tuple[int, ...] = ()
        self._kept = Kept()

    def signing(self) -> ECKey:
        """Return the key that signs now. Raises `UnusableKeys`."""
        kept = self.kept()
        try:
            return kept.key(kept.signs)
        except NoSuchKey as error:
            raise UnusableKeys(f"{self._path}: no key yet; make one with `kazasu identity new-key`") from error

    def kept(self) -> Kept:
        """Return all keys, cached until the file changes. Raises `UnusableKeys`."""
        try:
            found = self._path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return Kept()
        except OSError as error:
            raise UnusableKeys(f"{self._path}: cannot be read") from error
        seen = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        if seen != self._seen:
            self._kept, self._seen = self._read(found.st_mode), seen
        return self._kept

    def new(self, now: int) -> ECKey:
        """Generate a key; the very first one signs at once."""
        made = _new(now)
        with self._changing() as kept:
            self._write(Kept((*kept.keys, made), kept.signs or str(made.kid)))
        return made

    def use(self, kid: str) -> None:
        """Sign with this key from now on. Raises `NoSuchKey`."""
        with self._changing() as kept:
            self._write(replace(kept, signs=str(kept.key(kid).kid)))

    def retire(self, kid: str) -> None:
        """Delete a key. Raises `NoSuchKey`, or `KeyInUse` for the one that signs."""
        with self._changing() as kept:
            gone = kept.key(kid)
            if kid == kept.signs:
                raise KeyInUse(kid)
            self._write(replace(kept, keys=tuple(key for key in kept.keys if key is not gone)))

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Kept]:
        """Lock the folder, so that concurrent commands lose no key."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield self.kept()
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self, mode: int) -> Kept:
        if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
            raise UnusableKeys(f"{self._path}: must be a file for its owner only; chmod 600")
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            keys = tuple(_private(raw) for raw in found["keys"])
            return Kept(keys, str(Kept(keys).key(found["signs"]).kid))
        except PermissionError as error:
            raise UnusableKeys(f"{self._path}: belongs to another user; chown it to the one who serves") from error
        except (OSError, ValueError, TypeError, KeyError, JoseError, NoSuchKey) as error:
            raise UnusableKeys(f"{self._path}: damaged; put a copy back, or move it away and begin anew") from error

    def _write(self, kept: Kept) -> None:
        """Replace the file atomically: a reader finds the old or the new one, also after a power cut."""
        body = {"keys": [key.as_dict(private=True) for key in kept.keys], "signs": kept.signs}
        fresh = self._path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(body, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _new(now: int) -> ECKey:
    """Return a fresh key; its id begins with the day, so that old and new can be told apart."""
    key = ECKey.generate_key("P-256")
    day = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d")
    name = "".join(letter for letter in key.thumbprint() if letter.isalnum())[:_NAME_LENGTH]
    return ECKey.import_key({**key.as_dict(private=True), "kid": f"{day}-{name}", "use": "sig", "alg": "ES256"})


def _private(raw: dict[str, Any]) -> ECKey:
    key = ECKey.import_key(raw)
    if not key.is_private or key.curve_name != "P-256" or not key.kid:
        raise ValueError("no private key for ES256")
    return key
