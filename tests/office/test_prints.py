"""What is printed, and what is remembered of it."""

from __future__ import annotations

import io

import pytest
import zxingcpp
from PIL import Image

from app.main import PRACTICE_STATION, Kazasu
from app.web.office.prints import KINDS
from app.web.sheets import Kind, NoFont, Sheets, Which
from tests.office.clerk import ORIGIN, Clerk
from tests.office.test_links import URL, keeps

ALL = [(which, kind) for which, kinds in KINDS.items() for kind in kinds]


async def entry(kazasu: Kazasu) -> str:
    live = await kazasu.store.live_link(PRACTICE_STATION.id)
    assert live is not None
    return f"{ORIGIN}/f/{live.token}"


@pytest.mark.parametrize(("which", "kind"), ALL, ids=str)
async def test_a_print_is_remembered_and_opens_the_dialogue(
    kazasu: Kazasu, admin: Clerk, which: Which, kind: Kind
) -> None:
    await keeps(admin)
    await admin.get("/office/prints")
    page = await admin.press(f"/office/prints/{which.value}/{kind.value}", copies="7")
    assert page.path == f"/office/prints/{which.value}/{kind.value}"
    assert "data-print-now" in page.source
    (printed, lives), *others = await kazasu.desk.office.prints(PRACTICE_STATION.id)
    assert (printed.which, printed.kind, printed.copies, printed.by, lives) == (which, kind, 7, "事務 さくら", True)
    assert others == []
    page = await admin.get("/office/prints")
    assert "7枚" in page.text


@pytest.mark.parametrize(("which", "kind"), ALL, ids=str)
async def test_a_sheet_says_what_it_is(admin: Clerk, which: Which, kind: Kind) -> None:
    await keeps(admin)
    page = await admin.get(f"/office/prints/{which.value}/{kind.value}")
    for word in ("ひなた坂", "第1版", "練習", "かざすの入口" if which is Which.ENTRY else "公式"):
        assert word in page.text, word
    assert "data-print-now" not in page.source


@pytest.mark.parametrize("copies", ["0", "-1", "1000", "x", "１", ""])
async def test_a_number_of_copies_that_is_none_is_refused(kazasu: Kazasu, admin: Clerk, copies: str) -> None:
    await admin.get("/office/prints")
    await admin.press("/office/prints/entry/poster", copies=copies, expect=422)
    assert await kazasu.desk.office.prints(PRACTICE_STATION.id) == ()


@pytest.mark.parametrize("path", ["entry/flag", "official/poster", "nothing/poster", "official/labels", "entry/x.pdf"])
async def test_a_sheet_that_there_is_not(admin: Clerk, path: str) -> None:
    await admin.get(f"/office/prints/{path}", expect=404)


async def test_the_code_alone_is_a_picture_and_a_drawing(kazasu: Kazasu, admin: Clerk) -> None:
    picture = await admin.http.get("/office/prints/entry/code.png")
    assert picture.headers["content-type"] == "image/png"
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))
    assert [each.text for each in found] == [await entry(kazasu)]
    drawing = await admin.http.get("/office/prints/entry/code.svg")
    assert drawing.headers["content-type"] == "image/svg+xml"
    assert "style=" not in drawing.text


@pytest.mark.parametrize(("which", "kind"), ALL, ids=str)
async def test_every_sheet_is_a_file_too(admin: Clerk, which: Which, kind: Kind) -> None:
    await keeps(admin)
    file = await admin.http.get(f"/office/prints/{which.value}/{kind.value}.pdf")
    assert file.status_code == 200
    assert file.content.startswith(b"%PDF-")
    assert "attachment" in file.headers["content-disposition"]


async def test_the_official_code_leads_to_the_official_address(admin: Clerk) -> None:
    await keeps(admin)
    picture = await admin.http.get("/office/prints/official/code.png")
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))
    assert [each.text for each in found] == [URL]


async def test_without_a_font_the_browser_prints(kazasu: Kazasu, admin: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> bytes:
        raise NoFont

    monkeypatch.setattr(Sheets, "pdf", none)
    page = await admin.get("/office/prints/entry/poster.pdf", expect=503)
    assert "PDFに保存" in page.text
