"""Renders the practice pages with a small environment of their own: they share no layout with the product."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import jinja2
from starlette.responses import HTMLResponse

from app.rules.words.furigana import plain

PREFIX: Final = "/practice"
_ROOT: Final = Path(__file__).parents[2]


class PracticePages:
    """The practice templates, and the line drawings that some of them hold."""

    def __init__(self, static: Callable[[str], str]) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([_ROOT / "templates" / "practice", _ROOT / "static"]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update({"_": _say, "static": static, "prefix": PREFIX})

    def respond(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """Answer a page."""
        html = self._environment.get_template(f"{template}.html").render(values)
        return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def _say(message: str, **values: object) -> str:
    """Return a message without furigana, with its values."""
    return plain(message) % values if values else plain(message)
