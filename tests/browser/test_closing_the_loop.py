"""From the bedside to what the office has seen: a practice visit, the practice terminal's file, and the list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, FilePayload

from app.main import PRACTICE_STATION
from tests.browser.clerk import Clerk, Desk, DeskLook
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Judged, Look, Phone
from tests.browser.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTHING_CHANGED: Final = "何も変わっていません"


@dataclass(frozen=True)
class Carried:
    """A file on its way from the terminal to the office."""

    name: str
    content: bytes


@pytest.fixture
def desk_look() -> Look:
    """Return the ordinary desk; a test may ask for another."""
    return DeskLook()


@pytest.fixture
def clerk(
    browser: Browser, server: Server, desk_look: Look, tmp_path_factory: pytest.TempPathFactory, worker: str
) -> Iterator[Clerk]:
    """Return somebody of the practice station's office, signed in."""
    folder = tmp_path_factory.getbasetemp()
    desk = Desk(browser, server, desk_look, Judged((folder.parent if worker else folder) / "judged loop"))
    one = Clerk(desk)
    one.also_belongs_to(PRACTICE_STATION)
    one.comes_in_unseen(replace(one.person, facility=PRACTICE_STATION))
    yield one
    noticed = desk.noticed
    desk.context.close()
    assert not noticed, noticed


def registers(phone: Phone, nurse: Nurse, who: str, reference: str = "", *, over_40: bool = True) -> str:
    """Let a patient agree to everything and tap the card; return the name by which people call the visit."""
    patient = Patient(phone, who)
    patient.has_come_to_the_card(over_40=over_40, reference=reference)
    patient.has_tapped_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.goes_on()
    nurse.ends_the_visit()
    server = phone.server
    (newest, *_) = sorted(
        server.ask(server.kazasu.importer.worklist.open(PRACTICE_STATION.id)),
        key=lambda each: -each.handed_off_at,
    )
    return newest.visit.code


def carries(clerk: Clerk, numbers: dict[str, str], **chosen: str) -> Carried:
    """Let the practice terminal make a file with these choices; bring it back."""
    page = clerk.desk.context.new_page()
    page.goto(f"{clerk.server.origin}/practice/terminal")
    if numbers:
        page.locator("summary").filter(has_text="照会番号をつける").click()
        for who, number in numbers.items():
            page.get_by_label(who, exact=True).fill(number)
        page.get_by_role("button", name="この番号にする").click()
    page.locator("summary").filter(has_text="ちがいとエラー").click()
    for name, value in chosen.items():
        if name in {"letters", "packing"}:
            page.locator(f"input[name={name}][value={value}]").check()
        elif name == "more":
            page.locator(f"input[name=more][value={value}]").check()
        elif name == "whom":
            page.locator("select[name=whom]").select_option(label=value)
        else:
            page.locator(f"select[name={name}]").select_option(value)
    with page.expect_download() as loading:
        page.get_by_role("button", name="02resをつくる").click()
    carried = Carried(loading.value.suggested_filename, Path(loading.value.path()).read_bytes())
    page.close()
    return carried


def reads_in(clerk: Clerk, file: Carried | Path) -> None:
    """Choose a file in the office and have it read."""
    desk = clerk.desk
    desk.opens("/office/files")
    if isinstance(file, Path):
        desk.page.set_input_files("#file", file)
    else:
        chosen: FilePayload = {"name": file.name, "mimeType": "application/octet-stream", "buffer": file.content}
        desk.page.set_input_files("#file", chosen)
    desk.presses("読み込む")


def takes(clerk: Clerk, file: Carried) -> None:
    """Look at what a file holds, and take it."""
    reads_in(clerk, file)
    clerk.desk.stands_at("取り込む前の確認")
    clerk.desk.presses("この内容で取り込む")
    clerk.desk.shows_soon("人を取り込みました")


def looks_at_the_visit(clerk: Clerk, code: str) -> None:
    """Open a visit from the worklist, or from what is settled."""
    for place in ("/office/visits", "/office/visits?only=done"):
        clerk.desk.opens(place)
        link = clerk.desk.page.get_by_role("link").filter(has_text=code)
        if link.count():
            with clerk.desk.arrives():
                clerk.desk.taps_on(link)
            return
    raise AssertionError(f"{code} is on no list")


@dataclass(frozen=True)
class Story:
    """Somebody, what the terminal makes of it, and what the office then sees."""

    who: str
    number: str
    sees: tuple[str, ...]
    chosen: dict[str, str] = field(default_factory=dict)
    preview: str = ""


STORIES: Final = {
    "as registered, in Shift_JIS, with half-width kana and 髙": Story(
        "髙橋　練", "L-4040", ("事業所で確認", "端末のファイルで確かめました", "薬剤 ○"), {"letters": "Shift_JIS"}
    ),
    "a difference, and 𠮷 in UTF-8": Story(
        "𠮷田　架空",
        "L-2580",
        ("要対応：えらんだ内容と、端末の表示がちがう", "薬剤 空らん", "同意する"),
        {"letters": "UTF-8", "consents": "one_differs", "item": "drug"},
    ),
    "two insurances in a ZIP": Story(
        "見本　二郎", "L-6700", ("事業所で確認",), {"letters": "UTF-8", "packing": "zip"}, "保険が2つ以上の方"
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_what_was_registered_at_the_bedside_is_seen_at_the_office(
    clerk: Clerk, phone: Phone, nurse: Nurse, story: str
) -> None:
    told = STORIES[story]
    code = registers(phone, nurse, told.who, told.number)
    file = carries(clerk, {told.who: told.number}, whom=told.who, **told.chosen)
    reads_in(clerk, file)
    clerk.desk.reads("まだ、何も変わっていません", told.preview or "照会番号がない方")
    takes(clerk, file)
    looks_at_the_visit(clerk, code)
    clerk.desk.reads(*told.sees)


def test_without_a_number_a_person_confirms_who_it_was(clerk: Clerk, phone: Phone, nurse: Nurse) -> None:
    code = registers(phone, nurse, "練習　花子")
    takes(clerk, carries(clerk, {"練習　花子": ""}, whom="練習　花子", references="no_reference", letters="UTF-8"))
    looks_at_the_visit(clerk, code)
    clerk.desk.reads("端末のファイルにある候補", "同意した時刻が、公式の画面へ進んでから申告するまでの間")
    clerk.desk.taps_on(clerk.desk.page.locator("input[name=person]").first)
    clerk.desk.presses("この方と結びつける")
    clerk.desk.reads("事業所で確認", "端末のファイルで確かめました")


FAULTS: Final = {
    "cut": "途中で切れています",
    "wrong_station": "ほかの事業所",
    "broken_xml": "ファイルの形がこわれています",
    "other_letters": "文字として読めない",
    "request": "依頼ファイルです",
    "online_care": "別のファイルです",
    "processing": "まだ作成中",
    "failed": "エラーを返しました",
}


@pytest.mark.threat("T10")
def test_a_bad_file_says_where_and_why_and_changes_nothing(
    clerk: Clerk, phone: Phone, nurse: Nurse, tmp_path: Path
) -> None:
    registers(phone, nurse, "練習　花子", "L-1234")
    before = clerk.server.ask(clerk.server.kazasu.store.head(PRACTICE_STATION.id))
    for fault, says in FAULTS.items():
        reads_in(clerk, carries(clerk, {}, letters="UTF-8", fault=fault))
        clerk.desk.reads(says)
        assert clerk.desk.has_focus_on_the_error
    large = tmp_path / "OQSmuhvq02res_202611190001.xml"
    with large.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    reads_in(clerk, large)
    clerk.desk.reads("ファイルが大きすぎます", NOTHING_CHANGED)
    assert clerk.server.ask(clerk.server.kazasu.store.head(PRACTICE_STATION.id)) == before


def test_a_future_version_changes_nothing_until_a_person_leaves_out_what_is_new(
    clerk: Clerk, phone: Phone, nurse: Nurse
) -> None:
    registers(phone, nurse, "練習　花子", "L-1235")
    file = carries(clerk, {"練習　花子": "L-1235"}, letters="UTF-8", more="unknown_elements")
    reads_in(clerk, file)
    before = clerk.server.ask(clerk.server.kazasu.store.head(PRACTICE_STATION.id))
    clerk.desk.presses("この内容で取り込む")
    clerk.desk.reads("知らない項目を確かめて", NOTHING_CHANGED)
    assert clerk.desk.has_focus_on_the_error
    assert clerk.server.ask(clerk.server.kazasu.store.head(PRACTICE_STATION.id)) == before
    clerk.desk.page.get_by_label("知らない項目を除いて取り込みます").check()
    clerk.desk.presses("この内容で取り込む")
    clerk.desk.shows_soon("人を取り込みました")
