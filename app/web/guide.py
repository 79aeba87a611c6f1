"""The guide: dated pages about the station's own equipment and work, shaped by what the station has."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.consent import day_of
from app.content.guide import GUIDE, Topic
from app.facility import Note
from app.web.help import Help, Here
from app.web.pages import Look

_KATAKANA: Final = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_LONGEST: Final = 40


@dataclass(frozen=True)
class Guide:
    """The guide's pages."""

    help: Help
    files: tuple[str, ...] = ("help.css", "help.js")

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/guide", self.index, methods=["GET"]),
            Route("/guide/{topic}", self.show, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """Show every topic, or those in which what is looked for stands."""
        wanted = request.query_params.get("q", "")[:_LONGEST].strip()
        here = await self.help.here(request)
        return self.help.answer(request, self._index(here, Look.of(request), wanted))

    def _index(self, here: Here, look: Look, wanted: str = "") -> str:
        found = [topic for topic in GUIDE.topics.values() if folded(wanted) in searched(topic)]
        return self.help.html("guide/index.html", here, look, guide=GUIDE, found=found, wanted=wanted, text_of=searched)

    async def show(self, request: Request) -> Response:
        """Show one topic."""
        topic = GUIDE.topics.get(request.path_params["topic"])
        if topic is None:
            raise HTTPException(404)
        here = await self.help.here(request)
        return self.help.answer(request, await self._topic(topic, here, Look.of(request)))

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
            days_left=self._days_left(here) if topic.id == "certificate" else None,
        )

    def _days_left(self, here: Here) -> int | None:
        """Return how many days the terminal's certificate still holds, where the station says until when."""
        ends = here.station.certificate_ends if here.station else ""
        return (date.fromisoformat(ends) - day_of(self.help.clock.now())).days if ends else None

    async def kept(self, request: Request) -> dict[str, str]:
        """Return every page, for where there is no signal."""
        here, look = await self.help.here(request), Look()
        topics = {f"/guide/{name}": await self._topic(topic, here, look) for name, topic in GUIDE.topics.items()}
        return {"/guide": self._index(here, look), **topics}


def folded(text: str) -> str:
    """Return a text as it is searched: one width, one case, one kana, no blanks."""
    return "".join(unicodedata.normalize("NFKC", text).lower().translate(_KATAKANA).split())


def searched(topic: Topic) -> str:
    """Return everything in which a topic is found."""
    rows = (row.text for part in topic.parts for row in part.rows)
    cells = (cell for part in topic.parts for line in part.cells for cell in line)
    titles = (part.title for part in topic.parts)
    return folded(" ".join((topic.title, topic.lead, topic.words, *titles, *rows, *cells)))
