"""Templates: lines that a person can read, and an indentation that no phone has to fetch."""

from __future__ import annotations

from pathlib import Path

from app.web.kit.assets import Assets
from app.web.kit.pages import Look, Pages

ROOT = Path(__file__).parents[2]


# --- the indentation of the source is not sent --------------------------------------------------------------


def rendered(source: str, folder: Path) -> str:
    (folder / "page.html").write_text(source, encoding="utf-8")
    return Pages(Assets(ROOT / "static"), practice=False, folder=folder).html("page.html", Look(), yes=True)


def test_indentation_is_not_sent(tmp_path: Path) -> None:
    assert rendered("<ul>\n  <li>\n\t  a\n  </li>\n</ul>", tmp_path) == "<ul>\n<li>\na\n</li>\n</ul>"


def test_indentation_behind_a_statement_is_not_sent(tmp_path: Path) -> None:
    assert rendered("{% if yes %}\n  <p>\n    {% if yes %}\n    a\n  {% endif %}\n{% endif %}", tmp_path) == "<p>\na\n"


def test_white_space_within_a_line_stays(tmp_path: Path) -> None:
    assert rendered("<p>{% if yes %} a {% endif %} b　c</p>", tmp_path) == "<p> a  b　c</p>"


def test_a_line_may_begin_with_the_wide_space_of_japanese(tmp_path: Path) -> None:
    assert rendered("<p>\n　a</p>", tmp_path) == "<p>\n　a</p>"
