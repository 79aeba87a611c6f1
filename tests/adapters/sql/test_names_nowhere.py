"""Names of the terminal's files lie nowhere in clear: not in the database, not in its journal, not in what is freed."""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from app.adapters.sql import merge
from app.adapters.sql.consent_list import SqlConsentList
from app.adapters.sql.database import Database
from app.adapters.sql.store import SqlStore
from app.rules.record.gap import Erasure
from app.rules.terminal.consent_list import By, Incoming, ListedPerson, PersonNames, Search, as_json
from app.rules.terminal.exchange import Stage, Upload
from app.rules.terminal.preview import preview
from app.rules.terminal.values import Answer02, Encoding, Header, Reading
from app.tokens import Sealer, new_secret
from bench.canaries import Canary, canaries, files, open_files
from bench.canaries import Search as Hunt
from tests.adapters.keeping import migrated
from tests.adapters.samples import FACILITY, LINK, RECORD_KEY, StillClock
from tests.rules.people import a_person
from tests.rules.visits import NOW

SEALER = Sealer(("k" * 40,))


@pytest.fixture
def birds() -> list[Canary]:
    """Return three people who exist nowhere else."""
    return canaries(3, random.Random(secrets.randbits(64)))


def as_incoming(bird: Canary, reference: str) -> Incoming:
    return a_person(reference, names=PersonNames(bird.name, bird.kana, bird.birthdate, "1"))


class Drawer:
    """A station's database in a folder, and what is found there."""

    def __init__(self, folder: Path, birds: list[Canary]) -> None:
        self.folder, self.hunt = folder, Hunt(birds)
        self.url = f"sqlite:///{folder / 'kazasu.db'}"

    async def open(self) -> SqlConsentList:
        (self.folder / "kazasu.db").write_bytes(migrated())
        store = SqlStore(Database(self.url, key=RECORD_KEY), StillClock(NOW))
        await store.add_facility(FACILITY, LINK)
        await store.close()
        return SqlConsentList(Database(self.url, key=RECORD_KEY), SEALER)

    async def erases(self, known: ListedPerson) -> None:
        store = SqlStore(Database(self.url, key=RECORD_KEY), StillClock(NOW))
        await store.erase([Erasure(FACILITY.id, known.id, NOW)], "sakura")
        await store.close()

    def left(self) -> dict[str, int]:
        """Return what can be read of anybody now, also in files that only this process can reach."""
        mine = {name: data for name, data in open_files(os.getpid()).items() if str(self.folder) in name}
        return self.hunt.found({**files(self.folder), **mine})


@pytest.fixture
def drawer(tmp_path: Path, birds: list[Canary], monkeypatch: pytest.MonkeyPatch) -> Drawer:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Drawer(tmp_path, birds)


async def reads(registry: SqlConsentList, *people: Incoming, names: bool) -> Upload:
    reading = Reading(Answer02(Header()), Encoding.UTF_8, (), 0, ())
    new = Upload(new_secret(), FACILITY.id, Stage.WAITING, NOW, "事務 さくら", preview(reading, people), len(people))
    return await registry.keep(new, new_secret().encode(), people, names=names)


async def takes(registry: SqlConsentList, *people: Incoming, names: bool) -> None:
    file = await reads(registry, *people, names=names)
    began = await registry.begin(FACILITY.id, file.id, NOW)
    assert began is not None
    await registry.take(file, began, len(began), NOW)


async def sought(registry: SqlConsentList, bird: Canary) -> list[ListedPerson]:
    return await registry.search(FACILITY.id, Search(By.NAME, bird.kana), None, 5)


async def test_names_are_nowhere_in_clear_kept_or_not_and_after_erasure(drawer: Drawer, birds: list[Canary]) -> None:
    registry = await drawer.open()
    kept, unkept, waiting = (as_incoming(bird, f"A-{n}") for n, bird in enumerate(birds))
    await takes(registry, unkept, names=False)
    await takes(registry, kept, names=True)
    await reads(registry, waiting, names=True)
    assert drawer.left() == {}
    (known,) = await sought(registry, birds[0])
    assert known.names == kept.names
    assert await sought(registry, birds[1]) == []
    await drawer.erases(known)
    assert drawer.left() == {}
    await registry.forget_names(FACILITY.id)
    await registry.close()
    assert drawer.left() == {}


async def test_what_opened_an_erased_name_is_in_no_freed_page(drawer: Drawer, birds: list[Canary]) -> None:
    registry = await drawer.open()
    await takes(registry, *(as_incoming(bird, f"A-{n}") for n, bird in enumerate(birds)), names=True)
    (known,) = await sought(registry, birds[0])
    with registry.database.engines[1].connect() as connection:
        row = connection.exec_driver_sql("SELECT key, names, mark FROM person WHERE id = ?", (known.id,)).one()
    sealed = [value[-32:].encode() for value in row]
    assert all(any(each in data for data in files(drawer.folder).values()) for each in sealed)
    await drawer.erases(known)
    assert not [name for name, data in files(drawer.folder).items() for each in sealed if each in data]
    await registry.close()


LEAKS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "UTF-16": lambda name: name.encode("utf-16"),
    "Windows' letters": lambda name: name.encode("cp932"),
    "base64": lambda name: base64.b64encode(f"x{name}".encode()),
    "JSON": lambda name: json.dumps({"name": name}).encode(),
    "an address": lambda name: "".join(f"%{byte:02x}" for byte in name.encode()).encode(),
    "HTML": lambda name: "".join(f"&#{ord(letter)};" for letter in name).encode(),
    "packed": lambda name: gzip.compress(name.encode()),
    "hexadecimal": lambda name: name.encode().hex().encode(),
}


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("what", ["name", "kana"])
def test_a_name_that_lies_somewhere_is_found(drawer: Drawer, birds: list[Canary], leak: str, what: str) -> None:
    (drawer.folder / "left").write_bytes(b"before" + LEAKS[leak](getattr(birds[1], what)) + b"after")
    assert set(drawer.left()) == {"left"}


@pytest.mark.parametrize("born", ["{:%Y%m%d}", "{:%Y-%m-%d}", "{:%Y/%m/%d}"])
def test_a_birth_date_that_lies_somewhere_is_found(drawer: Drawer, birds: list[Canary], born: str) -> None:
    (drawer.folder / "left").write_text(born.format(birds[2].born), encoding="utf-8")
    assert set(drawer.left()) == {"left"}


def test_a_name_in_a_deleted_file_that_is_still_open_is_found(drawer: Drawer, birds: list[Canary]) -> None:
    with tempfile.TemporaryFile() as spilt:
        spilt.write(birds[0].name.encode())
        spilt.flush()
        assert [name.partition(" ")[0] for name in drawer.left()] == ["open"]
    assert drawer.left() == {}


async def test_a_name_in_a_column_is_found_in_the_journal_and_then_in_the_database(
    drawer: Drawer, birds: list[Canary]
) -> None:
    registry, leaky = await drawer.open(), as_incoming(birds[0], "A-1")

    def with_the_name(results: Any, references: Any) -> str:
        return as_json(results, (*references, birds[0].name))

    with patch.object(merge, "as_json", with_the_name):
        await takes(registry, leaky, names=True)
    assert set(drawer.left()) == {"kazasu.db-wal"}
    await registry.close()
    assert set(drawer.left()) == {"kazasu.db"}
