"""P8: the list of consents, narrowed by everything it offers, at any depth, on every store and up to the browser."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import text

from app.adapters.sql.consent_list import SEARCHES, SqlConsentList
from app.adapters.sql.database import Database
from app.rules.terminal.consent_list import By, Search
from app.settings import Settings
from app.tokens import Sealer
from bench.load import percentile, run_to_end, spread
from bench.load_list import STATION, asked, fill
from bench.load_office import Clerk, keep_names, signed_in
from bench.load_server import Server, aside, kazasu, others, subfolder
from bench.load_stores import DATABASES, Kind
from bench.report import Control, Finding, Profile, Void

RECORDS: Final = {Profile.CI: 20_000, Profile.BENCH: 20_000, Profile.SOAK: 1_000_000}
ROUNDS: Final = {Profile.CI: 9, Profile.BENCH: 15, Profile.SOAK: 15}
FLOOR: Final = 5.0
"""Milliseconds in the database, for the slowest."""
BROWSER: Final = 50.0
"""Milliseconds until the whole page is there."""
LIKE: Final = 3.0
"""How many times the first page's time the last may take, and a common value's time a rare one, at their quickest."""
PAGE: Final = 51
"""Rows that a page reads: one more than it shows."""
_MANY: Final = 2_000
_THERE, _NOWHERE = 200, 404
Place = tuple[int, str] | None


class Bare(SqlConsentList):
    """Finds rows and leaves them as they are: opening names is not the database's work."""

    def _known(self, row: Any) -> Any:
        return row


@dataclass
class Timed:
    """How long each page of each search took, in milliseconds: search, then page."""

    database: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    browser: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def deeper(self) -> float:
        """How many times the first page's time a deeper page takes, each at its quickest, in the worst case."""
        pages = self.database.values()
        return max(min(times) / min(each["first"]) for each in pages for times in each.values())

    @property
    def rarer(self) -> float:
        """How many times a common value's time a rare one takes, each at its quickest, in the worst case."""
        first = {name: min(pages["first"]) for name, pages in self.database.items()}
        return max(first[name] / first[name.replace("rarest", "densest")] for name in first)

    @property
    def is_even(self) -> bool:
        """Whether neither depth nor rarity costs anything worth the name."""
        return max(self.deeper, self.rarer) <= LIKE

    def figures(self) -> dict[str, object]:
        """Return what is reported."""
        return {
            "rows": self.rows,
            "database_ms": {name: spread(_all({name: pages}), 3) for name, pages in self.database.items()},
            "database_slowest_ms": round(max(_all(self.database)), 3),
            "database_slowest_middle_ms": round(max(_middles(self.database)), 3),
            "deeper_to_first": round(self.deeper, 2),
            "rare_to_common": round(self.rarer, 2),
            "browser_ms": {name: spread(_all({name: pages}), 1) for name, pages in self.browser.items()}
            or "no page yet",
        }


def _middles(timed: dict[str, dict[str, list[float]]]) -> list[float]:
    return [percentile(times, 0.5) for pages in timed.values() for times in pages.values()]


def _all(timed: dict[str, dict[str, list[float]]]) -> list[float]:
    return [each for pages in timed.values() for times in pages.values() for each in times]


def run(profile: Profile, rand: int) -> Finding:
    """Fill a list on every store and open every page; then without an index, and with counted pages."""
    keys, count, now = secrets.token_urlsafe(48), RECORDS[profile], int(time.time())
    with aside() as folder, others() as load, contextlib.ExitStack() as running:
        served = [running.enter_context(_served(subfolder(folder, each.kind), each, keys)) for each in DATABASES]
        fill([url for _, url in served], count, rand, Sealer((keys,)), now)
        found = {
            database.kind: run_to_end(_timed(server, url, keys, ROUNDS[profile], now))
            for database, (server, url) in zip(DATABASES, served, strict=True)
        }
        url = served[0][1]
        counted = run_to_end(_counted_pages(url, keys, count, now))
        unindexed = run_to_end(_without_index(url, keys, now))
    # In CI the slowest of all was mostly slow because of the neighbours: there each place counts at its middle.
    every = _middles if profile is Profile.CI else _all
    database = max(max(every(each.database)) for each in found.values())
    browser = max((max(every(each.browser), default=0.0) for each in found.values()), default=0.0)
    return Finding(
        n=sum(len(_all(each.database)) for each in found.values()),
        failures=0,
        figures={
            "records": count,
            "floor_ms": FLOOR,
            "floor_browser_ms": BROWSER,
            "floor_deeper_or_rarer": LIKE,
            **{kind: each.figures() for kind, each in found.items()},
            "counted_pages_deeper_to_first": round(counted.deeper, 1),
            "without_index_rare_to_common": round(unindexed.rarer, 1),
            **load,
        },
        control=Control("pages counted by OFFSET; an index dropped", not counted.is_even and not unindexed.is_even),
        passed=database <= FLOOR and browser <= BROWSER and all(each.is_even for each in found.values()),
        cores_busy_with_others=load["cores_busy_with_others"],
    )


@contextlib.contextmanager
def _served(folder: Path, database: Kind, keys: str) -> Iterator[tuple[Server, str]]:
    """Yield a server on an empty database of this kind, and the database's address."""
    with database.fresh() as url, kazasu(folder, database_url=url, secret_keys=keys, record_key=keys) as server:
        yield server, url or Settings(data=folder).database


async def _timed(server: Server, url: str, keys: str, rounds: int, now: int) -> Timed:
    """Open the first, the middle and the last page of everything, over and over."""
    registry, found = Bare(Database(url, key=keys.encode()), Sealer((keys,))), Timed()
    await keep_names(url)
    for name, (search, fields) in asked(now).items():
        places = await _places(registry, search, found, name)
        # Anew each time: going through a long list takes longer than a line, or even a sign-in, lasts.
        clerk = await signed_in(server, url, keys)
        has_page = (await clerk.get("/office/consents")).status != _NOWHERE
        for page, after in places.items():
            times = found.database.setdefault(name, {}).setdefault(page, [])
            times += [await _in_database(registry, search, after) for _ in range(rounds)]
            if has_page:
                times = found.browser.setdefault(name, {}).setdefault(page, [])
                times += [await _in_browser(clerk, fields, after) for _ in range(rounds)]
        clerk.close()
    await registry.close()
    return found


async def _places(registry: SqlConsentList, search: Search, found: Timed, name: str) -> dict[str, Place]:
    """Return behind which row first, middle and last page begin."""
    rows: list[tuple[int, str]] = []
    while page := await registry.search(STATION, search, rows[-1] if rows else None, _MANY):
        rows += [_place(search, row) for row in page]
    found.rows[name] = len(rows)
    if not rows:
        raise Void(f"nobody is found by {name}")
    places: dict[str, Place] = {"first": None}
    if len(rows) > PAGE:
        places |= {"middle": rows[len(rows) // 2], "last": rows[len(rows) - PAGE]}
    return places


def _place(search: Search, row: Any) -> tuple[int, str]:
    return (row.ends_at if search.by is By.ENDS else row.day), row.id


async def _in_database(registry: SqlConsentList, search: Search, after: Place) -> float:
    began = time.perf_counter()
    rows = await registry.search(STATION, search, after, PAGE)
    took = time.perf_counter() - began
    assert rows
    return took * 1e3


async def _in_browser(clerk: Clerk, fields: dict[str, str], after: Place) -> float:
    sent = fields | ({"after": f"{after[0]}-{after[1]}"} if after else {})
    began = time.perf_counter()
    address = f"/office/consents?{urlencode(sent)}"
    answer = await (clerk.post("/office/consents", **sent) if "text" in sent else clerk.get(address))
    took = time.perf_counter() - began
    if answer.status != _THERE or b"<table" not in answer.body:
        raise Void(f"{answer.status} for the list, {sorted(fields)}")
    return took * 1e3


# --- defects -----------------------------------------------------------------------------------------------------


async def _counted_pages(url: str, keys: str, count: int, now: int) -> Timed:
    """Open the last page as a list does that counts rows up to it."""
    registry, found = Bare(Database(url, key=keys.encode()), Sealer((keys,))), Timed()
    name, (search, _) = next(iter(asked(now).items()))
    found.database[name] = {"first": [await _in_database(registry, search, None) for _ in range(9)]}
    counted = SEARCHES[By.ALL].offset(count - PAGE)
    values = {"facility": STATION, "before": search.last_day, "id": "~", "first_day": 0, "limit": PAGE}
    times = found.database[name].setdefault("last", [])
    for _ in range(9):
        began = time.perf_counter()
        assert registry.database.rows(counted, **values)
        times.append((time.perf_counter() - began) * 1e3)
    await registry.close()
    return found


async def _without_index(url: str, keys: str, now: int) -> Timed:
    """Narrow the list by a state, with the index of states gone."""
    registry, found = Bare(Database(url, key=keys.encode()), Sealer((keys,))), Timed()
    with registry.database.engines[0].begin() as connection:
        connection.execute(text("DROP INDEX ix_person_state"))
    for name, (search, _) in asked(now).items():
        if search.by is By.STATE:
            found.database[name] = {"first": [await _in_database(registry, search, None) for _ in range(9)]}
    await registry.close()
    return found
