"""Our style sheets: what serving them leaves out says nothing, and what they say is understood by older browsers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "static"
SHEETS = sorted(path for path in STATIC.rglob("*.css") if "vendor" not in path.parts)


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


def unused(css: str, named: set[str]) -> set[str]:
    """Return the classes that nothing names, neither whole nor by their beginning."""
    beginnings = tuple(each for each in named if each.endswith("-"))
    found = set(re.findall(r"\.(kz-[a-z0-9-]+)", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)))
    return {each for each in found - named if not each.startswith(beginnings)}


@pytest.fixture(scope="module")
def named() -> set[str]:
    """Return the classes that our pages, scripts and code name."""
    files = [
        *ROOT.glob("templates/**/*.html"),
        *ROOT.glob("app/**/*.py"),
        *(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts),
    ]
    return {each for file in files for each in re.findall(r"\bkz-[a-z0-9-]+", file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_every_class_of_a_sheet_is_somewhere(sheet: Path, named: set[str]) -> None:
    assert unused(sheet.read_text(encoding="utf-8"), named) == set()


def test_a_class_that_is_nowhere_is_noticed() -> None:
    css = ".kz-there, .kz-gone > b { color: red } /* .kz-said */ .kz-size-l { font-size: 2rem }"
    assert unused(css, {"kz-there", "kz-size-"}) == {"kz-gone"}


def test_such_a_quotation_is_noticed() -> None:
    assert quoted('a::after { content: "; " } /* "{" */ b { content: "" }') == ['"; "']
