"""Settings: typed, read from `KAZASU_*`, and refused at the start when they would be unsafe."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.rules.visit.visit import Route

_MIN_KEY: Final = 32
_LONGEST: Final = 255
_CLIENT_ID: Final = re.compile(r"[0-9a-zA-Z]{1,255}")
_ISSUER: Final = re.compile(r"https://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_DATABASE: Final = re.compile(r"sqlite:///.+|postgresql(\+psycopg)?://.+")
_ACR_VALUES: Final = re.compile(r"([\x21-\x7e]+( [\x21-\x7e]+)*)?")


class UnsafeSettings(Exception):
    """The settings would put people at risk: the message says which and what to do."""


class Settings(BaseSettings):
    """The settings, from environment variables."""

    model_config = SettingsConfigDict(env_prefix="KAZASU_", frozen=True, extra="forbid")

    route: Annotated[
        Route,
        Field(description="practice: invented patients; official: the station's own page; identity: the real app"),
    ] = Route.PRACTICE
    host: Annotated[str, Field(description="address to listen on; beyond loopback only on practice")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="port to listen on")] = 8000
    origin: Annotated[str, Field(description="public address, such as https://kazasu.example")] = ""
    data: Annotated[Path, Field(description="folder of the database and the keys")] = Path("data")
    database_url: Annotated[str, Field(description="SQLAlchemy address; SQLite in the data folder if empty")] = ""
    secret_keys: Annotated[
        str,
        Field(description="signing keys, newest last, separated by spaces; kept in the data folder if empty"),
    ] = ""
    record_key: Annotated[
        str, Field(description="key of the records' MACs, the same for ever; kept in the data folder if empty")
    ] = ""
    ledger: Annotated[str, Field(description="file of what outlives the database; in the data folder if empty")] = ""
    backup_recipient: Annotated[str, Field(description="public keys (age1...) that backups are encrypted for")] = ""
    metrics_token: Annotated[str, Field(description="bearer token for /metrics; this machine alone if empty")] = ""
    trusted_proxies: Annotated[
        str, Field(description="proxies whose X-Forwarded-For counts, with https: addresses or networks, with spaces")
    ] = "127.0.0.1 ::1"
    deadline: Annotated[float, Field(gt=0, le=30, description="seconds that another system may take")] = 4.0
    identity_issuer: Annotated[str, Field(description="who proves identity, letter by letter as in the contract")] = ""
    identity_client_id: Annotated[str, Field(description="our name at the issuer: letters and digits")] = ""
    identity_acr_values: Annotated[str, Field(description="sent only if set; only what the contract names")] = ""
    starts_per_minute: Annotated[int, Field(gt=0, description="visits one address may start in a minute")] = 30
    posts_per_minute: Annotated[int, Field(gt=0, description="submissions one address may make in a minute")] = 600

    @property
    def public_origin(self) -> str:
        """The public address of this server."""
        return self.origin.rstrip("/") or f"http://{self._shown_host}:{self.port}"

    @property
    def host_name(self) -> str:
        """The host of the public address, without a port."""
        return urlsplit(self.public_origin).hostname or ""

    @property
    def _shown_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def is_secure(self) -> bool:
        """Whether people reach this server over TLS: cookies are then `__Host-` and `Secure`."""
        return self.public_origin.startswith("https://")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host == "localhost" or _is_loopback(self.host)

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the database."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'kazasu.db'}"

    @property
    def ledger_file(self) -> Path:
        """The file of the ledger."""
        return Path(self.ledger) if self.ledger else self.data / "ledger.jsonl"

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may share the database."""
        return self.database.startswith("postgresql")

    @property
    def proxies(self) -> list[str]:
        """The addresses and networks whose X-Forwarded-For is trusted; none without TLS."""
        return self.trusted_proxies.split() if self.is_secure else []

    @property
    def return_address(self) -> str:
        """The redirect address that is registered at the identity provider."""
        return f"{self.public_origin}/return"

    @property
    def key_files(self) -> dict[str, Path]:
        """The key files in the data folder, by name, which a backup includes."""
        return {path.name: path for path in (self.data / "secret", self.data / "record-key", self.identity_keys)}

    @property
    def identity_keys(self) -> Path:
        """The file of our private keys at the identity provider."""
        return self.data / "identity-keys.json"

    def check_identity(self) -> None:
        """Raise `UnsafeSettings` unless the settings of the identity provider are well-formed."""
        if not _ISSUER.fullmatch(self.identity_issuer):
            raise UnsafeSettings("KAZASU_IDENTITY_ISSUER: https, exactly as in the contract, without ? or #")
        if not _CLIENT_ID.fullmatch(self.identity_client_id):
            raise UnsafeSettings("KAZASU_IDENTITY_CLIENT_ID: 1 to 255 letters and digits, as in the contract")
        if not _ACR_VALUES.fullmatch(self.identity_acr_values):
            raise UnsafeSettings("KAZASU_IDENTITY_ACR_VALUES: words with one space between, as in the contract")
        if not self.is_secure or len(self.return_address) > _LONGEST:
            raise UnsafeSettings(f"KAZASU_ORIGIN: https, and with /return {_LONGEST} characters at most")

    def _check_proxies(self) -> None:
        """Raise `UnsafeSettings` where every client is a trusted proxy: a false address would evade rate limits."""
        if not all(map(_names_somebody, self.trusted_proxies.split())):
            raise UnsafeSettings(
                "KAZASU_TRUSTED_PROXIES: addresses or networks (10.0.0.2 10.1.0.0/24), never everybody"
            )

    def keys(self) -> tuple[str, ...]:
        """Return the signing keys, newest last; generate and store one in the data folder when none is set."""
        found = tuple((self.secret_keys or _kept(self.data / "secret")).split())
        if not found or any(len(key) < _MIN_KEY for key in found):
            raise UnsafeSettings(f"KAZASU_SECRET_KEYS: each key needs {_MIN_KEY} characters or more")
        return found

    def mac_key(self) -> bytes:
        """Return the key of the records' MACs; generate and store one in the data folder when none is set."""
        key = self.record_key.strip() or _kept(self.data / "record-key").strip()
        if len(key) < _MIN_KEY:
            raise UnsafeSettings(f"KAZASU_RECORD_KEY: {_MIN_KEY} characters or more")
        return key.encode()

    def check(self) -> None:
        """Raise `UnsafeSettings` unless these settings may serve people; make the data folder, for its owner only."""
        if not self.public_origin.startswith(("http://", "https://")) or urlsplit(self.public_origin).path:
            raise UnsafeSettings("KAZASU_ORIGIN: an address without a path, such as https://kazasu.example")
        if not self.is_secure and self.route is not Route.PRACTICE:
            raise UnsafeSettings("KAZASU_ORIGIN: plain http is for practice only")
        if self.route is Route.IDENTITY:
            self.check_identity()
        if self.metrics_token and len(self.metrics_token) < _MIN_KEY:
            raise UnsafeSettings(f"KAZASU_METRICS_TOKEN: {_MIN_KEY} characters or more")
        if not _DATABASE.fullmatch(self.database):
            raise UnsafeSettings("KAZASU_DATABASE_URL: sqlite:///… or postgresql+psycopg://…")
        if self.is_shared and not (self.secret_keys and self.record_key):
            # Every node must read what another has signed or encrypted: a key in one machine's folder is known to none.
            raise UnsafeSettings(
                "KAZASU_SECRET_KEYS and KAZASU_RECORD_KEY: needed with PostgreSQL, on every node the same"
            )
        self._check_proxies()
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)


def _names_somebody(proxy: str) -> bool:
    """Whether this is an address or a network, but not the whole address space."""
    try:
        return ipaddress.ip_network(proxy).prefixlen > 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _kept(path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="utf-8")
