"""Office accounts, two roles, and the one table of routes with the access that each needs. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.rules.record.clock import is_young
from app.rules.station.station import Station

IDLE: Final = 15 * 60
"""Seconds without a request after which a sign-in expires."""
ABSOLUTE: Final = 12 * 60 * 60
"""Seconds after which it expires in any case."""
INVITED: Final = 24 * 60 * 60
"""Seconds until an invitation expires."""
SHORTEST: Final = 12
LONGEST: Final = 128
RECOVERY_CODES: Final = 10
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
_NAME_LENGTH: Final = 40
_POOR: Final = frozenset({"password", "kazasu", "passw0rd", "qwerty", "12345678", "houmonkango"})


class Role(StrEnum):
    """The role of an account at a station."""

    STAFF = "staff"
    ADMIN = "admin"


ROLE_NAMES: Final = {Role.STAFF: "職員", Role.ADMIN: "管理者"}


class Access(StrEnum):
    """The access that a route of the office needs."""

    NOTHING = "nothing"
    ENROLLING = "enrolling"
    """Signed in by password, without a second factor yet: only the route that sets one up."""
    STAFF = "staff"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Door:
    """One route of the office, and the access that it needs."""

    method: str
    path: str
    need: Access
    takes_file: bool = False
    """Whether it accepts a file: a multipart form, which its own endpoint parses and validates."""


DOORS: Final = (
    Door("GET", "/office/sign-in", Access.NOTHING),
    Door("POST", "/office/sign-in", Access.NOTHING),
    Door("POST", "/office/sign-in/passkey", Access.NOTHING),
    Door("GET", "/office/join", Access.NOTHING),
    Door("POST", "/office/join", Access.NOTHING),
    Door("POST", "/office/sign-out", Access.NOTHING),
    Door("GET", "/office/second-factor", Access.ENROLLING),
    Door("POST", "/office/second-factor", Access.ENROLLING),
    Door("POST", "/office/second-factor/passkey", Access.ENROLLING),
    Door("GET", "/office", Access.STAFF),
    Door("POST", "/office/switch", Access.STAFF),
    Door("GET", "/office/account", Access.STAFF),
    Door("POST", "/office/account/passkey", Access.STAFF),
    Door("POST", "/office/account/passkey/remove", Access.STAFF),
    Door("POST", "/office/account/recovery", Access.STAFF),
    Door("POST", "/office/account/sign-ins", Access.STAFF),
    Door("GET", "/office/links", Access.STAFF),
    Door("POST", "/office/links/official", Access.ADMIN),
    Door("POST", "/office/links/official/picture", Access.ADMIN, takes_file=True),
    Door("POST", "/office/links/official/confirm", Access.ADMIN),
    Door("POST", "/office/links/checked", Access.STAFF),
    Door("GET", "/office/links/replace", Access.ADMIN),
    Door("POST", "/office/links/replace", Access.ADMIN),
    Door("GET", "/office/prints", Access.STAFF),
    Door("POST", "/office/prints/replaced", Access.STAFF),
    Door("GET", "/office/prints/{which}/code.png", Access.STAFF),
    Door("GET", "/office/prints/{which}/{kind}", Access.STAFF),
    Door("POST", "/office/prints/{which}/{kind}", Access.STAFF),
    Door("GET", "/office/leaflet", Access.STAFF),
    Door("POST", "/office/leaflet", Access.STAFF),
    Door("GET", "/office/memo", Access.STAFF),
    Door("GET", "/office/visits", Access.STAFF),
    Door("GET", "/office/visits/transcribe", Access.STAFF),
    Door("POST", "/office/visits/transcribe", Access.STAFF),
    Door("GET", "/office/visits/{visit}", Access.STAFF),
    Door("GET", "/office/visits/{visit}/print", Access.STAFF),
    Door("POST", "/office/visits/{visit}/seen", Access.STAFF),
    Door("POST", "/office/visits/{visit}/close", Access.STAFF),
    Door("POST", "/office/visits/{visit}/copy", Access.STAFF),
    Door("POST", "/office/visits/{visit}/copy/{copy}/call-back", Access.STAFF),
    Door("POST", "/office/visits/{visit}/match", Access.STAFF),
    Door("GET", "/office/files", Access.STAFF),
    Door("POST", "/office/files", Access.STAFF, takes_file=True),
    Door("POST", "/office/files/request", Access.STAFF),
    Door("GET", "/office/files/request/{key}/{which}", Access.STAFF),
    Door("GET", "/office/files/{file}", Access.STAFF),
    Door("POST", "/office/files/{file}/take", Access.STAFF),
    Door("POST", "/office/files/{file}/drop", Access.STAFF),
    Door("GET", "/office/today", Access.STAFF),
    Door("POST", "/office/today", Access.STAFF),
    Door("POST", "/office/today/change", Access.STAFF),
    Door("POST", "/office/today/remove", Access.STAFF),
    Door("GET", "/office/today/print", Access.STAFF),
    Door("GET", "/office/restored", Access.STAFF),
    Door("POST", "/office/restored", Access.ADMIN),
    Door("GET", "/office/consents", Access.STAFF),
    Door("POST", "/office/consents", Access.STAFF),
    Door("GET", "/office/consents/print", Access.STAFF),
    Door("POST", "/office/consents/print", Access.STAFF),
    Door("POST", "/office/consents/csv", Access.STAFF),
    Door("GET", "/office/consents/{person}", Access.STAFF),
    Door("POST", "/office/consents/{person}/record", Access.STAFF),
    Door("GET", "/office/consents/{person}/erase", Access.ADMIN),
    Door("POST", "/office/consents/{person}/erase", Access.ADMIN),
    Door("GET", "/office/guide", Access.STAFF),
    Door("POST", "/office/guide/note", Access.ADMIN),
    Door("GET", "/office/checklist/{checklist}", Access.STAFF),
    Door("POST", "/office/checklist/{checklist}", Access.STAFF),
    Door("GET", "/office/station", Access.ADMIN),
    Door("POST", "/office/station", Access.ADMIN),
    Door("GET", "/office/accounts", Access.ADMIN),
    Door("POST", "/office/accounts/invite", Access.ADMIN),
    Door("POST", "/office/accounts/invitations", Access.ADMIN),
    Door("POST", "/office/accounts/role", Access.ADMIN),
    Door("POST", "/office/accounts/revoke", Access.ADMIN),
    Door("POST", "/office/accounts/reset", Access.ADMIN),
    Door("POST", "/office/accounts/sign-ins", Access.ADMIN),
)


@dataclass(frozen=True, slots=True)
class Account:
    """An office account. `password` is an argon2 hash, `totp` an encrypted secret; either may be missing."""

    id: str
    login: str
    name: str
    password: str = ""
    totp: str = ""
    last_step: int = 0
    """The newest 30-second step whose one-time code was used: no code is accepted twice."""
    created_at: int = 0
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """An account at one station."""

    account: Account
    facility: str
    role: Role


@dataclass(frozen=True, slots=True)
class SignIn:
    """The session of one browser; `secret` is the SHA-256 (hex) of its cookie."""

    id: str
    secret: str
    account: str
    facility: str
    full: bool
    opened_at: int
    used_at: int
    browser: str = ""

    def is_open(self, now: int) -> bool:
        """Whether it has not expired."""
        return is_young(self.used_at, IDLE, now) and is_young(self.opened_at, ABSOLUTE, now)


@dataclass(frozen=True, slots=True)
class Officer:
    """Who sends a request: account, session, station and role."""

    account: Account
    sign_in: SignIn
    facility: Station
    role: Role


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time invitation: for a new account, or (with `account`) to replace a lost password and second factor."""

    id: str
    secret: str
    facility: str
    role: Role
    name: str
    by: str
    made_at: int
    account: str = ""
    used_at: int | None = None
    revoked_at: int | None = None
    inviter: str = ""
    """The inviting account; empty for the command line."""

    def is_open(self, now: int) -> bool:
        """Whether it can be used: neither used, revoked nor expired."""
        return self.used_at is None and self.revoked_at is None and is_young(self.made_at, INVITED, now)


@dataclass(frozen=True, slots=True)
class Key:
    """A passkey of an account; `id` and `public_key` in hex."""

    id: str
    account: str
    public_key: str
    sign_count: int
    label: str
    added_at: int


def may(role: Role, need: Access) -> bool:
    """Whether a role has the access, once fully signed in."""
    return role is Role.ADMIN or need is not Access.ADMIN


def login_name(text: str) -> str:
    """Normalize an account name: NFKC, lower case, without spaces around."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def shown_name(text: str) -> str:
    """Normalize a shown name: NFKC, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def login_problem(login: str) -> str:
    """Return what is wrong with a new account name, or nothing."""
    fits = _LOGIN.fullmatch(login) is not None
    return "" if fits else "半角の英小文字と数字で2〜40文字にしてください（- _ . も使えます）"


def name_problem(name: str) -> str:
    """Return what is wrong with a shown name, or nothing."""
    if not name or len(name) > _NAME_LENGTH:
        return f"1〜{_NAME_LENGTH}文字で入れてください"
    return "" if name.isprintable() else "使えない文字があります"


def password_problem(password: str, login: str) -> str:
    """Return what is wrong with a new password, or nothing. Length counts; no kinds of characters are demanded."""
    if len(password) < SHORTEST:
        return f"{SHORTEST}文字以上にしてください。長い文のほうが、短くて複雑なものより安全です"
    if len(password) > LONGEST:
        return f"{LONGEST}文字までにしてください"
    plain = password.lower()
    is_poor = len(set(plain)) < SHORTEST // 2 or (login and login in plain) or any(word in plain for word in _POOR)
    return "推測されやすいパスワードです。ほかのものにしてください" if is_poor else ""
