"""The commands for whoever runs the server, as they are typed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.cli.__main__ import main
from app.main import PRACTICE_STATION, Kazasu
from app.tokens import BadToken, Sealed, Sealer
from tests.web.bedside.nurse import StillClock
from tests.web.office.clerk import Clerk
from tests.web.office.test_doors import OTHER, another_station, joins, second_factor
from tests.web.office.test_links import URL, keeps


@pytest.fixture
def clock() -> StillClock:
    """Return the server's clock: what is typed goes by the machine's, and what is from the future opens nothing."""
    clock = StillClock()
    clock.at = int(time.time())
    return clock


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return what runs a command on the same database and returns what it prints."""
    monkeypatch.setenv("KAZASU_DATA", str(tmp_path))
    monkeypatch.setenv("KAZASU_ORIGIN", "http://localhost:8000")

    def run(*words: str, status: int = 0) -> str:
        capsys.readouterr()
        assert main(words) == status
        said = capsys.readouterr()
        return said.out + said.err

    return run


def way_in(said: str) -> str:
    found = re.search(r"http://localhost:8000/office/join#(\S+)", said)
    assert found is not None
    return found[1]


def apart(run: Callable[..., str], *words: str, status: int = 0) -> str:
    """Run a command in a thread of its own, as another process would."""
    with ThreadPoolExecutor(1) as one:
        return one.submit(run, *words, status=status).result()


async def test_a_station_begins_on_the_command_line(typed: Callable[..., str], kazasu: Kazasu, clerk: Clerk) -> None:
    said = apart(
        typed, "facility", "しらさぎ訪問看護ステーション", "--code", "9960000017", "--telephone", "03-0000-0002"
    )
    assert "都道府県番号" in said  # a warning, no refusal
    made = next(line.split()[0] for line in said.splitlines() if "しらさぎ" in line)
    await joins(clerk, way_in(apart(typed, "account", made, "--name", "所長")), "shochou")
    await second_factor(clerk, kazasu)
    page = await clerk.get("/office/accounts")
    assert "しらさぎ" in page.text
    assert "ひなた坂" not in page.text


async def test_a_lone_administrator_comes_back(
    typed: Callable[..., str], kazasu: Kazasu, admin: Clerk, clerk: Clerk
) -> None:
    code = way_in(apart(typed, "account", PRACTICE_STATION.id, "--reset", "sakura"))
    await admin.get("/office/accounts")  # nothing is lost until it is taken up
    await joins(clerk, code, "")
    await second_factor(clerk, kazasu)
    await clerk.get("/office/accounts")
    assert (await admin.get("/office")).path == "/office/sign-in"


@pytest.mark.parametrize(
    "words",
    [
        ("account", "nowhere"),
        ("account", PRACTICE_STATION.id, "--reset", "nobody"),
        ("facility", "名前だけ"),
        ("facility", "番号ちがい", "--code", "12", "--telephone", "03"),
        ("facility", "電話なし", "--code", "9960000017"),
    ],
    ids=" ".join,
)
async def test_what_cannot_be_is_said(typed: Callable[..., str], kazasu: Kazasu, words: tuple[str, ...]) -> None:
    assert apart(typed, *words, status=2).startswith("kazasu:")
    assert len(await kazasu.store.facilities()) == 1


async def test_secrets_move_to_a_new_key(
    typed: Callable[..., str], kazasu: Kazasu, admin: Clerk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeps(admin)
    old, new = (tmp_path / "secret").read_text(encoding="utf-8"), "n" * 48
    monkeypatch.setenv("KAZASU_SECRET_KEYS", f"{old} {new}")
    assert apart(typed, "reseal") == "3\n"  # two authenticators, one address
    (kept,) = await kazasu.desk.office.officials(PRACTICE_STATION.id)
    assert Sealer((new,)).open(Sealed.ADDRESS, kept.sealed) == URL
    with pytest.raises(BadToken):
        Sealer((old,)).open(Sealed.ADDRESS, kept.sealed)


async def test_a_key_that_is_missing_is_said_and_nothing_changes(
    typed: Callable[..., str], kazasu: Kazasu, admin: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeps(admin)
    before = await kazasu.desk.office.officials(PRACTICE_STATION.id)
    monkeypatch.setenv("KAZASU_SECRET_KEYS", "x" * 48)
    assert "KAZASU_SECRET_KEYS" in apart(typed, "reseal", status=1)
    assert await kazasu.desk.office.officials(PRACTICE_STATION.id) == before


async def test_somebody_of_one_station_belongs_to_another_too(
    typed: Callable[..., str], kazasu: Kazasu, admin: Clerk
) -> None:
    await another_station(kazasu)
    assert apart(typed, "account", OTHER.id, "--also", "sakura") == ""
    page = await admin.get("/office")
    assert OTHER.name in page.source
    await admin.press("/office/switch", facility=OTHER.id)
    await admin.get("/office/accounts")
    for words in (("account", OTHER.id, "--also", "sakura"), ("account", "nowhere", "--also", "sakura")):
        assert apart(typed, *words, status=2).startswith("kazasu:")
