"""The guide: every fact dated and resting on something, shaped by the station, found by any spelling, every link alive."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli.seed import seed_practice
from app.main import PRACTICE_STATION, Kazasu, create_app
from app.rules.content.contacts import CONTACTS
from app.rules.content.file import ContentError, ContentFile
from app.rules.content.guide import GUIDE, TopicPart, load_guide
from app.rules.content.ready import READY
from app.rules.content.sources import GRADES, load_grades
from app.rules.content.trouble import TROUBLES
from app.rules.station.station import Note, StationProfile, Terminal
from app.rules.words.dates import JST, day_of
from app.rules.words.furigana import plain
from app.rules.words.search import folded
from app.settings import Settings
from app.web.bedside.seat import STATION_COOKIE
from app.web.guide.topics import searched
from tests.web.bedside.nurse import Nurse, StillClock
from tests.web.bedside.page import Element, Page

ROOT = Path(__file__).parents[3]
FILES = sorted(path.name for path in (ROOT / "app" / "rules" / "content").glob("*.toml"))
TOPICS = list(GUIDE.topics.values())
PARTS = [(topic.id, part) for topic in TOPICS for part in topic.parts]
PAGES = [
    "/guide",
    "/guide/ready",
    "/guide/trouble",
    *(f"/guide/{name}" for name in GUIDE.topics),
    *(f"/guide/trouble/{name}" for name in TROUBLES.answers),
]
HERE = PRACTICE_STATION.id


@pytest.fixture
def clock() -> StillClock:
    """Return a clock that stands until a test moves it."""
    return StillClock()


@pytest.fixture
async def kazasu(data: Path, clock: StillClock) -> AsyncIterator[Kazasu]:
    """Return the application before a fresh store."""
    joined = create_app(Settings(data=data, starts_per_minute=10_000), clock=clock)
    await seed_practice(joined.store, clock)
    yield joined
    await joined.close()


@pytest.fixture
async def stranger(kazasu: Kazasu) -> AsyncIterator[Nurse]:
    """Return somebody whose phone has opened no station."""
    async with Nurse(kazasu) as one:
        yield one


@pytest.fixture
async def nurse(kazasu: Kazasu) -> AsyncIterator[Nurse]:
    """Return a nurse whose phone belongs to the practice station."""
    async with Nurse(kazasu) as one:
        one.http.cookies.set(STATION_COOKIE, HERE)
        yield one


async def has(kazasu: Kazasu, **equipment: Any) -> None:
    """Let the station say what it has."""
    await kazasu.desk.office.save_station(PRACTICE_STATION, StationProfile(HERE, **equipment))


def hrefs(page: Page) -> list[str]:
    return [each.attrs["href"] for each in page.root.all("a")]


def rows_of(page: Page) -> list[str]:
    return [each.attrs["href"].removeprefix("/guide/") for each in page.root.all("a") if "data-text" in each.attrs]


# --- what a part must say of itself ---------------------------------------------------------------------------

GRADED = dict(re.findall(r"^\| (\S+) \| ([SOVF2]) \|", (ROOT / "docs" / "sources.md").read_text("utf-8"), re.MULTILINE))
"""Key of a source → its grade, as the page of sources has it."""


def keys(text: str) -> list[str]:
    return [key for key in text.split("・") if key]


@pytest.mark.parametrize(("topic", "part"), PARTS, ids=lambda each: getattr(each, "id", each))
def test_a_part_claims_no_more_than_its_sources(topic: str, part: TopicPart) -> None:
    grades = {GRADED[key] for key in keys(part.source)}
    assert part.grade in grades | {"2"}, "a source without a precise address is told at second hand"
    assert "F" not in grades, "hearsay stands under `report` only"
    if "2" in grades:
        assert part.grade == "2", "a better source beside it does not make it first-hand"
    assert {GRADED[key] for key in keys(part.report_source)} <= {"F"}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.id)
async def test_every_part_shows_source_grade_and_date(nurse: Nurse, topic: Any) -> None:
    page = await nurse.get(f"/guide/{topic.id}")
    shown = {each.attrs["id"]: each for each in page.root.all("section") if "kz-part" in each.attrs.get("class", "")}
    assert [name for name in shown if name != "desks"] == [part.id for part in topic.parts]
    for part in topic.parts:
        (line,), day = sources_in(shown[part.id]), part.checked_on
        checked = f"確認した日 {day.year}/{day.month}/{day.day}"
        for said in (*(each.name for each in part.sources), GRADES[part.grade], checked):
            assert said in line
        if part.grade == "2":
            assert "公式の案内で確かめてください：" in shown[part.id].text
            assert part.link in [each.attrs["href"] for each in shown[part.id].all("a")]
    if topic.desks:
        (line,) = sources_in(shown["desks"])
        assert "クイックガイド" in line
        assert all(line.count(GRADES[each.grade]) == 1 for each in CONTACTS.values() if each.grade)


def sources_in(section: Element) -> list[str]:
    return [each.text for each in section.all("p") if "kz-source" in each.attrs.get("class", "")]


def test_everything_the_quick_guide_tells_is_in_it() -> None:
    text = " ".join(searched(topic) for topic in TOPICS)
    for said in (
        *(
            "再起動",
            "ノートパソコン",
            "シャットダウン",
            "更新してシャットダウン",
            "モニター",
            "ヒアリングシート",
            "15分",
        ),
        *("Google Play", "App Store", "Reader/Writer", "Face ID", "ショートカット", "Chrome", "Safari"),
        *("医療機関別URL取得・変更", "訪問診療等機能", "同意登録準備", "同意内容の選択", "同意内容の確認", "◀Safari"),
        *("保険証で確認", "資格確認履歴照会", "同意済資格情報取得", "照会番号", "特適", "2024/04/30 23:59", "検索結果"),
        *(
            "マスタアカウント",
            "管理アカウント",
            "一般アカウント",
            "医療情報閲覧アカウント",
            "連携アプリ用",
            "Web API用",
        ),
        *("アカウント管理（登録）", "パスワード変更", "再設定工事", "自動でアップデート", "承継", "スクリーンセーバー"),
        *("運用マニュアル", "操作マニュアル（管理者編）", "スタートパック", "USBメモリ", "再発行", "共通認証局"),
    ):
        assert folded(said) in folded(text) + folded(" ".join(GUIDE_LABELS)), said


GUIDE_LABELS = [row.label for _, part in PARTS for row in part.rows]


def test_the_single_clicks_that_switch_off_the_screen_saver_are_left_out() -> None:
    (lock,) = [part for topic, part in PARTS if (topic, part.id) == ("lock", "keep")]
    assert lock.kind == "facts"
    assert not re.search("クリック|チェックを外", " ".join(row.text for row in lock.rows))


# --- a file that says what it may not does not load -------------------------------------------------------------

Change = Callable[[dict[str, Any]], object]


def parts_of(found: dict[str, Any], kind: str = "facts") -> dict[str, Any]:
    """Return the first part of this kind."""
    return next(part for topic in found["topic"] for part in topic["part"] if part["kind"] == kind)


WRONG: dict[str, Change] = {
    "inferred": lambda found: parts_of(found).update(grade="I"),
    "unknown": lambda found: parts_of(found).update(grade="?"),
    "hearsay as fact": lambda found: parts_of(found).update(grade="F"),
    "no grade": lambda found: parts_of(found).pop("grade"),
    "no source": lambda found: parts_of(found).pop("source"),
    "empty source": lambda found: parts_of(found).update(source=""),
    "nobody's source": lambda found: parts_of(found).update(source="Q99"),
    "second-hand without the official page": lambda found: parts_of(found).update(grade="2"),
    "second-hand with a page of ours": lambda found: parts_of(found).update(
        grade="2", link="/guide/url", link_label="URL"
    ),
    "an unsafe link": lambda found: parts_of(found).update(link="http://example.jp/", link_label="例"),
    "a link out of nowhere": lambda found: parts_of(found).update(link="/visit", link_label="例"),
    "a link without words": lambda found: parts_of(found).update(link="https://example.jp/"),
    "words without a link": lambda found: parts_of(found).update(link_label="例"),
    "a report of nobody": lambda found: parts_of(found).update(report="うまくいった、という報告があります。"),
    "a report as a fact": lambda found: parts_of(found).update(report="うまくいきます。", report_source="F1"),
    "a report among the facts": lambda found: parts_of(found)["rows"].append("うまくいった、という報告があります。"),
    "a report within a fact": lambda found: parts_of(found)["rows"].append("うまくいった報告がありますが、例です。"),
    "a short row": lambda found: parts_of(found, "table")["cells"][0].pop(),
    "no rows": lambda found: parts_of(found).update(rows=[]),
    "rows and cells": lambda found: parts_of(found, "table").update(rows=["例"]),
    "a kind nobody draws": lambda found: parts_of(found).update(kind="film"),
    "a word nobody shows": lambda found: parts_of(found).update(colour="red"),
    "a condition nobody sets": lambda found: parts_of(found)["rows"].append({"text": "例", "only": "moon=full"}),
    "a part without a name": lambda found: parts_of(found).pop("id"),
    "a part twice": lambda found: found["topic"][0]["part"].append(found["topic"][0]["part"][0]),
    "a topic twice": lambda found: found["topic"].append(found["topic"][0]),
    "a topic of no group": lambda found: found["topic"][0].update(group="moon"),
    "a topic without parts": lambda found: found["topic"][0].update(part=[]),
    "a topic without a reader": lambda found: found["topic"][0].pop("for_whom"),
    "related to nothing": lambda found: found["topic"][0].update(related=["moon"]),
    "never looked at again": lambda found: found.pop("review_by"),
    "looked at again before": lambda found: found.update(review_by=date(2026, 11, 21)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_says_what_it_may_not_is_refused(wrong: str) -> None:
    found = deepcopy(ContentFile("guide.toml").read())
    load_guide(found)
    WRONG[wrong](found)
    with pytest.raises(ContentError):
        load_guide(found)


# --- nothing is older than its own review date --------------------------------------------------------------------


def due(name: str) -> date:
    found = ContentFile(name).read()
    day: date = found["review_by"]
    return day


def overdue(today: date) -> list[str]:
    return [name for name in FILES if today > due(name)]


def test_no_content_is_older_than_its_review_date() -> None:
    assert {"guide.toml", "trouble.toml", "ready.toml", "contacts.toml", "official.toml"} <= set(FILES)
    assert overdue(datetime.now(JST).date()) == [], "check these facts anew, then move checked_on and review_by"


@pytest.mark.parametrize("name", FILES)
def test_the_day_after_its_review_date_a_file_is_noticed(name: str) -> None:
    assert name not in overdue(due(name))
    assert name in overdue(due(name) + timedelta(days=1))
    assert (
        ContentFile(name).read()["checked_on"]
        < due(name)
        <= ContentFile(name).read()["checked_on"] + timedelta(days=366)
    )


DATED = ("/guide/power", "/guide/ready", "/guide/trouble/pin-wrong")


async def test_a_page_past_its_review_date_says_so(nurse: Nurse, clock: StillClock) -> None:
    late = "見直しの時期を過ぎています"
    for address in DATED:
        assert late not in (await nurse.get(address)).text
    clock.pass_((GUIDE.review_by - day_of(clock.now())).days * 86400)
    assert late not in (await nurse.get("/guide/power")).text, "the day itself is in time"
    clock.pass_(86400)
    for address in DATED:
        assert late in (await nurse.get(address)).text
    assert GUIDE.review_by == READY.review_by == min(each.review_by for each in CONTACTS.values())


# --- shaped by what the station has ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "equipment", "reads", "does_not_read"),
    [
        ("power", {"terminal": Terminal.NOTEBOOK}, ["ふたを開き"], ["モニターの正面右下", "ノートパソコンのとき"]),
        ("power", {"terminal": Terminal.DESKTOP}, ["本体の正面右下", "モニターの電源も切り"], ["ふたを", "のとき"]),
        ("power", {"linked": True}, ["端末を先に、レセコンをあと"], ["レセコンと連携しているとき"]),
        ("power", {"linked": False}, ["1日に1回"], ["レセコン"]),
        ("office-check", {"linked": True}, ["レセコンに反映されます"], ["情報を入れて検索"]),
        ("office-check", {"linked": False}, ["情報を入れて検索"], ["レセコンに反映されます"]),
        ("contacts", {"maintenance": True, "maintenance_telephone": "0120-111-222"}, ["0120-111-222"], ["フレッツ光"]),
        ("contacts", {"maintenance": False}, ["切り分けて", "フレッツ光", "レノボPC"], ["専用の番号", "保守の窓口"]),
        ("contacts", {"router": "YAMAHA RTX830"}, ["YAMAHAルーター"], ["アライドテレシス"]),
        ("contacts", {"router": "アライドテレシス AT-AR1050V"}, ["アライドテレシス"], ["YAMAHAルーター"]),
    ],
    ids=str,
)
async def test_the_pages_fit_what_the_station_has(
    kazasu: Kazasu, nurse: Nurse, topic: str, equipment: dict[str, Any], reads: list[str], does_not_read: list[str]
) -> None:
    await has(kazasu, **equipment)
    parts = [each.text for each in (await nurse.get(f"/guide/{topic}")).root.all("section")]
    text = " ".join(each for each in parts if not each.startswith("関係する"))
    for sentence in reads:
        assert sentence in text
    for sentence in does_not_read:
        assert sentence not in text.replace("更新があるとき", "").replace("困ったとき", "")


async def test_a_phone_of_no_station_is_shown_every_case_under_its_label(stranger: Nurse) -> None:
    text = (await stranger.get("/guide/power")).text
    for label in ("ノートパソコンのとき", "デスクトップのとき", "レセコンと連携しているとき"):
        assert label in text
    assert "どの事業所かわからないので" in (await stranger.get("/guide")).text


async def test_the_numbers_close_up_and_the_links_to_a_step_stay(kazasu: Kazasu, nurse: Nurse) -> None:
    every = steps_of(await nurse.get("/guide/power"))
    await has(kazasu, terminal=Terminal.DESKTOP, linked=True)
    shaped = steps_of(await nurse.get("/guide/power"))
    assert [number for _, number in shaped] == ["1", "2", "3", "4"]
    assert [name for name, _ in shaped] == ["on-2", "on-3", "on-4", "on-5"]
    assert {name for name, _ in shaped} < {name for name, _ in every}


def steps_of(page: Page) -> list[tuple[str, str]]:
    lines = [each for each in page.root.all("li") if each.attrs.get("id", "").startswith("on-")]
    return [(each.attrs["id"], each.all("a")[0].text.removeprefix("手順")) for each in lines]


@pytest.mark.parametrize(
    ("ahead", "says"),
    [(90, "期限まで、あと90日です"), (1, "あと1日です"), (0, "あと0日です"), (-1, "期限が過ぎています")],
)
async def test_the_days_of_the_certificate_are_counted(
    kazasu: Kazasu, nurse: Nurse, clock: StillClock, ahead: int, says: str
) -> None:
    ends = day_of(clock.now()) + timedelta(days=ahead)
    await has(kazasu, certificate_ends=ends.isoformat())
    page = await nurse.get("/guide/certificate")
    assert says in page.text
    assert f"{ends.year}/{ends.month}/{ends.day}" in page.text


async def test_a_certificate_without_a_date_says_where_to_write_it(nurse: Nurse) -> None:
    text = (await nurse.get("/guide/certificate")).text
    assert "事業所の設定に期限を入れると" in text
    assert "あと0日" not in text


# --- the station's own notes ----------------------------------------------------------------------------------------


async def test_a_note_stands_on_its_page_for_this_station_only(kazasu: Kazasu, nurse: Nurse, stranger: Nurse) -> None:
    note = Note(HERE, "power", "電源は青いボタン。<b>", "03-1234-5678", "事務 さくら", kazasu.clock.now())
    await kazasu.desk.office.save_note(note)
    page = await nurse.get("/guide/power")
    assert note.text in page.text, "as it was written, a mark-up sign is no mark-up"
    assert "tel:0312345678" in hrefs(page)
    assert "事務 さくら" not in page.text, "whoever opens the entry reads it"
    assert note.text not in (await nurse.get("/guide/lock")).text
    assert note.text not in (await stranger.get("/guide/power")).text


async def test_what_a_phone_keeps_holds_the_station_and_its_notes(kazasu: Kazasu, nurse: Nurse) -> None:
    await has(kazasu, terminal=Terminal.NOTEBOOK)
    await kazasu.desk.office.save_note(Note(HERE, "power", "電源は青いボタン", "", "さくら", kazasu.clock.now()))
    kept: dict[str, str] = (await nurse.http.get("/guide-kept")).json()["pages"]
    assert {"/guide", "/guide/ready", *(f"/guide/{name}" for name in GUIDE.topics)} <= set(kept)
    assert "電源は青いボタン" in kept["/guide/power"]
    assert "モニターの正面右下" not in kept["/guide/power"]


# --- looked for -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spellings", "finds"),
    [
        (("パスワード", "ぱすわーど", "ﾊﾟｽﾜｰﾄﾞ", "　パスワード　"), "passwords"),
        (("URL", "url", "ＵＲＬ", "にじげんコード", "二次元コード"), "url"),
        (("スクリーンセーバー", "すくりーんせーばー", "15分", "１５分"), "lock"),
        (("保険証で確認", "ほけんしょう"), "office-check"),
        (("usb 証明書", "証明書　ＵＳＢ"), "certificate"),
        (("レノボ", "故障", "でんわ"), "contacts"),
        (("充電", "出発", "でかける", "出かける"), "ready"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[0],
)
async def test_a_topic_is_found_however_it_is_written(nurse: Nurse, spellings: tuple[str, ...], finds: str) -> None:
    for spelling in spellings:
        page = await nurse.get("/guide?q=" + spelling)
        found = rows_of(page)
        assert finds in found, spelling
        assert len(found) < len(TOPICS) // 2, "a word that is everywhere finds nothing"
        assert f"{len(found)}件あります" in page.text


async def test_every_topic_is_there_when_nothing_is_looked_for(nurse: Nurse) -> None:
    page = await nurse.get("/guide")
    assert set(rows_of(page)) == {*GUIDE.topics, "ready"}
    assert len(rows_of(page)) == len(GUIDE.topics) + 1


@pytest.mark.parametrize("wanted", ["月面", "<script>alert(1)</script>", "'\"&", "あ" * 500, "%00"])
async def test_what_is_not_there_is_said_and_a_long_question_is_cut(nurse: Nurse, wanted: str) -> None:
    answer = await nurse.http.get("/guide", params={"q": wanted})
    assert answer.status_code == 200
    page = Page(200, dict(answer.headers), answer.text, "/guide")
    assert page.complaints() == []
    assert rows_of(page) == []
    assert "見つかりません" in page.text
    (field,) = page.root.all("input")
    assert field.attrs["value"] == wanted[:40].strip()


@pytest.mark.parametrize("address", ["/guide/the-moon", "/guide/power/more", "/guide/ready/more", "/guide/..%2foffice"])
async def test_what_is_no_page_is_not_found(nurse: Nurse, address: str) -> None:
    await nurse.get(address, expect=404)


async def test_the_page_that_is_not_there_leads_back_to_the_list(nurse: Nurse) -> None:
    assert "/guide" in hrefs(await nurse.get("/guide/the-moon", expect=404))


# --- every link leads somewhere ---------------------------------------------------------------------------------------


async def test_every_link_of_every_page_leads_somewhere(nurse: Nurse) -> None:
    await nurse.starts()
    seen: dict[str, Page | None] = {address: await nurse.get(address) for address in PAGES}
    for address, page in list(seen.items()):
        assert page is not None
        for each in page.root.all("a"):
            href = each.attrs["href"]
            if href.startswith(("https://", "http://")):
                assert "noreferrer" in each.attrs.get("rel", ""), (address, href)
                continue
            if href.startswith(("tel:", "mailto:", "#")):
                continue
            assert href.startswith("/"), (address, href)
            target, _, anchor = href.partition("#")
            if target not in seen:
                answer = await nurse.http.get(target, follow_redirects=True)
                assert answer.status_code == 200, (address, href)
                seen[target] = None if "html" not in answer.headers["content-type"] else _page(answer)
            found = seen[target]
            assert not anchor or (found is not None and f'id="{anchor}"' in found.source), (address, href)
    assert len(seen) > len(PAGES), "some lead out of the guide: to the visit, to the office"


def _page(answer: Any) -> Page:
    return Page(answer.status_code, dict(answer.headers), answer.text, answer.url.path)


@pytest.mark.parametrize("equipment", [{}, {"terminal": Terminal.NOTEBOOK, "linked": False}], ids=["all", "shaped"])
async def test_every_picture_sheet_and_script_is_there(kazasu: Kazasu, nurse: Nurse, equipment: dict[str, Any]) -> None:
    await has(kazasu, **equipment)
    asked = set()
    for address in ("/guide", "/guide/ready", "/guide/notice", "/guide/contacts"):
        page = await nurse.get(address)
        for tag, attribute in (("img", "src"), ("script", "src"), ("link", "href"), ("use", "href")):
            asked |= {each.attrs[attribute].partition("#")[0] for each in page.root.all(tag)}
    for address in asked:
        assert (await nurse.http.get(address)).status_code == 200, address


@pytest.mark.parametrize("address", ["/guide", *(f"/guide/{name}" for name in GUIDE.topics)])
async def test_a_page_may_be_kept_and_is_asked_about_again(nurse: Nurse, address: str) -> None:
    page = await nurse.get(address)
    assert page.headers["cache-control"] == "no-cache"
    assert "確認した日" in page.text


async def test_the_readiness_check_has_one_name_everywhere(nurse: Nurse) -> None:
    name = "出かける前の確認"
    assert (await nurse.get("/guide/ready")).h1 == name
    for address in ("/guide", "/offline", f"/f/{nurse.token}", "/guide/phone"):
        page = await nurse.get(address)
        words = [each.text for each in page.root.all("a") if each.attrs["href"] == "/guide/ready"]
        assert words, address
        assert all(each.startswith(name) for each in words), (address, words)


def test_a_sentence_is_short_and_plain() -> None:
    sentences = [each for _, part in PARTS for row in part.rows for each in plain(row.text).split("。")]
    assert len(max(sentences, key=len)) <= 100


@pytest.mark.parametrize("plant", [lambda grades: grades.pop("V"), lambda grades: grades.update(I="推測")])
def test_every_printable_grade_has_words_and_a_guess_has_none(plant: Callable[[dict[str, str]], Any]) -> None:
    grades = dict(GRADES)
    plant(grades)
    with pytest.raises(ContentError):
        load_grades({"grades": grades})
