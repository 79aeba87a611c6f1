"""Backing up, restoring and accepting, as they are typed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.cli.__main__ import main
from app.rules.record.clock import Expected
from app.rules.record.evidence import Head
from app.work import forgetting
from tests.adapters.keeping import Place, left_in, wrote
from tests.adapters.samples import FACILITY, StillClock
from tests.rules.visits import NOW

Run = Callable[..., str]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command on a data folder and returns what it prints."""

    def run(folder: Path, *words: str | Path, status: int = 0) -> str:
        monkeypatch.setenv("KAZASU_DATA", str(folder))
        capsys.readouterr()
        assert main([str(word) for word in words]) == status
        said = capsys.readouterr()
        return said.out + said.err

    return run


async def _filled(place: Place, count: int) -> Head:
    store = await place.begun() if not place.folder.exists() else place.open()
    await wrote(store, random.Random(count), count)
    await forgetting.note(store, place.ledger, NOW)
    head = await store.head(FACILITY.id)
    await store.close()
    return head


def test_a_server_is_lost_and_comes_back(typed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, key, target = Place(tmp_path / "old"), Place(tmp_path / "new"), tmp_path / "key", tmp_path / "one.age"
    asyncio.run(_filled(old, 4))
    monkeypatch.delenv("KAZASU_BACKUP_RECIPIENT", raising=False)
    assert "KAZASU_BACKUP_RECIPIENT" in typed(old.folder, "backup", target, status=2)
    said = typed(old.folder, "backup-key", key)
    name, _, public = said.splitlines()[0].partition("=")
    assert key.stat().st_mode & 0o777 == 0o600
    assert "exists" in typed(old.folder, "backup-key", key, status=2)
    monkeypatch.setenv(name, public)
    said = typed(old.folder, "backup", target)
    assert f"{FACILITY.id}:" in said
    assert old.ledger.known().backed_up_at
    head = asyncio.run(_filled(old, 3))

    restore = ("restore", target, "--identity", key)
    assert "--ledger" in typed(new.folder, *restore, status=2)
    assert left_in(new.folder) == []
    assert "no such ledger" in typed(new.folder, *restore, "--ledger", tmp_path / "nowhere", status=2)
    said = typed(new.folder, *restore, "--ledger", old.ledger.path)
    assert f"READ-ONLY {FACILITY.id}" in said
    assert f"..{head.size} are missing" in said
    assert "already" in typed(new.folder, *restore, "--without-ledger", status=2)
    assert new.ledger.known().heads[FACILITY.id] == head

    assert FACILITY.id in typed(new.folder, "accept")
    typed(new.folder, "accept", FACILITY.id)
    assert "not read-only" in typed(new.folder, "accept", FACILITY.id, status=2)
    assert FACILITY.id not in typed(new.folder, "accept")
    assert typed(new.folder, "purge", "--sure") == "0 visits, 0 people\n"


def test_nothing_is_purged_by_a_clock_in_doubt_until_somebody_is_sure(typed: Run, tmp_path: Path) -> None:
    place, now = Place(tmp_path / "one", StillClock(int(time.time()))), datetime.now(UTC)
    asyncio.run(_filled(place, 1))
    last = now - timedelta(days=3)
    place.ledger.note_clock(Expected(int(last.timestamp())))
    said = typed(place.folder, "purge", status=2)
    assert f"{now:%Y-%m-%d}" in said
    assert f"{last:%Y-%m-%d %H:%M:%S}+00:00" in said
    assert "kazasu purge --sure" in said
    assert typed(place.folder, "purge", "--sure") == "0 visits, 0 people\n"
    assert typed(place.folder, "purge") == "0 visits, 0 people\n"
    kept = place.ledger.known().clock
    assert kept is not None
    assert kept.at >= int(now.timestamp())


def test_a_head_from_a_copy_is_enough(typed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, key, target = Place(tmp_path / "old"), Place(tmp_path / "new"), tmp_path / "key", tmp_path / "one.age"
    head = asyncio.run(_filled(old, 2))
    monkeypatch.setenv(*typed(old.folder, "backup-key", key).splitlines()[0].split("="))
    typed(old.folder, "backup", target)
    restore = ("restore", target, "--identity", key)
    assert "STATION:SIZE-HASH" in typed(new.folder, *restore, "--head", "nonsense", status=2)
    said = typed(new.folder, *restore, "--head", f"{FACILITY.id}:{head.size + 1}-{'a' * 64}")
    assert f"entries {head.size + 1}..{head.size + 1} are missing" in said


def test_keys_that_are_not_in_the_backup_are_asked_for(
    typed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, key, target = Place(tmp_path / "old"), tmp_path / "key", tmp_path / "one.age"
    asyncio.run(_filled(old, 1))
    (old.folder / "secret").unlink()
    monkeypatch.setenv(*typed(old.folder, "backup-key", key).splitlines()[0].split("="))
    typed(old.folder, "backup", target)
    said = typed(tmp_path / "new", "restore", target, "--identity", key, "--without-ledger")
    assert "KAZASU_SECRET_KEYS" in said
    assert "newer version" not in said


def test_the_token_of_the_figures_is_not_shown(typed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAZASU_METRICS_TOKEN", "t" * 40)
    said = typed(tmp_path, "settings")
    assert "KAZASU_METRICS_TOKEN=(set)" in said
    assert "t" * 40 not in said
