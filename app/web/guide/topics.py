"""The guide: dated pages about the station's own equipment and work, shaped by what the station has."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.rules.content import NAMES
from app.rules.content.contacts import CONTACTS
from app.rules.content.guide import GUIDE, Topic
from app.rules.content.ready import READY
from app.rules.content.sources import named
from app.rules.station.station import Note
from app.rules.words.dates import day_of
from app.rules.words.furigana import N_, RUBY, plain
from app.web.guide.contacts import ContactPages, Here
from app.web.kit.pages import Look
from app.web.kit.problems import Problem

_KATAKANA: Final = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_LONGEST: Final = 40
_READING: Final = r"\2"
_DESKS_SOURCES: Final = named(*(each.source for each in CONTACTS.values()))
_DESKS_CHECKED_ON: Final = min(each.checked_on for each in CONTACTS.values())
_MISSING: Final = Problem(
    404,
    N_("このページは手引きにありません"),
    N_("題が変わったか、住所（URL）がちがいます。手引きの一覧から探してください。"),
    on="/guide",
    on_label=N_("手引きの一覧へ"),
)


@dataclass(frozen=True)
class Guide:
    """The guide's pages."""

    help: ContactPages
    files: tuple[str, ...] = ("contrast.css", "guide/help.css", "guide/help.js", "guide/guide.css", "guide/guide.js")

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/guide", self.index, methods=["GET"]),
            Route("/guide/{topic}", self.show, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """Show every topic, or those that match the search."""
        wanted = request.query_params.get("q", "")[:_LONGEST].strip()
        here = await self.help.here(request)
        return self.help.answer(request, self._index(here, Look.of(request).in_japanese(), wanted))

    def _index(self, here: Here, look: Look, wanted: str = "") -> str:
        words = folded(wanted).split()
        found = [topic for topic in GUIDE.topics.values() if _stands_in(words, searched(topic))]
        return self.help.html(
            "guide/index.html",
            here,
            look,
            guide=GUIDE,
            found=found,
            wanted=wanted,
            text_of=searched,
            ready=_stands_in(words, searched_ready()),
            ready_text=searched_ready(),
        )

    async def show(self, request: Request) -> Response:
        """Show one topic."""
        topic = GUIDE.topics.get(request.path_params["topic"])
        if topic is None:
            pages, look = self.help.pages, Look.of(request).in_japanese()
            return pages.respond(request, "kit/problem.html", look=look, status=_MISSING.status, problem=_MISSING)
        here = await self.help.here(request)
        return self.help.answer(request, await self._topic(topic, here, Look.of(request).in_japanese()))

    async def _topic(self, topic: Topic, here: Here, look: Look) -> str:
        notes = await self.help.office.notes(here.facility.id) if here.facility else {}
        return self._page(topic, here, look, notes.get(topic.id))

    def _page(self, topic: Topic, here: Here, look: Look, note: Note | None) -> str:
        return self.help.html(
            "guide/topic.html",
            here,
            look,
            guide=GUIDE,
            topic=topic,
            note=note,
            desks=self.help.desks(here) if topic.desks else (),
            desks_sources=_DESKS_SOURCES,
            desks_checked_on=_DESKS_CHECKED_ON,
            days_left=self._days_left(here) if topic.id == "certificate" else None,
            is_overdue=day_of(self.help.clock.now()) > GUIDE.review_by,
        )

    def _days_left(self, here: Here) -> int | None:
        """Return how many days the terminal's certificate still holds, where the station says until when."""
        ends = here.station.certificate_ends if here.station else ""
        return (date.fromisoformat(ends) - day_of(self.help.clock.now())).days if ends else None

    async def kept(self, request: Request) -> dict[str, str]:
        """Return every page, for the offline cache."""
        here, look = await self.help.here(request), Look()
        topics = {f"/guide/{name}": await self._topic(topic, here, look) for name, topic in GUIDE.topics.items()}
        return {"/guide": self._index(here, look), **topics}


def folded(text: str) -> str:
    """Normalise a text for search, in width, case and kana, as `static/guide/guide.js` does."""
    return unicodedata.normalize("NFKC", text).lower().translate(_KATAKANA)


def _stands_in(words: list[str], text: str) -> bool:
    return all(word in text for word in words)


@lru_cache(maxsize=64)
def searched(topic: Topic) -> str:
    """Return the search text of a topic."""
    rows = (row.text for part in topic.parts for row in part.rows)
    cells = (cell for part in topic.parts for line in part.cells for cell in line)
    titles = (part.title for part in topic.parts)
    told = " ".join((topic.title, topic.lead, topic.for_whom, topic.words, *titles, *rows, *cells))
    return folded(told.replace("%(app)s", NAMES.app_with_former))


@lru_cache(maxsize=1)
def searched_ready() -> str:
    """Return the search text of the readiness check, which is no topic but is searched for here."""
    asked = " ".join(f"{row.title} {row.text}" for row in READY.rows)
    told = f"{{出|で}}かける{{前|まえ}}の{{確認|かくにん}} {{出発|しゅっぱつ}} {{準備|じゅんび}} {asked}"
    return folded(f"{plain(told)} {RUBY.sub(_READING, told)}".replace("%(app)s", NAMES.app_with_former))
