"""The station (訪問看護ステーション) and its link: what a printed QR code encodes, with its revision. Pure."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.rules.words.furigana import N_

_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
_LENGTH: Final = 12
LINK: Final = re.compile(rf"[{_ALPHABET}]{{{_LENGTH}}}")


PROMISE: Final = N_("{同意|どうい}しなくても、{訪問|ほうもん}{看護|かんご}は、いままでと{同|おな}じです。")


@dataclass(frozen=True, slots=True)
class Station:
    """A station as patients see it: its public id, its name, its 10-digit code, whom to call, and its own word."""

    id: str
    name: str
    code: str
    telephone: str
    promise: str | None = None
    """What it promises those who decline, in its own words; None: `PROMISE`, empty: nothing.

    That care goes on is no rule of the system, so no page says it but in the station's name.
    """

    @property
    def name_parts(self) -> tuple[str, ...]:
        """The name cut where a line may break: 「ひなた坂」「訪問看護ステーション」."""
        head, kind, tail = self.name.partition("訪問看護")
        return tuple(part for part in (head.strip(), kind + tail) if part)


@dataclass(frozen=True, slots=True)
class Link:
    """One revision of a station's entry address `/f/{token}`; a replaced one says so and starts no visit."""

    token: str
    facility: str
    revision: int
    issued_at: int
    replaced_at: int | None = None
    issued_by: str = ""
    checked_at: int | None = None
    """When somebody of the office last opened it and confirmed where it leads."""

    @property
    def tail(self) -> str:
        """The last four characters: what tells one print from another."""
        return self.token[-4:]

    @property
    def is_live(self) -> bool:
        """Whether this revision still leads to a visit."""
        return self.replaced_at is None


class Terminal(StrEnum):
    """The terminal in the office."""

    UNKNOWN = ""
    NOTEBOOK = "notebook"
    DESKTOP = "desktop"


@dataclass(frozen=True, slots=True)
class StationProfile:
    """What the office keeps of its own equipment and rules."""

    facility: str
    terminal: Terminal = Terminal.UNKNOWN
    linked: bool | None = None
    """Whether the receipt computer is linked (レセプトコンピュータ連携)."""
    maintenance: bool | None = None
    maintenance_telephone: str = ""
    router: str = ""
    certificate_ends: str = ""
    """The last day of the terminal's certificate, as YYYY-MM-DD."""
    retention_days: int = 365
    keeps_names: bool = False
    hours: str = ""


@dataclass(frozen=True, slots=True)
class Official:
    """One revision of the official マイナ在宅受付Web address of a station; `sealed` is the address, encrypted."""

    facility: str
    revision: int
    sealed: str
    host: str
    tail: str
    issued_by: str
    issued_at: int
    replaced_at: int | None = None
    checked_at: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether it is the station's current address."""
        return self.replaced_at is None


@dataclass(frozen=True, slots=True)
class Printed:
    """One print: which code, which revision, how many sheets; `replaced_at` when they were taken down."""

    id: str
    facility: str
    which: str
    revision: int
    kind: str
    copies: int
    at: int
    by: str
    replaced_at: int | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A row of a checklist that is done: for which period, when, by whom."""

    facility: str
    checklist: str
    period: str
    row: str
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Note:
    """A station's note on a topic of the guide: a few words, a number to call, by whom and when."""

    facility: str
    topic: str
    text: str
    telephone: str
    by: str
    at: int


class WrongUrl(StrEnum):
    """Why a text is refused as an official address."""

    EMPTY = "empty"
    LONG = "long"
    NO_ADDRESS = "no_address"
    NOT_HTTPS = "not_https"
    OURS = "ours"
    STORE = "store"
    HOST = "host"
    SPELLING = "spelling"


MAX_ADDRESS: Final = 256
_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")
_REST: Final = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")
_QUERY: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_SHOPS: Final = frozenset({"play.google.com", "apps.apple.com", "itunes.apple.com"})


@dataclass(frozen=True, slots=True)
class Address:
    """An https URL, byte for byte as received, and its host, which every URL parser reads the same."""

    text: str
    host: str


def official_address(raw: str, *, our_host: str) -> Address | WrongUrl:
    """Validate an official address.

    Stricter than any standard on purpose: whatever two URL parsers could read differently (other schemes, users, ports,
    IP addresses, capitals, foreign letters, backslashes, spaces) is refused.
    """
    text = raw.strip(" \t\r\n\u3000")
    if not text:
        return WrongUrl.EMPTY
    if len(text) > MAX_ADDRESS:
        return WrongUrl.LONG
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme.isascii() or not scheme.isalpha():
        return WrongUrl.NO_ADDRESS
    if scheme != "https":
        return WrongUrl.NOT_HTTPS if scheme.lower() in {"http", "https"} else WrongUrl.NO_ADDRESS
    return _judged(text, rest, our_host)


def _judged(text: str, rest: str, our_host: str) -> Address | WrongUrl:
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    host, slash, path = rest.partition("/")
    if host == our_host or host.partition(":")[0] == our_host:
        return WrongUrl.OURS
    if host in _SHOPS:
        return WrongUrl.STORE
    if not _HOST.fullmatch(host) or len(host) > 253 or ".." in host:  # noqa: PLR2004 - the longest name there can be
        return WrongUrl.HOST
    is_plain = _REST.fullmatch(slash + path) and _QUERY.fullmatch(query) and _QUERY.fullmatch(fragment)
    return Address(text, host) if is_plain else WrongUrl.SPELLING


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of `judge_code`: a `problem` blocks, a `warning` does not."""

    problem: str = ""
    warning: str = ""


_CODE_LENGTH: Final = 10
_STATION_KIND: Final = "6"
_PREFECTURES: Final = 47


def judge_code(code: str) -> Judged:
    """Judge a station's 10-digit code: prefecture 2, kind 1 (6 = 訪問看護ステーション), 7 with a check digit."""
    if not (code.isascii() and code.isdigit()) or len(code) != _CODE_LENGTH:
        return Judged(problem="数字10けたで入れてください（7けたのコードの前に、都道府県2けたと「6」がつきます）")
    if code[2] != _STATION_KIND:
        return Judged(
            warning="3けた目が「6」ではありません。訪問看護ステーションのコードは3けた目が「6」です。"
            "介護保険の事業所番号（これも10けた）と取りちがえていないか、確かめてください"
        )
    if not has_check_digit(code):
        return Judged(warning="最後の1けた（検査数字）が合いません。打ちまちがいがないか、確かめてください")
    if not 1 <= int(code[:2]) <= _PREFECTURES:
        return Judged(warning="はじめの2けたが都道府県番号（01〜47）ではありません")
    return Judged()


def has_check_digit(code: str) -> bool:
    """Whether the last digit is the Luhn check digit of those before it."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(code)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0  # noqa: PLR2004 - digits


def new_token() -> str:
    """Return a random link token: 12 characters without look-alikes. It is an address, not a secret."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def is_token(text: str) -> bool:
    """Whether a text has the form of a link token."""
    return LINK.fullmatch(text) is not None
