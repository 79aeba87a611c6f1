"""Paper when nothing works: the memo as it prints, and its transcript, said to be one everywhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.ports.outside import Unavailable
from app.ports.store import Logged
from app.rules.content import ITEMS
from app.rules.visit.standing import Followed
from app.rules.visit.transcript import paper_code
from app.rules.words.dates import day_of
from app.rules.words.languages import BY_CODE, LANGUAGES, OFFICIAL
from tests.rules.visits import NOW
from tests.web.bedside.page import Element, Page
from tests.web.office.clerk import Clerk
from tests.web.office.test_copies import letters_of, prints
from tests.web.office.test_worklist import LIST, SEEN, at_the_bedside

FORM = f"{LIST}/transcribe"
DAY = day_of(NOW) - timedelta(days=3)
PAPER: dict[str, Any] = {
    "day": DAY.isoformat(),
    "reference": "A-0042",
    "over_40": "yes",
    **{item.id: "agree" for item in ITEMS},
    "surgery": "decline",
    "limit_amount": "not_asked",
    "operator": "child",
    "language": "ja",
    "paper_code": paper_code(OFFICIAL, ITEMS),
}


async def transcribes(staff: Clerk, *, expect: int = 200, **given: Any) -> Page:
    await staff.get(FORM)
    return await staff.press(FORM, expect=expect, **{**PAPER, **given})


async def kept(kazasu: Kazasu) -> list[Logged]:
    return [each async for each in kazasu.store.export(PRACTICE_STATION.id) if each.entry.type == "transcribed"]


async def one(kazasu: Kazasu) -> Followed:
    (entry,) = await kept(kazasu)
    found = await kazasu.importer.worklist.followed(PRACTICE_STATION.id, entry.entry.visit)
    assert found is not None
    return found


@pytest.fixture
async def patient(kazasu: Kazasu) -> AsyncIterator[Clerk]:
    """Return the patient with a browser of her own, and no account."""
    browser = Clerk(kazasu)
    yield browser
    await browser.http.aclose()


# --- the memo ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", BY_CODE)
async def test_the_memo_says_what_is_asked_and_that_nothing_is_registered(staff: Clerk, language: str) -> None:
    page = await staff.get(f"/office/memo?language={language}")
    for part in PRACTICE_STATION.name_parts:
        assert part in page.text
    assert PRACTICE_STATION.telephone in page.text
    letters = paper_code(BY_CODE[language], ITEMS)
    assert f"{letters[:3]} {letters[3:]}" in page.text
    paper = page.source.partition("<main")[2]
    assert f'lang="{BY_CODE[language].tag}"' in paper
    assert paper.count("kz-memo-pair") == len(ITEMS)
    if language == "ja":
        for words in (
            "まだ登録されていません",
            "同意しなくても、資格の確認はできます。",
            "マイナンバーや暗証番号は書きません",
            "職員（ご本人の言葉のとおりに）",
        ):
            assert words in page.text
    assert "<input" not in paper
    assert lines_to_write_on(page) == ["kz-memo-day"] * 3 + ["kz-memo-number"] + ["kz-memo-office"] * 2


def lines_to_write_on(page: Page) -> list[str]:
    """Return in which paragraph each line is to write on: an empty element that is no box to mark, or a drawn one."""
    (paper,) = page.root.all("main")
    empty = [each for each in [*paper.all("i"), *paper.all("span")] if not each.text and not each.children]
    lines = [each for each in empty if each.parent and each.parent.attrs.get("class") != "kz-memo-box"]
    drawn = [each for each in paper.all("p") if "kz-by-hand" in each.attrs.get("class", "") or "＿" in each.text]
    return sorted(paragraph_of(each) for each in [*lines, *drawn])


def paragraph_of(element: Element) -> str:
    """Return the class of the paragraph in which the element stands."""
    while element.tag != "p" and element.parent:
        element = element.parent
    return element.attrs.get("class", "")


async def test_both_answers_look_alike_and_none_is_marked(staff: Clerk) -> None:
    page = await staff.get("/office/memo")
    pairs = [each for each in page.root.all("p") if each.attrs.get("class") == "kz-memo-pair"]
    shapes = {
        tuple(tuple(part.attrs.items()) for part in box.all("i") + box.all("span"))
        for pair in pairs
        for box in pair.all("span")
        if box.attrs.get("class") == "kz-memo-box"
    }
    assert len(pairs) == len(ITEMS)
    assert len(shapes) == 1


async def test_readings_are_asked_for(staff: Clerk) -> None:
    assert "<ruby>" not in (await staff.get("/office/memo")).source
    assert "<ruby>" in (await staff.get("/office/memo?furigana=1")).source
    assert "<ruby>" not in (await staff.get("/office/memo?furigana=1&language=ko")).source


async def test_an_unknown_language_is_japanese(staff: Clerk) -> None:
    assert "まだ登録されていません" in (await staff.get("/office/memo?language=xx")).text


async def test_the_printers_desk_leads_to_the_memo_and_the_worklist_to_its_transcript(staff: Clerk) -> None:
    page = await staff.get("/office/prints")
    assert (await staff.get(page.link("見て印刷する：同意のメモ"))).status == 200
    page = await staff.get(LIST)
    assert (await staff.get(page.link("紙から書き写す"))).h1 == "紙から書き写す"


# --- transcribed ------------------------------------------------------------------------------------------------


async def test_what_was_transcribed_stands_on_the_worklist_and_says_so(staff: Clerk, kazasu: Kazasu) -> None:
    page = await transcribes(staff)
    found = await one(kazasu)
    assert page.h1 == f"訪問 {found.visit.code}"
    assert "紙から書き写した。事業所では、まだ確かめていない" in page.text
    assert "公式の画面へ進んだ時刻" not in page.text
    assert f"{DAY:%Y/%m/%d}" in page.text
    assert "子ども" in page.text
    (row,) = (await staff.get(LIST)).root.all("tbody")[0].all("tr")
    assert "書き写し" in row.text
    assert "11/15 の訪問" in row.text
    assert "紙から書き写した 2026/11/18 20:06 受付 はる" in row.text
    assert "A-0042" in row.text
    assert "要対応" not in row.text


async def test_it_is_one_event_of_its_own(staff: Clerk, kazasu: Kazasu) -> None:
    await transcribes(staff)
    (logged,) = [each async for each in kazasu.store.export(PRACTICE_STATION.id)]
    assert (logged.entry.type, logged.entry.at) == ("transcribed", NOW)
    body = json.loads(logged.line())["body"]
    assert body["by"] == next(each.id for each in await accounts(kazasu) if each.login == "haru")
    assert body["day"] == DAY.isoformat()
    assert body["choices"]["surgery"] == "decline"
    assert body["choices"]["limit_amount"] == "not_asked"
    assert set(body["wording"]) == {item.id for item in ITEMS} - {"limit_amount"}
    assert body["reference"] == "A-0042"


async def accounts(kazasu: Kazasu) -> list[Any]:
    return [each.account for each in await kazasu.desk.office.people(PRACTICE_STATION.id)]


async def test_pressed_twice_is_one_visit(staff: Clerk, kazasu: Kazasu) -> None:
    page = await staff.get(FORM)
    form = {**page.form_fields(FORM), **PAPER}
    pages = [await staff.send(FORM, form) for _ in range(2)]
    assert pages[0].h1 == pages[1].h1
    assert len(await kept(kazasu)) == 1


async def test_the_same_form_with_other_marks_changes_nothing_and_says_where_the_first_is(
    staff: Clerk, kazasu: Kazasu
) -> None:
    page = await staff.get(FORM)
    form = {**page.form_fields(FORM), **PAPER}
    await staff.send(FORM, form)
    page = await staff.send(FORM, {**form, "surgery": "agree"}, expect=409)
    found = await one(kazasu)
    assert found.visit.choice("surgery") == "decline"
    assert f"訪問 {found.visit.code}" in page.text
    await staff.press(FORM, **{**PAPER, "surgery": "agree"})
    assert len(await kept(kazasu)) == 2, "pressed again, it is another paper"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"day": (day_of(NOW) + timedelta(days=1)).isoformat()}, "訪問した日にしてください"),
        ({"day": (day_of(NOW) - timedelta(days=91)).isoformat()}, "訪問した日にしてください"),
        ({"reference": "123456789018"}, "マイナンバー"),
        ({"clinical_drug": ""}, "紙の印を見て"),
        ({"day": "123456789018"}, "訪問した日にしてください"),
        ({"paper_code": "123456789018"}, "6文字を入れてください"),
        ({"operator": ""}, "印を付けた人をえらんでください"),
        ({"language": "ko"}, "紙のことばを見てください"),
    ],
)
async def test_what_cannot_be_is_asked_again_and_nothing_is_lost(
    staff: Clerk, kazasu: Kazasu, given: dict[str, Any], says: str
) -> None:
    page = await transcribes(staff, expect=422, **given)
    assert says in page.text
    assert page.title.startswith("エラー：")
    assert 'value="decline" checked' in page.source
    assert "123456789018" not in page.source
    assert await kept(kazasu) == []


async def test_nothing_is_chosen_beforehand(staff: Clerk) -> None:
    assert "checked" not in (await staff.get(FORM)).source.partition("<form method")[2]


async def test_a_lost_store_keeps_nothing_and_says_so(
    staff: Clerk, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(kazasu.store, "write", full)
    await transcribes(staff, expect=503)
    assert await kept(kazasu) == []


# --- marked wherever it is shown --------------------------------------------------------------------------------


async def test_it_stays_marked_after_the_office_has_seen_the_terminal(staff: Clerk, kazasu: Kazasu) -> None:
    await transcribes(staff)
    visit = (await one(kazasu)).visit
    await staff.get(f"{LIST}/{visit.id}")
    await staff.press(f"{LIST}/{visit.id}/seen", **{**SEEN, "surgery": "", "found": "yes"})
    page = await staff.get(f"{LIST}?only=done")
    assert "事業所で確認" in page.text
    assert "紙から書き写した" in page.text
    page = await staff.get(f"{LIST}/{visit.id}/print")
    assert "紙から書き写した" in page.text
    assert "受付 はる" in page.text
    assert "聞いていない" in page.text
    assert "公式の画面で選択" not in page.text


async def test_the_printed_state_says_what_it_is(staff: Clerk, kazasu: Kazasu) -> None:
    await transcribes(staff)
    page = await staff.get(f"{LIST}/{(await one(kazasu)).visit.id}/print")
    assert "紙でえらんだものを、書き写しました。登録されたことの証明ではありません。" in page.text
    assert "申告は、ありません" in page.text
    assert "まだ、端末で確かめていません。" in page.text


async def test_the_patients_copy_and_its_history_say_it_too(staff: Clerk, kazasu: Kazasu, patient: Clerk) -> None:
    await transcribes(staff)
    visit = (await one(kazasu)).visit
    page = await prints(staff, visit.id, language="ja")
    for shown in (page, await opens(patient, letters_of(page))):
        assert "登録されたかは、まだ分かりません。" in shown.text
        assert "紙から書き写しました" in shown.text
        assert "受付 はる" in shown.text
        assert "聞いていません" in shown.text
        assert "印を付けた人 子ども" in shown.text
        assert "申告されました" not in shown.text
        assert "A-0042" not in shown.text
    assert "ステーションが、紙から書き写しました" in shown.text


async def opens(patient: Clerk, letters: str) -> Page:
    await patient.get("/review", expect=403)
    return await patient.press("/review", letters=letters)


async def test_the_copy_is_offered_in_the_papers_language(staff: Clerk, kazasu: Kazasu) -> None:
    page = await transcribes(staff, language="en", paper_code=paper_code(BY_CODE["en"], ITEMS))
    assert 'name="language" value="en" checked' in page.source
    page = await prints(staff, (await one(kazasu)).visit.id, language="en")
    assert '<div lang="en">' in page.source


async def test_a_visit_that_was_walked_here_is_not_marked(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    for address in (f"{LIST}/{visit.id}", f"{LIST}/{visit.id}/print"):
        page = await staff.get(address)
        assert "書き写した" not in page.text.replace("紙から書き写した訪問です", "")
    (row,) = (await staff.get(LIST)).root.all("tbody")[0].all("tr")
    assert "書き写" not in row.text


async def test_every_language_can_be_chosen_for_the_paper(staff: Clerk) -> None:
    page = await staff.get(FORM)
    offered = {each.attrs["value"] for each in page.root.all("input") if each.attrs.get("name") == "language"}
    assert offered == {each.code for each in LANGUAGES}
