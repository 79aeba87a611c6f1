"""Renders the practice pages with a small environment of their own: they share no layout with the product."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse

from app.rules.words.furigana import plain

PREFIX: Final = "/practice"
_ROOT: Final = Path(__file__).parents[2]


class PracticePages:
    """The practice templates, and the line drawings that some of them hold."""

    def __init__(self, static: Callable[[str], str], words: Callable[[str], Markup]) -> None:
        """Take the addresses of static files, and how a message is shown."""
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([_ROOT / "templates" / "practice", _ROOT / "static"]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(
            {"_": partial(_say, words), "_plain": plain, "static": static, "prefix": PREFIX}
        )

    def respond(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """Answer a page."""
        html = self._environment.get_template(f"{template}.html").render(values)
        return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def _say(words: Callable[[str], Markup], message: str, **values: object) -> Markup:
    return words(message) % values if values else words(message)
