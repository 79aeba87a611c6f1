"""The guide at the office: two clicks to every topic, and the station's own notes."""

from __future__ import annotations

from typing import Any

import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.rules.content.guide import GUIDE
from app.web.bedside.seat import STATION_COOKIE
from tests.web.bedside.page import Element, Page
from tests.web.office.clerk import Clerk

INDEX = "/office/guide"
WRITE = "/office/guide/note"


async def writes(admin: Clerk, *, topic: str = "contacts", expect: int = 200, **given: Any) -> Page:
    """Open the form of a topic's note and send it."""
    await admin.get(f"{INDEX}?note={topic}")
    return await admin.press(WRITE, expect=expect, **{"text": "", "telephone": "", **given})


async def kept(kazasu: Kazasu) -> dict[str, tuple[str, str]]:
    notes = await kazasu.desk.office.notes(PRACTICE_STATION.id)
    return {name: (note.text, note.telephone) for name, note in notes.items()}


def hrefs(page: Page) -> list[str]:
    return [each.attrs["href"] for each in page.root.all("a")]


def field(page: Page, name: str) -> Element:
    return next(each for tag in ("textarea", "input") for each in page.root.all(tag) if each.attrs.get("name") == name)


# --- two clicks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["sakura", "haru"])
async def test_every_topic_is_two_clicks_from_the_office(clerk: Clerk, who: str) -> None:
    front = await clerk.signs_in(who)
    assert INDEX in hrefs(front), "the first click"
    reached = hrefs(await clerk.get(INDEX))
    for topic in GUIDE.topics.values():
        assert reached.count(f"/guide/{topic.id}") == 1, "the second"
        assert (await clerk.get(f"/guide/{topic.id}")).h1 == topic.title
    assert {"/guide", "/guide/trouble", "/guide/ready"} <= set(reached)


async def test_every_link_of_the_offices_guide_leads_somewhere(admin: Clerk) -> None:
    page = await admin.get(f"{INDEX}?note=power")
    for href in {each for each in hrefs(page) if each.startswith("/")}:
        target, _, anchor = href.partition("#")
        found = await admin.http.get(target.replace("&amp;", "&"), follow_redirects=True)
        assert found.status_code == 200, href
        assert not anchor or f'id="{anchor}"' in found.text, href


async def test_a_desk_that_opens_the_guide_belongs_to_the_station(kazasu: Kazasu, staff: Clerk) -> None:
    assert STATION_COOKIE not in staff.http.cookies
    await staff.get(INDEX)
    assert staff.http.cookies[STATION_COOKIE] == PRACTICE_STATION.id
    assert PRACTICE_STATION.name in (await staff.get("/guide")).text


# --- notes ------------------------------------------------------------------------------------------------------


async def test_a_note_is_kept_and_stands_in_the_guide_and_in_what_phones_keep(kazasu: Kazasu, admin: Clerk) -> None:
    page = await writes(admin, text="レセコンの会社は内線12\r\n平日のみ", telephone="０３-1111-2222")
    assert await kept(kazasu) == {"contacts": ("レセコンの会社は内線12\n平日のみ", "03-1111-2222")}
    assert "事務 さくら" in page.text, "who wrote it, for the office"
    guide = await admin.get("/guide/contacts")
    assert "レセコンの会社は内線12 平日のみ" in guide.text
    assert "tel:0311112222" in hrefs(guide)
    assert "事務 さくら" not in guide.text
    bundle = (await admin.http.get("/guide-kept")).json()["pages"]
    assert "レセコンの会社は内線12" in bundle["/guide/contacts"]
    assert "レセコンの会社は内線12" not in bundle["/guide/power"]


async def test_a_note_is_changed_and_taken_away(kazasu: Kazasu, admin: Clerk) -> None:
    await writes(admin, text="青いボタン", topic="power")
    page = await admin.get(f"{INDEX}?note=power")
    assert field(page, "text").text == "青いボタン"
    await writes(admin, text="白いボタン", topic="power")
    assert await kept(kazasu) == {"power": ("白いボタン", "")}
    await writes(admin, topic="power")
    assert await kept(kazasu) == {}
    assert "この事業所のメモ" not in (await admin.get("/guide/power")).text


@pytest.mark.parametrize(
    ("given", "about", "says"),
    [
        ({"text": "あ" * 501}, "text", "500文字まで"),
        ({"text": "1234-5678-9018"}, "text", "12けた"),
        ({"text": "番号は １２３４ ５６７８ ９０１８ です"}, "text", "12けた"),
        ({"text": "合わない 123456789012 も"}, "text", "12けた"),
        ({"text": "一二三四五六七八九〇一八"}, "text", "12けた"),
        ({"telephone": "123456789012"}, "telephone", "12けた"),
        ({"text": "1234"}, "text", "4けた"),
        ({"text": " １ ２ ３ ４ "}, "text", "4けた"),
        ({"text": "花子さんの暗証番号は 1234"}, "text", "4けた"),
        ({"text": "PIN:9876"}, "text", "4けた"),
        ({"text": "鐘\x07"}, "text", "使えない文字"),
        ({"telephone": "でんわ"}, "telephone", "数字とハイフン"),
        ({"telephone": "0" * 21}, "telephone", "数字とハイフン"),
        ({"telephone": "javascript:alert(1)"}, "telephone", "数字とハイフン"),
    ],
    ids=str,
)
async def test_what_may_not_be_written_is_said_at_its_field_and_not_kept(
    kazasu: Kazasu, admin: Clerk, given: dict[str, str], about: str, says: str
) -> None:
    page = await writes(admin, expect=422, **given)
    assert says in page.text
    assert page.title.startswith("エラー：")
    (summary,) = [each for each in page.root.all("div") if "kz-errors" in each.attrs.get("class", "").split()]
    assert [each.attrs["href"] for each in summary.all("a")] == [f"#{about}"]
    assert field(page, about).attrs["aria-invalid"] == "true"
    other = "telephone" if about == "text" else "text"
    assert "aria-invalid" not in field(page, other).attrs
    assert await kept(kazasu) == {}


@pytest.mark.parametrize(
    "text",
    [
        "内線 1234、平日 9:00〜17:00",
        "案件ID・1026_01",
        "フレッツ 0120-000113 24時間",
        "2027/03/31 に更新",
        "あ" * 500,
        "暗証番号は書かない",
    ],
    ids=lambda text: text[:12],
)
async def test_what_an_office_writes_down_is_kept(kazasu: Kazasu, admin: Clerk, text: str) -> None:
    await writes(admin, text=text)
    assert await kept(kazasu) == {"contacts": (text, "")}


async def test_the_same_words_are_still_there_after_a_mistake(admin: Clerk) -> None:
    page = await writes(admin, expect=422, text="内線12", telephone="でんわ")
    assert field(page, "text").text == "内線12"
    assert field(page, "telephone").attrs["value"] == "でんわ"


async def test_only_an_administrator_writes(kazasu: Kazasu, staff: Clerk) -> None:
    page = await staff.get(f"{INDEX}?note=power")
    assert page.forms(WRITE) == []
    assert "メモをつける" not in page.text
    await staff.send(WRITE, {"topic": "power", "text": "例", "telephone": "", "token": staff.token()}, expect=403)
    assert await kept(kazasu) == {}


async def test_a_topic_that_is_not_there_has_no_note(kazasu: Kazasu, admin: Clerk) -> None:
    held = (await admin.get(f"{INDEX}?note=power")).form_fields(WRITE)
    await admin.send(WRITE, {**held, "topic": "the-moon", "text": "例", "telephone": ""}, expect=404)
    assert await kept(kazasu) == {}
    assert (await admin.get(f"{INDEX}?note=the-moon")).forms(WRITE) == []
