"""The house itself: what stands in its root, how large its rooms are, and that a class has a name of its own."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "app").rglob("*.py"))
    if "migrations" not in path.parts
}
LINES, FILES = 450, 25
PURE_LIBRARIES = {"jpholiday"}
"""What rules may use beside the standard library: Japan's holidays."""
BY_POSITION = 5
SAME_NAME: Mapping[str, str] = {}
"""Public classes that may share a name, each with the reason: five at most."""


def at_import(source: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of each import that runs when the module is imported."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def needs(modules: Mapping[str, str]) -> dict[str, set[str]]:
    """Return which of our modules each of them needs to be imported."""
    found: dict[str, set[str]] = {}
    for name, source in modules.items():
        wanted = {f"{module}.{what}" if f"{module}.{what}" in modules else module for module, what in at_import(source)}
        found[name] = (wanted & set(modules)) - {name}
    return found


def circles(graph: Mapping[str, set[str]]) -> set[str]:
    """Return the modules that need themselves in the end."""
    left = {name: set(wanted) for name, wanted in graph.items()}
    while free := [name for name, wanted in left.items() if not wanted & left.keys()]:
        for name in free:
            del left[name]
    return set(left)


def class_names(modules: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, source in modules.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(name)
    return found


def many_by_position(modules: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the classes of these modules that are called with more than `BY_POSITION` arguments by position."""
    trees = {name: ast.parse(source) for name, source in modules.items()}
    ours = {node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    found: dict[str, set[str]] = defaultdict(set)
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and len(node.args) > BY_POSITION and (called := name_of(node)) in ours:
                found[name].add(called)
    return found


def name_of(call: ast.Call) -> str:
    """Return the last name of what is called, or nothing."""
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


SOURCES = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}


def test_the_root_holds_what_belongs_to_no_floor() -> None:
    assert {path.stem for path in (ROOT / "app").glob("*.py")} == {
        "__init__",
        "log",
        "main",
        "settings",
        "tokens",
        "verify",
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_be_read_in_one_sitting(module: str) -> None:
    assert SOURCES[module].count("\n") <= LINES


def test_no_folder_is_a_heap() -> None:
    folders = {path.parent for path in MODULES.values()}
    counts = {folder: sum(each.is_file() for each in folder.iterdir()) for folder in folders}
    assert {str(folder): count for folder, count in counts.items() if count > FILES} == {}


def test_no_module_needs_itself() -> None:
    assert circles(needs(SOURCES)) == set()


def test_a_circle_is_noticed() -> None:
    assert circles(needs({"a": "import b", "b": "from c import d", "c": "import a", "d": "import a"})) == {
        "a",
        "b",
        "c",
        "d",
    }


def test_a_public_class_has_a_name_of_its_own() -> None:
    assert {
        name: where for name, where in class_names(SOURCES).items() if len(where) > 1 and name not in SAME_NAME
    } == {}
    assert len(SAME_NAME) <= 5


def test_a_name_that_is_taken_is_noticed() -> None:
    assert class_names({"a": "class Known: ...", "b": "class Known: ..."})["Known"] == ["a", "b"]


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("app.rules")])
def test_rules_import_rules_and_the_standard_library(module: str) -> None:
    foreign = {
        wanted
        for wanted, _ in at_import(SOURCES[module])
        if not wanted.startswith("app.rules") and wanted.split(".")[0] not in sys.stdlib_module_names | PURE_LIBRARIES
    }
    assert foreign == set()


def test_no_class_is_given_more_than_five_arguments_by_position() -> None:
    assert many_by_position(SOURCES) == {}


def test_a_sixth_argument_by_position_is_noticed() -> None:
    planted = {"a": "class Known: ...", "b": "import a\na.Known(1, 2, 3, 4, 5, 6)\na.Known(1, 2, 3, 4, 5, sixth=6)"}
    assert many_by_position(planted) == {"b": {"Known"}}
    assert many_by_position({**planted, "b": "Known(1, 2, 3, 4, 5, sixth=6)"}) == {}
