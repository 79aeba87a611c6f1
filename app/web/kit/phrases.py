"""Japanese text as HTML that breaks between phrases: a zero width space at each boundary that BudouX finds.

With `word-break: keep-all` a line then breaks there and at spaces only (in WebKit not even behind punctuation).
Chromium alone finds phrases by itself (`word-break: auto-phrase`), and not around readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from budoux import load_default_japanese_parser
from markupsafe import Markup, escape

from app.rules.words.furigana import plain

_find: Final = load_default_japanese_parser().parse
_PIECE: Final = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}|%\(\w+\)s|.", re.DOTALL)
"""A word with its reading, a placeholder, or a letter."""
_MAY_BREAK: Final = "\u200b"
"""ZERO WIDTH SPACE, as BudouX has it. A `<wbr>` is an element: it cuts a sentence into several boxes where its parent
lays out boxes in a row, and into several names for a screen reader."""
_RUBY: Final = "<ruby>{base}<rp>（</rp><rt>{reading}</rt><rp>）</rp></ruby>"
_STAYS: Final = re.compile(r".[、。，．・：；！？）」』】〉》…ーゝ々％]|[（「『【〈《].|[0-9A-Za-z]{2}", re.DOTALL)
"""Two letters that stay together: before a mark that begins no line, behind one that ends none, within a number."""
_LONGEST: Final = 14
"""Letters of a phrase that no narrow heading holds: it may break where katakana meets kanji, and at brackets, too."""
_SEAM: Final = re.compile(r"(?<=[ァ-ヿ])(?=[一-鿿])|(?<=[一-鿿])(?=[ァ-ヿ])|(?<=.)(?=（)|(?<=）)(?=[^ぁ-ん])")
_WHOLE: Final = re.compile("もど[るりっれ]|ちが[うえいっわ]|やめ[るたま]|はい|あてはま[るり]|同意年月日")
"""Words that BudouX cuts; behind a particle a phrase begins with them."""
_PARTICLES: Final = frozenset("にをがはでとへ")
_HTML: Final = re.compile(
    r"\A[^<>]*>|<(option|textarea|script|style|svg)\b.*?(?:</\1>|\Z)|<[^>]*(?:>|\Z)"
    r"|(?P<text>[^\s<>&\"'=]*[ぁ-ヿ一-鿿][^\s<>&\"'=]*)",
    re.DOTALL,
)
"""The rest of a tag that began before an expression; elements that take no other element; tags; and text."""


def _ends(text: str) -> Iterator[int]:
    """Yield where a line may end."""
    at = 0
    for phrase in _find(text) if text else ():
        if len(phrase) > _LONGEST:
            yield from (at + seam.start() for seam in _SEAM.finditer(phrase))
        at += len(phrase)
        yield at


def kept_whole(text: str, ends: set[int]) -> set[int]:
    """Return where a line may end without cutting one of the words that stay whole."""
    words = [*_WHOLE.finditer(text)]
    cut = {at for word in words for at in range(word.start() + 1, word.end())}
    begun = {word.start() for word in words if text[word.start() - 1 : word.start()] in _PARTICLES}
    return (ends - cut) | begun


def html_in_phrases(html: str) -> str:
    """Return a piece of a template's own HTML with the boundaries in its texts."""
    return _HTML.sub(lambda part: in_phrases(part[0], readings=False) if part["text"] else part[0], html)


@lru_cache(maxsize=4096)
def in_phrases(message: str, *, readings: bool) -> Markup:
    """Return a message as HTML, with or without its readings."""
    text = plain(message)
    ends = kept_whole(text, {*_ends(text)})
    html, at = [], 0
    for piece in _PIECE.finditer(message):
        base, is_ruby = piece[1] or piece[0], bool(readings and piece[2])
        if at in ends and not _STAYS.fullmatch(text[at - 1 : at + 1]):
            html.append(_MAY_BREAK)
        html.append(_RUBY.format(base=escape(base), reading=escape(piece[2])) if is_ruby else str(escape(base)))
        at += len(base)
    return Markup("".join(html))  # noqa: S704 - each piece was escaped; between them stands only our own
