"""One press for all tests of printed sheets."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.web.print.desk import Press


@pytest.fixture(scope="session")
def press(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    """Return what prints each sheet once; all workers share what it printed."""
    folder = tmp_path_factory.getbasetemp()
    with Press((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "printed") as press:
        yield press
