"""The list of consents: what it shows, how it is searched, what goes out of it, and that no name goes anywhere else."""

from __future__ import annotations

import csv
import io
import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.sql.database import Database
from app.cli.seed import seed_office
from app.main import PRACTICE_STATION, Kazasu
from app.ports.office import Act
from app.ports.store import Logged
from app.rules.record.event import EventType, Json
from app.rules.station.station import Link, Station, StationProfile, new_token
from app.rules.terminal.consent_list import ListedPerson
from app.rules.visit.standing import Sight
from app.web.office import consent_list
from app.web.office.consent_list import PAGE, UNSEEN
from tests.rules.people import TARO, a_person, insured
from tests.rules.visits import NOW
from tests.web.bedside.nurse import StillClock
from tests.web.bedside.page import Page
from tests.web.office.clerk import Clerk
from tests.web.office.listed import DAY, EVIL, LONG, listed, odd_people
from tests.web.office.test_worklist import at_the_bedside

LIST = "/office/consents"
OTHER = Station("otonari", "おとなり訪問看護ステーション", "9960000017", "03-0000-0001")


async def record(kazasu: Kazasu) -> list[Logged]:
    return [each async for each in kazasu.store.export(PRACTICE_STATION.id)]


async def keeps_no_names(kazasu: Kazasu) -> None:
    await kazasu.desk.office.save_station(PRACTICE_STATION, StationProfile(PRACTICE_STATION.id, hours="月〜金"))


async def finds(clerk: Clerk, text: str, **more: Any) -> Page:
    return await clerk.send(LIST, {"token": clerk.token(), "text": text, **more})


def table(page: Page) -> list[dict[str, str]]:
    """Return the list's rows by their columns."""
    rows = page.root.all("tbody")[0].all("tr") if page.root.all("tbody") else []
    return [{c.attrs["data-is"]: c.text for c in (*row.all("th"), *row.all("td"))} for row in rows]


def numbers(page: Page) -> list[str]:
    return [row["照会番号"].split()[0] for row in table(page)]


async def exported(clerk: Clerk, letters: str, expect: int = 200, **more: str) -> bytes:
    fields = {"token": clerk.token(), "letters": letters, **more}
    answer = await clerk.http.post(f"{LIST}/csv", data=fields)
    assert answer.status_code == expect, answer.text
    return answer.content


def person(known: list[ListedPerson], number: str) -> ListedPerson:
    return next(each for each in known if number in each.references)


# --- what is shown ------------------------------------------------------------------------------------------------


async def test_an_empty_list_says_what_fills_it(staff: Clerk) -> None:
    page = await staff.get(LIST)
    assert page.h1 == "同意の一覧"
    assert "まだ、ありません。端末のファイルを取り込むと" in page.text


async def test_the_columns_are_the_terminals_in_its_order(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, *odd_people())
    page = await staff.get(LIST)
    heads = [each.text for each in page.root.all("thead")[0].all("th")]
    assert heads == [
        "氏名", "カナ", "生年月日", "性別", "照会番号", "手術", "診療", "薬剤", "特健", "特適", "特疾",
        "同意年月日", "同意有効期限",
    ]  # fmt: skip
    taro, *_ = table(page)
    assert (taro["氏名"], taro["カナ"], taro["性別"]) == ("髙﨑 𠮷男", TARO.kana, "男")
    assert taro["生年月日"].split() == ["昭和35年6月2日", "1960/06/02"]
    assert "限適（限度額）とみられます" in page.text


@pytest.mark.parametrize(
    ("code", "answer"),
    [("1", ""), ("2", "eligibility-invalid"), ("3", "eligibility-invalid"), ("4", ""), ("6", "medical-assistance")],
)
async def test_a_validity_that_needs_something_leads_to_what_helps(
    staff: Clerk, kazasu: Kazasu, code: str, answer: str
) -> None:
    (known,) = await listed(kazasu, a_person("A-0001", validity=code))
    for address in (LIST, f"{LIST}/{known.id}"):
        page = await staff.get(address)
        helps = [each.attrs["href"] for each in page.root.all("a") if "/trouble/" in each.attrs.get("href", "")]
        assert helps == ([f"/guide/trouble/{answer}"] if answer else [])
        assert not answer or (await staff.get(helps[0])).status == 200


async def test_every_odd_person_is_shown_and_nothing_guessed(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, *odd_people())
    page = await staff.get(LIST)
    shown = {row["照会番号"].split()[0]: row for row in table(page)}
    assert shown["B-0002"]["氏名"] == LONG.name.replace("　", " ")
    assert "あと3日" in shown["B-0002"]["同意有効期限"]
    assert "過ぎています" in shown["番号なし"]["同意有効期限"]
    assert shown["番号なし"]["特健"] == "空らん"
    assert shown["E-0005"]["薬剤"] == "不明（7）"
    assert shown["E-0005"]["氏名"] == EVIL.name
    assert "<script>alert" not in page.source
    assert shown["F-0006"]["手術"] == "保険でちがう"
    assert "無効（新しい資格あり）" in shown["F-0006"]["照会番号"]
    assert "保険2つ" in shown["F-0006"]["照会番号"]
    assert shown["C-0003"]["氏名"] == "氏名なし"
    assert "不明（9）" in shown["C-0003"]["照会番号"]
    assert (shown["C-0003"]["手術"], shown["C-0003"]["特適"]) == ("期限切れ", "不明（2）")
    assert "該当なし" in shown["D-0004"]["照会番号"]
    assert shown["D-0004"]["手術"] == "記載なし"


async def test_it_warns_before_anything_ends(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, a_person("A-0001", results=(insured(until=NOW + 15 * DAY),)))
    assert "以内に終わる同意があります" not in (await staff.get(LIST)).text
    await listed(kazasu, *odd_people())
    page = await staff.get(LIST)
    assert "期限を過ぎた同意があります" in page.text
    assert "端末で期限切れになった同意があります" in page.text
    page = await staff.get(page.link("14日以内に終わる同意があります"))
    assert numbers(page) == ["B-0002"]


async def test_where_no_names_are_kept_none_is_there(admin: Clerk, staff: Clerk, kazasu: Kazasu) -> None:
    known = await listed(kazasu, *odd_people())
    await keeps_no_names(kazasu)
    for address in (LIST, f"{LIST}/print", f"{LIST}/{known[0].id}"):
        page = await admin.get(address)
        assert not any(part in page.source for part in ("髙﨑", "ﾀｶｻｷ", "昭和35"))
        assert "refresh" not in page.headers
    page = await admin.get(LIST)
    assert page.link("事業所の設定で変える") == "/office/station"
    assert "事業所の設定で変える" not in (await staff.get(LIST)).text
    assert numbers(await finds(staff, "A-0001")) == ["A-0001"]
    assert (await exported(staff, "utf8")).decode("utf-8-sig").startswith("照会番号,")


async def test_a_page_with_names_goes_by_itself_and_its_title_has_none(staff: Clerk, kazasu: Kazasu) -> None:
    known = await listed(kazasu, *odd_people())
    for address in (LIST, f"{LIST}/{known[0].id}", f"{LIST}/print"):
        page = await staff.get(address)
        assert page.headers["refresh"] == f"{UNSEEN}; url=/office"
        assert f'data-idle="{UNSEEN}"' in page.source
        assert page.headers["cache-control"] == "no-store"
        assert "content-encoding" not in page.headers
        assert "髙﨑" not in page.title


# --- how it is searched -------------------------------------------------------------------------------------------


async def test_a_name_is_found_in_every_spelling(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, *odd_people())
    for text in ("髙﨑", "高崎", "たかさき", "ﾀｶｻｷ", "タカサキ", "ﾖｼｵ", "吉男"):
        page = await finds(staff, text)
        assert numbers(page) == ["A-0001"], text
        assert page.path == LIST
        assert f"氏名：{text}" in page.text


async def test_a_name_with_a_letter_that_the_system_cannot_show_is_kept_found_by_kana_and_explained(
    staff: Clerk, kazasu: Kazasu
) -> None:
    said = "名前の「●」は、端末のシステムで出せない字です"
    await listed(kazasu, *odd_people())
    assert said not in (await staff.get(LIST)).text
    await listed(kazasu, a_person("G-0007", names=replace(TARO, name="●崎　次男", kana="ｻｷﾀﾞ ﾂｷﾞｵ")))
    page = await finds(staff, "さきだ")
    assert numbers(page) == ["G-0007"]
    assert table(page)[0]["氏名"] == "●崎 次男"
    assert said in page.text
    assert (
        said
        in (await staff.get(f"{LIST}/{page.root.all('tbody')[0].all('a')[0].attrs['href'].rpartition('/')[2]}")).text
    )


async def test_a_number_is_found_whole(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, *odd_people())
    for text in ("B-0002", "B-0002-OLD", "Ｂ－０００２", " B-0002 "):
        assert numbers(await finds(staff, text)) == ["B-0002"], text
    assert numbers(await finds(staff, "B-000")) == []


async def test_a_number_of_letters_is_found_too(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, a_person("ABC"))
    assert numbers(await finds(staff, "ABC")) == ["ABC"]


async def test_what_finds_nobody_says_why(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, *odd_people())
    says = {
        "た": "はじめの2文字から",
        "あ" * 61: "60文字まで",
        "123456789018": "マイナンバー",
        "山田": "あてはまる方は、いません",
    }
    for text, words in says.items():
        page = await finds(staff, text)
        assert words in page.text
        assert "123456789018" not in page.source


FOUND = {
    "only=state-given": ["A-0001", "B-0002", "番号なし", "E-0005", "F-0006"],
    "only=state-expired": ["C-0003"],
    "only=state-unknown": ["D-0004"],
    "only=state-none": [],
    "only=validity-3": ["F-0006"],
    "only=validity-4": ["D-0004"],
    "only=item-drug-given": ["A-0001", "B-0002", "番号なし"],
    "only=item-drug-expired": ["C-0003"],
    "only=item-health-checkup-not-given": ["番号なし"],
    "only=ends-7": ["B-0002"],
    "only=ends-over": ["番号なし"],
    "first=2026-11-16&last=2026-11-17": ["A-0001", "B-0002"],
    "only=item-drug-given&first=2026-11-17": ["A-0001"],
    "last=2026-11-12": ["C-0003", "D-0004"],
}


async def test_each_filter_narrows_the_list(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, *odd_people())
    for query, found in FOUND.items():
        assert numbers(await staff.get(f"{LIST}?{query}")) == found, query


PLAIN = ("only=nothing", "only=%27", "first=x", "after=1-' OR", "only=state-given&after=9", "text=髙﨑")


async def test_what_is_no_filter_gives_the_plain_list(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, a_person("A-0001"))
    for query in PLAIN:
        page = await staff.get(f"{LIST}?{query}")
        assert numbers(page) == ["A-0001"], query
        typed = next(each for each in page.root.all("input") if each.attrs.get("id") == "text")
        assert typed.attrs["value"] == ""


@pytest.mark.parametrize("by_name", [False, True])
async def test_pages_follow_without_a_gap(staff: Clerk, kazasu: Kazasu, *, by_name: bool) -> None:
    many = [
        a_person(f"N-{number:03}", names=replace(TARO, born=f"19{number:02}0101"), at=NOW - number * DAY)
        for number in range(PAGE + 3)
    ]
    await listed(kazasu, *many)
    page = await finds(staff, "たかさき") if by_name else await staff.get(f"{LIST}?only=state-given")
    first = numbers(page)
    assert "50件以上" in page.text
    if by_name:
        page = await staff.press(LIST, nth=2)
    else:
        page = await staff.get(page.link("次の50件"))
    assert page.path == LIST
    assert [*first, *numbers(page)] == [f"N-{number:03}" for number in range(PAGE + 3)]
    assert "次の50件" not in page.text
    assert "はじめへ" in page.text
    page = await staff.press(LIST, nth=2) if by_name else await staff.get(page.link("はじめへ"))
    assert numbers(page) == first


async def test_nothing_of_another_station_is_found(admin: Clerk, kazasu: Kazasu) -> None:
    await kazasu.store.add_facility(OTHER, Link(new_token(), OTHER.id, 1, NOW))
    theirs, *_ = await listed(kazasu, a_person("Z-0009"), facility=OTHER.id)
    assert numbers(await admin.get(LIST)) == []
    assert numbers(await finds(admin, "たかさき")) == numbers(await finds(admin, "Z-0009")) == []
    assert b"Z-0009" not in await exported(admin, "utf8")
    await admin.get(f"{LIST}/{theirs.id}", expect=404)
    await admin.get(f"{LIST}/{theirs.id}/erase", expect=404)
    for act in ("record", "erase"):
        await admin.send(f"{LIST}/{theirs.id}/{act}", {"token": admin.token(), "understood": "yes"}, expect=404)
    registry = kazasu.importer.registry
    assert await registry.person(OTHER.id, theirs.id) == theirs


# --- one person ---------------------------------------------------------------------------------------------------


async def test_one_person_with_every_code_and_insurance(staff: Clerk, kazasu: Kazasu) -> None:
    known = await listed(kazasu, *odd_people())
    page = await staff.get(f"{LIST}/{person(known, 'F-0006').id}")
    assert "保険でちがう" in page.text
    assert [each.text.split()[-1] for each in page.root.all("h3")] == ["01", "03"]
    page = await staff.get(f"{LIST}/{person(known, 'E-0005').id}")
    assert "不明（7）" in page.text
    assert "Brandnew" in page.text
    assert "不明（5）" in page.text
    assert "医療情報は、ここにはありません" in page.text
    assert "消す前に確かめる" not in page.text


async def test_what_ended_at_the_source_is_told(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, a_person("A-0001"))
    (known,) = await listed(kazasu, a_person("A-0001", drug="0", surgery="2"))
    page = await staff.get(f"{LIST}/{known.id}")
    assert "取り消し 薬剤（端末のコード 0）" in page.text
    assert "期限切れ 手術（端末のコード 2）" in page.text


@pytest.mark.parametrize(
    ("born", "checked"), [("19600602", "yes"), ("19990101", "no"), ("19861219", ""), ("", ""), ("19600230", "")]
)
async def test_a_person_goes_onto_the_days_list(staff: Clerk, kazasu: Kazasu, born: str, checked: str) -> None:
    (known,) = await listed(kazasu, a_person("A-0001", names=replace(TARO, born=born)))
    page = await staff.get(f"{LIST}/{known.id}")
    held = page.form_fields("/office/today")
    assert (held["need"], held["references"]) == ("renewal", "A-0001")
    assert page.checked().get("over_40", "") == checked
    assert {each.attrs["name"] for each in page.forms("/office/today")[0].all("input")} >= {"day", "over_40", "token"}


async def test_who_has_several_numbers_goes_there_with_one_and_who_has_none_not(staff: Clerk, kazasu: Kazasu) -> None:
    known = await listed(kazasu, *odd_people())
    page = await staff.get(f"{LIST}/{person(known, 'B-0002').id}")
    assert [each.text for each in page.forms("/office/today")[0].all("option")] == ["B-0002", "B-0002-OLD"]
    nobody = next(each for each in known if not each.references)
    page = await staff.get(f"{LIST}/{nobody.id}")
    assert page.forms("/office/today") == []


async def matched(kazasu: Kazasu, known: ListedPerson) -> str:
    """Let a visit be matched with a person; return its id."""
    visit = await at_the_bedside(kazasu, "a", reference=known.references[0])
    sight = Sight(NOW, "事務 さくら", found=True, flags={"surgery": True, "drug": False}, source="file")
    flags: dict[str, Json] = {"surgery": True, "drug": False}
    body: dict[str, Json] = {
        "by": "x",
        "from": "file",
        "person": known.id,
        "found": True,
        "flags": flags,
        "consented_on": "",
        "available_until": "",
    }
    act = Act(PRACTICE_STATION.id, visit.id, "office k", EventType.VERIFIED, NOW, body, True, sight)
    from app.adapters.sql.worklist import SqlWorklist  # noqa: PLC0415 - the store's own side of it

    engine = kazasu.store.database.engines[0]  # type: ignore[attr-defined]
    address, key = engine.url.render_as_string(hide_password=False), engine.get_execution_options()["record_key"]
    worklist = SqlWorklist(Database(address, key=key))
    assert await worklist.record(replace(act, person=known.id))
    await worklist.close()
    return visit.id


async def test_all_that_is_kept_of_a_person_goes_into_one_file(staff: Clerk, kazasu: Kazasu) -> None:
    known = person(await listed(kazasu, *odd_people()), "A-0001")
    visit = await matched(kazasu, known)
    page = await staff.get(f"{LIST}/{known.id}")
    assert page.link("訪問 ") == f"/office/visits/{visit}"
    answer = await staff.http.post(f"{LIST}/{known.id}/record", data={"token": staff.token()})
    assert answer.headers["content-disposition"] == 'attachment; filename="kazasu-person-20261118.json"'
    kept = json.loads(answer.text)
    assert kept["names"] == {"name": TARO.name, "kana": TARO.kana, "born": TARO.born, "sex": "1"}
    assert kept["references"] == ["A-0001"]
    assert len(kept["insurances"][0]["consents"]) == 6
    assert kept["visits"][0]["choices"]["surgery"] == "agree"
    assert kept["visits"][0]["seen"]["flags"] == {"surgery": True, "drug": False}
    last = (await record(kazasu))[-1]
    assert (last.entry.type, last.entry.visit) == ("exported", f"person {known.id}")
    assert last.body is not None
    assert TARO.name not in json.dumps(dict(last.body), ensure_ascii=False)
    assert "記録を出した" in (await staff.get(f"{LIST}/{known.id}")).text


async def test_only_an_administrator_erases_and_only_on_purpose(admin: Clerk, staff: Clerk, kazasu: Kazasu) -> None:
    known = person(await listed(kazasu, *odd_people()), "A-0001")
    visit = await matched(kazasu, known)
    await staff.get(f"{LIST}/{known.id}/erase", expect=403)
    await staff.send(f"{LIST}/{known.id}/erase", {"token": staff.token(), "understood": "yes"}, expect=403)
    page = await admin.get(f"{LIST}/{known.id}/erase")
    assert "つながった訪問1件" in page.text
    assert "鎖" in page.text
    page = await admin.press(f"{LIST}/{known.id}/erase", expect=422)
    assert page.title.startswith("エラー：")
    assert "A-0001" in numbers(await admin.get(LIST))
    await admin.get(f"{LIST}/{known.id}/erase")
    page = await admin.press(f"{LIST}/{known.id}/erase", understood="yes")
    assert "この方の記録を消しました" in page.text
    assert "A-0001" not in numbers(page)
    assert numbers(await finds(admin, "たかさき")) == []
    for address in (f"{LIST}/{known.id}", f"/office/visits/{visit}"):
        await admin.get(address, expect=404)
    assert (await record(kazasu))[-1].entry.type == "erased"


# --- out ----------------------------------------------------------------------------------------------------------


async def test_a_csv_file_opens_as_it_was_shown(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, *odd_people())
    content = await exported(staff, "utf8")
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in content
    head, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert head[10] == "特適（限適とみられる）"
    by_number = {row[5]: row for row in rows}
    assert by_number["A-0001"][:5] == ["髙﨑　𠮷男", "ﾀｶｻｷ ﾖｼｵ", "昭和35年6月2日", "1960/06/02", "男"]
    assert by_number["B-0002 B-0002-OLD"][0] == LONG.name
    assert by_number["E-0005"][:2] == [EVIL.name, f"'{EVIL.kana}"]
    assert by_number["F-0006"][:2] == ['\'=HYPERLINK("http://x.example/")', "'＋ｲﾁ"]
    assert by_number["F-0006"][6] == "保険でちがう"
    last = (await record(kazasu))[-1]
    assert (last.entry.type, last.entry.visit) == ("exported", "list")
    assert last.body is not None
    assert {**last.body, "by": ""} == {"by": "", "what": "all", "format": "utf8", "count": 7}


async def test_what_cp932_cannot_hold_is_named_and_never_replaced(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, *odd_people())
    before = len(await record(kazasu))
    page = await staff.send(f"{LIST}/csv", {"token": staff.token(), "letters": "cp932"}, expect=422)
    assert "𠮷（U+20BB7 CJK UNIFIED IDEOGRAPH-20BB7）" in page.text
    assert "〜（U+301C WAVE DASH）" in page.text
    assert len(await record(kazasu)) == before
    assert page.form_fields(f"{LIST}/csv") == {"token": staff.token(), "letters": "utf8"}


async def test_a_search_is_exported_in_cp932_where_it_fits(staff: Clerk, kazasu: Kazasu) -> None:
    await listed(kazasu, *odd_people(), a_person("H-0008", names=replace(TARO, name="髙﨑　吉男", born="19600603")))
    content = await exported(staff, "cp932", text="H-0008", by="reference")
    _, row = csv.reader(io.StringIO(content.decode("cp932"), newline=""))
    assert (row[0], row[5]) == ("髙﨑　吉男", "H-0008")
    last = (await record(kazasu))[-1]
    assert last.body is not None
    assert (last.body["what"], last.body["format"], last.body["count"]) == ("reference", "cp932", 1)


async def test_a_file_is_written_page_by_page(staff: Clerk, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch) -> None:
    await listed(kazasu, *odd_people())
    monkeypatch.setattr(consent_list, "_BATCH", 2)
    rows = (await exported(staff, "utf8")).decode("utf-8-sig").splitlines()
    assert len(rows) == 8
    assert len(set(rows)) == 8
    monkeypatch.setattr(consent_list, "IN_A_FILE", 6)
    page = await staff.send(f"{LIST}/csv", {"token": staff.token(), "letters": "utf8"}, expect=422)
    assert "6件まで" in page.text


@pytest.mark.parametrize("by_name", [False, True])
async def test_the_printed_list_says_what_it_is(staff: Clerk, kazasu: Kazasu, *, by_name: bool) -> None:
    await listed(kazasu, *odd_people())
    if by_name:
        page = await staff.send(f"{LIST}/print", {"token": staff.token(), "text": "たかさき"})
    else:
        page = await staff.get(f"{LIST}/print?only=state-given")
    for words in (
        "個人情報",
        PRACTICE_STATION.name,
        "氏名：たかさき" if by_name else "状態：同意あり",
        "受付 はる",
        "2026/11/18",
    ):
        assert words in page.text
    assert len(table(page)) == (1 if by_name else 5)


async def test_a_list_too_long_for_paper_says_so(staff: Clerk, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch) -> None:
    await listed(kazasu, *odd_people())
    assert "件までです" not in (await staff.get(f"{LIST}/print")).text
    monkeypatch.setattr(consent_list, "ON_PAPER", 3)
    page = await staff.get(f"{LIST}/print")
    assert "紙に出せるのは3件までです" in page.text
    assert len(table(page)) == 3


async def test_a_printed_visit_tells_three_claims_apart_and_no_name(staff: Clerk, kazasu: Kazasu) -> None:
    known = person(await listed(kazasu, *odd_people()), "A-0001")
    visit = await matched(kazasu, known)
    page = await staff.get(f"/office/visits/{visit}")
    page = await staff.get(page.link("この訪問の状態を印刷する"))
    assert [each.text for each in page.root.all("h2")][:3] == ["えらんだ内容", "申告", "事業所で確認"]
    head = await kazasu.store.head(PRACTICE_STATION.id)
    for words in ("登録したと申告された", "端末のファイル", "薬剤 空らん", "ちがう", str(head), "受付 はる"):
        assert words in page.text
    assert TARO.name not in page.source
    await staff.get(f"/office/visits/{'b' * 22}/print", expect=404)


async def test_a_printed_visit_without_a_sight_says_so(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a", "")
    page = await staff.get(f"/office/visits/{visit.id}/print")
    assert "まだ、端末で確かめていません" in page.text
    assert "申告は、ありません" in page.text


# --- names: kept, and not kept ------------------------------------------------------------------------------------


async def test_practice_keeps_names_and_what_was_said_stays(kazasu: Kazasu) -> None:
    assert (await kazasu.desk.office.station(PRACTICE_STATION.id)).keeps_names
    await keeps_no_names(kazasu)
    await seed_office(kazasu)
    assert not (await kazasu.desk.office.station(PRACTICE_STATION.id)).keeps_names


async def test_names_go_when_the_station_keeps_none_any_more_and_it_is_said_before(
    admin: Clerk, kazasu: Kazasu
) -> None:
    await listed(kazasu, *odd_people())
    said: dict[str, Any] = {
        "name": "ひなた坂",
        "telephone": "03-0000-0000",
        "code": "9960000009",
        "retention_days": "365",
    }
    await admin.get("/office/station")
    page = await admin.press("/office/station", expect=422, **{**said, "keeps_names": "no"})
    assert "消えます" in page.text
    assert (await kazasu.desk.office.station(PRACTICE_STATION.id)).keeps_names
    assert "髙﨑" in (await admin.get(LIST)).text
    await admin.get("/office/station")
    await admin.press("/office/station", **{**said, "keeps_names": "no", "forget": "yes"})
    registry = kazasu.importer.registry
    assert await registry.forget_names(PRACTICE_STATION.id) == 0
    await admin.get("/office/station")
    await admin.press("/office/station", **{**said, "keeps_names": "yes"})
    page = await admin.get(LIST)
    assert "髙﨑" not in page.source
    assert "氏名なし" in page.text
    assert numbers(await finds(admin, "A-0001")) == ["A-0001"]


async def test_no_name_is_in_a_log_or_an_address(
    admin: Clerk,
    kazasu: Kazasu,
    clock: StillClock,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    asked: list[str] = []

    async def note(request: Any) -> None:
        asked.append(f"{request.url} {request.headers.get('referer', '')}")

    admin.http.event_hooks["request"].append(note)
    canary = replace(TARO, name="金糸雀　鳴男", kana="ｶﾅﾘｱ ﾅｷｵ")
    (known,) = await listed(kazasu, a_person("Q-0077", names=canary))
    for text in ("金糸雀", "ｶﾅﾘｱ", "Q-0077"):
        assert numbers(await finds(admin, text)) == ["Q-0077"]
        await admin.send(f"{LIST}/print", {"token": admin.token(), "text": text})
        for letters in ("utf8", "cp932"):
            await exported(admin, letters, text=text)
    await admin.get(f"{LIST}/{known.id}")
    await admin.http.post(f"{LIST}/{known.id}/record", data={"token": admin.token()})
    await admin.get(f"{LIST}/{known.id}/erase")
    await admin.press(f"{LIST}/{known.id}/erase", understood="yes")
    # A form that comes too late sends no name to the sign-in page either.
    clock.pass_(24 * 60 * 60)
    answer = await admin.http.post(
        LIST, data={"token": admin.token(), "text": "金糸雀"}, headers={"Referer": f"{LIST}"}
    )
    asked.append(answer.headers["location"])
    out = capfd.readouterr()
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith(("aiosqlite", "asyncio"))]
    told = "\n".join([out.out, out.err, *asked, *ours, str([each.body for each in await record(kazasu)])])
    assert "/office/consents" in told
    assert leaks(told) == []
    await admin.http.get(f"{LIST}?text=金糸雀")  # the control: whoever made a form of it that asks openly is caught
    assert leaks(asked[-1]) == ["%E9%87%91"]


def leaks(told: str) -> list[str]:
    return [each for each in ("金糸雀", "鳴男", "ｶﾅﾘｱ", "カナリア", "%E9%87%91", "%EF%BD%B6", "Q-0077") if each in told]
