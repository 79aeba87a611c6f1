"""Renders templates: messages with or without furigana, hashed static addresses, brotli.

Every text for people is a message, `_("…")`. Messages without values, icons and addresses of static files are folded
into constants when a template is compiled. The indentation of a template's source is not sent.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from http import HTTPStatus
from itertools import product, starmap
from pathlib import Path
from typing import Any, Final

import brotli
import jinja2
from jinja2 import nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

from app.ports.outside import Decline
from app.rules.content import EXITS, NAMES
from app.rules.content import OFFICIAL as OFFICIAL_WAY
from app.rules.content.sources import GRADES, named
from app.rules.station.account import Role
from app.rules.station.day_list import Need
from app.rules.station.station import PROMISE
from app.rules.terminal.exchange import Stage
from app.rules.visit.consent import QUESTIONS, Choice, Item
from app.rules.visit.copy import Wish
from app.rules.visit.flow import EXPLAINED, OPERATORS
from app.rules.visit.journey import checked
from app.rules.visit.standing import NEEDY, Closing, Doubt, Standing, Truth, Verdict
from app.rules.visit.visit import Holder, Registration, Report, Route
from app.rules.words.dates import day_of, format_clock, format_day
from app.rules.words.furigana import plain
from app.rules.words.languages import BY_CODE, EASY, LANGUAGES, OFFICIAL, Language, day_in, told, worded
from app.web.kit.assets import Assets, takes_brotli
from app.web.kit.phrases import html_in_phrases, in_phrases

TEMPLATES: Final = Path(__file__).parents[3] / "templates"
LOOK_COOKIE: Final = "look"
SIZES: Final = ("s", "m", "l")
HOLE: Final = Markup("\x1f")
"""Placeholder for the form fields that bind a form; replaced before sending, and in no page otherwise."""
_PLAIN: Final = {"Content-Type": "text/html; charset=utf-8", "Vary": "Accept-Encoding"}
_PACKED: Final = {**_PLAIN, "Content-Encoding": "br"}
_QUICK: Final = 5
_WORTH_PACKING: Final = 600
_INDENT: Final = re.compile(r"^[ \t]+", re.MULTILINE)
_EDGE: Final = re.compile(
    r"(<(?:d[dt]|h[1-6]|legend|li|p|summary)\b[^<>]*>)\n+|\n+(?=</(?:d[dt]|h[1-6]|legend|li|p|summary)>)"
)
"""Line breaks behind the opening and before the closing tag of an element of text, which no browser shows."""


@dataclass(frozen=True, slots=True)
class Look:
    """Text size, furigana, language and contrast. Kept in a cookie for the visit, without personal data.

    Furigana and language apply only while the patient holds the phone; for staff, pages are in plain Japanese.
    """

    size: str = "m"
    furigana: bool = False
    language: Language = OFFICIAL
    is_patients: bool = False
    contrast: bool = False
    """Whether pages are black on white, or white on black in dark mode, for either holder."""

    @classmethod
    def of(cls, request: Request) -> Look:
        """Return the look of the browser's cookie, or the default."""
        return _LOOKS.get(request.cookies.get(LOOK_COOKIE, ""), _ORDINARY)

    def __str__(self) -> str:
        """Return the cookie's value."""
        holder, contrast = "p" if self.is_patients else "s", "+" if self.contrast else ""
        return f"{self.size}{int(self.furigana)}{holder}{self.language.code}{contrast}"

    @property
    def spoken(self) -> Language:
        """The language of the page."""
        return self.language if self.is_patients else OFFICIAL

    @property
    def has_readings(self) -> bool:
        """Whether the page shows furigana."""
        return self.furigana and self.is_patients and self.language.is_japanese

    def chosen(self, sent: Mapping[str, str]) -> Look:
        """Return the look with the sent settings; switching to easy Japanese turns furigana on unless sent."""
        size, language = sent.get("size", ""), BY_CODE.get(sent.get("language", ""), self.language)
        begins_easy = language is EASY and self.language is not EASY
        said = {"on": True, "off": False}
        furigana = said.get(sent.get("furigana", ""), self.furigana or begins_easy)
        contrast = said.get(sent.get("contrast", ""), self.contrast)
        return replace(
            self, size=size if size in SIZES else self.size, furigana=furigana, language=language, contrast=contrast
        )

    def seen_by(self, holder: str) -> Look:
        """Return the look for this holder."""
        return replace(self, is_patients=holder == "patient")

    def in_japanese(self) -> Look:
        """Return the look for a page that exists in Japanese only."""
        return replace(self, language=OFFICIAL)


_ORDINARY: Final = Look()
_EITHER: Final = (False, True)
_LOOKS: Final = {str(look): look for look in starmap(Look, product(SIZES, _EITHER, LANGUAGES, _EITHER, _EITHER))}


@lru_cache(maxsize=2048)
def without_readings(message: str) -> Markup:
    """Return the message as HTML without readings or boundaries: for titles, attributes and single words."""
    return escape(plain(message))


def _form(language: Language, *, furigana: bool) -> Callable[[str], Markup]:
    """Return how text is shown: only Japanese is written without spaces."""
    return partial(in_phrases, readings=furigana) if language.is_japanese else without_readings


class _Fold(NodeTransformer):
    """Constant folding in a template's syntax tree."""

    def __init__(self, known: Mapping[str, Callable[[str], object]], spelled: Callable[[str], str]) -> None:
        self.known = known
        self.spelled = spelled

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        """Drop the line breaks at the edges of texts, and write those between attributes as a space.

        A text or an attribute on a line of its own then costs no byte.
        """
        html = _EDGE.sub(r"\1", node.data).replace('"\n', '" ')
        return nodes.TemplateData(self.spelled(html), lineno=node.lineno)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        """Replace calls of `known` functions with one constant argument, such as `_("…")`, by their value."""
        self.generic_visit(node)
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        alone = len(node.args) == 1 and not node.kwargs and isinstance(node.args[0], nodes.Const)
        if name not in self.known or not alone:
            return node
        value = self.known[name](node.args[0].value)  # type: ignore[attr-defined]
        return nodes.Const(value, lineno=node.lineno)


class _Environment(jinja2.Environment):
    """Jinja with constant folding of the functions in `known`, and without the indentation of the source."""

    known: Mapping[str, Callable[[str], object]]
    spelled: Callable[[str], str]
    """What becomes of the template's own HTML."""

    @override
    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return one plain dictionary: Jinja's chain of two is looked through for each name at every import."""
        return {**self.globals, **(d or {})}

    @override
    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        return _INDENT.sub("", super().preprocess(source, name, filename))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        folded: nodes.Template = _Fold(self.known, self.spelled).visit(tree)
        return folded


TERMS: Final = (
    Choice,
    Closing,
    Decline,
    Doubt,
    Holder,
    Need,
    Registration,
    Report,
    Role,
    Route,
    Stage,
    Standing,
    Truth,
    Verdict,
    Wish,
)
"""Enums that templates compare with, under their own names."""


class Pages:
    """The templates: one environment per language and furigana setting, compiled on first use."""

    def __init__(self, assets: Assets, *, practice: bool, folder: Path = TEMPLATES) -> None:
        entry_sheet = assets["entry.css"].content.decode()
        digest = base64.b64encode(hashlib.sha256(entry_sheet.encode()).digest()).decode()
        self.entry_sheet_hash: Final = f"'sha256-{digest}'"
        shared = {
            "practice": practice,
            "form_fields": HOLE,
            "entry_sheet": Markup(entry_sheet),  # noqa: S704 - our own file
            "hero": Markup(assets["pictures/entry.svg"].content.decode()),  # noqa: S704 - our own file
            "logo": Markup(assets["icons/mark.svg"].content.decode()),  # noqa: S704 - our own file
            "names": NAMES,
            "PROMISE": PROMISE,
            "SCOPE": OFFICIAL_WAY.scope,
            "QUESTIONS": QUESTIONS,
            "OPERATORS": OPERATORS,
            "EXPLAINED": EXPLAINED,
            "NEEDY": NEEDY,
            "exits": EXITS,
            "checked": checked,
            "named": named,
            **{each.__name__: each for each in TERMS},
            "grades": GRADES,
        }
        loader = jinja2.FileSystemLoader(folder)
        self._templates = {
            (language, on): lru_cache(_environment(loader, assets, shared, language, furigana=on).get_template)
            for language, on in product(LANGUAGES, (False, True))
        }

    def html(self, template: str, look: Look, **values: Any) -> str:
        """Render a page, with `HOLE` in place of the fields that bind its forms."""
        return self._templates[look.spoken, look.has_readings](template).render(look=look, **values)

    def respond(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        look: Look | None = None,
        **values: Any,
    ) -> Response:
        """Answer a page without a visit."""
        return self.answer(request, self.html(template, look or Look.of(request), **values), status)

    def answer(self, request: Request, html: str, status: int = 200, *, quality: int = _QUICK) -> Response:
        """Answer a rendered page; compressed only if 200: error pages repeat input beside the CSRF token (BREACH).

        Advice without a visit is packed smaller: the list of troubles is long, and nobody asks for it twice in a visit.
        """
        content = html.encode()
        if status != HTTPStatus.OK or len(content) < _WORTH_PACKING or not takes_brotli(request):
            return Response(content, status_code=status, headers=_PLAIN)
        return Response(brotli.compress(content, quality=quality), headers=_PACKED)


def _environment(
    loader: jinja2.BaseLoader, assets: Assets, shared: Mapping[str, Any], language: Language, *, furigana: bool
) -> _Environment:
    plain_words = lru_cache(maxsize=2048)(partial(_said, without_readings, language))
    readable = _form(language, furigana=furigana)
    words = lru_cache(maxsize=2048)(partial(_said, readable, language))
    environment = _Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["day"] = format_day
    environment.filters["whole_day"] = lambda at: readable(day_in(language, day_of(at)))
    environment.filters["worded"] = partial(worded, language)
    environment.filters["clock"] = format_clock
    environment.known = {
        "_": words,
        "_plain": plain_words,
        "_original": without_readings,
        "asset": assets.url,
        "icon": lru_cache(partial(_icon, assets)),
    }
    environment.spelled = html_in_phrases if language.is_japanese else str
    spoken = {
        "_": partial(_message, words),
        "_plain": partial(_message, plain_words),
        "readable": readable,
        "plain": without_readings,
        "once": lru_cache(partial(_once, environment, language)),
    }
    environment.globals.update({**environment.known, **shared, **spoken, "LANGUAGES": LANGUAGES})
    return environment


def _once(environment: jinja2.Environment, language: Language, template: str, item: Item) -> Markup:
    """Render a template that depends on a consent item and the language alone."""
    look = Look(language=language, is_patients=True)
    return Markup(environment.get_template(template).render(item=item, look=look))  # noqa: S704 - a page of ours


def _icon(assets: Assets, name: str) -> Markup:
    """Return an icon from the sheet of its folder: `card` stands in icons.svg, `office/file` in office/icons.svg."""
    folder, slash, symbol = name.rpartition("/")
    sheet = assets.url(f"{folder}{slash}icons.svg")
    return Markup('<svg class="kz-icon" aria-hidden="true"><use href="{}#{}"/></svg>').format(sheet, symbol)


def _said(form: Callable[[str], Markup], language: Language, message: str) -> Markup:
    return form(told(language, message))


def _message(words: Callable[[str], Markup], message: str, **values: object) -> Markup:
    return words(message) % values if values else words(message)
