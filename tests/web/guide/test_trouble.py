"""The trouble helper: every failure of the field reaches its answer in two taps, and no answer says more than it may."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.cli.seed import seed_practice
from app.main import PRACTICE_STATION, Kazasu, create_app
from app.rules.content.contacts import CONTACTS, contacts_for
from app.rules.content.file import ContentError, ContentFile
from app.rules.content.sources import named
from app.rules.content.trouble import TROUBLES, Advice, load_troubles
from app.rules.station.station import Station, StationProfile
from app.rules.words.dates import JST
from app.rules.words.furigana import plain
from app.settings import Settings
from app.web.bedside.seat import STATION_COOKIE
from app.web.guide.trouble import FILES
from tests.web.bedside.nurse import Nurse, StillClock
from tests.web.bedside.page import Page

ROOT = Path(__file__).parents[3]
LIST = "/guide/trouble"
ANSWERS = list(TROUBLES.answers.values())
SEEN = {
    "the four digits were wrong": "pin-wrong",
    "the card is locked": "pin-locked",
    "the four digits are forgotten": "pin-forgotten",
    "nobody is sure of the digits now": "pin-forgotten",
    "a card with face recognition": "pinless-card",
    "the certificate has expired": "certificate-expired",
    "the card has expired": "card-expired",
    "the card is not registered as an insurance card": "not-registered",
    "there is no card": "no-card",
    "the card cannot be read": "card-unreadable",
    "the patient is 75 or over": "over-75",
    "OQC-OWSE0900000": "code",
    "any other code": "code",
    "the store opens again and again": "store-again",
    "a wrong app opens": "wrong-app",
    "the app does not go back": "not-back",
    "the wrong place came back": "wrong-place",
    "the address does not open": "url-dead",
    "a card inside a smartphone": "phone-card",
    "the patient cannot operate a phone": "cannot-operate",
    "the patient refuses everything": "declines-all",
    "the office sees nothing": "office-sees-nothing",
    "the receipt computer is not linked in the morning": "link-fails",
    "the terminal is locked": "terminal-locked",
    "the terminal's certificate has expired": "terminal-certificate",
    "a disaster": "disaster",
    "nothing happens": "nothing-happens",
    "the patient is tired or unwilling": "tired",
    "「〇〇病院」と書いてあるけど、うちじゃない": "other-institution",
    "だんなさんのカードだった": "another-card",
    "英数字の長いパスワードを聞かれた": "long-password",
    "三つある四けたの、どれかわからない": "pin-wrong",
    "アイフォンにのせても反応しない": "iphone-unreadable",
    "カードが見当たらない、盗まれたかも": "lost-card",
    "むかしの保険証を出された": "old-insurance-card",
    "保険証として使えないと言われた": "cannot-be-used",
    "利用登録してくださいと出る": "first-use",
    "このスマホにはNFCがないみたい": "no-nfc",
    "飛行機のマークがついている": "no-nfc",
    "メンテナンス中と出た": "maintenance-hours",
    "もう同意済みだって": "already-agreed",
    "赤ちゃんのカードで顔写真がない": "child-card",
    "生活保護の方で、未委託・未登録と出る": "medical-assistance",
    "資格情報が無効、該当条件なし": "eligibility-invalid",
    "名前が黒丸になっている": "black-dots",
    "バツじるしのある画面から戻れない": "not-back",
}
"""What can go wrong, as we call it and as people say it, and the answer to it."""


def at(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=JST).timestamp())


@pytest.fixture
def clock() -> StillClock:
    """Return a clock that stands until a test moves it."""
    return StillClock()


@pytest.fixture
async def nurse(data: Path, clock: StillClock) -> AsyncIterator[Nurse]:
    """Return a nurse with a browser of her own, before a fresh store."""
    joined: Kazasu = create_app(Settings(data=data, starts_per_minute=10_000), clock=clock)
    await seed_practice(joined.store, clock)
    async with Nurse(joined) as one:
        yield one
    await joined.close()


def addresses(page: Page) -> list[str]:
    return [each.attrs["href"] for each in page.root.all("a")]


# --- what reaches what --------------------------------------------------------------------------------------


def test_no_answer_is_there_that_nobody_looks_for() -> None:
    assert set(SEEN.values()) == set(TROUBLES.answers)


def with_its_bases(template: str) -> str:
    """Return a template and what it extends."""
    text = (ROOT / "templates" / template).read_text(encoding="utf-8")
    base = re.search(r'{% extends "([^"]+)" %}', text)
    return text + (with_its_bases(base[1]) if base else "")


BEDSIDE = (
    *(f"bedside/{name}" for name in ("step", "entry", "continue", "today", "today-list", "hand-over")),
    "kit/problem",
)


@pytest.mark.parametrize("template", [f"{name}.html" for name in BEDSIDE])
def test_the_first_tap_is_on_every_page_of_a_visit(template: str) -> None:
    assert f'"{LIST}"' in with_its_bases(template)
    assert f'"{LIST}"' not in with_its_bases("kit/layout.html")


async def test_every_failure_reaches_its_answer_with_the_second_tap(nurse: Nurse) -> None:
    reached = addresses(await nurse.get(LIST))
    for seen, answer in SEEN.items():
        assert reached.count(f"{LIST}/{answer}") == 1, seen
        page = await nurse.get(f"{LIST}/{answer}")
        assert page.h1 == plain(TROUBLES.answers[answer].title)


async def test_an_answer_that_is_not_there_is_not_found(nurse: Nurse) -> None:
    await nurse.get(f"{LIST}/the-moon", expect=404)


async def test_the_list_says_that_it_needs_no_signal_and_asks_what_one_sees(nurse: Nurse) -> None:
    page = await nurse.get(LIST)
    assert page.h1 == "今、何が見えますか"
    assert "電波がなくても使えます" in page.text
    assert page.headers["cache-control"] == "no-cache"


async def test_the_telephone_of_the_phones_own_station_stands_on_top(nurse: Nurse) -> None:
    dial = f"tel:{PRACTICE_STATION.telephone}"
    assert dial not in addresses(await nurse.get(LIST)), "nobody knows whose phone this is"
    nurse.http.cookies.set(STATION_COOKIE, PRACTICE_STATION.id)
    found = addresses(await nurse.get(LIST))
    assert found.index(dial) < found.index(f"{LIST}/{ANSWERS[0].id}")


# --- what an answer holds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.id)
def test_an_answer_has_one_next_step_a_picture_a_desk_and_another_way(answer: Advice) -> None:
    assert plain(answer.next).endswith("。")
    assert plain(answer.next).count("。") <= 2
    assert len(answer.also) <= 2
    assert (ROOT / "static" / "pictures" / f"{answer.picture}.svg").is_file()
    assert f"pictures/{answer.picture}.svg" in FILES
    assert answer.contact in CONTACTS
    assert answer.other.text
    assert f'id="{answer.icon}"' in (ROOT / "static" / "icons.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.id)
def test_an_answer_is_dated_and_rests_on_something(answer: Advice) -> None:
    assert answer.source
    assert answer.grade in {"S", "O", "V", "2"}
    assert answer.checked_on in {date(2026, 11, 22), date(2026, 11, 29)}, "its own day"
    if "A2" in answer.source or answer.grade == "2":
        assert answer.link.startswith("https://"), "second-hand, so the official page stands next to it"


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.id)
async def test_the_page_shows_all_of_it_without_a_script(nurse: Nurse, answer: Advice) -> None:
    page = await nurse.get(f"{LIST}/{answer.id}")
    for said in (answer.next, *answer.also, answer.other.text):
        assert plain(said) in page.text
    sources = [each.name for each in named(answer.source, answer.other.source)]
    for written in ("出典", *sources, f"確認した日 {answer.checked_on:%Y/%-m/%-d}"):
        assert written in page.text
    found = addresses(page)
    assert [each for each in found if each.startswith("tel:")], "somebody to call"
    assert {"/visit", LIST} <= set(found)
    assert answer.link in found if answer.link else True


NEVER = re.compile(r"登録完了|暗証番号がないと受けられ|受けられません|#\w+://")


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.id)
def test_nothing_is_claimed_or_threatened(answer: Advice) -> None:
    said = plain(" ".join((answer.row, answer.title, answer.next, *answer.also, answer.other.text)))
    assert not NEVER.search(said)
    assert "報告があります" not in said, "hearsay stands apart"


def test_a_threat_would_be_noticed() -> None:
    assert NEVER.search("暗証番号がないと、訪問看護は受けられません。")


def test_the_way_of_the_four_digits_ends_after_two() -> None:
    answer = TROUBLES.answers["pin-wrong"]
    assert "2回" in plain(answer.title)
    assert "3回つづけてまちがえると、ロック" in plain(answer.next)


def test_an_expired_certificate_still_shows_the_eligibility_for_three_months() -> None:
    said = plain(" ".join(TROUBLES.answers["certificate-expired"].also))
    assert "3か月は、資格の確認だけできます" in said
    assert "そのあとは使えません" in said


def test_what_is_not_known_of_an_empty_list_is_not_said() -> None:
    answer = TROUBLES.answers["office-sees-nothing"]
    said = plain(" ".join((answer.title, answer.next, *answer.also)))
    assert "登録されたと決めずに" in said
    assert not re.search("登録されていません|別の日|ほかのURL|別のURL", said), "these would be guesses"


# --- codes ----------------------------------------------------------------------------------------------------


def test_the_only_code_known_is_hearsay_and_says_so() -> None:
    (known,) = TROUBLES.codes
    assert (known.code, known.grade) == ("OQC-OWSE0900000", "F")
    assert known.text.endswith("という{報告|ほうこく}があります。")


async def test_the_list_of_codes_is_read_without_a_script_and_sends_nothing(nurse: Nurse) -> None:
    page = await nurse.get(f"{LIST}/code")
    assert "OQC-OWSE0900000" in page.text
    assert plain(TROUBLES.codes[0].text) in page.text
    assert page.root.all("form") == []
    (field,) = page.root.all("input")
    assert "name" not in field.attrs, "a field without a name is never sent"
    assert (field.attrs["autocomplete"], field.attrs["maxlength"], field.attrs["type"]) == ("off", "40", "text")
    assert [each for each in page.root.all("div") if "data-lookup" in each.attrs and "hidden" in each.attrs]


# --- desks -----------------------------------------------------------------------------------------------------

FACILITY = Station("hinatazaka", "ひなた坂訪問看護ステーション", "9960000009", "03-0000-0000")


def ids(station: StationProfile | None, facility: Station | None = FACILITY) -> list[str]:
    return [each.id for each in contacts_for(facility, station)]


def test_every_desk_of_the_guide_is_there_with_its_number() -> None:
    numbers = {each.id: each.telephone for each in CONTACTS.values() if each.telephone}
    assert numbers == {
        "call_centre": "0800-080-4583",
        "line": "0120-000113",
        "computer": "050-3823-0119",
        "card_lost": "0120-95-0178",
        "router_allied": "045-330-4846",
        "router_yamaha": "0120-523-453",
    }
    assert {each.id for each in CONTACTS.values() if not each.telephone} == {
        "station",
        "maintenance",
        "receipt_computer",
        "phone_shop",
    }


def test_a_desk_whose_hours_are_not_known_names_none() -> None:
    yamaha = CONTACTS["router_yamaha"]
    assert yamaha.hours is None
    assert plain(yamaha.shown) == "受付時間は、メーカーの案内で確かめてください"
    assert yamaha.have == ()


def test_only_the_station_itself_rests_on_nobody() -> None:
    assert [each.id for each in CONTACTS.values() if not each.source] == ["station"]
    assert all(each.review_by > each.checked_on for each in CONTACTS.values())


def test_what_to_have_at_hand_for_the_makers() -> None:
    assert "1026_01" in " ".join(CONTACTS["computer"].have)
    assert "S/NA" in " ".join(CONTACTS["router_allied"].have)


def test_with_a_contract_one_number_stands_for_line_computer_and_router() -> None:
    covered = StationProfile("hinatazaka", maintenance=True, maintenance_telephone="0120-111-222")
    assert ids(covered) == ["station", "maintenance", "call_centre", "card_lost", "receipt_computer", "phone_shop"]
    assert contacts_for(FACILITY, covered)[1].dial == "0120111222"


def test_without_one_each_desk_is_called_for_its_own_fault() -> None:
    found = ids(StationProfile("hinatazaka", maintenance=False, router="YAMAHA RTX830"))
    assert "maintenance" not in found
    assert {"line", "computer", "router_yamaha"} <= set(found)
    assert "router_allied" not in found


def test_a_phone_of_no_station_is_shown_every_public_desk() -> None:
    assert ids(None, None) == [each.id for each in CONTACTS.values() if not each.own]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-11-28 15:55", "いまは受付時間内です（16:00まで）"),
        ("2026-11-28 16:00", "いまは時間外です。つぎは 11/30（月）8:00 からです"),
        ("2026-11-23 10:00", "いまは時間外です。つぎは 11/24（火）8:00 からです"),
        ("2026-12-29 10:00", "いまは時間外です。つぎは 1/4（月）8:00 からです"),
    ],
)
async def test_the_page_says_whether_the_desk_answers_now(nurse: Nurse, clock: StillClock, now: str, said: str) -> None:
    clock.at = at(now)
    assert said in (await nurse.get(f"{LIST}/code")).text


# --- a file that says too much does not load --------------------------------------------------------------------


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    found = deepcopy(ContentFile("trouble.toml").read())
    change(found)
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["answer"][0].update(grade="I"),
        lambda found: found["answer"][0].update(grade="F"),
        lambda found: found["answer"][0].pop("source"),
        lambda found: found["answer"][0].pop("picture"),
        lambda found: found["answer"][0].update(contact="nobody"),
        lambda found: found["answer"][0].update(other="none"),
        lambda found: found["answer"][0].update(grade="2"),
        lambda found: found["answer"][0].update(id=found["answer"][1]["id"]),
        lambda found: found["known"][0].update(grade="S"),
        lambda found: found["known"][0].update(text="モバイル{通信|つうしん}で{直|なお}ります。"),
    ],
    ids=[
        "inferred",
        "hearsay",
        "no source",
        "no picture",
        "no desk",
        "no way",
        "no link",
        "twice",
        "as fact",
        "a claim",
    ],
)
def test_a_file_that_says_what_it_may_not_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    load_troubles(broken(lambda _: None))
    with pytest.raises(ContentError):
        load_troubles(broken(change))


AS_PEOPLE_SAY_IT = {
    "うちじゃない病院の名前が出てる": "other-institution",
    "ご主人のカードを持ってきちゃった": "another-card",
    "番号を入れたら、ちがうって出る": "pin-wrong",
    "ロックされましたって出た": "pin-locked",
    "番号を忘れちゃった": "pin-forgotten",
    "長いパスワードを聞かれた": "long-password",
    "カードが読み取れない": "card-unreadable",
    "アイフォンだと読み取れない": "iphone-unreadable",
    "カードをなくした": "lost-card",
    "古い保険証しかない": "old-insurance-card",
    "使えないカードですって出た": "cannot-be-used",
    "お店の画面が何度も開いちゃう": "store-again",
    "機内モードみたい": "no-nfc",
    "元の画面に戻れない": "not-back",
    "エラー番号が出た": "code",
    "メンテナンス中だって": "maintenance-hours",
    "もう登録されているって出た": "already-agreed",
    "子どものカードで写真がない": "child-card",
}
READ_AS = {"アイフォン": "iPhone", "病院": "医療機関", "お店": "アプリの店"}
"""Words of people, and of the page."""


def pairs(text: str) -> set[str]:
    bare = re.sub(r"[\s、。「」・（）]", "", text)
    return {"".join(pair) for pair in pairwise(bare)}


@pytest.mark.parametrize(("said", "answer"), AS_PEOPLE_SAY_IT.items())
def test_each_trouble_as_people_say_it_has_a_row_that_helps(said: str, answer: str) -> None:
    for word, other in READ_AS.items():
        said = said.replace(word, other)
    rows = {name: pairs(plain(f"{each.row} {each.hint}")) for name, each in TROUBLES.answers.items()}
    rare = Counter(pair for row in rows.values() for pair in row)
    near = {name: sum(1 / rare[pair] for pair in row & pairs(said)) for name, row in rows.items()}
    closest = sorted(near, key=near.__getitem__, reverse=True)[:3]
    assert near[answer] > 0
    assert answer in closest, {name: round(near[name], 2) for name in closest}


# --- search, where no script runs -----------------------------------------------------------------------------------


async def looked_for(nurse: Nurse, words: str) -> Page:
    await nurse.get(LIST)
    return await nurse.send(LIST, {"q": words})


def rows_of(page: Page) -> list[str]:
    links = (each.attrs for each in page.root.all("a") if "kz-row" in each.attrs.get("class", ""))
    return [each["href"].removeprefix(f"{LIST}/") for each in links]


async def test_eight_stand_first_by_harm_and_all_others_are_folded(nurse: Nurse) -> None:
    page = await nurse.get(LIST)
    rows = rows_of(page)
    assert rows[:8] == [each.id for each in TROUBLES.first]
    assert rows[0] == "other-institution"
    assert sorted(rows) == sorted(TROUBLES.answers)
    (folded,) = page.root.all("details")
    assert len([each for each in folded.all("a") if "kz-row" in each.attrs.get("class", "")]) == len(rows) - 8


@pytest.mark.parametrize(
    ("words", "finds"),
    [
        ("ロック", "pin-locked"),
        ("ろっく", "pin-locked"),
        ("ｱｲﾌｫﾝ", "iphone-unreadable"),
        ("病院", "other-institution"),
        ("IAF-0012", "code"),
        ("カード 期限", "card-expired"),
    ],
)
async def test_a_trouble_is_found_by_words_and_by_a_number(nurse: Nurse, words: str, finds: str) -> None:
    page = await looked_for(nurse, words)
    assert finds in rows_of(page)
    assert f"{len(rows_of(page))}件あります" in page.text
    assert page.path == LIST, "nothing of it stands in an address"


async def test_what_is_not_there_is_said_and_a_my_number_is_not_looked_for(nurse: Nurse) -> None:
    assert "見つかりません" in (await looked_for(nurse, "ぬりかべ")).text
    for number, says in (
        ("123456789012", "マイナンバー"),
        ("1234", "暗証番号のように"),
        (f"1234{' ' * 40}56789012", ""),
    ):
        page = await looked_for(nurse, number)
        assert number not in page.source
        assert says in page.text
    assert len(rows_of(await looked_for(nurse, ""))) == len(TROUBLES.answers)
