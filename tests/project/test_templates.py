"""Templates: lines that a person can read, and an indentation that no phone has to fetch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.web.kit.assets import Assets
from app.web.kit.pages import Look, Pages

ROOT = Path(__file__).parents[2]


# --- the indentation of the source is not sent --------------------------------------------------------------


def rendered(source: str, folder: Path) -> str:
    (folder / "page.html").write_text(source, encoding="utf-8")
    return Pages(Assets(ROOT / "static"), practice=False, folder=folder).html("page.html", Look(), yes=True)


def test_indentation_is_not_sent(tmp_path: Path) -> None:
    assert rendered("<ul>\n  <li>a</li>\n\t  <li>b</li>\n</ul>", tmp_path) == "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"


def test_indentation_behind_a_statement_is_not_sent(tmp_path: Path) -> None:
    assert (
        rendered("{% if yes %}\n  <div>\n    {% if yes %}\n    a\n  {% endif %}\n{% endif %}", tmp_path) == "<div>\na\n"
    )


def test_white_space_within_a_line_stays(tmp_path: Path) -> None:
    assert rendered("<p>{% if yes %} a {% endif %} b　c</p>", tmp_path) == "<p> a  b　c</p>"


def test_a_line_may_begin_with_the_wide_space_of_japanese(tmp_path: Path) -> None:
    assert rendered("<p>\n　a</p>", tmp_path) == "<p>　a</p>"


def test_a_text_on_a_line_of_its_own_costs_nothing(tmp_path: Path) -> None:
    assert rendered('<li class="a">\n  b <b>c</b>\n  d\n</li>', tmp_path) == '<li class="a">b <b>c</b>\nd</li>'


def test_an_attribute_on_a_line_of_its_own_costs_nothing(tmp_path: Path) -> None:
    assert rendered('<input name="a"\n       value="{{ yes }}"\n       id="b">', tmp_path) == (
        '<input name="a" value="True" id="b">'
    )


def test_a_line_break_within_a_text_stays_a_space(tmp_path: Path) -> None:
    assert rendered("<p>\n  <b>a</b>\n  <b>b</b>\n</p>", tmp_path) == "<p><b>a</b>\n<b>b</b></p>"


# --- lines that a person can read ---------------------------------------------------------------------------

LONGEST = 160
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def long_lines(source: str) -> list[int]:
    """Return the numbers of the lines that are too long."""
    return [number for number, line in enumerate(source.split("\n"), 1) if len(line) > LONGEST]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_no_line_of_a_template_is_too_long(template: Path) -> None:
    assert long_lines(template.read_text(encoding="utf-8")) == []


def test_a_long_line_is_noticed() -> None:
    assert long_lines("a\n" + "あ" * LONGEST + "\n" + "あ" * (LONGEST + 1)) == [3]


# --- what breaking and indenting lines must not change ------------------------------------------------------

TAG = re.compile(r"<[a-z](?:\"(?:{{.*?}}|[^\"])*\"|'[^']*'|{{.*?}}|{%.*?%}|[^>\"'{])*>", re.DOTALL)


def harmed(source: str) -> list[str]:
    """Return what a broken line would change: attributes that grow together, wide spaces, indentation that is text.

    Behind a statement Jinja drops the line break; the indenter drops a wide space at either end of a line; and no
    indentation is sent, not even that of `<pre>`.
    """
    glued = [found for tag in TAG.findall(source) for found in re.findall(r"%}\n *(?:[a-z]|{{)", tag)]
    return glued + re.findall(r"^　.*|.*　$|<pre\b", source, re.MULTILINE)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_broken_lines_change_nothing_in_the_page(template: Path) -> None:
    assert harmed(template.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        '<input{% if a %} checked{% endif %}\n  value="b">',
        "<input{% if a %}\n  checked{% endif %}>",
        "<p>\n　a</p>",
        "<p>{{ a }}　\n</p>",
        "<pre>\n  a</pre>",
    ],
)
def test_a_harmful_break_is_noticed(source: str) -> None:
    assert len(harmed(source)) == 1


def test_harmless_breaks_are_let_through() -> None:
    assert harmed('<input value="a"\n  {%- if b %} checked{% endif %}\n  {%- if c %} required{% endif %}>') == []
