"""A visit written on paper, in a real browser: the memo is one page in every language, and its marks reach the list."""

from __future__ import annotations

from pathlib import Path
from subprocess import run
from typing import Final

import pytest

from app.rules.visit.transcript import items_of, paper_code
from app.rules.words.dates import day_of
from app.rules.words.languages import BY_CODE, LANGUAGES
from tests.browser import test_office
from tests.browser.clerk import Clerk, Desk, KeyboardDesk
from tests.browser.phone import Look
from tests.browser.test_office import NARROW, PLAIN, WIDE, OpenDesk

pytestmark = pytest.mark.browser

open_desk = test_office.open_desk
FORM: Final = "/office/visits/transcribe"
PAPERS: Final = [
    *(f"language={language.code}" for language in LANGUAGES),
    *(f"language={language.code}&furigana=1" for language in LANGUAGES if language.is_japanese),
]
_SPILLS: Final = """() => [...document.querySelectorAll('.kz-paper, .kz-paper *:not(rt, rp, use, path)')].filter((part) => {
  const inside = (part.closest('.kz-memo-box') ?? document.querySelector('.kz-paper')).getBoundingClientRect();
  const box = part.getBoundingClientRect();
  return box.left < inside.left - 1 || box.right > inside.right + 1 || box.top < inside.top - 1 || box.bottom > inside.bottom + 1;
}).map((part) => part.outerHTML.slice(0, 100))"""
_BOXES: Final = """() => [...document.querySelectorAll('.kz-memo-pair')].map((pair) =>
  [...pair.children].map((box) => [box.offsetWidth, box.offsetHeight, getComputedStyle(box).fontSize].join(' ')))"""
_LONG_NAME: Final = """() => document.querySelectorAll('.kz-name').forEach((name) => {
  name.textContent = '社会医療法人財団ひなた坂記念会みどりが丘総合訪問看護ステーション桜並木サテライト';
})"""
_READINGS: Final = """() => [...document.querySelectorAll('.kz-paper ruby')].filter((word) => {
  const over = word.querySelector('rt').getBoundingClientRect(), all = word.getBoundingClientRect();
  return over.bottom > all.bottom - all.height / 4;
}).map((word) => word.textContent)"""


def pages_of(pdf: bytes, folder: Path) -> tuple[str, str]:
    """Return how many pages a PDF has, and their size."""
    file = folder / "memo.pdf"
    file.write_bytes(pdf)
    done = run(["pdfinfo", file], capture_output=True, text=True, check=True)  # noqa: S607 - where the system keeps it
    told = dict(line.partition(":")[::2] for line in done.stdout.splitlines())
    return told["Pages"].strip(), told["Page size"].strip()


def opened(desk: Desk) -> Clerk:
    """Return somebody who stands in the office."""
    clerk = Clerk(desk)
    clerk.comes_in_unseen()
    return clerk


def letters_of(desk: Desk, language: str) -> str:
    """Return what stands at the foot of a memo of that language."""
    found = paper_code(BY_CODE[language], items_of(day_of(desk.server.clock.now())))
    return f"{found[:3]} {found[3:]}"


def test_the_memo_is_one_whole_page_in_every_language(open_desk: OpenDesk, tmp_path: Path) -> None:
    desk = open_desk(WIDE)
    opened(desk)
    desk.judges = False
    for paper in PAPERS:
        desk.page.emulate_media(media="null")
        desk.opens(f"/office/memo?{paper}")
        pages, size = pages_of(desk.page.pdf(prefer_css_page_size=True), tmp_path)
        assert (pages, size) == ("1", "594.96 x 841.92 pts (A4)"), paper
        desk.page.evaluate(_LONG_NAME)
        assert pages_of(desk.page.pdf(prefer_css_page_size=True), tmp_path)[0] == "1", f"{paper}, a long name"
        desk.page.emulate_media(media="print")
        assert desk.page.evaluate(_SPILLS) == [], paper
        assert desk.page.evaluate(_READINGS) == [], paper
        pairs = desk.page.evaluate(_BOXES)
        assert len(pairs) == len(items_of(day_of(desk.server.clock.now())))
        assert all(agree == decline for agree, decline in pairs), paper


def test_a_memo_that_is_too_long_is_noticed(open_desk: OpenDesk, tmp_path: Path) -> None:
    desk = open_desk(WIDE)
    opened(desk)
    desk.judges = False
    desk.opens("/office/memo")
    desk.page.evaluate(
        "document.querySelector('.kz-memo-items').append(...[1, 2, 3].map(() => "
        "document.querySelector('.kz-memo-items li').cloneNode(true)))"
    )
    assert pages_of(desk.page.pdf(prefer_css_page_size=True), tmp_path)[0] == "2"


def marks_one(desk: Desk, name: str, value: str) -> None:
    """Choose one answer: with the mouse, or from the first of them with the arrows."""
    answer = desk.page.locator(f"input[name={name}][value={value}]")
    if not isinstance(desk, KeyboardDesk):
        desk.taps_on(answer)
        return
    desk.taps_on(desk.page.locator(f"input[name={name}]").first)
    for _ in range(5):
        if not answer.is_checked():
            desk.page.keyboard.press("ArrowDown")
    assert answer.is_checked()


def transcribes(desk: Desk, language: str = "ja") -> None:
    """Copy the marks of a paper into the form."""
    now = desk.server.clock.now()
    desk.opens(FORM)
    desk.field("訪問の日").fill(day_of(now).isoformat())  # in which order a date is typed is the browser's own matter
    desk.fills_in("照会番号（あれば）", "M-0042")
    marks = {"over_40": "yes", "surgery": "decline", "limit_amount": "not_asked", "operator": "spouse"}
    marks |= {item.id: "agree" for item in items_of(day_of(now)) if item.id not in marks} | {"language": language}
    for name, value in marks.items():
        marks_one(desk, name, value)
    desk.fills_in("紙の文字（6文字）", letters_of(desk, language))
    desk.presses("書き写す")


@pytest.mark.parametrize(
    ("kind", "look"),
    [(Desk, WIDE), (Desk, NARROW), (KeyboardDesk, WIDE), (Desk, PLAIN)],
    ids=["mouse", "phone, dark", "keyboard alone", "no JavaScript"],
)
def test_a_visit_written_on_paper_reaches_the_list_and_says_so(
    open_desk: OpenDesk, kind: type[Desk], look: Look
) -> None:
    desk = open_desk(look, kind)
    clerk = opened(desk)
    desk.judges = kind is Desk and look is not PLAIN
    desk.opens("/office/visits")
    desk.follows("紙から書き写す")
    desk.presses("書き写す")
    assert desk.has_focus_on_the_error
    desk.reads("直してほしいところ")
    transcribes(desk)
    desk.reads("紙から書き写した。事業所では、まだ確かめていない", "夫・妻", clerk.person.name)
    desk.does_not_read("公式の画面へ進んだ時刻")
    desk.opens("/office/visits")
    desk.reads("書き写し", "M-0042", "紙から書き写した", clerk.person.name)
