"""What the patient takes home: the copy on paper and on a phone, its secret, and what is done with it a week later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import run
from typing import Final

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Request

from app.main import PRACTICE_STATION
from app.rules.visit.copy import typed
from app.rules.words.furigana import LETTERS
from app.rules.words.languages import EASY, LANGUAGES, Language
from tests.browser import test_closing_the_loop
from tests.browser.clerk import Clerk
from tests.browser.nurse import Nurse, Patient
from tests.browser.phone import Judged, Look, OpenProfile, Phone, new_phone
from tests.browser.server import Server
from tests.browser.stores import offered_again
from tests.web.bedside.codes import read

pytestmark = pytest.mark.browser

COPY: Final = "あなたの控え"
WEEK: Final = 7 * 24 * 3600
_ABOVE: Final = """() => [...document.querySelectorAll("ruby")].filter((ruby) => {
    const reading = ruby.querySelector("rt").getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(ruby.firstChild);
    const word = range.getBoundingClientRect();
    const middle = (box) => box.left + box.width / 2;
    return reading.bottom > word.top + word.height / 3 || Math.abs(middle(reading) - middle(word)) > 4;
}).map((ruby) => ruby.textContent)"""


clerk, desk_look = test_closing_the_loop.clerk, test_closing_the_loop.desk_look


@pytest.fixture
def own(browser: Browser, server: Server, judged: Judged) -> Iterator[Phone]:
    """Return a phone of the family's, which has never been here."""
    held = new_phone(browser, server, Look(), judged)
    yield held
    noticed = held.noticed
    held.context.close()
    assert not noticed, noticed


def takes_home(nurse: Nurse, *, declines: bool = False) -> str:
    """Walk a visit to its last page; return the address that the code there holds."""
    phone = nurse.phone
    patient = Patient(phone)
    if declines:
        nurse.starts()
        nurse.says_first_time()
        nurse.hands_the_phone_to(patient)
        patient.has_everything()
        patient.declines_all()
        patient.looks_at_the_choices()
        patient.confirms()
    else:
        patient.has_come_to_the_card()
    patient.has_tapped_the_card()
    patient.hands_the_phone_to(nurse)
    nurse.goes_on()
    return read(phone.page.content())


def newest_visit(server: Server) -> str:
    """Return the visit that reached the office last."""
    found = server.ask(server.kazasu.importer.worklist.open(PRACTICE_STATION.id))
    return max(found, key=lambda each: each.handed_off_at).visit.id


# --- paper ------------------------------------------------------------------------------------------------------


def pdf(page: Page, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Print a page; return what its PDF is, and what the codes on it say."""
    file = folder / "page.pdf"
    file.write_bytes(page.pdf(prefer_css_page_size=True))
    told = run(["pdfinfo", str(file)], capture_output=True, check=True, text=True).stdout  # noqa: S607
    run(["pdftoppm", "-r", "110", "-png", str(file), str(folder / "page")], check=True)  # noqa: S607
    codes = [zxingcpp.read_barcodes(Image.open(picture)) for picture in sorted(folder.glob("page*.png"))]
    facts = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    return {name: value.strip() for name, value in facts.items()}, [each.text for page in codes for each in page]


@dataclass(frozen=True)
class Sheet:
    """One way to print the copy."""

    language: Language
    has_readings: bool

    def __str__(self) -> str:
        return f"{self.language.code}{' with readings' if self.has_readings else ''}"


A5: Final = "420 x 594.96 pts (A5)"
A4: Final = "594.96 x 841.92 pts (A4)"
"""Easy Japanese says more, so it is printed larger."""
SHEETS: Final = [Sheet(each, on) for each in LANGUAGES for on in (False, True) if each.is_japanese or not on]


def prints(clerk: Clerk, visit: str, sheet: Sheet) -> Page:
    """Let the office print the copy of a visit."""
    desk = clerk.desk
    desk.page.goto(f"{clerk.server.origin}/office/visits/{visit}")
    desk.page.locator(f"input[name=language][value='{sheet.language.code}']").check()
    desk.page.get_by_label("ふりがなを付ける").set_checked(sheet.has_readings)
    with desk.context.expect_page() as opened:
        desk.page.get_by_role("button", name="控えをつくって印刷する").click()
    opened.value.wait_for_load_state()
    return opened.value


def test_the_copy_is_one_sheet_whole_and_read_by_any_phone(
    clerk: Clerk, phone: Phone, nurse: Nurse, tmp_path: Path
) -> None:
    phone.judges = False
    takes_home(nurse)
    visit = newest_visit(clerk.server)
    desk = clerk.desk
    desk.opens(f"/office/visits/{visit}")  # the longest copy: everything differs, and it ends
    desk.page.locator("input[name=found][value=yes]").check()
    desk.field("同意有効期限").fill("2027/02/28 23:59")
    desk.presses("見たことを残す")
    for place, sheet in enumerate(SHEETS):
        folder = tmp_path / str(place)
        folder.mkdir()
        page = prints(clerk, visit, sheet)
        secret = typed(page.locator(".kz-secret").inner_text())
        facts, codes = pdf(page, folder)
        (tmp_path / f"{place}.pdf").write_bytes((folder / "page.pdf").read_bytes())
        size = A4 if sheet.has_readings or sheet.language is EASY else A5
        assert (facts["Pages"], facts["Page size"]) == ("1", size), (sheet, facts)
        assert codes == [f"{clerk.server.origin}/review#{secret}"], sheet
        page.emulate_media(media="print")
        assert page.evaluate(_ABOVE) == [], sheet
        assert page.locator(".kz-paper rt").count() > 20 or not sheet.has_readings
        page.close()


# --- the secret -------------------------------------------------------------------------------------------------


@dataclass
class Wiretap:
    """Everything that a browser sends, but for the bodies of its forms."""

    heard: list[str] = field(default_factory=list)

    def hears(self, request: Request) -> None:
        self.heard.append(json.dumps([request.url, request.all_headers()]))


@pytest.mark.worker
@pytest.mark.threat("T07")
def test_the_letters_of_a_copy_leave_no_trace(nurse: Nurse, own: Phone, phone: Phone, clerk: Clerk) -> None:
    phone.judges = False
    address = takes_home(nurse)
    secret = address.partition("#")[2]
    own.opens("/")
    own.is_ready_for_dead_zones()
    tap = Wiretap()
    own.context.on("request", tap.hears)
    with own.page.expect_navigation(url="**/review/copy"):
        own.page.evaluate("(address) => { location.href = address }", address)
    own.looks_it_over()
    own.stands_at(COPY)
    assert tap.heard
    assert not [each for each in tap.heard if secret in each]
    own.page.go_back()
    assert "#" not in own.page.url
    assert secret not in own.page.content()
    kept = own.page.evaluate(
        """async () => (await Promise.all((await caches.keys()).map(async (name) =>
            (await (await caches.open(name)).keys()).map((request) => request.url)))).flat()"""
    )
    assert kept
    assert not [url for url in kept if "/review" in url and "/static/" not in url]
    assert secret not in json.dumps(own.page.evaluate("({...localStorage, ...sessionStorage})"))
    own.opens("/review/copy")
    calls_back(clerk)
    own.opens("/review/copy")
    own.stands_at("控えを見る")


@pytest.mark.threat("T07")
def test_who_takes_the_phone_next_is_not_offered_the_copy(
    nurse: Nurse, phone: Phone, server: Server, open_profile: OpenProfile, tmp_path: Path
) -> None:
    phone.judges = False
    address, shown = takes_home(nurse), f"{server.origin}/#shown"
    with open_profile(server, tmp_path) as own:
        for each, arrived in ((address, "**/review/copy"), (shown, shown)):
            own.opens("/")
            own.page.evaluate("(address) => { location.href = address }", each)
            own.page.wait_for_url(arrived)
    offered = offered_again(tmp_path)
    assert shown in offered
    assert f"{server.origin}/review/copy" in offered
    assert not [each for each in offered if address.partition("#")[2] in each]


def calls_back(clerk: Clerk) -> None:
    """Call back the newest visit's copy."""
    clerk.desk.opens(f"/office/visits/{newest_visit(clerk.server)}")
    clerk.desk.presses("使えなくする")


# --- stories ----------------------------------------------------------------------------------------------------


def test_who_declines_everything_finds_it_on_the_copy(nurse: Nurse, own: Phone) -> None:
    own.opens(takes_home(nurse, declines=True))
    own.page.wait_for_url("**/review/copy")
    own.looks_it_over()
    assert own.words.count("同意しない") == 5
    assert "同意する" not in own.words.replace("同意しない", "").replace("同意を", "")


def test_a_week_later_she_changes_her_mind_from_her_copy(nurse: Nurse, own: Phone, clerk: Clerk) -> None:
    address = takes_home(nurse)
    nurse.ends_the_visit()
    clerk.server.clock.ahead += WEEK
    clerk.comes_in_unseen(replace(clerk.person, facility=PRACTICE_STATION))
    own.opens(address)
    own.page.wait_for_url("**/review/copy")
    own.follows("えらんだ内容を変えたい")
    own.reads("次の訪問で変えられます", "カードと、4けたの暗証番号（利用者証明用）を使います")
    own.presses("ステーションに伝える")
    own.reads("ステーションに伝えました")
    clerk.desk.opens("/office/visits")
    clerk.desk.reads("内容の変更を希望")


def test_a_daughter_in_another_town_types_the_letters_and_asks_to_withdraw(
    nurse: Nurse, own: Phone, clerk: Clerk
) -> None:
    letters = takes_home(nurse).partition("#")[2]
    nurse.ends_the_visit()
    own.opens("/review")
    own.fills_in("28文字", " ".join(letters[place : place + 4] for place in range(0, 28, 4)).lower())
    own.presses("控えを見る")
    own.stands_at(COPY)
    own.follows("同意を全部取り消したい")
    own.reads("すべての同意を取消す", "カードは要りません")
    own.presses("ステーションに伝える")
    clerk.desk.opens("/office/visits")
    clerk.desk.reads("すべての取り消しを希望")


def test_somebody_who_never_agreed_is_heard_first(nurse: Nurse, own: Phone, clerk: Clerk) -> None:
    own.opens(takes_home(nurse))
    own.page.wait_for_url("**/review/copy")
    own.follows("わたしは同意していません")
    own.presses("ステーションに伝える")
    clerk.desk.opens("/office/visits")
    first = clerk.desk.page.locator("table.kz-worklist tbody tr").first
    assert "「同意していません」と申し出" in first.inner_text()


class Blind(Patient):
    """A patient who sees nothing: Tab, Space and Enter, and what each stop is called."""

    def presses_by_name(self, role: str, name: str | re.Pattern[str]) -> None:
        """Go to a control by its name, press it, and arrive."""
        with self.phone.arrives():
            self.goes_to(self.phone.page.get_by_role(role, name=name).first)  # type: ignore[arg-type]
            self.phone.page.keyboard.press("Enter")

    def goes_to(self, what: Locator) -> None:
        """Press Tab until it has the focus."""
        for _ in range(80):
            self.phone.page.keyboard.press("Tab")
            if what.evaluate("(element) => element === document.activeElement"):
                return
        raise AssertionError(f"{what} is not reached by Tab on 「{self.phone.heading}」")

    def chooses_by_name(self, item: str, answer: str) -> None:
        """Go to the answers of an item, whose name its group has, and choose one."""
        group = self.phone.page.get_by_role("group", name=item)
        radios = group.get_by_role("radio")
        self.goes_to(radios.first)
        if answer == "同意しない":
            self.phone.page.keyboard.press("ArrowDown")
        else:
            self.phone.page.keyboard.press("Space")
        assert group.get_by_role("radio", name=answer, exact=True).is_checked()


def test_a_blind_patient_chooses_and_confirms(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    nurse.says_first_time()
    blind = Blind(phone)
    blind.presses_by_name("button", "受け取りました")
    phone.passes_by()
    for item in phone.questions:
        blind.chooses_by_name(item, "同意しない" if item.startswith("手術") else "同意する")
    blind.presses_by_name("button", "えらんだ内容を確かめる")
    blind.is_at("同意内容の確認")
    blind.presses_by_name("link", re.compile("変更.*限度額の情報"))
    blind.chooses_by_name("限度額の情報", "同意しない")
    blind.presses_by_name("button", "えらんだ内容を確かめる")
    blind.presses_by_name("button", "これでよい。カードへ進む")
    blind.is_at("本人確認")
    assert phone.page.get_by_role("heading", name="暗証番号を入れる", exact=True).count() == 1


def test_the_letters_are_easy_to_tell_apart() -> None:
    assert not set(LETTERS) & set("IO0123456789")
