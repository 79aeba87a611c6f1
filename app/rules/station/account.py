"""The people of a station's office: accounts, two roles, and the one table of what each may open. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.rules.record.clock import is_young
from app.rules.station.station import Facility

IDLE: Final = 15 * 60
"""Seconds without a request after which a sign-in is over."""
ABSOLUTE: Final = 12 * 60 * 60
"""Seconds after which it is over in any case."""
INVITED: Final = 24 * 60 * 60
"""Seconds for which an invitation may be taken up."""
SHORTEST: Final = 12
LONGEST: Final = 128
RECOVERY_CODES: Final = 10
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
_NAME_LENGTH: Final = 40
_POOR: Final = frozenset({"password", "kazasu", "passw0rd", "qwerty", "12345678", "houmonkango"})


class Role(StrEnum):
    """What somebody is at a station."""

    STAFF = "staff"
    ADMIN = "admin"


ROLE_NAMES: Final = {Role.STAFF: "職員", Role.ADMIN: "管理者"}


class Need(StrEnum):
    """What it takes to open a door of the office."""

    NOTHING = "nothing"
    ENROLLING = "enrolling"
    """A password and no second factor yet: only the door at which one is set up."""
    STAFF = "staff"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Door:
    """One route of the office, and who may open it."""

    method: str
    path: str
    need: Need
    takes_file: bool = False
    """Whether a file comes in: another kind of form, which its own endpoint reads and checks."""


DOORS: Final = (
    Door("GET", "/office/sign-in", Need.NOTHING),
    Door("POST", "/office/sign-in", Need.NOTHING),
    Door("POST", "/office/sign-in/passkey", Need.NOTHING),
    Door("GET", "/office/join", Need.NOTHING),
    Door("POST", "/office/join", Need.NOTHING),
    Door("POST", "/office/sign-out", Need.NOTHING),
    Door("GET", "/office/second-factor", Need.ENROLLING),
    Door("POST", "/office/second-factor", Need.ENROLLING),
    Door("POST", "/office/second-factor/passkey", Need.ENROLLING),
    Door("GET", "/office", Need.STAFF),
    Door("POST", "/office/switch", Need.STAFF),
    Door("GET", "/office/account", Need.STAFF),
    Door("POST", "/office/account/passkey", Need.STAFF),
    Door("POST", "/office/account/passkey/remove", Need.STAFF),
    Door("POST", "/office/account/recovery", Need.STAFF),
    Door("POST", "/office/account/sign-ins", Need.STAFF),
    Door("GET", "/office/links", Need.STAFF),
    Door("POST", "/office/links/official", Need.ADMIN),
    Door("POST", "/office/links/official/picture", Need.ADMIN, takes_file=True),
    Door("POST", "/office/links/official/confirm", Need.ADMIN),
    Door("POST", "/office/links/checked", Need.STAFF),
    Door("GET", "/office/links/replace", Need.ADMIN),
    Door("POST", "/office/links/replace", Need.ADMIN),
    Door("GET", "/office/prints", Need.STAFF),
    Door("POST", "/office/prints/replaced", Need.STAFF),
    Door("GET", "/office/prints/{which}/code.png", Need.STAFF),
    Door("GET", "/office/prints/{which}/{kind}", Need.STAFF),
    Door("POST", "/office/prints/{which}/{kind}", Need.STAFF),
    Door("GET", "/office/leaflet", Need.STAFF),
    Door("POST", "/office/leaflet", Need.STAFF),
    Door("GET", "/office/memo", Need.STAFF),
    Door("GET", "/office/visits", Need.STAFF),
    Door("GET", "/office/visits/transcribe", Need.STAFF),
    Door("POST", "/office/visits/transcribe", Need.STAFF),
    Door("GET", "/office/visits/{visit}", Need.STAFF),
    Door("GET", "/office/visits/{visit}/print", Need.STAFF),
    Door("POST", "/office/visits/{visit}/seen", Need.STAFF),
    Door("POST", "/office/visits/{visit}/close", Need.STAFF),
    Door("POST", "/office/visits/{visit}/receipt", Need.STAFF),
    Door("POST", "/office/visits/{visit}/receipt/{receipt}/call-back", Need.STAFF),
    Door("POST", "/office/visits/{visit}/match", Need.STAFF),
    Door("GET", "/office/files", Need.STAFF),
    Door("POST", "/office/files", Need.STAFF, takes_file=True),
    Door("POST", "/office/files/request", Need.STAFF),
    Door("GET", "/office/files/request/{key}/{which}", Need.STAFF),
    Door("GET", "/office/files/{file}", Need.STAFF),
    Door("POST", "/office/files/{file}/take", Need.STAFF),
    Door("POST", "/office/files/{file}/drop", Need.STAFF),
    Door("GET", "/office/today", Need.STAFF),
    Door("POST", "/office/today", Need.STAFF),
    Door("POST", "/office/today/change", Need.STAFF),
    Door("POST", "/office/today/remove", Need.STAFF),
    Door("GET", "/office/today/print", Need.STAFF),
    Door("GET", "/office/restored", Need.STAFF),
    Door("POST", "/office/restored", Need.ADMIN),
    Door("GET", "/office/consents", Need.STAFF),
    Door("POST", "/office/consents", Need.STAFF),
    Door("GET", "/office/consents/print", Need.STAFF),
    Door("POST", "/office/consents/print", Need.STAFF),
    Door("POST", "/office/consents/csv", Need.STAFF),
    Door("GET", "/office/consents/{person}", Need.STAFF),
    Door("POST", "/office/consents/{person}/record", Need.STAFF),
    Door("GET", "/office/consents/{person}/erase", Need.ADMIN),
    Door("POST", "/office/consents/{person}/erase", Need.ADMIN),
    Door("GET", "/office/guide", Need.STAFF),
    Door("POST", "/office/guide/note", Need.ADMIN),
    Door("GET", "/office/checklist/{checklist}", Need.STAFF),
    Door("POST", "/office/checklist/{checklist}", Need.STAFF),
    Door("GET", "/office/station", Need.ADMIN),
    Door("POST", "/office/station", Need.ADMIN),
    Door("GET", "/office/accounts", Need.ADMIN),
    Door("POST", "/office/accounts/invite", Need.ADMIN),
    Door("POST", "/office/accounts/invitations", Need.ADMIN),
    Door("POST", "/office/accounts/role", Need.ADMIN),
    Door("POST", "/office/accounts/revoke", Need.ADMIN),
    Door("POST", "/office/accounts/reset", Need.ADMIN),
    Door("POST", "/office/accounts/sign-ins", Need.ADMIN),
)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody of the office. `password` is an argon2 hash, `totp` a sealed secret; either may be missing."""

    id: str
    login: str
    name: str
    password: str = ""
    totp: str = ""
    last_step: int = 0
    """The newest 30-second step whose one-time code was used: no code counts twice."""
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
    """One browser in which somebody is signed in; `secret` is the SHA-256 (hex) of its cookie."""

    id: str
    secret: str
    account: str
    facility: str
    full: bool
    opened_at: int
    used_at: int
    browser: str = ""

    def is_open(self, now: int) -> bool:
        """Whether it still counts at that second."""
        return is_young(self.used_at, IDLE, now) and is_young(self.opened_at, ABSOLUTE, now)


@dataclass(frozen=True, slots=True)
class Officer:
    """Somebody at the door: who, in which browser, at which of the stations, and as what."""

    account: Account
    sign_in: SignIn
    facility: Facility
    role: Role


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time way in: for somebody new, or (with `account`) for one who lost password and second factor."""

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
    """The account of whoever invited; empty when the command line did."""

    def is_open(self, now: int) -> bool:
        """Whether it may still be taken up."""
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


def may(role: Role, need: Need) -> bool:
    """Whether a role opens a door, once somebody is fully signed in."""
    return role is Role.ADMIN or need is not Need.ADMIN


def login_name(text: str) -> str:
    """Return a typed account name as it is kept: half-width, lower case, without spaces around."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def shown_name(text: str) -> str:
    """Return a typed name as it is kept: in one width, with single spaces."""
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
