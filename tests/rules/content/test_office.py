"""The office's checklists: dated, sourced, in order, and no more certain than what they rest on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.rules.content.file import ContentError, ContentFile, Hearsay
from app.rules.content.office import CHECKLISTS, MONTHLY, SETUP, Checklist, ChecklistRow, load_checklists
from app.rules.station.station import StationProfile
from app.web.kit.assets import Assets
from app.web.kit.pages import Look, Pages

ROOT = Path(__file__).parents[3]
ROWS = [row for each in CHECKLISTS.values() for row in each.rows]
SPRITE = ROOT / "static" / "office/icons.svg"


def words(row: ChecklistRow) -> str:
    return " ".join((row.title, row.text, row.why, row.seen, *row.trouble))


# --- what the lists say -------------------------------------------------------------------------------------


def test_the_setup_goes_from_the_function_to_the_phones() -> None:
    order = [row.id for row in SETUP.rows]
    milestones = ["home_visit_function", "sign_in_again", "issue_url", "carry_url", "enter_url", "print_codes"]
    assert [each for each in order if each in milestones] == milestones
    assert order[-1] == "try_once"


def test_the_month_looks_at_all_that_can_stop_the_codes() -> None:
    assert [row.id for row in MONTHLY.rows] == [
        "function_on",
        "url_matches",
        "certificate",
        "general_account",
        "passwords",
        "support",
        "manuals",
        "daily_restart",
        "phones_updated",
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_row_is_dated_and_sourced(row: ChecklistRow) -> None:
    assert row.source
    assert row.grade in {"S", "O", "V", "2"}
    assert row.checked_on <= date(2026, 11, 22)
    assert row.place_label.endswith("で")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_sentence_ends_and_none_is_long(row: ChecklistRow) -> None:
    for text in (row.text, row.why, row.seen, *row.trouble):
        assert text.endswith("。")
        assert max(len(sentence) for sentence in text.split("。")) <= 70


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_no_row_is_stricter_than_the_guide(row: ChecklistRow) -> None:
    assert not re.search(r"禁止|してはいけません|絶対|必ず", words(row))


def test_whoever_changes_the_url_reads_what_dies_and_what_stays() -> None:
    said = words(next(row for row in MONTHLY.rows if row.id == "url_matches"))
    assert "前のURLは使えなくなります" in said
    assert "かざすのQRコードは、そのまま使えます" in said


def test_hearsay_stands_apart_and_says_so() -> None:
    reports = [row.report for row in ROWS if row.report]
    assert reports
    assert all(report.grade == "F" and report.text.endswith("という報告があります。") for report in reports)


def test_a_list_is_as_old_as_its_oldest_row() -> None:
    given = read()
    given["checklist"][0]["row"][3]["checked_on"] = date(2026, 1, 2)
    assert load_checklists(given)["setup"].checked_on == date(2026, 1, 2)


# --- what does not load -------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], object]


def read() -> dict[str, Any]:
    return deepcopy(ContentFile("office.toml").read())


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(grade="I"),
        lambda row: row.update(grade="F"),
        lambda row: row.pop("source"),
        lambda row: row.pop("why"),
        lambda row: row.update(seen=""),
        lambda row: row.update(trouble=[]),
        lambda row: row.update(place="moon"),
        lambda row: row.update(fields=["favourite_colour"]),
        lambda row: row.update(colour="red"),
        lambda row: row.update(opens="/visit", opens_label="開く"),
        lambda row: row.update(link="http://example.jp", link_label="開く"),
        lambda row: row.update(link="https://example.jp"),
        lambda row: row.update(opens_label="開く"),
        lambda row: row.update(grade="2"),
        lambda row: row.update(report={"text": "こうです。", "source": "F1", "grade": "F"}),
        lambda row: row.update(report={"text": "こうだという報告があります。", "source": "F1", "grade": "I"}),
        lambda row: row.update(report={"text": "こうだという報告があります。", "source": "", "grade": "F"}),
        lambda row: row.update(id="sign_in"),
    ],
)
def test_a_row_that_says_too_much_or_too_little_does_not_load(change: Change) -> None:
    given = read()
    change(given["checklist"][0]["row"][0])
    with pytest.raises(ContentError, match=r"office\.toml"):
        load_checklists(given)


def test_two_lists_of_one_name_do_not_load() -> None:
    given = read()
    given["checklist"].append(given["checklist"][0])
    with pytest.raises(ContentError):
        load_checklists(given)


def test_the_lists_cannot_be_changed_while_they_are_used() -> None:
    with pytest.raises(TypeError):
        CHECKLISTS["setup"] = MONTHLY  # type: ignore[index]
    with pytest.raises(AttributeError):
        Hearsay("", "", "").text = "x"  # type: ignore[misc]


# --- how the page shows them --------------------------------------------------------------------------------

LAYOUT = "<title>{% block title %}{% endblock %}</title>{% block main %}{% endblock %}"
STATION = StationProfile("hinatazaka", linked=False, maintenance=True, certificate_ends="2027-03-31")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Return the page in a bare frame, so that only its own words count."""
    folder = tmp_path_factory.mktemp("templates")
    (folder / "office").mkdir()
    shutil.copy(ROOT / "templates" / "office" / "checklist.html", folder / "office")
    (folder / "office" / "layout.html").write_text(LAYOUT, encoding="utf-8")
    return Pages(Assets(ROOT / "static"), practice=False, folder=folder)


def shown(pages: Pages, checklist: Checklist, done: Mapping[str, str], station: StationProfile = STATION) -> str:
    html = pages.html("office/checklist.html", Look(), checklist=checklist, done=done, station=station)
    return html.replace("\u200b", "")


@pytest.mark.parametrize("checklist", CHECKLISTS.values(), ids=lambda each: each.id)
def test_every_row_can_be_ticked_off_without_javascript(pages: Pages, checklist: Checklist) -> None:
    html = shown(pages, checklist, {})
    assert html.count(f'<form method="post" action="/office/checklist/{checklist.id}">') == len(checklist.rows)
    assert [row.id for row in checklist.rows] == re.findall(r'name="row" value="(\w+)"', html)
    assert html.count('name="done" value="yes">済みにする') == len(checklist.rows)
    assert html.count("\x1f") == len(checklist.rows), "each form has its hidden fields"
    assert "%(" not in html
    assert "style=" not in html
    assert "<script" not in html


def test_what_is_done_says_by_whom_and_can_be_taken_back(pages: Pages) -> None:
    html = shown(pages, MONTHLY, {"manuals": "11/20 事務 <さくら>", "certificate": "11/21 事務 さくら", "gone": "x"})
    assert "<b>2 / 9</b> 済みました。あと 7件です。" in " ".join(html.split())
    assert html.count('name="done" value="no">もどす') == 2
    assert "11/20 事務 &lt;さくら&gt;" in html
    assert "すべて済みました。" in shown(pages, MONTHLY, {row.id: "x" for row in MONTHLY.rows})


def test_the_stations_own_values_stand_beside_their_rows(pages: Pages) -> None:
    html = re.sub(r"\s*\n\s*", "", shown(pages, MONTHLY, {}))
    assert 'の期限：<b><time datetime="2027-03-31">2027/3/31</time>' in html
    assert "レセプトコンピュータとの連携：<b>なし</b>" in html
    assert "保守の契約：<b>あり</b>" in html
    assert '保守の専用の番号：<b><span class="kz-unwritten">まだ書いてありません</span></b>' in html


@pytest.mark.parametrize("maintenance", [None, False])
def test_without_a_contract_no_number_of_it_is_missed(pages: Pages, maintenance: bool | None) -> None:
    html = shown(pages, MONTHLY, {}, replace(STATION, maintenance=maintenance))
    assert "保守の契約" in html
    assert "保守の専用の番号" not in html


def test_the_rows_know_the_stations_fields() -> None:
    known = {field.name for field in fields(StationProfile)}
    assert {name for row in ROWS for each in row.fields for name in (each.name, each.only_if or each.name)} <= known


def test_the_page_names_the_app_as_it_is_called_today(pages: Pages) -> None:
    assert "マイナアプリ（旧マイナポータルアプリ）を更新します" in shown(pages, MONTHLY, {})


# --- the drawings -------------------------------------------------------------------------------------------


def test_every_drawing_has_one_line_weight_and_no_style() -> None:
    symbols = list(ET.parse(SPRITE).getroot())  # noqa: S314 - our own file
    weights = {(each.get("stroke-width"), each.get("stroke-linecap"), each.get("viewBox")) for each in symbols}
    assert weights == {("2", "round", "0 0 24 24")}
    ids = [each.get("id") for each in symbols]
    assert len(ids) == len(set(ids))
    assert "style" not in SPRITE.read_text(encoding="utf-8")


@pytest.mark.parametrize("checklist", CHECKLISTS.values(), ids=lambda each: each.id)
def test_every_drawing_that_a_row_shows_exists(pages: Pages, checklist: Checklist) -> None:
    html = shown(pages, checklist, {checklist.rows[0].id: "x"})
    used = set(re.findall(r'office/icons\.[0-9a-f]+\.svg#([\w-]+)"', html))
    assert used <= set(re.findall(r'id="([\w-]+)"', SPRITE.read_text(encoding="utf-8")))
    assert "check" in used
