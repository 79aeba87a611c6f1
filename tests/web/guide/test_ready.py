"""Ready before leaving: red for what is certain and for nothing else, yellow with the official page for the rest."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.cli.seed import seed_practice
from app.main import PRACTICE_STATION, Kazasu, create_app
from app.rules.content.file import ContentError, ContentFile
from app.rules.content.ready import READY, ReadyRow, load_readiness
from app.rules.content.sources import named
from app.rules.station.station import Link, new_token
from app.rules.words.furigana import plain
from app.settings import Settings
from app.web.bedside.seat import STATION_COOKIE
from app.web.guide.ready import FILES
from tests.web.bedside.nurse import Nurse, StillClock
from tests.web.bedside.page import Element, Page
from tests.web.guide.test_browsers import MAC, TABLE, WINDOWS, Known, android, iphone

ROOT = Path(__file__).parents[3]
ADDRESS = "/guide/ready"
SAFARI = iphone("Version/26.0 Mobile/15E148 Safari/604.1")
OLD_SAFARI = iphone("Version/16.3 Mobile/15E148 Safari/604.1", "16_3_1")
CHROME = android("Chrome/141.0.0.0 Mobile Safari/537.36")
OLD_ANDROID = android("Chrome/96.0.4664.45 Mobile Safari/537.36", "Android 9; SOV39")
LINE = iphone("Mobile/15E148 Safari Line/15.16.0")
BARE = iphone("Mobile/15E148")
APP_STORE = "https://apps.apple.com/jp/app/id1476359069"
GOOGLE_PLAY = "https://play.google.com/store/apps/details?id=jp.go.cas.mpa"


@pytest.fixture
async def kazasu(data: Path) -> AsyncIterator[Kazasu]:
    """Return the application before a fresh store."""
    clock = StillClock()
    joined = create_app(Settings(data=data, starts_per_minute=10_000), clock=clock)
    await seed_practice(joined.store, clock)
    yield joined
    await joined.close()


Open = Callable[..., Any]


@pytest.fixture
async def opens(kazasu: Kazasu) -> AsyncIterator[Open]:
    """Return what opens the page on a phone that introduces itself so, and that opened this station last."""
    async with Nurse(kazasu) as nurse:

        async def one(said: str, station: str = PRACTICE_STATION.id) -> Page:
            nurse.http.cookies.clear()
            if station:
                nurse.http.cookies.set(STATION_COOKIE, station)
            nurse.http.headers["User-Agent"] = said
            return await nurse.get(ADDRESS)

        yield one


def is_shown(element: Element) -> bool:
    """Whether neither it nor what it stands in is hidden, as without a script."""
    at: Element | None = element
    while at is not None:
        if "hidden" in at.attrs:
            return False
        at = at.parent
    return True


def sights(page: Page, state: str) -> list[str]:
    """Return what the phone shows by itself in this state: names of sights."""
    found = [each for each in page.root.all("div") if each.attrs.get("data-state") == state and is_shown(each)]
    return [f"{_sight(each)} {each.attrs['data-says']}" for each in found if "data-says" in each.attrs]


def _sight(element: Element) -> str:
    assert element.parent is not None
    return element.parent.attrs["data-sight"]


def ask(page: Page, name: str) -> Element:
    return next(each for each in page.root.all("li") if each.attrs.get("data-ask") == name)


def asked(page: Page) -> list[str]:
    return [each.attrs["data-ask"] for each in page.root.all("li") if "data-ask" in each.attrs]


def hrefs(element: Element) -> list[str]:
    return [each.attrs["href"] for each in element.all("a")]


# --- red and yellow -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", TABLE, ids=lambda known: known.what)
async def test_red_is_an_apps_own_browser_and_nothing_else(opens: Open, known: Known) -> None:
    page = await opens(known.said)
    assert sights(page, "bad") == (["browser in_app"] if known.in_app else [])
    if known.in_app:
        assert f"{known.in_app}の中のブラウザです" in page.text


@pytest.mark.parametrize("known", TABLE, ids=lambda known: known.what)
async def test_a_version_is_never_red_and_seen_only_where_it_is_certain(opens: Open, known: Known) -> None:
    page = await opens(known.said)
    oldest = {"iphone": (16, 4), "android": (11,)}.get(known.system)
    for name, line in (("system-iphone", "16.4"), ("system-android", "11")):
        if name not in asked(page):
            continue
        row = ask(page, name)
        seen = {each.attrs["data-said"] for each in row.all("p") if "data-said" in each.attrs and is_shown(each)}
        own = name.endswith(known.system)
        expected = {"seen" if known.version >= oldest else "unseen"} if own and oldest and known.version else set()
        assert seen == expected
        assert line in row.text
        assert row.attrs["data-state"] in {"open", "yes", "no"}


def test_a_row_of_the_questions_can_be_yellow_but_not_red() -> None:
    sheet = (ROOT / "static" / "guide/ready.css").read_text(encoding="utf-8")
    red = [rule for rule in re.findall(r"[^{}]+\{[^{}]*\}", sheet) if "--kz-error" in rule]
    assert red, "what is certain is red"
    assert all('data-state="bad"' in rule for rule in red)
    template = (ROOT / "templates" / "guide" / "ready.html").read_text(encoding="utf-8")
    said = re.findall(r'data-says="(\w+)" data-state="bad"', template)
    assert sorted(said) == ["gone", "in_app", "off", "off"], "in-app, station gone, no network, no cookies"


@pytest.mark.parametrize("row", READY.rows, ids=lambda row: f"{row.id}-{row.phone}")
async def test_what_is_second_hand_brings_the_official_page(opens: Open, row: ReadyRow) -> None:
    page = await opens(CHROME if row.phone == "android" else SAFARI)
    found = ask(page, row.id + (f"-{row.phone}" if row.phone else ""))
    if row.grade == "2":
        assert row.link in hrefs(found)
        assert row.link.startswith("https://")
        assert plain(row.link_label).startswith("公式の案内で確かめる")
    if row.report:
        assert plain(row.report.text).endswith("という報告があります。")
        assert plain(row.report.text) in found.text
    for said in (row.text, *row.todo):
        assert plain(said) in found.text


async def test_every_question_and_every_sight_names_its_source_and_grade(opens: Open) -> None:
    page = await opens(SAFARI)
    (fold,) = page.root.all("details")
    assert "確認した日 2026/11/22" in fold.text
    lines = [each.text for each in fold.all("li")]
    for row in READY.rows_for("iphone"):
        line = next(each for each in lines if each.startswith(plain(row.title).split("%(app)s")[0]))
        for source in named(row.source, row.report.source if row.report else ""):
            assert source.name in line
    for sight in READY.sights.values():
        assert any(plain(sight.text) in each and named(sight.source)[0].name in each for each in lines)


# --- each phone has its own questions --------------------------------------------------------------------------


async def test_an_iphone_is_asked_about_an_iphone(opens: Open) -> None:
    page = await opens(SAFARI)
    assert {"system-iphone", "shortcut-iphone"} <= set(asked(page))
    assert not {"system-android", "nfc-android", "shortcut-android"} & set(asked(page))
    assert APP_STORE in hrefs(page.root)
    assert GOOGLE_PLAY not in hrefs(page.root)
    assert "このスマホは、16.4以上です。" in page.text
    assert sights(page, "ok") == ["browser ok", "net ok", "station live"]


async def test_an_android_is_asked_about_an_android(opens: Open) -> None:
    page = await opens(CHROME)
    assert {"system-android", "nfc-android", "shortcut-android"} <= set(asked(page))
    assert not {"system-iphone", "shortcut-iphone"} & set(asked(page))
    assert GOOGLE_PLAY in hrefs(page.root)
    assert APP_STORE not in hrefs(page.root)
    assert not [each for each in ask(page, "system-android").all("p") if "data-said" in each.attrs and is_shown(each)]


@pytest.mark.parametrize("said", [WINDOWS, MAC, "python-httpx/0.28.1", ""])
async def test_what_is_neither_is_shown_both_under_their_names(opens: Open, said: str) -> None:
    page = await opens(said)
    assert {"system-iphone", "system-android"} <= set(asked(page))
    assert {APP_STORE, GOOGLE_PLAY} <= set(hrefs(page.root))
    assert "iPhone" in ask(page, "shortcut-iphone").text
    assert "Android" in ask(page, "shortcut-android").text
    assert ("phone desktop" in sights(page, "warn")) == (said in {WINDOWS, MAC})


@pytest.mark.parametrize(
    ("said", "state", "sight"),
    [
        (OLD_SAFARI, "ok", "browser ok"),
        (LINE, "bad", "browser in_app"),
        (BARE, "open", "browser bare"),
        (iphone("CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1"), "warn", "browser other"),
        (android("SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"), "warn", "browser other"),
    ],
)
async def test_the_browser_is_judged_by_what_the_guide_shows(opens: Open, said: str, state: str, sight: str) -> None:
    assert sight in sights(await opens(said), state)


@pytest.mark.parametrize(("said", "name"), [(OLD_SAFARI, "system-iphone"), (OLD_ANDROID, "system-android")])
async def test_an_older_phone_is_warned_of_with_the_official_page(opens: Open, said: str, name: str) -> None:
    row = ask(await opens(said), name)
    assert row.attrs["data-seen"] == "no"
    assert "より前のようです" in row.text, "it seems so: the limit is known at second hand"
    assert "https://services.digital.go.jp/mynaapp/system-requirements/" in hrefs(row)


# --- the station and its revision --------------------------------------------------------------------------------


async def test_the_revision_of_today_is_shown(kazasu: Kazasu, opens: Open) -> None:
    first = await kazasu.store.live_link(PRACTICE_STATION.id)
    assert first is not None
    page = await opens(SAFARI)
    assert f"第1版（いまの版、最後の4文字は {first.tail}）" in page.text
    new = await kazasu.desk.office.replace_entry(Link(new_token(), PRACTICE_STATION.id, 1, kazasu.clock.now()))
    assert new is not None
    page = await opens(SAFARI)
    assert f"第2版（いまの版、最後の4文字は {new.tail}）" in page.text
    assert new.token not in page.source, "the page is kept on phones: it names the code, and does not hold it"


async def test_a_phone_that_opened_no_station_is_told_how(opens: Open) -> None:
    page = await opens(SAFARI, station="")
    assert sights(page, "warn") == ["station none"]
    assert "QRコードを、カメラで読み取ります" in page.text


async def test_a_station_that_is_gone_is_certain(opens: Open) -> None:
    assert sights(await opens(SAFARI, station="nobody"), "bad") == ["station gone"]


# --- without a script ----------------------------------------------------------------------------------------------


async def test_without_a_script_everything_can_be_read_and_ticked(opens: Open) -> None:
    page = await opens(SAFARI)
    for name in asked(page):
        row = ask(page, name)
        (box,) = row.all("input")
        assert box.attrs["type"] == "checkbox"
        assert "name" not in box.attrs, "it is sent nowhere"
        assert is_shown(box)
        assert [each for each in row.all("div") if "data-todo" in each.attrs and is_shown(each)], (
            "what to do stands there"
        )
        assert not [each for each in row.all("button") if is_shown(each)], "a button without a script does nothing"
        assert row.all("img")[0].attrs["src"].endswith(".svg")
    assert page.root.all("form") == []
    assert [each.text for each in page.root.all("p") if "data-when" in each.attrs and is_shown(each)] == [
        "一つずつ、見てください"
    ]


def test_every_check_is_asked_and_every_drawing_is_there() -> None:
    checks = {row.check for row in READY.rows} | {sight.check for sight in READY.sights.values()}
    assert checks == set(range(1, 12))
    for name in READY.pictures:
        assert (ROOT / "static" / "pictures" / f"{name}.svg").is_file()
        assert f"pictures/{name}.svg" in FILES


async def test_the_page_depends_on_phone_and_station_and_says_so(opens: Open) -> None:
    page = await opens(SAFARI)
    assert page.headers["cache-control"] == "no-cache"
    assert {"User-Agent", "Cookie"} <= set(page.headers["vary"].split(", "))


# --- a file that says too much does not load ------------------------------------------------------------------------


def second_hand(found: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in found["row"] if row.get("grade") == "2")


def reported(found: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in found["row"] if "report" in row)


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "inferred": lambda found: found["row"][0].update(grade="I"),
    "hearsay as fact": lambda found: found["row"][0].update(grade="F"),
    "a sight inferred": lambda found: found["sight"][0].update(grade="?"),
    "a sight without a source": lambda found: found["sight"][0].pop("source"),
    "no source": lambda found: found["row"][0].pop("source"),
    "no official page": lambda found: [second_hand(found).pop(name) for name in ("link", "link_label")],
    "an unsafe page": lambda found: second_hand(found).update(link="http://example.jp/"),
    "a link without words": lambda found: second_hand(found).pop("link_label"),
    "a way out of the guide": lambda found: found["row"][0].update(opens="/visit", opens_label="訪問"),
    "no drawing": lambda found: found["row"][0].pop("picture"),
    "nothing to do": lambda found: found["row"][0].update(todo=[]),
    "half an answer": lambda found: found["row"][0].update(seen="かかっています。"),
    "another phone": lambda found: found["row"][0].update(phone="watch"),
    "another check": lambda found: found["row"][0].update(check=12),
    "a check left out": lambda found: found.update(row=[row for row in found["row"] if row["check"] != 7]),
    "a report as a fact": lambda found: reported(found)["report"].update(grade="S"),
    "a report that claims": lambda found: reported(found)["report"].update(text="エラーが出ません。"),
    "a report with an unsafe link": lambda found: reported(found).update(link="http://example.jp/", link_label="例"),
    "a report of nobody": lambda found: reported(found)["report"].update(source=""),
    "a word nobody shows": lambda found: found["row"][0].update(colour="red"),
    "never looked at again": lambda found: found.pop("review_by"),
    "looked at again before": lambda found: found.update(review_by=date(2026, 11, 22)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_says_what_it_may_not_is_refused(wrong: str) -> None:
    found = deepcopy(ContentFile("ready.toml").read())
    load_readiness(deepcopy(found))
    WRONG[wrong](found)
    with pytest.raises(ContentError):
        load_readiness(found)
