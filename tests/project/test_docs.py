"""The documents say what the code says: generated pages are fresh, words are messages, tables are whole."""

from __future__ import annotations

import ast
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest
from jinja2 import nodes

from app.rules.visit.flow import FLOW
from app.rules.words.furigana import RUBY
from app.settings import Settings
from scripts import architecture, docs

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
CATALOGUED = [path for path in TEMPLATES if "office" not in path.parts]
"""The office is in Japanese only (docs/adr/0012)."""
SAID = {"_", "_plain", "_original"}

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def messages() -> list[str]:
    """Return every text for people; not when the module is read, for each worker reads it."""
    return sorted({text for _, _, text in docs.messages()})


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of everything that the generated pages are made from, and of the pages."""
    for name in ("templates", "app", "locales"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs").mkdir()
    for name in (docs.FLOW_PAGE, architecture.PAGE):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def put(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


# --- generated pages ----------------------------------------------------------------------------------------


def test_generated_pages_are_fresh() -> None:
    assert docs.stale() == [], "run `make docs`"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: put(root / "templates" / "home.html", '_("かざす")', '_("かざす。")'),
        lambda root: put(root / "app" / "rules" / "visit" / "journey.py", "えらんでください", "えらびます"),
        lambda root: put(root / "app" / "rules" / "content" / "items.toml", 'short = "', 'short = "新しい'),
        lambda root: (root / docs.CATALOGUE).unlink(),
    ],
    ids=["template", "code", "content", "missing"],
)
def test_a_changed_message_is_noticed(copied: Path, change: Change) -> None:
    change(copied)
    assert docs.stale(copied) == [docs.CATALOGUE]


def test_a_moved_line_is_no_change(copied: Path) -> None:
    put(copied / "templates" / "home.html", "<h1>", "\n\n\n<h1>")
    put(copied / "app" / "rules" / "visit" / "journey.py", "\nMAX_TEXT", "\n\n\n# longer\n\n\nMAX_TEXT")
    assert docs.stale(copied) == []


def test_a_changed_title_is_noticed() -> None:
    written = (ROOT / docs.FLOW_PAGE).read_text(encoding="utf-8")
    changed = (replace(FLOW[0], title="{別|べつ}の{題|だい}"), *FLOW[1:])
    assert docs.flow_page(FLOW) == written != docs.flow_page(changed)


@pytest.mark.parametrize(("old", "status"), [([], 0), ([docs.FLOW_PAGE], 1)])
def test_a_stale_page_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], old: list[str], status: int
) -> None:
    monkeypatch.setattr(docs, "stale", lambda: old)
    assert docs.main(["--check"]) == status
    assert (docs.FLOW_PAGE in capsys.readouterr().out) == bool(old)


def test_writing_once_is_enough(copied: Path) -> None:
    assert docs.write(copied) == []
    (copied / docs.FLOW_PAGE).write_text("", encoding="utf-8")
    assert docs.write(copied) == [docs.FLOW_PAGE]


def test_every_step_stands_in_the_diagram_and_is_reached() -> None:
    reached = {edge.end for edge in docs.edges()}
    assert reached == {step.id for step in FLOW[1:]} | {"ready"}


# --- words are messages -------------------------------------------------------------------------------------


def bare(source: str) -> list[str]:
    """Return the Japanese texts of a template that are not messages."""
    tree = jinja2.Environment(autoescape=True).parse(source)
    said = {id(node) for call in tree.find_all(nodes.Call) if name_of(call) in SAID for node in call.args}
    constants = (node.value for node in tree.find_all(nodes.Const) if id(node) not in said)
    texts = [data.data for data in tree.find_all(nodes.TemplateData)] + [c for c in constants if isinstance(c, str)]
    return [text.strip() for text in texts if docs.JAPANESE.search(text)]


def name_of(call: nodes.Call) -> str:
    return call.node.name if isinstance(call.node, nodes.Name) else ""


@pytest.mark.parametrize("template", CATALOGUED, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_templates_hold_no_bare_japanese(template: Path) -> None:
    assert bare(template.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>はい</p>",
        '<img alt="絵">',
        "<!-- カード -->",
        '{{ "はい" }}',
        '{% if a %}{{ _("はい") }}{% else %}ｶｰﾄﾞ{% endif %}',
        '{{ shout("はい") }}',
    ],
)
def test_bare_japanese_is_noticed(source: str) -> None:
    assert len(bare(source)) == 1


def test_messages_and_punctuation_are_not_bare() -> None:
    assert bare('{{ _("{漢|かん}字") }}（{{ _plain("はい") }}）・：　「{{ name }}」') == []


# --- furigana -----------------------------------------------------------------------------------------------

KANJI = re.compile(r"[々〆㐀-䶿一-鿿豈-\ufaff\U00020000-\U0003ffff]")
KANA = re.compile(r"[ぁ-ゖァ-ヺー]+")


def misread(message: str) -> list[str]:
    """Return what is wrong with a message's furigana."""
    wrong = [f"no kanji: {base}" for base, _ in RUBY.findall(message) if not KANJI.search(base)]
    wrong += [f"not kana: {reading}" for _, reading in RUBY.findall(message) if not KANA.fullmatch(reading)]
    return wrong + [f"stray {mark}" for mark in "{}|" if mark in RUBY.sub("", message)]


def test_furigana_is_well_formed(messages: list[str]) -> None:
    assert {message: wrong for message in messages if (wrong := misread(message))} == {}


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("{かな|かな}", ["no kanji: かな"]),
        ("{漢字|漢字}", ["not kana: 漢字"]),
        ("{漢字|kanji}", ["not kana: kanji"]),
        ("{漢字|かんじ", ["stray {", "stray |"]),
        ("漢字}", ["stray }"]),
        ("{漢字}", ["stray {", "stray }"]),
        ("漢字|かんじ", ["stray |"]),
        ("{漢字|かん|じ}", ["stray {", "stray }", "stray |"]),
    ],
)
def test_broken_furigana_is_noticed(message: str, wrong: list[str]) -> None:
    assert misread(message) == wrong


# --- placeholders -------------------------------------------------------------------------------------------

PLACE = re.compile(r"%\(([a-z][a-z_]*)\)s")


def places(message: str) -> set[str] | None:
    """Return the names of a message's placeholders, or None when one of them is broken."""
    return None if "%" in PLACE.sub("", message) else set(PLACE.findall(message))


def test_placeholders_are_well_formed(messages: list[str]) -> None:
    assert [message for message in messages if places(message) is None] == []


@pytest.mark.parametrize("message", ["%(day)", "%(日)s", "%s", "100%", "%(day)d", "%%", "%(Day)s"])
def test_broken_placeholders_are_noticed(message: str) -> None:
    assert places(message) is None


def unfilled(source: str) -> list[str]:
    """Return the messages of a template whose placeholders are not the values that they are given."""
    calls = (call for call in jinja2.Environment(autoescape=True).parse(source).find_all(nodes.Call))
    found = [
        (call.args[0].value, {given.key for given in call.kwargs})
        for call in calls
        if name_of(call) in SAID and len(call.args) == 1 and isinstance(call.args[0], nodes.Const)
    ]
    return [message for message, given in found if places(message) != given]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_placeholders_are_filled(template: Path) -> None:
    assert unfilled(template.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("call", ['_("%(day)s")', '_("%(day)s", dya=1)', '_plain("はい", day=1)'])
def test_an_unfilled_placeholder_is_noticed(call: str) -> None:
    assert len(unfilled(f"{{{{ {call} }}}}")) == 1


# --- hand-written documents ---------------------------------------------------------------------------------


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_readme(readme: str, name: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    assert re.search(rf"^\| `KAZASU_{name.upper()}` \|", text, re.MULTILINE), "say what it does and its default"


def test_the_readme_names_no_setting_that_is_gone() -> None:
    for readme in ("README.md", "README.ja.md"):
        named = re.findall(r"KAZASU_([A-Z_]+)", (ROOT / readme).read_text(encoding="utf-8"))
        assert {name.lower() for name in named} <= set(Settings.model_fields)


@pytest.mark.parametrize("target", re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
def test_every_make_target_is_in_the_readme(target: str) -> None:
    assert f"| `make {target}` |" in (ROOT / "README.md").read_text(encoding="utf-8")


def keys(source: str) -> list[str]:
    """Return the keys that a content file names as the source of a fact."""
    return re.findall(r"クイックガイド|\b[AFOPV][0-9]+\b", source) or [f"none in: {source}"]


def sources(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from [value["source"]] if "source" in value else []
        for inner in value.values():
            yield from sources(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from sources(inner)


def used() -> set[str]:
    files = sorted((ROOT / "app" / "rules" / "content").glob("*.toml"))
    found = [source for file in files for source in sources(tomllib.loads(file.read_text(encoding="utf-8")))]
    return {key for source in found for key in keys(source)}


def test_every_source_in_the_content_is_resolved() -> None:
    resolved = set(re.findall(r"^\| ([^ |]+) \|", (ROOT / "docs" / "sources.md").read_text("utf-8"), re.MULTILINE))
    assert used() <= resolved


def test_a_source_without_a_key_is_noticed() -> None:
    assert keys("支払基金 O1・O2") == ["O1", "O2"]
    assert keys("聞いた話") == ["none in: 聞いた話"]


def links(text: str) -> list[str]:
    return [address for address in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in address]


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    gone = [link for link in links(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert gone == []


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "pictures").glob("*.png")), ids=lambda path: path.name)
def test_pictures_are_small(picture: Path) -> None:
    assert picture.stat().st_size < 120_000, "quantise it"


def threats() -> set[str]:
    """Return the ids of the threats that tests say they hold."""
    found: set[str] = set()
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "threat":
                found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and type(arg.value) is str}
    return found


def described() -> dict[str, list[Path]]:
    """Return the threats of SECURITY.md, and the tests that each row names."""
    rows = re.findall(r"^\| (T[0-9]{2}) \|(.*)$", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE)
    return {name: [ROOT / link for link in links(row) if link.startswith("tests/")] for name, row in rows}


def test_every_threat_that_tests_hold_is_described() -> None:
    assert list(described()) == sorted(described())
    assert threats() <= set(described())


def test_no_threat_names_a_test_that_does_not_hold_it() -> None:
    named = [(name, file) for name, files in described().items() for file in files]
    assert [(name, file) for name, file in named if f'threat("{name}")' not in file.read_text("utf-8")] == []
