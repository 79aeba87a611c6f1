"""CSV lines as spreadsheets read them: nothing runs, nothing is replaced, and Python reads back what was written."""

from __future__ import annotations

import csv
import io

import pytest

from app.rules.words.csvfile import Letters, described, lines, safe, unwritable

RUNS = [
    "=cmd|'/c calc'!A1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "＋1",
    "－1",
    "＠A1",
    " =1",
    "　＝1",
]
PLAIN = ["", "○", "山田　花子", "A-0001", "00412", "1-2", "a=b", "’", '"', "ｱ", "保険でちがう", "不明（7）"]


@pytest.mark.parametrize("cell", RUNS)
def test_nothing_that_could_run_begins_a_cell(cell: str) -> None:
    assert safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", PLAIN)
def test_what_cannot_run_stays_as_it_is(cell: str) -> None:
    assert safe(cell) == cell


def test_what_was_written_is_read_back() -> None:
    rows = [["氏名", "照会番号"], ['高崎, "吉男"', "A\r\nB"], ["", "1,5"]]
    text = lines(rows)
    assert text.endswith("\r\n")
    assert list(csv.reader(io.StringIO(text, newline=""))) == rows


@pytest.mark.parametrize(
    ("text", "odd"),
    [("髙﨑 ﾀｶｻｷ ○（7）～－", ""), ("𠮷野", "𠮷"), ("波〜子", "〜"), ("−1", "−"), ("Đặng", "Đặ"), ("😀", "😀")],
)
def test_cp932_says_what_it_cannot_hold(text: str, odd: str) -> None:
    assert unwritable(text, Letters.CP932) == set(odd)
    assert unwritable(text, Letters.UTF_8) == set()


def test_a_letter_is_told_from_its_double() -> None:
    assert described("〜") == "〜（U+301C WAVE DASH）"
    assert described("～") == "～（U+FF5E FULLWIDTH TILDE）"
    assert "U+20BB7" in described("𠮷")
    assert "名前のない文字" in described("\ue000")


def test_utf_8_is_marked_for_spreadsheets() -> None:
    assert Letters.UTF_8.bom.decode("utf-8") == "\ufeff"
    assert Letters.CP932.bom == b""
