"""How the list is searched on both databases: one index narrows and sorts, so any page costs what the first does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Select
from sqlalchemy.dialects.sqlite import dialect

from app.adapters.sql.consent_list import BY_NUMBER, BY_TIME, SEARCHES
from app.adapters.sql.database import reading
from app.adapters.sql.statements import HISTORY
from app.rules.terminal.consent_list import By

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
def raw(data: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection of one's own to a fresh database."""
    with closing(sqlite3.connect(data / "kazasu.db")) as connection:
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


# --- PostgreSQL -------------------------------------------------------------------------------------------------

ITS_INDEX_THERE = {
    **DROPPABLE,
    By.NAME: "pk_person_name",
    By.REFERENCE: "pk_person_reference",
}
NUMBERS = frozenset({"before", "first_day", "until", "begins", "ends", "limit", "param_1"})


@pytest.fixture
def session(postgres_url: str) -> Iterator[Connection]:
    """Return a connection on which whole tables are gone through, and rows sorted, only where nothing else is left."""
    engine = reading(postgres_url)
    with engine.connect() as connection:
        for way in ("seqscan", "bitmapscan", "sort"):
            connection.exec_driver_sql(f"SET enable_{way} = off")
        yield connection
    engine.dispose()


def plan_there(session: Connection, statement: Select[Any]) -> list[str]:
    """Return how PostgreSQL goes about it, step by step."""
    compiled = statement.compile(dialect=session.dialect)
    values = {name: 1 if name in NUMBERS else "x" for name in compiled.params}
    return [row[0].strip(" ->") for row in session.exec_driver_sql(f"EXPLAIN (COSTS OFF) {compiled}", values)]


def complaints_there(steps: list[str], by: By) -> list[str]:
    """Return what is wrong with a search's plan."""
    wrong = [step for step in steps if step.startswith(("Seq Scan", "Sort", "Incremental Sort", "Filter"))]
    has_its_own = any(f" using {ITS_INDEX_THERE[by]} on " in step for step in steps)
    return wrong if has_its_own else [*wrong, *steps]


@pytest.mark.parametrize("by", By)
def test_postgresql_narrows_and_sorts_by_one_index_too(session: Connection, by: By) -> None:
    steps = plan_there(session, SEARCHES[by])
    assert not complaints_there(steps, by), steps


@pytest.mark.parametrize("by", DROPPABLE)
def test_an_index_that_is_gone_is_noticed_in_postgresql_too(session: Connection, by: By) -> None:
    session.exec_driver_sql(f"DROP INDEX {DROPPABLE[by]}")
    assert complaints_there(plan_there(session, SEARCHES[by]), by)


@pytest.mark.parametrize("which", BESIDES)
def test_what_is_looked_up_beside_the_list_is_found_by_an_index_in_postgresql_too(
    session: Connection, which: str
) -> None:
    steps = plan_there(session, BESIDES[which])
    assert not [step for step in steps if step.startswith("Seq Scan")], steps
