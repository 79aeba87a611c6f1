"""The terminal's files: a request carried there, an answer looked at before it is taken, and every bad file refused."""

from __future__ import annotations

import asyncio
import gc
import io
import time
import zipfile
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from xml.parsers import expat

import pytest
from structlog.testing import capture_logs

from app.adapters.sql.consent_list import WAITS
from app.main import PRACTICE_STATION, Kazasu
from app.rules.record.event import EventType
from app.rules.terminal.consent_list import By, PersonNames, Search
from app.rules.terminal.exchange import Upload
from app.rules.terminal.read import read, read_request
from app.rules.terminal.values import Answer02, Encoding, Odd, Reading, Request01, Request02, UnreadableReason
from app.rules.terminal.write import write
from app.web.kit.guard import FILES, LARGER
from app.web.office.file_words import ODDS, REASONS
from tests.rules.people import a_person, insured
from tests.rules.visits import NOW
from tests.web.bedside.nurse import StillClock
from tests.web.office.clerk import Clerk
from tests.web.office.files import NAME, a_file, a_header, an_answer, reads, taken_in, takes
from tests.web.office.test_worklist import at_the_bedside, record

FILES_PAGE = "/office/files"
OTHER = PersonNames("見本　花", "ﾐﾎﾝ ﾊﾅ", "19400101", "2")


async def types(kazasu: Kazasu) -> list[str]:
    return [each.entry.type for each in await record(kazasu)]


# --- requests -----------------------------------------------------------------------------------------------------


async def test_a_request_is_made_carried_and_answered(staff: Clerk) -> None:
    page = await staff.get(FILES_PAGE)
    assert 'value="2026-11-16"' in page.source
    page = await staff.send(f"{FILES_PAGE}/request", {"token": staff.token(), "from": "2026-11-01", "to": "2026-11-18"})
    assert "依頼ファイルをつくりました" in page.text
    (link,) = [each.attrs["href"] for each in page.root.all("a") if each.attrs.get("href", "").endswith("/01")]
    answer = await staff.http.get(link)
    assert answer.headers["content-disposition"] == 'attachment; filename="OQSmuhvq01req_202611180001.xml"'
    asked = read_request(answer.content)
    assert isinstance(asked, Request01)
    assert (str(asked.consent_from), str(asked.consent_to)) == ("2026-11-01", "2026-11-18")
    assert (await staff.http.get(link.replace("/01", "/02"))).status_code == 404
    page = await reads(staff, taken_in(asked.key), "OQSmuhvq01res_202611180001.xml")
    assert "受付番号を受け取りました" in page.text
    second = read_request((await staff.http.get(link.replace("/01", "/02"))).content)
    assert second == Request02(PRACTICE_STATION.code, "000123")
    page = await reads(staff, a_file(a_person("A-0001"), header=a_header(key=asked.key)))
    assert "2026/11/01〜2026/11/18" in page.text


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-11-18", "2026-11-17", "はじめの日より後"),
        ("2025-11-01", "2026-11-18", "1年より短く"),
        ("", "2026-11-18", "年・月・日"),
        ("2026-13-01", "２０２６-11-18", "年・月・日"),
    ],
)
async def test_a_window_that_cannot_be_is_asked_for_again(staff: Clerk, first: str, last: str, says: str) -> None:
    await staff.get(FILES_PAGE)
    page = await staff.send(f"{FILES_PAGE}/request", {"token": staff.token(), "from": first, "to": last}, expect=422)
    assert says in page.text
    assert "つくった依頼" not in page.text


async def test_the_answer_to_somebody_elses_request_is_refused(staff: Clerk) -> None:
    page = await reads(staff, taken_in("ANOTHER"), "OQSmuhvq01res_202611180001.xml", expect=422)
    assert "かざすで作っていない依頼" in page.text


# --- a preview, and what taking does ------------------------------------------------------------------------------


async def test_reading_a_file_changes_nothing_and_says_what_is_in_it(staff: Clerk, kazasu: Kazasu) -> None:
    both = (insured("01"), insured("A1", drug="0"))
    page = await reads(
        staff, a_file(a_person("A-0001"), a_person(results=both, names=OTHER), a_person("B", validity="9"))
    )
    assert "取り込む前の確認" in page.text
    for says in ("人数3人", "照会番号がない方1人", "保険が2つ以上の方1人", "UTF-8", "不明（9）"):
        assert says in page.text.replace(" ", "").replace("\n", ""), says
    assert "髙﨑" not in page.text
    assert await kazasu.desk.store.head(PRACTICE_STATION.id) == await kazasu.desk.store.head(PRACTICE_STATION.id)
    assert await types(kazasu) == []


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each XML parser adds its encoding when it is made."""
    made: list[str] = []

    def counted(encoding: str, separator: str) -> expat.XMLParserType:
        made.append(encoding)
        return expat.ParserCreate(encoding, separator)

    monkeypatch.setattr("app.rules.terminal.read.expat", SimpleNamespace(**vars(expat) | {"ParserCreate": counted}))
    return made


async def test_a_file_is_parsed_once_however_often_it_is_sent_looked_at_and_taken(
    staff: Clerk, parses: list[str]
) -> None:
    file = a_file(a_person("A-0001"))
    first = await reads(staff, file)
    again = await reads(staff, file)
    assert (again.path, len(parses)) == (first.path, 1)
    await takes(staff, file)
    assert "取り込みました" in (await reads(staff, file)).text
    assert len(parses) == 1
    await reads(staff, a_file(a_person("A-0002")))
    assert len(parses) == 2, "another file is parsed"


async def test_a_file_that_is_sent_again_waits_for_another_hour(
    staff: Clerk, kazasu: Kazasu, clock: StillClock
) -> None:
    file, consents = a_file(a_person("A-0001")), kazasu.importer.registry
    first = await reads(staff, file)
    for _ in range(6):
        clock.pass_(WAITS // 6)
        await staff.get("/office")
    again = await reads(staff, file)
    assert again.path == first.path
    clock.pass_(1)
    await consents.tidy(clock.now())
    await staff.get(again.path)


async def test_a_file_that_waits_without_names_is_parsed_again_once_the_station_keeps_them(
    staff: Clerk, kazasu: Kazasu, parses: list[str]
) -> None:
    office, station = kazasu.desk.office, await kazasu.desk.office.station(PRACTICE_STATION.id)
    file = a_file(a_person("A-0001"))
    for keeps_names in (False, True):
        await office.save_station(PRACTICE_STATION, replace(station, keeps_names=keeps_names))
        await reads(staff, file)
    assert len(parses) == 2


async def test_taking_a_file_sees_the_visit_with_its_number_and_day(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a", reference="A-0001")
    page = await takes(staff, a_file(a_person("A-0001"), a_person("A-0002", names=OTHER)))
    assert "2人を取り込みました" in page.text
    page = await staff.get(f"/office/visits/{visit.id}")
    assert "事業所で確認" in page.text
    assert "端末のファイルで確かめました" in page.text
    log = await record(kazasu)
    assert [each.entry.type for each in log][-2:] == ["verified", "imported"]
    seen = log[-2].body
    assert seen is not None
    assert (seen["from"], seen["grounds"]) == ("file", ["reference", "between", "same_day", "items"])
    sight = await kazasu.importer.worklist.last_sight(PRACTICE_STATION.id, "A-0001")
    assert sight is not None
    assert sight.at == NOW


async def test_a_difference_is_shown_and_neither_value_is_lost(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a", reference="A-0001")
    page = await takes(staff, a_file(a_person("A-0001", drug="2")))
    assert "えらんだ内容とちがうもの 1件" in page.text
    page = await staff.get(f"/office/visits/{visit.id}")
    assert "要対応：えらんだ内容と、端末の表示がちがう" in page.text
    assert "薬剤 有効期限切れ" in page.text


async def test_without_a_number_people_are_offered_with_their_grounds(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    await takes(staff, a_file(a_person(at=NOW + 60), a_person("Z-1", names=OTHER, at=NOW - 86_400)))
    page = await staff.get(f"/office/visits/{visit.id}")
    assert "端末のファイルにある候補" in page.text
    assert "同意した時刻が、公式の画面へ進んでから申告するまでの間" in page.text
    offered = [each.attrs["value"] for each in page.root.all("input") if each.attrs.get("name") == "person"]
    assert len(offered) == 1
    page = await staff.press(f"/office/visits/{visit.id}/match", expect=422)
    assert "この訪問の方をえらんでください" in page.text
    page = await staff.press(f"/office/visits/{visit.id}/match", person=offered[0])
    assert "事業所で確認" in page.text
    assert "端末のファイルにある候補" not in page.text


async def test_a_printed_visit_tells_what_ended_from_what_was_never_given(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a", reference="T-0001")
    await takes(staff, a_file(a_person("T-0001", drug="2", surgery="0")))
    page = await staff.get(f"/office/visits/{visit.id}")
    await staff.press(f"{page.path}/close", why="another_day")
    text = (await staff.get(f"{page.path}/print")).text
    assert "薬剤 有効期限切れ" in text
    assert "手術 空らん" in text
    assert "が、閉じました（別の日に登録する）" in text


async def test_a_match_counts_again_after_somebody_saw_something_else(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    await takes(staff, a_file(a_person(at=NOW + 60)))
    (known,) = await kazasu.importer.registry.search(PRACTICE_STATION.id, Search(), None, 10)
    address = f"/office/visits/{visit.id}"
    await staff.get(address)
    await staff.press(f"{address}/match", person=known.id)
    page = await staff.press(f"{address}/seen", found="no")
    assert "要対応：端末の一覧に見つからない" in page.text
    page = await staff.press(f"{address}/match", person=known.id)
    assert "事業所で確認" in page.text
    assert "見つからない" not in page.text


@pytest.mark.threat("T19")
async def test_the_same_form_for_somebody_else_says_who_stands_there(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    await takes(staff, a_file(a_person(at=NOW + 60), a_person(names=OTHER, at=NOW + 60)))
    known, other = await kazasu.importer.registry.search(PRACTICE_STATION.id, Search(), None, 10)
    address = f"/office/visits/{visit.id}"
    form = (await staff.get(address)).form_fields(f"{address}/match")
    for person, expect in ((known.id, 200), (known.id, 200), (other.id, 409)):
        page = await staff.send(f"{address}/match", {**form, "person": person}, expect=expect)
    assert "はじめに送った内容が残っています" in page.text
    followed = await kazasu.importer.worklist.followed(PRACTICE_STATION.id, visit.id)
    assert followed is not None
    assert followed.person == known.id
    await staff.press(f"{address}/match", person=other.id)
    followed = await kazasu.importer.worklist.followed(PRACTICE_STATION.id, visit.id)
    assert followed is not None
    assert followed.person == other.id


async def test_who_belongs_to_another_visit_already_is_offered_with_that_said(staff: Clerk, kazasu: Kazasu) -> None:
    first = await at_the_bedside(kazasu, "a")
    second = await at_the_bedside(kazasu, "b")
    await takes(staff, a_file(a_person(at=NOW + 60)))
    (known,) = await kazasu.importer.registry.search(PRACTICE_STATION.id, Search(), None, 10)
    page = await staff.get(f"/office/visits/{first.id}")
    assert "ほかの訪問" not in page.text
    await staff.press(f"{page.path}/match", person=known.id)
    page = await staff.get(f"/office/visits/{second.id}")
    assert "× ほかの訪問と、もう結びついている" in page.text


async def test_a_visit_that_shows_whom_it_may_be_covers_itself_soon(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    address = f"/office/visits/{visit.id}"
    answer = await staff.http.get(address)
    assert "refresh" not in answer.headers
    await takes(staff, a_file(a_person(at=NOW + 60)))
    answer = await staff.http.get(address)
    assert "髙﨑" in answer.text
    assert answer.headers["refresh"] == "300; url=/office"
    assert 'data-idle="300"' in answer.text


async def test_two_people_with_one_number_are_offered_and_none_is_taken(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a", reference="A-0001")
    page = await takes(staff, a_file(a_person("A-0001"), a_person("A-0001", names=OTHER)))
    page = await staff.get(f"/office/visits/{visit.id}")
    assert "まだ確かめていない" in page.text
    assert len([each for each in page.root.all("input") if each.attrs.get("name") == "person"]) == 2


async def test_nobody_of_another_station_can_be_matched(staff: Clerk, kazasu: Kazasu) -> None:
    visit = await at_the_bedside(kazasu, "a")
    await staff.get(f"/office/visits/{visit.id}")
    page = await staff.send(
        f"/office/visits/{visit.id}/match", {"token": staff.token(), "person": "elsewhere"}, expect=422
    )
    assert "えらんでください" in page.text


async def test_a_file_taken_twice_changes_nothing(staff: Clerk, kazasu: Kazasu) -> None:
    await at_the_bedside(kazasu, "a", reference="A-0001")
    await takes(staff, a_file(a_person("A-0001")))
    before = await types(kazasu)
    page = await reads(staff, a_file(a_person("A-0001")))
    assert "同じファイルを、もう取り込んでいます。何も変わっていません" in page.text
    page = await staff.send(f"{page.path}/take", {"token": staff.token()})
    assert await types(kazasu) == before


async def test_what_is_read_again_before_it_is_taken_keeps_its_address(staff: Clerk, admin: Clerk) -> None:
    first = await reads(staff, a_file(a_person("A-0001")))
    again = await reads(admin, a_file(a_person("A-0001")))
    assert again.path == first.path
    page = await staff.send(f"{first.path}/take", {"token": staff.token()})
    assert "1人を取り込みました" in page.text


async def test_names_stay_out_when_the_station_stops_keeping_them_while_a_file_is_read(
    staff: Clerk, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = kazasu.importer.registry
    keep = registry.keep

    async def late(*given: Any, **named: Any) -> Upload:
        await registry.forget_names(PRACTICE_STATION.id)
        return await keep(*given, **named)

    monkeypatch.setattr(registry, "keep", late)
    page = await reads(staff, a_file(a_person("A-0001")))
    assert "残しません（この事業所の設定）" in page.text
    await staff.press(f"{page.path}/take")
    (known,) = await registry.search(PRACTICE_STATION.id, Search(), None, 10)
    assert known.names is None


async def test_what_breaks_while_a_file_is_taken_is_logged_without_its_words(
    staff: Clerk, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("髙﨑")

    page = await reads(staff, a_file(a_person("A-0001")))
    monkeypatch.setattr(kazasu.importer.registry, "take", broken)
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    with capture_logs() as lines:
        page = await staff.press(f"{page.path}/take")
        gc.collect()
    assert told == []
    (line,) = [each for each in lines if each["event"] == "import_broken"]
    assert line["error_type"] == "RuntimeError"
    assert "髙﨑" not in str(lines)
    assert "取り込んでいます" in page.text


async def test_one_file_is_read_at_a_time(staff: Clerk, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, most = 0, 0
    real = read

    def slow(*given: Any, **named: Any) -> Reading:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        time.sleep(0.05)
        reading -= 1
        return real(*given, **named)

    monkeypatch.setattr("app.web.office.files.read", slow)
    await staff.get(FILES_PAGE)
    sent = [
        staff.http.post(
            FILES_PAGE,
            data={"token": staff.token()},
            files={"file": (NAME, a_file(a_person(f"A-{n}")), "application/xml")},
        )
        for n in range(4)
    ]
    assert {answer.status_code for answer in await asyncio.gather(*sent)} == {303}
    assert most == 1


async def test_a_file_may_be_dropped(staff: Clerk) -> None:
    page = await reads(staff, a_file(a_person("A-0001")))
    page = await staff.press(f"{page.path}/drop")
    assert "取り込まずに、消しました" in page.text
    assert "読み込んだファイル" not in page.text


async def test_a_file_left_half_way_is_taken_up_again(staff: Clerk, kazasu: Kazasu, clock: StillClock) -> None:
    page = await reads(staff, a_file(a_person("A-0001"), a_person("A-0002", names=OTHER)))
    registry = kazasu.importer.registry
    file = page.path.rpartition("/")[2]
    assert await registry.begin(PRACTICE_STATION.id, file, clock.now())
    page = await staff.get(page.path)
    assert "取り込んでいます" in page.text
    assert "続ける" not in page.text
    assert "every 1s" in page.source
    clock.pass_(31)
    page = await staff.get(page.path)
    assert "every 1s" not in page.source, "a button that is put anew each second loses the keyboard"
    page = await staff.press(f"{page.path}/take")
    assert "2人を取り込みました" in page.text


async def test_an_older_file_says_whom_it_left_as_they_are(staff: Clerk) -> None:
    newer = replace(a_header(), executed="20261118120000")
    await takes(staff, a_file(a_person("A-0001"), header=newer))
    older = replace(a_header(), executed="20261118110000")
    page = await takes(staff, a_file(a_person("A-0001", drug="0"), header=older))
    text = "".join(page.text.split())
    assert "もっと新しい内容があり、変えなかった方1人" in text
    assert "前と同じ方0人" in text


async def test_what_was_given_and_is_given_no_more_is_told(staff: Clerk, kazasu: Kazasu) -> None:
    await takes(staff, a_file(a_person("A-0001")))
    page = await takes(staff, a_file(a_person("A-0001", drug="0", surgery="2")))
    assert "同意がなくなっていた方" in page.text
    assert "期限が切れていた方" in page.text
    assert {EventType.WITHDRAWN.value, EventType.LAPSED.value} <= set(await types(kazasu))


async def test_shift_jis_in_a_zip_is_read_as_well(staff: Clerk, kazasu: Kazasu) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            NAME, a_file(a_person("A-0001", names=replace(OTHER, name="髙﨑　花")), encoding=Encoding.SHIFT_JIS)
        )
    page = await takes(staff, packed.getvalue(), "OQSmuhvq02res_202611190001.zip")
    assert "1人を取り込みました" in page.text
    assert "Shift_JIS" in page.text
    assert len(await kazasu.importer.registry.search(PRACTICE_STATION.id, Search(By.REFERENCE, "A-0001"), None, 5)) == 1


LATER = a_file(a_person("A-0001")).replace(b"<ReferenceNumber>", b"<Future><Inner>x</Inner></Future><ReferenceNumber>")


async def listed(kazasu: Kazasu) -> int:
    return len(await kazasu.importer.registry.search(PRACTICE_STATION.id, Search(By.REFERENCE, "A-0001"), None, 5))


async def test_a_later_version_changes_nothing_until_somebody_leaves_out_what_is_new(
    staff: Clerk, kazasu: Kazasu
) -> None:
    page = await reads(staff, LATER)
    assert "知らない項目" in page.text
    assert "Future" in page.text
    refused = await staff.press(f"{page.path}/take", expect=422)
    assert "何も変わっていません" in refused.text
    assert await listed(kazasu) == 0
    await staff.press(f"{page.path}/take", understood="yes")
    assert await listed(kazasu) == 1


# --- bad files ----------------------------------------------------------------------------------------------------


def zipped(*entries: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return packed.getvalue()


GOOD = a_file(a_person("A-0001"))
BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><XmlMsg>&b;</XmlMsg>'
BAD = {
    "empty": (b"", "ファイルをえらんでください"),
    "cut": (GOOD[: len(GOOD) // 2], "途中で切れています"),
    "zip bomb": (zipped((NAME, b"<XmlMsg>" + b" " * (40 * 1024 * 1024))), "大きすぎます"),
    "xml bomb": (BOMB, "DOCTYPE"),
    "path in the zip": (zipped(("../" + NAME, GOOD)), "フォルダー"),
    "two files in the zip": (zipped((NAME, GOOD), ("b.xml", GOOD)), "1つではありません"),
    "wrong station": (a_file(a_person("A-0001"), header=a_header(code="9960000017")), "9960000017"),
    "a request": (write(Request02(PRACTICE_STATION.code, "1")), "依頼ファイルです"),
    "no xml": (b"%PDF-1.7", "ではありません"),
    "letters": (
        GOOD.replace("架".encode(), b"").replace(b"UTF-8", b"Shift_JIS", 1).replace(b"A-0001", b"\xff\xff"),
        "文字として読めない",
    ),
    "processing": (an_answer(Answer02(a_header(segment="2"))), "まだ作成中"),
    "failed": (an_answer(Answer02(replace(a_header(segment="9", status="2"), code="E001", message="失敗"))), "E001"),
}


@pytest.mark.threat("T10")
@pytest.mark.parametrize("bad", BAD)
async def test_a_bad_file_says_where_and_why_and_changes_nothing(staff: Clerk, kazasu: Kazasu, bad: str) -> None:
    data, says = BAD[bad]
    page = await reads(staff, data, expect=422)
    assert says in page.text
    assert "読み込んだファイル" not in page.text
    assert await types(kazasu) == []


async def test_a_broken_line_is_named(staff: Clerk) -> None:
    page = await reads(staff, GOOD.replace(b"</MessageHeader>", b"</Message>"), expect=422)
    assert "行目：ファイルの形がこわれています" in page.text


async def test_too_large_a_file_is_refused_before_it_is_read(staff: Clerk) -> None:
    page = await reads(staff, b"x" * (LARGER[FILES].most + 1), expect=413)
    assert "ファイルが大きすぎます" in page.text


async def test_a_form_without_its_token_takes_nothing(staff: Clerk) -> None:
    answer = await staff.http.post(FILES_PAGE, files={"file": (NAME, GOOD)})
    assert answer.status_code == 403
    answer = await staff.http.post(FILES_PAGE, content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert answer.status_code == 422


def test_every_reason_and_oddity_has_its_words() -> None:
    assert set(REASONS) == {each.value for each in UnreadableReason}
    assert set(ODDS) == {each.value for each in Odd}
