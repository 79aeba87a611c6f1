"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres import Cluster, cluster, migrated

# A busy machine is no failure: what must be quick has a bench.
settings.register_profile("kazasu", deadline=None)
settings.load_profile("kazasu")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Return a PostgreSQL server, started when the first test asks for it."""
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_database(postgres: Cluster) -> str:
    """Return the name of a database with the newest schema, to be copied: making it anew takes longer."""
    return migrated(postgres)


@pytest.fixture
def postgres_url(postgres: Cluster, migrated_database: str) -> Iterator[str]:
    """Return the address of a fresh database of the newest schema."""
    name = postgres.fresh(migrated_database)
    yield postgres.url(name)
    postgres.drop(name)
