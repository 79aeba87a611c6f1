"""Rows of the content files: what each rests on, when it was checked, and what falls due."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.rules.content import EXITS, OFFICIAL
from app.rules.content.contacts import CONTACTS, contacts_for
from app.rules.content.sources import SOURCES, is_precise
from app.rules.content.trouble import TROUBLES
from app.rules.station.station import StationProfile
from app.rules.words.furigana import plain
from scripts.docs import SOON, falls_due

FOLDER = Path(__file__).parents[3] / "app/rules/content"
FILES = {file.name: tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.toml"))}
ALLIED, YAMAHA = "router_allied", "router_yamaha"


def rows(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        if "source" in found and "grade" in found:
            yield found
        found = list(found.values())
    for each in found if isinstance(found, list) else ():
        yield from rows(each)


@pytest.mark.parametrize("name", FILES)
def test_a_source_without_a_precise_address_carries_no_fact_alone(name: str) -> None:
    for row in rows(FILES[name]):
        keys = re.findall(r"クイックガイド|[AFOPV][0-9]+", row["source"])
        assert keys, row
        if row["grade"] in "SOV":
            assert any(is_precise(key) for key in keys), row


def test_a_page_is_not_an_address_of_one_of_its_parts() -> None:
    bare = re.compile(r"https?://[^/]+/?(news/?)?$")
    assert [key for key, source in SOURCES.items() if bare.match(source.link)] == []


@pytest.mark.parametrize("name", [name for name, found in FILES.items() if "exit" in found or "contact" in found])
def test_a_row_says_the_day_on_which_it_was_checked_itself(name: str) -> None:
    shown = {
        **{each: EXITS[each].checked_on for each in EXITS},
        **{each: CONTACTS[each].checked_on for each in CONTACTS},
    }
    found = FILES[name]
    own = [each for each in (*found.get("exit", ()), *found.get("contact", ())) if "checked_on" in each]
    assert own
    for each in (*found.get("exit", ()), *found.get("contact", ())):
        assert shown[each["id"]] == each.get("checked_on", found["checked_on"])


def test_what_falls_due_is_listed_thirty_days_ahead(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text(
        'review_by = 2027-05-31\n[[row]]\nid = "early"\nreview_by = 2027-01-10\n[[row]]\nid = "as the file"\n'
    )
    due = date(2027, 5, 31)
    assert list(falls_due(date(2026, 12, 1), tmp_path)) == []
    assert list(falls_due(date(2026, 12, 11), tmp_path)) == ["some.toml early: to be checked by 2027-01-10"]
    assert list(falls_due(due - SOON - timedelta(days=1), tmp_path))[:1] == [
        "some.toml early: to be checked by 2027-01-10"
    ]
    assert "some.toml: to be checked by 2027-05-31" in list(falls_due(due - SOON, tmp_path))
    assert {line.split(":")[0] for line in falls_due(max(each["review_by"] for each in FILES.values()))} >= FILES.keys()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        *(
            (each, {YAMAHA})
            for each in ("RTX830", "NVR700W", "rtx 830", "ＲＴＸ８３０", "ヤマハ", "ﾔﾏﾊ RTX", "やまは", "YAMAHA")
        ),
        *(
            (each, {ALLIED})
            for each in ("AT-AR1050V", "at ar1050v", "Allied Telesis", "アライドテレシス", "ｱﾗｲﾄﾞ・ﾃﾚｼｽ")
        ),
        *((each, {ALLIED, YAMAHA}) for each in ("", "NEC IX2215", "不明", "黒いルーター")),
    ],
)
def test_every_spelling_of_a_router_finds_its_desk(typed: str, shown: set[str]) -> None:
    desks = {each.id for each in contacts_for(None, StationProfile("hinatazaka", maintenance=False, router=typed))}
    assert desks & {ALLIED, YAMAHA} == shown


def test_the_cross_of_a_custom_tab_closes_the_official_page_only_after_its_end() -> None:
    android = next(each.text for each in OFFICIAL.backs if each.system == "android")
    told = [android, *TROUBLES.answers["not-back"].also]
    crosses = [text for text in told if "×" in text]
    assert len(crosses) == 2
    for text in crosses:
        assert plain(text).index("終わって") < plain(text).index("×")
