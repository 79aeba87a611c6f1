"""How the list is searched: one index narrows and sorts, so any page costs what the first one does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select
from sqlalchemy.dialects.sqlite import dialect

from app.adapters.database import migrate
from app.adapters.registry_sql import BY_NUMBER, BY_TIME, HISTORY, SEARCHES
from app.registry import By

ITS_INDEX = {
    By.ALL: "person USING INDEX ix_person_day",
    By.STATE: "person USING INDEX ix_person_state",
    By.VALIDITY: "person USING INDEX ix_person_validity",
    By.ITEM: "person_consent USING COVERING INDEX ix_person_consent_flag",
    By.ENDS: "person USING INDEX ix_person_ends",
    By.NAME: "person_name USING PRIMARY KEY",
    By.REFERENCE: "person_reference USING PRIMARY KEY",
}
DROPPABLE = {by: index.rpartition(" ")[2] for by, index in ITS_INDEX.items() if "INDEX" in index}
BESIDES = {"number": BY_NUMBER, "time": BY_TIME, "history": HISTORY}


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection of one's own to a fresh database."""
    migrate(f"sqlite:///{tmp_path / 'kazasu.db'}")
    with closing(sqlite3.connect(tmp_path / "kazasu.db")) as connection:
        yield connection


def plan(raw: sqlite3.Connection, statement: Select[Any]) -> list[str]:
    """Return how SQLite goes about it, step by step."""
    text = str(statement.compile(dialect=dialect()))
    return [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {text}", [None] * text.count("?"))]


def complaints(steps: list[str], by: By) -> list[str]:
    """Return what is wrong with a search's plan."""
    wrong = [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step]
    return wrong if steps[0].startswith(f"SEARCH {ITS_INDEX[by]} (facility=?") else [*wrong, steps[0]]


def test_everything_offered_has_its_index() -> None:
    assert set(SEARCHES) == set(ITS_INDEX) == set(By)


@pytest.mark.parametrize("by", By)
def test_one_index_narrows_and_sorts_and_nothing_is_gone_through(raw: sqlite3.Connection, by: By) -> None:
    steps = plan(raw, SEARCHES[by])
    assert not complaints(steps, by), steps


@pytest.mark.parametrize("by", By)
def test_the_page_begins_inside_the_index(raw: sqlite3.Connection, by: By) -> None:
    first = plan(raw, SEARCHES[by])[0]
    assert "<(?,?)" in first or ">(?,?)" in first or "person<?" in first


@pytest.mark.parametrize("by", DROPPABLE)
def test_an_index_that_is_gone_is_noticed(raw: sqlite3.Connection, by: By) -> None:
    raw.execute(f"DROP INDEX {DROPPABLE[by]}")
    assert complaints(plan(raw, SEARCHES[by]), by)


@pytest.mark.parametrize("which", BESIDES)
def test_what_is_looked_up_beside_the_list_is_found_by_an_index(raw: sqlite3.Connection, which: str) -> None:
    steps = plan(raw, BESIDES[which])
    assert not [step for step in steps if step.startswith("SCAN") or "ORDER BY" in step], steps
