"""What is printed, and what is remembered of it."""

from __future__ import annotations

import io

import pytest
import zxingcpp
from PIL import Image

from app.main import PRACTICE_STATION, Kazasu
from app.rules.station.station import Printed
from app.rules.words.languages import LANGUAGES
from app.web.office.prints import KINDS
from app.web.print.sheets import SheetKind, Which
from tests.web.office.clerk import ORIGIN, Clerk
from tests.web.office.test_links import URL, keeps

ALL = [(which, kind) for which, kinds in KINDS.items() for kind in kinds]


async def entry(kazasu: Kazasu) -> str:
    live = await kazasu.store.live_link(PRACTICE_STATION.id)
    assert live is not None
    return f"{ORIGIN}/f/{live.token}"


@pytest.mark.parametrize(("which", "kind"), ALL, ids=str)
async def test_a_print_is_remembered_and_opens_the_dialogue(
    kazasu: Kazasu, admin: Clerk, which: Which, kind: SheetKind
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
async def test_a_sheet_says_what_it_is(admin: Clerk, which: Which, kind: SheetKind) -> None:
    await keeps(admin)
    page = await admin.get(f"/office/prints/{which.value}/{kind.value}")
    for word in ("ひなた坂", "第1版", "練習", "かざすの入口" if which is Which.ENTRY else "公式"):
        assert word in page.text, word
    assert "data-print-now" not in page.source


async def test_both_papers_in_the_patients_language_say_how_many_there_are(admin: Clerk) -> None:
    page = await admin.get("/office/prints")
    assert page.text.count(f"{len(LANGUAGES)}つのことば") == 2


@pytest.mark.parametrize("copies", ["0", "-1", "1000", "x", "１", ""])
async def test_a_number_of_copies_that_is_none_is_refused(kazasu: Kazasu, admin: Clerk, copies: str) -> None:
    await admin.get("/office/prints")
    page = await admin.press("/office/prints/entry/labels", copies=copies, start="7", expect=422)
    assert "1〜999" in page.text
    typed = {each.attrs["id"]: each.attrs["value"] for each in page.root.all("input") if "id" in each.attrs}
    assert typed == {"start": "7", "copies": copies}
    assert await kazasu.desk.office.prints(PRACTICE_STATION.id) == ()


async def test_no_print_is_lost_between_two_pages(kazasu: Kazasu, admin: Clerk) -> None:
    now = kazasu.clock.now()
    for number in range(70):  # all in the same second
        kept = (PRACTICE_STATION.id, "entry", 1, "poster", number + 1, now, "事務 さくら")
        await kazasu.desk.office.print(Printed(f"p{number:02}", *kept))
    seen: list[str] = []
    page = await admin.get("/office/prints")
    for _ in range(3):
        seen += [each.text for each in page.root.all("td") if each.text.endswith("枚")]
        older = [each for each in page.root.all("a") if "もっと前を見る" in each.text]
        page = await admin.get(older[0].attrs["href"]) if older else page
    assert sorted(seen) == sorted(f"{number + 1}枚" for number in range(70))


@pytest.mark.parametrize("before", ["x", "1", ".", "1.", "-1.p", "９.p", "9" * 40 + ".p"])
async def test_a_place_in_the_list_that_there_is_not(admin: Clerk, before: str) -> None:
    await admin.get(f"/office/prints?before={before}")


@pytest.mark.parametrize("path", ["entry/flag", "official/poster", "nothing/poster", "official/labels", "entry/x.pdf"])
async def test_a_sheet_that_there_is_not(admin: Clerk, path: str) -> None:
    await admin.get(f"/office/prints/{path}", expect=404)


async def test_the_code_alone_is_a_picture(kazasu: Kazasu, admin: Clerk) -> None:
    picture = await admin.http.get("/office/prints/entry/code.png")
    assert picture.headers["content-type"] == "image/png"
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))
    assert [each.text for each in found] == [await entry(kazasu)]


async def test_the_official_code_leads_to_the_official_address(admin: Clerk) -> None:
    await keeps(admin)
    picture = await admin.http.get("/office/prints/official/code.png")
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))
    assert [each.text for each in found] == [URL]
