"""A step added by the README's recipe: planted in a copy of the tree, it has all that a step has, and its tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[2]
PLANTED = Path(__file__).parent / "allergy"
LINES = 25
"""Entry and template together, without messages."""
BEFORE = '    Step(\n        "consent",'
COPIED = ("app", "docs", "locales", "requirements", "scripts", "static", "templates", "tests", "bench")
FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "Makefile")
WORDS = {
    "{薬|くすり}のアレルギー": "Drug allergies",
    "{薬|くすり}のアレルギーがありますか": "Are you allergic to any drug?",
    "つぎへ": "Next",
    "「はい」か「いいえ」をえらんでください": "Please choose yes or no.",
}
TESTS = ("tests/rules/visit", "tests/rules/record", "tests/web/bedside")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree with the step planted."""
    copy = tmp_path_factory.mktemp("stranger")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    flow = copy / "app/rules/visit/flow.py"
    before, after = flow.read_text(encoding="utf-8").split(BEFORE)
    entry = (PLANTED / "entry.txt").read_text(encoding="utf-8")
    flow.write_text(f"{before}{entry}{BEFORE}{after}", encoding="utf-8")
    shutil.copy(PLANTED / "page.html", copy / "templates/bedside/steps/allergy.html")
    shutil.copy(PLANTED / "walk.py", copy / "tests/web/bedside/test_allergy.py")
    run(copy, "-m", "scripts.docs")
    run(copy, "-m", "scripts.catalogues")
    translate(copy / "locales/en/LC_MESSAGES/patient.po")
    run(copy, "-m", "scripts.catalogues")
    return copy


def translate(file: Path) -> None:
    with file.open("rb") as found:
        catalogue = read_po(found)
    for message, words in WORDS.items():
        catalogue[message].string = words
    with file.open("wb") as changed:
        write_po(changed, catalogue, width=0)


def run(tree: Path, *command: str) -> str:
    """Run Python on a tree; return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(
        [sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_a_step_is_an_entry_and_a_page_of_few_lines() -> None:
    lines = [line for name in ("entry.txt", "page.html") for line in (PLANTED / name).read_text().splitlines()]
    assert len(lines) <= LINES


@pytest.mark.slow
def test_it_has_all_that_a_step_has_and_no_other_test_minds(tree: Path) -> None:
    told = run(tree, "-m", "pytest", *TESTS, "-q", "-n", "2", "-m", "not slow", "-p", "no:cacheprovider")
    assert " passed" in told
    assert "failed" not in told


@pytest.mark.slow
def test_it_stands_in_the_documents(tree: Path) -> None:
    assert "`allergy`" in (tree / "docs/flow.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_without_the_type_of_its_event_it_does_not_type_check(tree: Path) -> None:
    flow = tree / "app/rules/visit/flow.py"
    whole = flow.read_text(encoding="utf-8")
    check = ("-m", "mypy", "--cache-dir", str(tree / ".mypy"), "app/rules/visit/flow.py")
    run(tree, *check)
    flow.write_text(whole.replace("            EventType.ANSWERED,\n", ""), encoding="utf-8")
    try:
        with pytest.raises(AssertionError, match='Missing positional argument "event"'):
            run(tree, *check)
    finally:
        flow.write_text(whole, encoding="utf-8")
