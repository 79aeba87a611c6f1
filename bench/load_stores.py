"""Every kind of database that the product runs on, fresh for each run: a file, and a PostgreSQL server of one's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.report import Void
from tests.postgres import Missing, cluster, migrated


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind; without a server it is the file that the product makes by itself."""

    kind: str = "sqlite"

    @contextlib.contextmanager
    def fresh(self) -> Iterator[str]:
        """Yield the address of an empty database, as the product takes it; empty for the product's own file."""
        if self.kind == "sqlite":
            yield ""
            return
        try:
            with cluster() as running:
                yield running.url(migrated(running))
        except Missing as missing:
            raise Void(str(missing)) from missing


DATABASES: Final = (Kind(), Kind("postgresql"))
