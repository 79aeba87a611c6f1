"""docs/identity.md: every requirement names tests that exist, and the practice provider's faults all have one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.adapters.oidc.answers import RefusalReason
from app.settings import Settings
from tests.adapters.oidc import test_handoff_faults as by_adapter
from tests.identity import test_answers as by_pages
from tests.practice.fault import OF_THE_LINE, ON_THE_WAY_BACK, REFUSALS, Fault

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "identity.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`")


def rows(page: str) -> dict[int, list[str]]:
    """Return the numbered requirements, each with its cells."""
    found = re.findall(r"^\| ([0-9]+) \| (.*) \|$", page, re.MULTILINE)
    return {int(number): [cell.strip() for cell in rest.split(" | ")] for number, rest in found}


@cache
def written(file: str) -> frozenset[str]:
    """Return the tests of a file, without running it."""
    if not (ROOT / file).is_file():
        return frozenset()
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def wrong(page: str) -> list[str]:
    """Say which requirements are not whole, or name tests that are not there."""
    said = []
    for number, cells in rows(page).items():
        named = TEST.findall(cells[-1])
        if len(cells) != 4 or not named or not all(cells):
            said.append(f"{number}: not whole")
        said += [f"{number}: {file}::{name}" for file, name in named if name not in written(file)]
    return said


def test_every_requirement_has_tests_that_exist() -> None:
    assert list(rows(PAGE)) == list(range(1, len(rows(PAGE)) + 1))
    assert len(rows(PAGE)) >= 35
    assert wrong(PAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("::test_the_return_address_is_exactly_one`", "::test_the_return_address_is_gone`", "4: "),
        ("`tests/identity/test_line.py::test_a_redirect", "`tests/identity/test_gone.py::test_a_redirect", "26: "),
        ("| our rule | `oidc/check.py` |", "| | `oidc/check.py` |", "35: "),
    ],
)
def test_a_test_that_is_gone_is_noticed(old: str, new: str, says: str) -> None:
    assert old in PAGE
    (complaint,) = wrong(PAGE.replace(old, new, 1))
    assert complaint.startswith(says)


def test_everything_named_in_the_text_exists() -> None:
    for name in re.findall(r"`([a-z_]+\.(?:py|html))`", PAGE):
        assert [*(ROOT / "app").rglob(name), *(ROOT / "templates").rglob(name)], name
    for name in re.findall(r"`?KAZASU_([A-Z_]+)", PAGE):
        assert name.lower() in Settings.model_fields


# --- the words of the log -----------------------------------------------------------------------------------


def explained(page: str) -> list[str]:
    """Return the lines of the log that a page says what to do about, each as kind and word."""
    found = re.findall(r"^\| `identity ([a-z]+)` ((?:`[a-z_]+`(?:, )?)+) \|", page, re.MULTILINE)
    return [f"{kind} {word}" for kind, words in found for word in re.findall("`([a-z_]+)`", words)]


def tried() -> set[str]:
    """Return the lines that the adapter's tests expect of it."""
    files = sorted((ROOT / "tests" / "adapters" / "oidc").glob("test_handoff_*.py"))
    return {
        said for file in files for said in re.findall(r'"((?:refused|unavailable) [a-z_]+)"', file.read_text("utf-8"))
    }


def test_each_word_of_the_log_is_explained_once_and_seen_in_a_test() -> None:
    said = explained(PAGE)
    assert sorted(said) == sorted(tried())
    assert sorted(each.split()[1] for each in said) == sorted(RefusalReason)


def test_a_word_that_is_not_explained_is_noticed() -> None:
    lines = [line for line in PAGE.splitlines() if "`session`" not in line]
    assert tried() - set(explained("\n".join(lines))) == {"refused session"}


@pytest.mark.parametrize("name", ["handoff.py", "answers.py"])
def test_nothing_is_raised_without_its_word(name: str) -> None:
    source = (ROOT / "app" / "adapters" / "oidc" / name).read_text("utf-8")
    raised = re.compile(r"raise (?:Refused|Unavailable)\b(?!\((?:reason|RefusalReason)\b)")
    assert raised.findall(source) == []
    assert raised.findall(
        source.replace("Refused(RefusalReason.SIGNATURE)", "Refused").replace("Refused(RefusalReason.TOKEN)", "Refused")
    )


# --- faults -------------------------------------------------------------------------------------------------


def parameters(test: Any, name: str) -> set[Any]:
    """Return with what a parametrised test is run."""
    return {
        value
        for mark in test.pytestmark
        if mark.name == "parametrize" and mark.args[0] == name
        for value in mark.args[1]
    }


@pytest.mark.parametrize(
    "test",
    [
        by_adapter.test_a_fault_has_its_outcome_and_leaves_no_trace,
        by_pages.test_a_fault_at_the_token_endpoint_is_a_page_and_the_next_try_works,
    ],
    ids=lambda test: test.__name__,
)
def test_every_fault_of_the_practice_provider_is_tried(test: Any) -> None:
    assert parameters(test, "fault") == set(Fault)


@pytest.mark.parametrize(
    ("test", "faults"),
    [
        (by_adapter.test_no_link_is_shown_while_discovery_fails, OF_THE_LINE),
        (by_adapter.test_without_its_keys_no_token_is_believed, OF_THE_LINE),
        (by_pages.test_while_the_provider_is_away_no_link_is_shown_and_asking_again_is_one_tap, OF_THE_LINE),
        (by_pages.test_without_the_providers_keys_nobody_is_proven, OF_THE_LINE),
        (by_pages.test_an_error_instead_of_the_app_is_a_page, REFUSALS),
        (by_pages.test_a_return_that_is_not_what_was_sent_out_is_a_page, ON_THE_WAY_BACK),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_faults_of_a_place_are_tried_there(test: Any, faults: tuple[Fault, ...]) -> None:
    assert parameters(test, "fault") == set(faults) != set()


def test_every_error_of_the_standards_can_come_back_from_the_practice_provider() -> None:
    assert set(by_pages.OF_THE_AUTHORIZATION) <= {fault.value for fault in REFUSALS}
    assert set(by_pages.OF_THE_AUTHORIZATION) <= parameters(
        by_pages.test_every_error_is_a_page_with_the_choices_kept, "error"
    )
