"""The trouble helper: advice by symptom, without a visit, also offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.rules.content.trouble import TROUBLES, Advice
from app.rules.words.dates import day_of
from app.web.guide.contacts import ContactPages, Here
from app.web.kit.pages import Look

LIST: Final = "/guide/trouble"
FILES: Final = (
    "app.js",
    "guide/help.css",
    "guide/help.js",
    *sorted({f"pictures/{each.picture}.svg" for each in TROUBLES.answers.values()}),
)


@dataclass(frozen=True)
class Trouble:
    """The trouble helper's pages."""

    help: ContactPages
    files: tuple[str, ...] = FILES

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(LIST, self.list_all, methods=["GET"]),
            Route(f"{LIST}/{{answer}}", self.show, methods=["GET"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """Show the list of symptoms."""
        return self.help.answer(request, self._list(await self.help.here(request), Look.of(request).in_japanese()))

    def _list(self, here: Here, look: Look) -> str:
        return self.help.html("guide/trouble.html", here, look, troubles=TROUBLES)

    async def show(self, request: Request) -> Response:
        """Show one answer."""
        found = TROUBLES.answers.get(request.path_params["answer"])
        if found is None:
            raise HTTPException(404)
        return self.help.answer(
            request, self._answer(found, await self.help.here(request), Look.of(request).in_japanese())
        )

    def _answer(self, answer: Advice, here: Here, look: Look) -> str:
        desks = self.help.near(answer.contact, here)
        codes = TROUBLES.codes if answer.id == "code" else ()
        late = day_of(self.help.clock.now()) > TROUBLES.review_by
        return self.help.html("guide/answer.html", here, look, answer=answer, desks=desks, codes=codes, is_overdue=late)

    async def kept(self, request: Request) -> dict[str, str]:
        """Return every page, for the offline cache."""
        here, look = await self.help.here(request), Look()
        answers = {f"{LIST}/{name}": self._answer(each, here, look) for name, each in TROUBLES.answers.items()}
        return {LIST: self._list(here, look), **answers}
