"""Office accounts, their two roles, sign-ins and invitations."""

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
