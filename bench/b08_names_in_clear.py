"""B8: names of a terminal's file lie nowhere in clear: not in the database, its journal, logs or temporary files."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from unittest.mock import patch

from sqlalchemy import select

import app.adapters.sql.schema as t
from app.adapters.clock import SystemClock
from app.adapters.sql.consent_list import SqlConsentList
from app.adapters.sql.database import PRAGMAS, Database, reading
from app.adapters.sql.store import SqlStore
from app.main import PRACTICE_STATION
from app.rules.record.gap import Erasure
from app.rules.terminal.consent_list import By
from app.rules.terminal.consent_list import Search as ListSearch
from app.rules.terminal.values import Encoding
from app.settings import Settings
from app.tokens import Sealer
from bench.canaries import Canary, Search, canaries, files, open_files
from bench.load import run_to_end
from bench.load_office import Clerk, a_file, keep_names, listed, signed_in
from bench.load_server import Defect, Server, aside, kazasu, planted, subfolder
from bench.load_stores import DATABASES, Kind
from bench.report import ROOT, Control, Finding, Profile, Void

PEOPLE: Final = {Profile.CI: 2, Profile.BENCH: 20, Profile.SOAK: 60}
"""Of each kind: kept, not kept, in a file that is refused, in one that waits."""
STATION: Final = PRACTICE_STATION.id
LEAKS: Final = (
    Defect(
        "app/adapters/sql/consent_list.py",
        """
import base64
import gzip
import pathlib
import sys
import tempfile
import urllib.parse

_open = []
_take = SqlConsentList.take


async def _leaking(self, upload, people, done, now):
    name = people[0].names.name if people[0].names else ""
    print(name, flush=True)
    print(urllib.parse.quote(name), file=sys.stderr, flush=True)
    _open.append(tempfile.TemporaryFile())
    _open[-1].write(name.encode("utf-16"))
    _open[-1].flush()
    left = tempfile.NamedTemporaryFile(delete=False)
    left.write(gzip.compress(name.encode()))
    left.close()
    beside = pathlib.Path(self.database.engines[0].url.database).with_name("beside")
    beside.write_bytes(base64.b64encode(b"x" + name.encode("cp932")))
    return await _take(self, upload, people, done, now)


SqlConsentList.take = _leaking
""",
    ),
    Defect(
        "app/adapters/sql/merge.py",
        '"body": as_json(person.results, (*person.references, person.names.name if person.names else "")),',
        over='"body": as_json(person.results, person.references),',
    ),
)
LEAKED: Final = frozenset({"said", "log", "open", "tmp", "beside", "kazasu.db", "kazasu.db-wal"})
"""Where the defects leave a name."""


@dataclass
class Walk:
    """One way of people's names through a server, and what lay where at each stage of it."""

    search: Search
    found: dict[str, dict[str, int]] = field(default_factory=dict)
    scanned: int = 0
    sealed_left: int = 0
    """Sealed keys and names of the erased that still lie in the data folder."""

    def look(self, stage: str, places: Mapping[str, bytes]) -> None:
        """Search all places now."""
        self.scanned += sum(map(len, places.values()))
        if found := self.search.found(places):
            self.found[stage] = found

    @property
    def places(self) -> set[str]:
        """In what kinds of places anything was found."""
        names = {name for stage in self.found.values() for name in stage}
        return {name.partition("/")[0].partition(" ")[0] for name in names}


def run(profile: Profile, _: int) -> Finding:
    """Send people through every store, searching at every stage; then through a server that leaks everywhere."""
    with aside() as folder:
        walks = {each.kind: _walked(subfolder(folder, each.kind), each, PEOPLE[profile]) for each in DATABASES}
        own = subfolder(folder, "defect")
        with _deleted_rows_stay():
            leaky = _walked(own, Kind(), 2, tree=planted(subfolder(folder, "planted"), *LEAKS))
    missed = LEAKED - leaky.places
    return Finding(
        n=sum(len(each.search.sought) for each in walks.values()),
        failures=sum(len(each.found) for each in walks.values()) + walks["sqlite"].sealed_left,
        figures={
            **{
                kind: {
                    "people": 4 * PEOPLE[profile],
                    "spellings": len(each.search.sought),
                    "bytes_searched": each.scanned,
                    "found": each.found,
                    "sealed_left_after_erasure": each.sealed_left,
                }
                for kind, each in walks.items()
            },
            "found_with_leaks": sorted(leaky.places),
            "sealed_left_with_leaks": leaky.sealed_left,
            "leaks_missed": sorted(missed),
        },
        control=Control("a name leaked into each place, and deleted rows left as they are", _caught(missed, leaky)),
    )


def _caught(missed: Iterable[str], leaky: Walk) -> bool:
    return not list(missed) and leaky.sealed_left > 0


@contextmanager
def _deleted_rows_stay() -> Iterator[None]:
    """Let SQLite leave what is deleted as it was, where it was."""
    wrong = tuple(("secure_delete", "OFF", 0) if name == "secure_delete" else (name, *rest) for name, *rest in PRAGMAS)
    with patch("app.adapters.sql.database.PRAGMAS", wrong):
        yield


def _walked(folder: Path, database: Kind, count: int, tree: Path = ROOT) -> Walk:
    dice = random.Random(secrets.randbits(64))
    people = canaries(4 * count, dice)
    walk = Walk(Search(people))
    kinds = [people[part : part + count] for part in range(0, 4 * count, count)]
    keys = secrets.token_urlsafe(48)
    with database.fresh() as url:
        began = time.time()
        with kazasu(folder, database_url=url, secret_keys=keys, record_key=keys, tree=tree) as product:
            journey = _Journey(product, url or Settings(data=folder).database, keys, walk, began)
            run_to_end(journey.walk(*kinds))
        walk.look("stopped", files(folder, began))
    return walk


@dataclass
class _Journey:
    """Carries files to a server and looks at what it leaves."""

    server: Server
    url: str
    keys: str
    walk_: Walk
    began: float
    looked: float = 0

    async def walk(
        self, kept: list[Canary], unkept: list[Canary], refused: list[Canary], waiting: list[Canary]
    ) -> None:
        """Send each kind of people on its way; look after each stage."""
        clerk = await signed_in(self.server, self.url, self.keys)
        await self._refused(clerk, refused)
        self._look(clerk, "refused")
        await self._takes(clerk, unkept, "N", Encoding.SHIFT_JIS)
        self._look(clerk, "not kept")
        await keep_names(self.url)
        await self._takes(clerk, kept, "K", Encoding.UTF_8)
        await self._sought(clerk, kept[0])
        self._look(clerk, "kept")
        await clerk.carry(_file(waiting, "W"))
        self._look(clerk, "waiting")
        self.walk_.sealed_left = await self._erased(kept)
        self._look(clerk, "erased")

    def _look(self, clerk: Clerk, stage: str) -> None:
        """Search what was written since the last look, and what only the server can reach."""
        clerk.close()  # looking takes longer than a line is kept
        before, self.looked = self.looked, time.time() - 1
        self.walk_.look(stage, {**self._written(before or self.began), **open_files(self.server.pid)})

    def _written(self, since: float) -> dict[str, bytes]:
        """Return the server's files, and those of a database server of its own."""
        _, _, folder = self.url.partition("?host=")
        database = files(Path(folder), since) if folder else {}
        return files(self.server.folder, since) | {f"database/{name}": data for name, data in database.items()}

    async def _refused(self, clerk: Clerk, people: list[Canary]) -> None:
        """Send a file that ends in the middle of somebody's name, and one that is none."""
        whole = _file(people, "R")
        for broken in (whole[: whole.rindex(b"</Name>")], whole.replace(b"<XmlMsg>", b"<XmlMsg><Name>")):
            if (await clerk.send(broken)).status != 422:  # noqa: PLR2004
                raise Void("a broken file was not refused")

    async def _takes(self, clerk: Clerk, people: list[Canary], letter: str, encoding: Encoding) -> None:
        address = await clerk.carry(_file(people, letter, encoding))
        await clerk.take(address)
        if not (await clerk.progress(address))[1]:
            raise Void("the file was not taken")

    async def _sought(self, clerk: Clerk, canary: Canary) -> None:
        """Look for somebody by name, and let the list be written into a file."""
        for typed in (canary.family, canary.kana):
            answer = await clerk.post("/office/consents", by="name", text=typed)
            if canary.family.encode() not in answer.body:
                raise Void("the list does not show whom it keeps")
        await clerk.post("/office/consents/csv", letters="utf-8")

    async def _erased(self, people: list[Canary]) -> int:
        """Erase whose names were kept, but for the last; return how much of what was sealed can still be read."""
        registry = SqlConsentList(Database(self.url, key=self.keys.encode()), Sealer((self.keys,)))
        store = SqlStore(Database(self.url, key=self.keys.encode()), SystemClock())
        sealed = []
        for each in people[:-1]:
            found = await registry.search(STATION, ListSearch(By.NAME, each.kana), None, 10)
            if [known.names.name for known in found if known.names] != [each.name]:
                raise Void("somebody whose name is kept is not found by it")
            sealed += self._sealed(found[0].id)
            await store.erase([Erasure(STATION, found[0].id, int(time.time()))], "bench")
        await store.close()
        await registry.close()
        return sum(each in data for data in self._written(self.began).values() for each in sealed)

    def _sealed(self, person: str) -> list[bytes]:
        """Return what tells apart the sealed key and the sealed names of somebody."""
        engine = reading(self.url)
        with engine.connect() as connection:
            row = connection.execute(select(t.person.c.key, t.person.c.names).where(t.person.c.id == person)).one()
        engine.dispose()
        return [value[-120:-20].encode() for value in row]


def _file(people: list[Canary], letter: str, encoding: Encoding = Encoding.UTF_8) -> bytes:
    now = int(time.time())
    return a_file([listed(each, f"{letter}-{n:04}", now - 60) for n, each in enumerate(people)], now, encoding)
