"""Our style sheets: what serving them leaves out says nothing, and what they say is understood by older browsers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "static"
SHEETS = sorted(STATIC.glob("*.css"))


def quoted(css: str) -> list[str]:
    """Return the quotations that would suffer when blanks around braces and semicolons are left out."""
    return [
        each
        for each in re.findall(r'"[^"]*"', re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
        if set(each) & set("{};")
    ]


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_no_sheet_quotes_what_serving_changes(sheet: Path) -> None:
    assert quoted(sheet.read_text(encoding="utf-8")) == []


def thick(css: str) -> list[str]:
    """Return the underlines that a Safari before 26.2 leaves out: their thickness stands in the shorthand."""
    return re.findall(r"text-decoration: [^;}]*[\d.]+(?:px|em|rem)", css)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_every_underline_is_drawn_by_every_safari(sheet: Path) -> None:
    assert thick(sheet.read_text(encoding="utf-8")) == []


def test_such_an_underline_is_noticed() -> None:
    assert thick("a { text-decoration: underline 1.5px; color: red }") == ["text-decoration: underline 1.5px"]
    assert thick("a { text-decoration: underline; text-underline-offset: .25em }") == []


def test_such_a_quotation_is_noticed() -> None:
    assert quoted('a::after { content: "; " } /* "{" */ b { content: "" }') == ['"; "']
