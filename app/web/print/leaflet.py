"""The patient's leaflet: one A4 side in large print to read at home, per station and language.

It is no `SheetKind` of `app.web.print.sheets`: those are the staff's, in Japanese. Its code leads below the station's
entry, so it becomes invalid with that revision, and its prints are recorded under it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from app.rules.content.before import BEFORE
from app.rules.visit.consent import Item
from app.rules.words.furigana import N_
from app.rules.words.languages import OFFICIAL, Language
from app.web.kit.pages import Look, Pages
from app.web.kit.qr_codes import TooLong
from app.web.print.code_size import LEAFLET, WidthRange
from app.web.print.sheets import WORDS, Paper, Which, Words


@dataclass(frozen=True, slots=True)
class Leaflet(Paper):
    """One leaflet in one language; `address` is the station's entry, and the code leads to its `/before`."""

    kind: ClassVar[str] = "leaflet"
    title: ClassVar[str] = N_("患者さまへの案内")
    two_up: ClassVar[bool] = False
    is_official: ClassVar[bool] = False

    issued_at: int
    items: tuple[Item, ...]
    """What the patient will be asked."""
    language: Language = OFFICIAL
    furigana: bool = False

    @property
    def words(self) -> Words:
        """The wording of sheets with the entry."""
        return WORDS[Which.ENTRY]

    @property
    def url(self) -> str:
        """The code's content: the same text to read on a phone, in the leaflet's language."""
        return f"{self.address}/before" + ("" if self.language.is_official else f"?language={self.language.code}")

    @property
    def room(self) -> WidthRange:
        """How wide the code may be."""
        return LEAFLET

    @property
    def look(self) -> Look:
        """Language and furigana of the paper."""
        return Look(furigana=self.furigana, language=self.language, is_patients=True)


def kind_of(language: Language) -> str:
    """Return the kind of a print, with its language, which must be known to replace it."""
    return f"{Leaflet.kind}-{language.code}"


def page(pages: Pages, request: Request, leaflet: Leaflet, *, status: int = 200, **more: Any) -> Response:
    """Answer the leaflet as it prints, under a bar in the office's own language. `more` goes to the template."""
    look = Look(Look.of(request).size)
    try:
        width = leaflet.width
    except TooLong:
        return pages.respond(request, "print/too-long.html", status=422, look=look, sheet=leaflet, **more)
    shown = {"sheet": leaflet, "code": leaflet.code, "width": width, "before": BEFORE, "parts": BEFORE.parts}
    paper = Markup(pages.html("print/leaflet.html", leaflet.look, **shown))  # noqa: S704 - our own page
    more |= {"sheet": leaflet, "paper": paper}
    return pages.respond(request, "print/leaflet-desk.html", status=status, look=look, **more)
