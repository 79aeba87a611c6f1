"""Dated facts and wording, loaded from `*.toml` and validated once at import.

A fact that may change (names, items, exits) stands in a data file with its source, its grade and the day it was
checked; a file without them raises `ContentError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

from app.rules.content.before import PerPhone
from app.rules.content.file import ContentFile
from app.rules.visit.consent import Item, Wording


@dataclass(frozen=True, slots=True)
class Exit:
    """One way on when the card or the digits cannot be used today."""

    id: str
    group: str
    row: str
    title: str
    next: str
    also: tuple[str, ...]
    icon: str
    picture: str
    source: str
    grade: str
    checked_on: date
    former: bool = False
    """Whether visits from before have it, and no page offers it."""
    link: str = ""
    link_label: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """Official names as they stand today."""

    app: str
    app_former: str
    web: str
    call_centre: str
    call_centre_name: str
    call_centre_hours: str

    @property
    def app_with_former(self) -> str:
        """The app's name with the former one, as its guidelines ask during the transition."""
        return f"{self.app}（旧{self.app_former}）"


_WORDS: Final = tuple(each.name for each in fields(Wording))


def load_items() -> tuple[Item, ...]:
    """Return the consent items of `items.toml` in the official order."""
    file = ContentFile("items.toml")
    found = file.read()
    return tuple(_item({**file.graded(row), **file.dated(row, found)}) for row in found["item"])


def _item(row: dict[str, Any]) -> Item:
    words = {word: row.pop(word) for word in _WORDS}
    wording = Wording(**words)
    ends = row.pop("effective_to", None)
    flags = tuple(row.pop("flags"))
    return Item(**row, flags=flags, effective_to=ends, wording=wording)


def load_exits() -> dict[str, Exit]:
    """Return the ways on of `exits.toml` by id."""
    file = ContentFile("exits.toml")
    found = file.read()
    rows = ({**file.graded(row), **file.dated(row, found), "also": tuple(row["also"])} for row in found["exit"])
    exits = (Exit(**row) for row in rows)
    return {each.id: each for each in exits}


def load_names() -> Names:
    """Return today's official names of `names.toml`."""
    file = ContentFile("names.toml")
    found = file.read()
    for part in ("app", "web", "help"):
        file.graded(found[part])
    centre = found["help"]
    return Names(
        app=found["app"]["name"],
        app_former=found["app"]["former"],
        web=found["web"]["name"],
        call_centre=centre["call_centre"],
        call_centre_name=centre["call_centre_name"],
        call_centre_hours=centre["hours"],
    )


@dataclass(frozen=True, slots=True)
class OfficialScreen:
    """One screen of マイナ在宅受付Web: its name there, what one does, and who holds the phone."""

    name: str
    does: str
    holder: str
    source: str
    grade: str
    shortly: str = ""
    """What one does on the short way, where that is something else."""


@dataclass(frozen=True, slots=True)
class OfficialWay:
    """What is known of the official side."""

    scope: str
    """Which visits it concerns."""
    screens: tuple[OfficialScreen, ...]
    functions: Mapping[str, OfficialScreen]
    """The first screen of intents other than to register (`app.rules.visit.answers.Intent`)."""
    backs: tuple[PerPhone, ...]
    """How one comes back from it."""
    checked_on: date

    def screens_for(self, intent: str) -> tuple[OfficialScreen, ...]:
        """Return the described screens of an intent: for another function only the first and the last."""
        return (self.functions[intent], self.screens[-1]) if intent in self.functions else self.screens


def load_official() -> OfficialWay:
    """Return what `official.toml` says of the official side."""
    file = ContentFile("official.toml")
    found = file.read()
    return OfficialWay(
        scope=file.graded(found["scope"])["text"],
        screens=tuple(OfficialScreen(**file.graded(row)) for row in found["screen"]),
        functions={row.pop("intent"): OfficialScreen(**file.graded(row)) for row in found["function"]},
        backs=tuple(PerPhone(**file.graded(row)) for row in found["back"]),
        checked_on=found["checked_on"],
    )


OFFICIAL: Final = load_official()
ITEMS: Final = load_items()
EXITS: Final = load_exits()
NAMES: Final = load_names()


@dataclass(frozen=True, slots=True)
class AppStore:
    """Where a kind of phone gets the app, and what the phone needs."""

    id: str
    phone: str
    name: str
    needs: str
    url: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a printed sheet, for every phone or for one kind."""

    text: str
    source: str
    grade: str
    phone: str = ""
    alert: bool = False


@dataclass(frozen=True, slots=True)
class PhoneStep:
    """One step of making a phone ready."""

    id: str
    title: str
    picture: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class WayBack:
    """How one comes back to the browser on one kind of phone."""

    phone: str
    picture: str
    text: str
    also: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class Dont:
    """One thing not to do at the bedside, and why or what instead."""

    title: str
    text: str
    source: str
    grade: str


@dataclass(frozen=True, slots=True)
class PhoneFacts:
    """What the printed sheets say about phones, and the official page for what is known at second hand."""

    stores: tuple[AppStore, ...]
    steps: tuple[PhoneStep, ...]
    ways_back: tuple[WayBack, ...]
    donts: tuple[Dont, ...]
    official: str
    checked_on: date


def load_phone_steps() -> PhoneFacts:
    """Return what the printed sheets say about phones, of `phone.toml`."""
    file = ContentFile("phone.toml")
    found = file.read()
    is_linked = str(found.get("official", "")).startswith("https://")
    file.insist(is_linked, found, "is partly second-hand and brings no official page")
    return PhoneFacts(
        stores=tuple(AppStore(**file.graded(row)) for row in found["store"]),
        steps=tuple(
            PhoneStep(
                id=row["id"],
                title=row["title"],
                picture=row["picture"],
                lines=tuple(Line(**file.graded(line)) for line in row["line"]),
            )
            for row in found["step"]
        ),
        ways_back=tuple(WayBack(**file.graded(row)) for row in found["back"]),
        donts=tuple(Dont(**file.graded(row)) for row in found["dont"]),
        official=found["official"],
        checked_on=found["checked_on"],
    )
