"""Wording and code sizes of the printed sheets, which the browser prints from `templates/print`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from app.rules.content import load_phone_steps
from app.rules.station.station import Station
from app.rules.words.furigana import N_
from app.web.kit.pages import Look, Pages
from app.web.kit.qr_codes import Code, TooLong, code
from app.web.print import code_size

PHONE: Final = load_phone_steps()
COLUMNS: Final = 3
ROWS: Final = 8
LABELS: Final = COLUMNS * ROWS
TAIL: Final = 4


class SheetKind(StrEnum):
    """The four sheets."""

    POSTER = "poster"
    CARD = "card"
    LABELS = "labels"
    SETUP = "setup"


class Which(StrEnum):
    """Which address a sheet leads to: our own entry, or the station's official page."""

    ENTRY = "entry"
    OFFICIAL = "official"


@dataclass(frozen=True, slots=True)
class Words:
    """What a sheet says of the address that it leads to."""

    name: str
    not_the_other: str
    leads: str
    dies: str
    card_dies: str
    short_dies: str


WORDS: Final = {
    Which.ENTRY: Words(
        name=N_("かざすの入口"),
        not_the_other=N_("公式のURLではありません"),
        leads=N_("同意登録の案内がはじまります。"),
        dies=N_("入口のURLを変更すると、この紙は使えなくなります。"),
        card_dies=N_("入口のURLを変更すると、この札は使えなくなります。"),
        short_dies=N_("入口のURLを変更すると無効"),
    ),
    Which.OFFICIAL: Words(
        name=N_("公式のURL"),
        not_the_other=N_("かざすの案内は出ません"),
        leads=N_("マイナ在宅受付Web が開きます。"),
        dies=N_("公式のURLを変更すると、この紙は使えなくなります。"),
        card_dies=N_("公式のURLを変更すると、この札は使えなくなります。"),
        short_dies=N_("公式のURLを変更すると無効"),
    ),
}
"""Sheets of the two differ by these words, by the frame (round and raised, or square and double), and by the mark."""


ROOM: Final = {
    SheetKind.POSTER: code_size.POSTER,
    SheetKind.CARD: code_size.CARD,
    SheetKind.LABELS: code_size.LABEL,
    SheetKind.SETUP: code_size.SETUP,
}

TITLES: Final = {
    SheetKind.POSTER: N_("事業所用のポスター"),
    SheetKind.CARD: N_("訪問バッグのカード"),
    SheetKind.LABELS: N_("スマホ用のラベル"),
    SheetKind.SETUP: N_("このスマホの準備"),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing of `static/pictures`, and what it shows in two short lines."""

    file: str
    title: str
    text: str


POSTER_STEPS: Final = (
    Picture("print-read", N_("読み取る"), N_("カメラを向けて、開きます")),
    Picture("step-give", N_("わたす"), N_("患者さまが、ご自分でえらびます")),
    Picture("step-card", N_("かざす"), N_("カードをスマホの裏に当てます")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper(ABC):
    """One paper with a code: its station, and the address and revision with which it becomes invalid."""

    facility: Station
    address: str = field(repr=False)
    revision: int
    hours: str = ""
    """When the station answers its telephone."""

    @property
    @abstractmethod
    def room(self) -> code_size.WidthRange:
        """How wide the code may be."""

    @property
    def url(self) -> str:
        """The code's content."""
        return self.address

    @property
    def host(self) -> str:
        """The host of the address, which a person can compare."""
        return host_of(self.address)

    @property
    def tail(self) -> str:
        """The last four characters of the address: what tells one revision from another."""
        return self.address[-TAIL:]

    @property
    def edition(self) -> str:
        """The revision in words."""
        return f"第{self.revision}版"

    @property
    def code(self) -> Code:
        """The code of `url`. Raises `TooLong` and `UnreadableCode`."""
        return code(self.url)

    @property
    def width(self) -> float:
        """How wide the code is printed, in mm with quiet zone. Raises `TooLong` where this paper has no room for it."""
        return self.room.width(self.code)

    @property
    def longest(self) -> int:
        """How many characters a code may hold to fit this paper."""
        return self.room.characters


@dataclass(frozen=True, slots=True)
class Sheet(Paper):
    """One sheet to print: which kind, and whether its code holds our entry or the official address."""

    kind: SheetKind
    which: Which
    issued_on: date
    practice: bool
    two_up: bool = False
    """Two cards on one A4 sheet, each to be folded once. Only for cards."""
    start: int = 1
    """The first free place on a used label sheet, counted by rows from 1."""
    count: int = LABELS
    """How many labels to print; what does not fit after the start is left out."""

    def __post_init__(self) -> None:
        if not 1 <= self.start <= LABELS or not 1 <= self.count <= LABELS:
            raise ValueError(f"a label sheet has the places 1 to {LABELS}")

    @property
    def title(self) -> str:
        """The kind in words."""
        return TITLES[self.kind]

    @property
    def words(self) -> Words:
        """What this sheet says of its address."""
        return WORDS[self.which]

    @property
    def is_official(self) -> bool:
        """Whether the code leads to the station's official page instead of our entry."""
        return self.which is Which.OFFICIAL

    @property
    def day(self) -> str:
        """The day of issue in words."""
        return _in_words(self.issued_on)

    @property
    def name_size(self) -> str:
        """How large the station's name may be: "l" for one line, "m" for two, "s" for the longest."""
        sizes = ("l", "m") if self.kind in {SheetKind.POSTER, SheetKind.SETUP} else ("m", "m")
        room = 19 if self.kind is SheetKind.POSTER else 16
        return sizes[0] if len(self.facility.name) <= room else sizes[1] if len(self.facility.name) <= 2 * room else "s"

    @property
    def room(self) -> code_size.WidthRange:
        """How wide the code may be on this kind of sheet."""
        return ROOM[self.kind]

    @property
    def module(self) -> float:
        """How wide one module of the code is printed, in mm."""
        return self.width / self.code.whole

    @property
    def places(self) -> tuple[bool, ...]:
        """The places of the label sheet by rows; true where a label is printed."""
        return tuple(self.start <= place < self.start + self.count for place in range(1, LABELS + 1))


def host_of(url: str) -> str:
    """Return host and port of an address, without user info."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _in_words(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


class Sheets:
    """Shows a sheet as a page to print."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def page(self, request: Request, sheet: Sheet, *, status: int = 200, **more: Any) -> Response:
        """Answer the sheet as it will be printed, or why it cannot be. `more` goes to the template.

        Raises `UnreadableCode`, but not for an address that was validated on entry.
        """
        look = Look(Look.of(request).size)  # readings would not fit the lines of a sheet
        try:
            width = sheet.width
        except TooLong:
            return self._pages.respond(request, "print/too-long.html", status=422, look=look, sheet=sheet, **more)
        values: dict[str, Any] = {"sheet": sheet, "code": sheet.code, "width": width}
        if sheet.kind is SheetKind.POSTER:
            values["steps"] = POSTER_STEPS
        if sheet.kind in {SheetKind.CARD, SheetKind.SETUP}:
            values["phone"] = PHONE
        if sheet.kind is SheetKind.SETUP:
            values["stores"] = [(store, code(store.url)) for store in PHONE.stores]
            values["store_width"] = code_size.STORE.wanted
            values["checked_on"] = _in_words(PHONE.checked_on)
        return self._pages.respond(request, f"print/{sheet.kind}.html", status=status, look=look, **values, **more)
